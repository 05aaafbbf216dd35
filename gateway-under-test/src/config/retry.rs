//! [`RetryConfig`]: when and where a request is tried again, as a file says it.

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;

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
    /// What makes an attempt worth repeating: statuses, ranges of them, `"transport"`, or
    /// `"exhausted"`, when no backend could be asked.
    pub on: Vec<Condition>,
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
    /// Whether the balancer is asked again for each retry.
    #[serde(default)]
    pub repick: bool,
    /// Whether a retry waits at least as long as the answer before asks for.
    #[serde(default)]
    pub honours_retry_after: bool,
    /// The time after the first attempt's start in which retries may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// How many retries all requests of this API may make together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetConfig>,
}

/// How many retries all requests together may make: the larger of a share and a number.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `percent`, `at_least` and `within`"
)]
pub struct BudgetConfig {
    /// Retries in percent of the requests that began `within` the time before.
    pub percent: u32,
    /// Retries in that time that are always permitted.
    pub at_least: u32,
    /// The sliding time in which both are counted.
    pub within: Span,
}
