//! [`Refusal`]: what the gateway answers when it does not pass a backend's answer on.
//!
//! Bodies are API Management's to the byte, its odd spacing included, because clients match on
//! them. They carry no `error` object, so SDKs find no code in them; that is true to life too.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use thiserror::Error;

use crate::balance::{Nobody, Scarcity};
use crate::config::Exhausted;
use crate::draw::Draws;
use crate::forward::Failure;
use crate::headers::RETRY_AFTER_MS;
use crate::limit::{Denial, Voice};

/// A reason not to serve a request, with what the caller is told.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum Refusal {
    // Source: API Management's gateway, as recorded in public issues (read 2026-08).
    #[error(
        "Access denied due to missing subscription key. Make sure to include subscription key \
         when making requests to an API."
    )]
    MissingKey,
    #[error(
        "Access denied due to invalid subscription key. Make sure to provide a valid key for an \
         active subscription."
    )]
    InvalidKey,
    /// Somebody's, who may not call for now. API Management does not tell it from a wrong one.
    #[error("{}", Self::InvalidKey)]
    DisabledKey,
    /// Of a product that has not the API; as above.
    #[error("{}", Self::InvalidKey)]
    NotEntitled,
    #[error("Resource not found")]
    UnknownApi,
    #[error("Method not allowed")]
    MethodNotAllowed,
    // Assumed: API Management has limits of its own and publishes no body for them.
    #[error("Request body is larger than {limit_bytes} bytes.")]
    BodyTooLarge { limit_bytes: usize },
    #[error("Request body could not be read.")]
    BrokenBody,
    // Assumed: an instance of API Management that stops is taken out of rotation before.
    #[error("The gateway is stopping.")]
    Draining,
    /// No backend answered. API Management says 500 to a refused connection as to a timeout, not
    /// 502 or 504; what happened is in `x-gw-attempts` and in the access log.
    // Source: https://github.com/MicrosoftDocs/azure-docs/issues/109013 (read 2026-08): "500
    // internal server error due to timeout at forward-request".
    #[error("Internal server error")]
    NoAnswer { activity_id: ActivityId },
    /// The gateway could not say who it is: the endpoint of its identity gave no token.
    #[error("Internal server error")]
    Unidentified { activity_id: ActivityId },
    /// An order of backends that was taken unseen names nobody. API Management says 500 to a
    /// `set-backend-service` with an unknown id.
    #[error("Internal server error")]
    UnknownBackend { activity_id: ActivityId },
    #[error("{message}")]
    InvalidHelperRequest { message: String },
    // Source: Azure-Samples/AI-Gateway, labs/model-routing, policy (read 2026-07).
    #[error("Model '{model}' is not permitted.")]
    ModelDenied { model: String },
    // Assumed: the lab answers 400 in its own words.
    #[error("Model '{model}' is not supported.")]
    ModelUnknown { model: String },
    #[error("The request names no model.")]
    ModelMissing,
    /// The breaker of the only candidate is open; with a `wait`, its caller is told to come back.
    // Assumed: the reference's labs answer a bare "Service Unavailable", so that no caller learns
    // the name of a pool.
    #[error("{}", exhausted(*wait))]
    BreakerOpen { wait: Option<Duration> },
    /// No member of the pool is available.
    #[error("{}", exhausted(*wait))]
    PoolExhausted { wait: Option<Duration> },
    /// A limit says all of it itself.
    #[error("{}", .0.message)]
    Denied(Box<Denial>),
}

/// The text for a request for which nobody could be asked.
// Source: API Management's message of `rate-limit-by-key` (read 2026-08).
fn exhausted(wait: Option<Duration>) -> String {
    match wait {
        None => "Service unavailable".to_owned(),
        Some(wait) => {
            let seconds = whole_seconds(wait);
            format!("Rate limit is exceeded. Try again in {seconds} seconds.")
        }
    }
}

