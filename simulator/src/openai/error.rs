//! [`Refusal`]: every reason not to answer, with its status and body in each dialect.
//!
//! Bodies are byte-exact where a recording or a report of one is known, odd spacing included:
//! clients match on them.

use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use super::{Dialect, Invalid, Limited, Operation, faulted};
use crate::limit::Wait;

/// A reason not to answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    /// Neither a key nor a token was sent.
    NoCredential,
    /// The key is not one of those configured.
    WrongKey,
    /// The token is not one of the keys configured, has expired, or is for another service.
    WrongToken,
    /// A key was sent where only tokens are accepted.
    KeysDisabled,
    /// There is nothing at this path, or not in this `api-version`.
    NotFound,
    /// There is no such `api-version` where none is needed.
    WrongVersion,
    /// More headers than allowed are none that everybody sends.
    TooManyHeaders,
    /// There is no such model.
    UnknownModel(String),
    /// The path takes other methods.
    WrongMethod,
    /// The deployment is not configured.
    UnknownDeployment(String),
    /// The deployment's model does not serve the operation.
    WrongOperation(Operation, String),
    /// The body is longer than allowed.
    TooLarge {
        /// Bytes allowed.
        limit: u64,
        /// Bytes announced or read so far.
        found: u64,
    },
    /// The body could not be received.
    Unreadable,
    /// The body does not say what is wanted.
    Invalid(Invalid),
    /// Prompt and answer do not fit into the context window.
    TooLong {
        operation: Operation,
        window: u64,
        prompt: u64,
        answer: Option<u64>,
    },
    /// A rate limit is reached.
    Limited(Box<Limited>),
    /// Everybody is busy, and no more may wait: the status that says so.
    QueueFull(StatusCode),
    /// A fault says so.
    Fault {
        status: StatusCode,
        wait: Option<Wait>,
    },
}

/// What a body may quote of the request it refuses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) api_version: Option<&'a str>,
    /// The deployment that was asked for.
    pub(crate) deployment: Option<&'a str>,
    /// The id that the answer's headers tell.
    pub(crate) id: Option<&'a HeaderValue>,
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl Refusal {
    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NoCredential | Self::WrongKey | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::KeysDisabled => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownDeployment(_) | Self::UnknownModel(_) => {
                StatusCode::NOT_FOUND
            }
            Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongVersion
            | Self::WrongOperation(..)
            | Self::Unreadable
            | Self::Invalid(_)
            | Self::TooLong { .. } => StatusCode::BAD_REQUEST,
            Self::Limited(..) => StatusCode::TOO_MANY_REQUESTS,
            Self::QueueFull(status) | Self::Fault { status, .. } => *status,
        }
    }

    /// The word for it in ledgers.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NoCredential | Self::WrongKey | Self::WrongToken | Self::KeysDisabled => "auth",
            Self::NotFound => "route",
            Self::WrongVersion => "api-version",
            Self::TooManyHeaders => "too-many-headers",
            Self::UnknownModel(_) => "unknown-model",
            Self::WrongMethod => "method",
            Self::UnknownDeployment(_) => "unknown-deployment",
            Self::WrongOperation(..) => "operation",
            Self::TooLarge { .. } => "body-too-large",
            Self::Unreadable => "body-unreadable",
            Self::Invalid(_) => "validation",
            Self::TooLong { .. } => "context-length",
            Self::Limited(limited) => limited.refusal.reason.as_str(),
            Self::QueueFull(_) => "queue-full",
            Self::Fault { .. } => "fault",
        }
    }

    /// The body.
    pub(crate) fn body(&self, request: Request<'_>) -> String {
        match self {
            Self::Invalid(invalid) => error(
                request.dialect,
                &invalid.message,
                "invalid_request_error",
                invalid.param.as_deref(),
                invalid.code,
            ),
            Self::TooLong {
                operation,
                window,
                prompt,
                answer,
            } => too_long(request.dialect, *operation, *window, *prompt, *answer),
            Self::TooLarge { limit, found } => {
                let message =
                    format!("Maximum content size limit ({limit}) exceeded ({found} bytes read)");
                error(
                    request.dialect,
                    &message,
                    "invalid_request_error",
                    None,
                    None,
                )
            }
            Self::Unreadable => {
                let message = "The request body could not be read to its end.";
                error(
                    request.dialect,
                    message,
                    "invalid_request_error",
                    None,
                    None,
                )
            }
            // Assumed: it says what the service says with this status, and promises no wait.
            Self::QueueFull(status) => faulted::body(request, *status, None),
            Self::Fault { status, wait } => faulted::body(request, *status, *wait),
            _ if request.dialect == Dialect::OpenAi => widened(&self.openai(request)),
            _ => self.azure(request),
        }
    }

    fn azure(&self, request: Request<'_>) -> String {
        match self {
            Self::NoCredential | Self::WrongToken => NO_CREDENTIAL.to_owned(),
            Self::WrongKey => WRONG_KEY.to_owned(),
            Self::KeysDisabled => KEYS_DISABLED.to_owned(),
            Self::UnknownDeployment(_) => UNKNOWN_DEPLOYMENT.to_owned(),
            Self::UnknownModel(name) if request.path.starts_with("/openai/v1/") => {
                unknown_model(Dialect::Azure, name)
            }
            // Source: hotovo/aider-desk#460.
            Self::WrongVersion => coded("BadRequest", "API version not supported"),
            // Assumed: both are known by their status only.
            Self::TooManyHeaders => coded("431", "Request Header Fields Too Large"),
            Self::WrongMethod => coded("405", "Method Not Allowed"),
            Self::WrongOperation(operation, deployment) => coded(
                "OperationNotSupported",
                &wrong_operation(*operation, deployment),
            ),
            Self::Limited(limited) => limited.azure(request.api_version.unwrap_or("v1")),
            _ => NOT_FOUND.to_owned(),
        }
    }

    fn openai(&self, request: Request<'_>) -> String {
        let invalid = |message: &str, code| {
            error(
                Dialect::OpenAi,
                message,
                "invalid_request_error",
                None,
                code,
            )
        };
        match self {
            Self::NoCredential => invalid(
                "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                None,
            ),
            Self::WrongKey | Self::WrongToken | Self::KeysDisabled => invalid(
                "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
                Some("invalid_api_key"),
            ),
            Self::WrongMethod => {
                let message = format!(
                    "Not allowed to {} on {} (HINT: Perhaps you meant to make a POST request?)",
                    request.method, request.path
                );
                invalid(&message, Some("method_not_supported"))
            }
            Self::UnknownDeployment(name) => {
                let message =
                    format!("The model `{name}` does not exist or you do not have access to it.");
                invalid(&message, Some("model_not_found"))
            }
            Self::UnknownModel(name) => unknown_model(Dialect::OpenAi, name),
            Self::WrongOperation(operation, name) => {
                invalid(&wrong_operation(*operation, name), None)
            }
            Self::Limited(limited) => limited.openai(),
            _ => invalid(
                &format!("Invalid URL ({} {})", request.method, request.path),
                None,
            ),
        }
    }
}

