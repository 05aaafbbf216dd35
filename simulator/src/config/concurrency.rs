//! [`Concurrency`]: how many requests a deployment works on at once.

use std::num::NonZeroU32;

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How many requests a deployment works on at once; the others wait in the order they came.
///
/// A small language model on one machine has few slots, often one. A request keeps its slot
/// until the last byte of its answer was taken, or its client has left.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { slots = 1, queue = 8 }"
)]
pub struct Concurrency {
    /// Requests that are worked on at once.
    pub slots: NonZeroU32,
    /// Requests that may wait for a slot; without a bound by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
    /// The status that refuses who finds the queue full: 429, the default, or 503.
    #[serde(default)]
    pub status_when_full: StatusWhenFull,
}

/// The status of an answer to a request that finds the queue full.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum StatusWhenFull {
    /// 429: the caller asks too much.
    #[default]
    TooManyRequests,
    /// 503: the server is too small.
    ServiceUnavailable,
}

impl TryFrom<u16> for StatusWhenFull {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            429 => Ok(Self::TooManyRequests),
            503 => Ok(Self::ServiceUnavailable),
            _ => Err(format!("expected 429 or 503, found `{status}`")),
        }
    }
}

impl From<StatusWhenFull> for u16 {
    fn from(status: StatusWhenFull) -> Self {
        StatusCode::from(status).as_u16()
    }
}

impl From<StatusWhenFull> for StatusCode {
    fn from(status: StatusWhenFull) -> Self {
        match status {
            StatusWhenFull::TooManyRequests => Self::TOO_MANY_REQUESTS,
            StatusWhenFull::ServiceUnavailable => Self::SERVICE_UNAVAILABLE,
        }
    }
}

impl JsonSchema for StatusWhenFull {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusWhenFull".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [429, 503] })
    }
}