/// `wait` in seconds as `Retry-After` tells it: rounded up, so that nobody comes too early.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl Refusal {
    /// What is said if `nobody` could be asked.
    pub(crate) fn of_nobody(nobody: Nobody, exhausted: Exhausted, draws: Draws) -> Self {
        let tells = exhausted == Exhausted::TooManyRequests;
        let wait = tells.then_some(nobody.wait);
        match nobody.because {
            Scarcity::BreakerOpen => Self::BreakerOpen { wait },
            Scarcity::PoolExhausted => Self::PoolExhausted { wait },
            Scarcity::UnknownBackend => Self::UnknownBackend {
                activity_id: ActivityId::new(draws),
            },
        }
    }

    /// What is said if an attempt ended in `failure`.
    pub(crate) fn of_failure(failure: Failure, draws: Draws) -> Self {
        if !failure.is_transport() {
            return Self::BrokenBody;
        }
        Self::NoAnswer {
            activity_id: ActivityId::new(draws),
        }
    }

    /// The time after which it is worth coming back, where that is told.
    fn wait(&self) -> Option<Duration> {
        match self {
            Self::BreakerOpen { wait } | Self::PoolExhausted { wait } => *wait,
            _ => None, // All others are not a matter of time.
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::MissingKey | Self::InvalidKey | Self::DisabledKey | Self::NotEntitled => {
                StatusCode::UNAUTHORIZED
            }
            Self::UnknownApi => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenBody
            | Self::InvalidHelperRequest { .. }
            | Self::ModelUnknown { .. }
            | Self::ModelMissing => StatusCode::BAD_REQUEST,
            Self::ModelDenied { .. } => StatusCode::FORBIDDEN,
            Self::Draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoAnswer { .. } | Self::Unidentified { .. } | Self::UnknownBackend { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::BreakerOpen { wait: None } | Self::PoolExhausted { wait: None } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::BreakerOpen { .. } | Self::PoolExhausted { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Denied(denial) => denial.status,
        }
    }

    /// The word for it in the access log.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::MissingKey => "missing-key",
            Self::InvalidKey => "invalid-key",
            Self::DisabledKey => "disabled-key",
            Self::NotEntitled => "not-entitled",
            Self::UnknownApi => "unknown-api",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::BrokenBody => "broken-body",
            Self::Draining => "draining",
            Self::NoAnswer { .. } => "upstream-error",
            Self::Unidentified { .. } => "identity-error",
            Self::UnknownBackend { .. } => "unknown-backend",
            Self::InvalidHelperRequest { .. } => "invalid-helper-request",
            Self::ModelDenied { .. } => "model-denied",
            Self::ModelUnknown { .. } | Self::ModelMissing => "model-unknown",
            Self::BreakerOpen { .. } => "breaker-open",
            Self::PoolExhausted { .. } => "pool-exhausted",
            Self::Denied(denial) => denial.word,
        }
    }
}

impl Refusal {
    /// The body of the answer: API Management's own, or that of a policy which writes its own.
    fn body(&self) -> String {
        if let Self::Denied(denial) = self
            && denial.voice == Voice::Plain
        {
            return denial.message.clone();
        }
        // As JSON, because some messages quote what a caller has sent.
        let message = serde_json::Value::from(self.to_string());
        let activity = match self {
            Self::ModelDenied { .. } | Self::ModelUnknown { .. } | Self::ModelMissing => {
                return serde_json::json!({ "error": message }).to_string();
            }
            Self::NoAnswer { activity_id }
            | Self::Unidentified { activity_id }
            | Self::UnknownBackend { activity_id } => {
                format!(r#", "activityId": "{}""#, activity_id.0)
            }
            _ => String::new(), // All others say themselves what happened.
        };
        let code = self.status().as_u16();
        format!(r#"{{ "statusCode": {code}, "message": {message}{activity} }}"#)
    }
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(Box::new(denial))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self == Self::Draining {
            // The next request on this connection would be refused as well.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(wait) = self.wait() {
            let millis = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
            headers.insert(RETRY_AFTER, whole_seconds(wait).into());
            headers.insert(RETRY_AFTER_MS, millis.into());
        }
        if let Self::Denied(denial) = self {
            denial.dress(&mut response);
        }
        response
    }
}

/// The name under which a failure is looked up; drawn, so that it repeats with the seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ActivityId(String);

impl ActivityId {
    pub(crate) fn new(draws: Draws) -> Self {
        let word = |index| draws.below(u64::MAX, "activity-id", index);
        let (high, low) = (word(0), word(1));
        Self(format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 50),
            low & 0xffff_ffff_ffff
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(refusal: Refusal) -> String {
        let body = refusal.into_response().into_body();
        let bytes = axum::body::to_bytes(body, 1_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn bodies_are_those_of_api_management() {
        insta::assert_snapshot!(body(Refusal::MissingKey).await, @r#"{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }"#);
        insta::assert_snapshot!(body(Refusal::InvalidKey).await, @r#"{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription." }"#);
        insta::assert_snapshot!(body(Refusal::UnknownApi).await, @r#"{ "statusCode": 404, "message": "Resource not found" }"#);
        insta::assert_snapshot!(body(Refusal::BodyTooLarge { limit_bytes: 10 }).await, @r#"{ "statusCode": 413, "message": "Request body is larger than 10 bytes." }"#);
        insta::assert_snapshot!(body(Refusal::BrokenBody).await, @r#"{ "statusCode": 400, "message": "Request body could not be read." }"#);
    }

    #[tokio::test]
    async fn a_failure_is_as_long_as_the_recorded_one() {
        let activity_id = ActivityId::new(Draws::new(42, Some(b"run-0-0"), 0));
        let body = body(Refusal::NoAnswer { activity_id }).await;
        // The recorded body has 111 bytes.
        assert_eq!(body.len(), 111, "{body}");
        assert!(body.starts_with(
            r#"{ "statusCode": 500, "message": "Internal server error", "activityId": ""#
        ));
    }
}