const WRONG_KEY: &str = r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}"#;

// Source: azure-search-openai-demo#1617; the space is on the wire.
const KEYS_DISABLED: &str = r#"{"error":{"code":"AuthenticationTypeDisabled","message": "Key based authentication is disabled for this resource."}}"#;

const NO_CREDENTIAL: &str = r#"{ "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired." }"#;

// Source: openllmetry, test_chat_reasoning of 2026-03. Until 2025 it was on one line, without `type`.
const UNKNOWN_DEPLOYMENT: &str = r#"{
  "error": {
    "type": "invalid_request_error",
    "code": "DeploymentNotFound",
    "message": "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."
  }
}"#;

const NOT_FOUND: &str = r#"{"error":{"code":"404","message": "Resource not found"}}"#;

pub(super) fn coded(code: &str, message: &str) -> String {
    json!({ "error": { "code": code, "message": message } }).to_string()
}

/// The error object with twice the indentation: what OpenAI sends before a model is asked.
///
/// Source: opentelemetry-python-contrib, `test_chat_completion_404`: 231 bytes.
pub(super) fn widened(body: &str) -> String {
    let lines = body.lines().map(|line| {
        let indentation = line.len() - line.trim_start().len();
        format!("{:indentation$}{line}\n", "")
    });
    lines.collect()
}

/// The error object of both clouds; OpenAI prints it over several lines.
pub(super) fn error(
    dialect: Dialect,
    message: &str,
    kind: &str,
    param: Option<&str>,
    code: Option<&str>,
) -> String {
    let body = json!({
        "error": { "message": message, "type": kind, "param": param, "code": code }
    });
    match dialect {
        Dialect::Azure => body.to_string(),
        Dialect::OpenAi => format!("{body:#}\n"),
    }
}

/// Assumed: the sentence is that of clients' reports, for both clouds.
fn unknown_model(dialect: Dialect, name: &str) -> String {
    let message = format!("The model '{name}' does not exist");
    let kind = "invalid_request_error";
    error(
        dialect,
        &message,
        kind,
        Some("model"),
        Some("model_not_found"),
    )
}

fn wrong_operation(operation: Operation, deployment: &str) -> String {
    let operation = match operation {
        Operation::ChatCompletions => "chatCompletion",
        Operation::Completions => "completions",
        Operation::Embeddings => "embeddings",
    };
    format!(
        "The {operation} operation does not work with the specified model, {deployment}. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993."
    )
}

fn too_long(
    dialect: Dialect,
    operation: Operation,
    window: u64,
    prompt: u64,
    answer: Option<u64>,
) -> String {
    let kind = "invalid_request_error";
    let wanted = answer.unwrap_or(0);
    let total = prompt.saturating_add(wanted);
    if operation != Operation::ChatCompletions {
        let message = format!(
            "This model's maximum context length is {window} tokens, however you requested {total} tokens ({prompt} in your prompt; {wanted} for the completion). Please reduce your prompt; or completion length."
        );
        return error(dialect, &message, kind, None, None);
    }
    let message = match answer {
        Some(_) => format!(
            "This model's maximum context length is {window} tokens. However, you requested {total} tokens ({prompt} in the messages, {wanted} in the completion). Please reduce the length of the messages or completion."
        ),
        None => format!(
            "This model's maximum context length is {window} tokens. However, your messages resulted in {prompt} tokens. Please reduce the length of the messages."
        ),
    };
    error(
        dialect,
        &message,
        kind,
        Some("messages"),
        Some("context_length_exceeded"),
    )
}
