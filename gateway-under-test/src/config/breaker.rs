//! [`BreakerConfig`]: when a backend is left alone, as a file says it.

use std::time::Duration;

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

/// What a backend may ask for at most; `Retry-After: 86400` has been seen on the wire.
const DEFAULT_MAX_RETRY_AFTER: Span = Span::new(Duration::from_hours(1));

/// When a backend is left alone, and for how long: API Management's circuit breaker.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `on`, `count`, `interval` and `trip`"
)]
pub struct BreakerConfig {
    /// What counts as a failure: statuses, ranges of them, or `"transport"`.
    pub on: Vec<Condition>,
    /// How many failures within `interval` open it; at least 1.
    pub count: u32,
    /// The sliding time in which failures are counted; successes between them change nothing.
    pub interval: Span,
    /// How long it stays open.
    pub trip: Span,
    /// Whether the wait that the tripping answer asks for takes the place of `trip`.
    #[serde(default)]
    pub accept_retry_after: bool,
    /// The longest such wait that is believed.
    #[serde(default = "default_max_retry_after")]
    pub max_retry_after: Span,
    /// What happens when that time is over.
    #[serde(default)]
    pub recovery: Recovery,
    /// What the request is answered whose failure opened it.
    #[serde(default)]
    pub tripping_answer: TrippingAnswer,
}

/// What happens when the time of an open breaker is over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Everything is sent again at once, as API Management does.
    #[default]
    Reset,
    /// One request is sent, and the others only when it went well.
    Probe,
}

/// What the request is answered whose failure opened the breaker.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrippingAnswer {
    /// What the backend said, as API Management documents it.
    #[default]
    Backend,
    /// 503, as API Management was observed to do.
    Unavailable,
}

fn default_max_retry_after() -> Span {
    DEFAULT_MAX_RETRY_AFTER
}
