//! What the service says with a status that a fault made it answer with.

use http::StatusCode;

use super::Dialect;
use super::error::{Request, coded, error};
use crate::limit::Wait;

/// The body beside `status`, for a fault that brings none of its own.
pub(super) fn body(request: Request<'_>, status: StatusCode, wait: Option<Wait>) -> String {
    match request.dialect {
        Dialect::Azure => azure(request, status, wait),
        Dialect::OpenAi => openai(status, wait),
    }
}

fn azure(request: Request<'_>, status: StatusCode, wait: Option<Wait>) -> String {
    match status {
        // Source: azure-sql-db-chatbot#3; the space is on the wire.
        StatusCode::FORBIDDEN => r#"{"error":{"code":"403","message": "Access denied due to Virtual Network/Firewall rules."}}"#.to_owned(),
        // Source: dify-official-plugins#2199.
        StatusCode::REQUEST_TIMEOUT => coded("Timeout", "The operation was timeout."),
        StatusCode::TOO_MANY_REQUESTS => super::limited::gateway(wait),
        // Source: azure-search-openai-demo#1390.
        StatusCode::INTERNAL_SERVER_ERROR => {
            let id = request.id.and_then(|id| id.to_str().ok()).unwrap_or_default();
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
        _ => coded(status.as_str(), status.canonical_reason().unwrap_or("Unknown error")),
    }
}

fn openai(status: StatusCode, wait: Option<Wait>) -> String {
    let say = |message: &str, kind, code| error(Dialect::OpenAi, message, kind, None, code);
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            let again = wait.map(|wait| format!(" Please try again in {}ms.", wait.millis()));
            let again = again.unwrap_or_default();
            let message = format!("Rate limit reached on requests per min (RPM).{again}");
            say(&message, "requests", Some("rate_limit_exceeded"))
        }
        // Source: the error guide of OpenAI's documentation.
        StatusCode::SERVICE_UNAVAILABLE => say(
            "The engine is currently overloaded, please try again later.",
            "server_error",
            None,
        ),
        _ if status.is_server_error() => say(
            "The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error.",
            "server_error",
            None,
        ),
        _ => say(
            status.canonical_reason().unwrap_or("Unknown error"),
            "invalid_request_error",
            None,
        ),
    }
}
