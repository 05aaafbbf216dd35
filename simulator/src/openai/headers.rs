//! Header names, lower case as HTTP/2 wants them.

/// The key of an Azure resource.
pub(crate) const API_KEY: &str = "api-key";
/// A subscription key of API Management; never expected here, hashed when it leaks through.
pub(crate) const SUBSCRIPTION_KEY: &str = "ocp-apim-subscription-key";
/// A request's id, chosen by the client; answers carry one chosen by the service.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// A request's id, chosen by the client, by Azure's convention.
pub(crate) const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";
/// Trace context. Source: <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: &str = "traceparent";
