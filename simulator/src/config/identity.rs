//! [`IdentitySection`]: tokens instead of keys.

use std::time::Duration;

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How callers identify themselves with tokens, as written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { required = true, token_lifetime = \"3600s\" }"
)]
pub struct IdentitySection {
    /// Whether keys are refused, so that only tokens issued by a simulator are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// How long a token issued here is valid, from a second on; an hour by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_lifetime: Option<Span>,
}

/// How callers identify themselves with tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity {
    /// Whether only tokens issued by a simulator are accepted.
    pub required: bool,
    /// How long a token issued here is valid.
    pub token_lifetime: Duration,
}

impl Default for Identity {
    /// Keys are accepted; an hour is short enough that a test sees a token renewed.
    fn default() -> Self {
        Self {
            required: false,
            token_lifetime: Duration::from_hours(1),
        }
    }
}

impl IdentitySection {
    /// The section with its defaults.
    pub(super) fn resolve(self) -> Identity {
        let default = Identity::default();
        Identity {
            required: self.required.unwrap_or(default.required),
            token_lifetime: self
                .token_lifetime
                .map_or(default.token_lifetime, Span::get),
        }
    }
}

impl From<Identity> for IdentitySection {
    fn from(identity: Identity) -> Self {
        Self {
            required: Some(identity.required),
            token_lifetime: Some(identity.token_lifetime.into()),
        }
    }
}
