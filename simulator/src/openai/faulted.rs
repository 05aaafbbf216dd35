//! What the service says with a status that a fault made it answer with.
//!
//! Each status gets the words of the commonest failure that has it and that no caller is to
//! blame for: a 400 is a filtered prompt, a 404 a deployment that is not there yet.

use http::{HeaderMap, HeaderValue, StatusCode};

use super::error::{Request, coded, error, widened};
use super::{Dialect, Origin, Refusal, headers};
use crate::limit::Wait;

/// The part of the service that fails with `status`.
pub(super) fn origin(dialect: Dialect, status: StatusCode) -> Origin {
    match (dialect, status) {
        (_, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Origin::FrontEnd,
        (_, StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR)
        | (Dialect::OpenAi, StatusCode::TOO_MANY_REQUESTS) => Origin::Model,
        _ => Origin::Router,
    }
}

/// Writes the headers that Azure sends with `status` only.
pub(super) fn write_headers(status: StatusCode, headers: &mut HeaderMap) {
    let mut insert = |name, value| headers.insert(name, HeaderValue::from_static(value));
    match status {
        // Source: azure-sql-db-chatbot#3.
        StatusCode::FORBIDDEN => {
            insert(headers::POLICY_ID, "ThrowExceptionDueToTrafficDenied");
        }
        // Source: the troubleshooting of Azure Machine Learning's online endpoints.
        StatusCode::FAILED_DEPENDENCY => {
            insert(headers::MODEL_ERROR_STATUS, "429");
            insert(headers::MODEL_ERROR_REASON, "too_many_pending_request");
        }
        _ => {}
    }
}

/// The body beside `status`, for a fault that brings none of its own.
pub(super) fn body(request: Request<'_>, status: StatusCode, wait: Option<Wait>) -> String {
    let deployment = || request.deployment.unwrap_or_default().to_owned();
    match (request.dialect, status) {
        (_, StatusCode::UNAUTHORIZED) => Refusal::WrongKey.body(request),
        (_, StatusCode::NOT_FOUND) => Refusal::UnknownDeployment(deployment()).body(request),
        (Dialect::Azure, _) => azure(request, status, wait),
        (Dialect::OpenAi, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => {
            widened(&openai(request, status, wait))
        }
        (Dialect::OpenAi, _) => openai(request, status, wait),
    }
}

fn azure(request: Request<'_>, status: StatusCode, wait: Option<Wait>) -> String {
    match status {
        StatusCode::BAD_REQUEST => FILTERED.to_owned(),
        StatusCode::FORBIDDEN => FIREWALL.to_owned(),
        // Source: dify-official-plugins#2199.
        StatusCode::REQUEST_TIMEOUT => coded("Timeout", "The operation was timeout."),
        StatusCode::TOO_MANY_REQUESTS => super::limited::gateway(wait),
        // Source: azure-search-openai-demo#1390.
        // Assumed: in the layout of the other models' errors.
        StatusCode::INTERNAL_SERVER_ERROR => {
            let id = request
                .id
                .and_then(|id| id.to_str().ok())
                .unwrap_or_default();
            let message = format!(
                "The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through an Azure support request at: https://go.microsoft.com/fwlink/?linkid=2213926 if the error persists. (Please include the request ID {id} in your message.)"
            );
            error(Dialect::Azure, &message, "server_error", None, None)
        }
        // Assumed: the sentence is documented, the object around it is not.
        StatusCode::SERVICE_UNAVAILABLE => coded(
            "ServiceUnavailable",
            "The service is temporarily unable to process your request. Please try again later.",
        ),
        // Assumed, 424, 502 and 504 included: no body of theirs is known.
        _ => coded(
            status.as_str(),
            status.canonical_reason().unwrap_or("Unknown error"),
        ),
    }
}

// Source: azure-sql-db-chatbot#3; the space is on the wire.
const FIREWALL: &str =
    r#"{"error":{"code":"403","message": "Access denied due to Virtual Network/Firewall rules."}}"#;

// Source: the content filter's documentation, and its spelling on the wire in openllmetry's
// test_prompt_content_filtering. Assumed: the link's number and which category it is.
const FILTERED: &str = r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true,"severity":"high"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}}}"#;

fn openai(request: Request<'_>, status: StatusCode, wait: Option<Wait>) -> String {
    let say = |message: &str, kind, code| error(Dialect::OpenAi, message, kind, None, code);
    match status {
        // Source: the guide to error codes in OpenAI's documentation. Assumed: its type and code.
        StatusCode::FORBIDDEN => say(
            "Country, region, or territory not supported",
            "request_forbidden",
            Some("unsupported_country_region_territory"),
        ),
        StatusCode::TOO_MANY_REQUESTS => {
            let again = wait.map(|wait| format!(" Please try again in {}ms.", wait.millis()));
            let again = again.unwrap_or_default();
            let message = format!("Rate limit reached on requests per min (RPM).{again}");
            say(&message, "requests", Some("rate_limit_exceeded"))
        }
        // Source: the guide to error codes in OpenAI's documentation.
        StatusCode::SERVICE_UNAVAILABLE => say(
            "The engine is currently overloaded, please try again later",
            "server_error",
            None,
        ),
        // Source: semantic-kernel#3700. Assumed: the other 5xx read alike.
        _ if status.is_server_error() => {
            let id = request
                .id
                .and_then(|id| id.to_str().ok())
                .unwrap_or_default();
            let message = format!(
                "The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error. (Please include the request ID {id} in your email.)"
            );
            say(&message, "server_error", None)
        }
        _ => say(
            status.canonical_reason().unwrap_or("Unknown error"),
            "invalid_request_error",
            None,
        ),
    }
}
