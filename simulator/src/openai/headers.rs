//! Header names, lower case as HTTP/2 wants them.

use http::{HeaderName, HeaderValue};

use crate::limit::Reason;

/// The key of an Azure resource.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("api-key");
/// A subscription key of API Management; never expected here, hashed when it leaks through.
pub(crate) const SUBSCRIPTION_KEY: HeaderName =
    HeaderName::from_static("ocp-apim-subscription-key");
/// A request's id: the client's in a request, the service's in an answer.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A request's id chosen by the client, by Azure's convention; echoed.
pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
/// Trace context. Source: <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The id Azure's front end gives a request.
pub(crate) const APIM_REQUEST_ID: HeaderName = HeaderName::from_static("apim-request-id");
/// The region that answered.
pub(crate) const REGION: HeaderName = HeaderName::from_static("x-ms-region");
/// The deployment that answered.
pub(crate) const DEPLOYMENT_NAME: HeaderName = HeaderName::from_static("x-ms-deployment-name");
/// Always `nosniff`.
pub(crate) const CONTENT_TYPE_OPTIONS: HeaderName = http::header::X_CONTENT_TYPE_OPTIONS;
/// Always a year.
pub(crate) const STRICT_TRANSPORT_SECURITY: HeaderName = http::header::STRICT_TRANSPORT_SECURITY;
/// Whether the deployment answers for another one.
pub(crate) const IS_SPILLED_OVER: HeaderName = HeaderName::from_static("x-ms-is-spilled-over");
/// Whether content was filtered.
pub(crate) const RAI_INVOKED: HeaderName = HeaderName::from_static("x-ms-rai-invoked");
/// The process that served the model.
pub(crate) const MODEL_SESSION: HeaderName = HeaderName::from_static("azureml-model-session");
/// Always `true`.
pub(crate) const SKIP_ERROR_REMAPPING: HeaderName = HeaderName::from_static("skip-error-remapping");
/// Always `no`: proxies are to pass on what they get.
pub(crate) const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// What a model's container answered with.
pub(crate) const MODEL_ERROR_STATUS: HeaderName =
    HeaderName::from_static("ms-azureml-model-error-statuscode");
/// Why it did.
pub(crate) const MODEL_ERROR_REASON: HeaderName =
    HeaderName::from_static("ms-azureml-model-error-reason");
/// The organization that pays.
pub(crate) const ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
/// Its project.
pub(crate) const PROJECT: HeaderName = HeaderName::from_static("openai-project");
/// Milliseconds from a request to the head of its answer.
pub(crate) const PROCESSING_MS: HeaderName = HeaderName::from_static("openai-processing-ms");
/// A proxy of OpenAI's.
pub(crate) const OPENAI_PROXY: HeaderName = HeaderName::from_static("x-openai-proxy-wasm");
/// What scripts in browsers may read.
pub(crate) const EXPOSE_HEADERS: HeaderName = http::header::ACCESS_CONTROL_EXPOSE_HEADERS;
/// The version of OpenAI's API.
pub(crate) const OPENAI_VERSION: HeaderName = HeaderName::from_static("openai-version");
/// Milliseconds to wait before trying again.
pub(crate) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// The policy of Azure's front end that refused.
pub(crate) const POLICY_ID: HeaderName = HeaderName::from_static("policy-id");
/// How much of a provisioned deployment's throughput is in use.
pub(crate) const UTILIZATION: HeaderName =
    HeaderName::from_static("azure-openai-deployment-utilization");

/// The fault that a request asks for; ours, not the service's.
pub(crate) const SIMULATOR_FAULT: HeaderName = HeaderName::from_static("x-simulator-fault");

/// What `policy-id` says of the limit that refused, where that is known.
pub(crate) fn policy(reason: Reason) -> Option<HeaderValue> {
    match reason {
        Reason::Tokens => Some(HeaderValue::from_static("DeploymentRatelimit-Token")),
        Reason::Requests | Reason::RequestsOfDay => {
            Some(HeaderValue::from_static("DeploymentRatelimit-Call"))
        }
        Reason::Utilization => None,
    }
}
