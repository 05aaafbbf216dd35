//! [`Decision`]: one step of a request's way, told for people who ask why it went there.

use clock::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one policy decided for one request.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Decision {
    /// When it was decided.
    pub at: Moment,
    /// The part of the way, in the words of API Management: `inbound`, `backend`, `outbound`.
    pub section: String,
    /// The policy: `route`, `auth`, `balance`, `breaker`, `identity`, `forward`, `retry`, `refuse`.
    pub policy: String,
    /// What it decided, and where it is not plain, why.
    pub decision: String,
    /// The backend it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The status it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The wait it asks for or keeps, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The state of the backend's breaker at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker_state: Option<String>,
}

impl Decision {
    /// What `policy` decides before a backend is called.
    pub(crate) fn inbound(policy: &str, decision: impl Into<String>) -> Self {
        Self::new("inbound", policy, decision.into())
    }

    /// What `policy` decides about attempts on backends.
    pub(crate) fn backend(policy: &str, decision: impl Into<String>) -> Self {
        Self::new("backend", policy, decision.into())
    }

    /// What `policy` decides about the answer.
    pub(crate) fn outbound(policy: &str, decision: impl Into<String>) -> Self {
        Self::new("outbound", policy, decision.into())
    }

    /// The same, about the backend `name`.
    pub(crate) fn on(self, name: &str) -> Self {
        Self {
            backend: Some(name.to_owned()),
            ..self
        }
    }

    fn new(section: &str, policy: &str, decision: String) -> Self {
        Self {
            section: section.to_owned(),
            policy: policy.to_owned(),
            decision,
            ..Self::default()
        }
    }
}
