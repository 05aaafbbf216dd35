//! The policies of an API as a file says them: [`BalanceConfig`] and [`RetryConfig`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use clock::Span;
use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which backend a request goes to: one policy, named by its key.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "a policy, such as `{ single = \"payg-1\" }`"
)]
pub enum BalanceConfig {
    /// Always this one.
    Single(String),
    /// Each in turn, whatever it answers.
    RoundRobin {
        /// The turn; at least one.
        backends: Vec<String>,
        /// Which of them serves the first request after start; absent: the first listed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<String>,
    },
    /// One drawn for each request, with probabilities proportional to the weights.
    WeightedRandom {
        /// Weight by backend; 0 takes a backend out.
        weights: BTreeMap<String, u32>,
    },
    /// Each in turn, heavier ones more often, spread as evenly as weights allow.
    SmoothWeighted {
        /// Weight by backend; 0 takes a backend out.
        weights: BTreeMap<String, u32>,
    },
}

/// When and where a request is tried again: API Management's `retry` policy.
///
/// The waits follow from which of the three times are given: `interval` alone is fixed, with
/// `delta` it grows linearly, with `delta` and `max_interval` exponentially and with jitter.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `on`, `count` and `interval`"
)]
pub struct RetryConfig {
    /// What makes an attempt worth repeating: statuses, or `"transport"`.
    pub on: Vec<RetryOn>,
    /// How many times more, 1 to 50.
    pub count: u32,
    /// The wait before the first retry.
    pub interval: Span,
    /// The longest wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_interval: Option<Span>,
    /// By how much waits grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Span>,
    /// Whether the first retry does not wait at all.
    #[serde(default)]
    pub first_fast_retry: bool,
    /// The backend of every retry; absent: that of the first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A reason to try again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryOn {
    /// The backend answered with this status, 400 to 599.
    Status(StatusCode),
    /// No answer at all: refused, reset, or none in time.
    Transport,
}

/// What stands in a file for [`RetryOn::Transport`].
const TRANSPORT: &str = "transport";

impl Serialize for RetryOn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Status(status) => serializer.serialize_u16(status.as_u16()),
            Self::Transport => serializer.serialize_str(TRANSPORT),
        }
    }
}

impl<'de> Deserialize<'de> for RetryOn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RetryOnVisitor)
    }
}

/// Reads a number or a word by hand, because `untagged` would lose the position.
struct RetryOnVisitor;

impl Visitor<'_> for RetryOnVisitor {
    type Value = RetryOn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an error status from 400 to 599, or \"{TRANSPORT}\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RetryOn, E> {
        u16::try_from(number)
            .ok()
            .filter(|status| (400..=599).contains(status))
            .and_then(|status| StatusCode::from_u16(status).ok())
            .map(RetryOn::Status)
            .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<RetryOn, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<RetryOn, E> {
        if word == TRANSPORT {
            return Ok(RetryOn::Transport);
        }
        Err(E::invalid_value(Unexpected::Str(word), &self))
    }
}

impl JsonSchema for RetryOn {
    fn schema_name() -> Cow<'static, str> {
        "RetryOn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An error status, or \"transport\": refused, reset, or no answer in time.",
            "anyOf": [
                { "type": "integer", "minimum": 400, "maximum": 599 },
                { "const": TRANSPORT },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_to_retry_is_written_as_it_is_read() {
        let reasons: Vec<RetryOn> = serde_json::from_str(r#"[429,"transport"]"#).unwrap();
        assert_eq!(
            reasons,
            [
                RetryOn::Status(StatusCode::TOO_MANY_REQUESTS),
                RetryOn::Transport
            ]
        );
        assert_eq!(
            serde_json::to_string(&reasons).unwrap(),
            r#"[429,"transport"]"#
        );
    }

    #[test]
    fn a_success_is_no_reason_to_retry() {
        for wrong in ["200", "399", "600", "-1", "\"timeout\""] {
            let error = serde_json::from_str::<RetryOn>(wrong).unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("expected an error status from 400 to 599"),
                "{error}"
            );
        }
    }
}
