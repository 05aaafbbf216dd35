//! Prioritisation as a file says it: which deployments keep a reserve, and which of the
//! reference's quirks are kept.
//!
//! Reference and correction are one policy each with switches; every switch defaults to what
//! the reference does.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How calls of low priority are kept from what calls of high priority may need.
///
/// A call is of low priority if its query says `priority=low` or its header `x-priority: low`,
/// letter by letter; whatever else they say is high.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrioritizeConfig {
    /// The gateway counts itself what each call will be charged.
    TokenCalculating(TokenCalculatingConfig),
    /// The gateway remembers what backends said was left.
    TokenTracking(TokenTrackingConfig),
}

/// Limits and reserves by what the gateway counts.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `deployments`")]
pub struct TokenCalculatingConfig {
    /// The deployments there are, by name; any other is answered 404.
    pub deployments: BTreeMap<String, CalculatedDeployment>,
    /// When a call is counted.
    #[serde(default)]
    pub counting: Counting,
    /// Whether the prompt of a chat is counted, and `n` and `max_completion_tokens` are known.
    #[serde(default)]
    pub counts_prompts: bool,
    /// Whether refusals say in `Retry-After` when it is worth coming back.
    #[serde(default)]
    pub tells_retry_after: bool,
    /// Whether every refusal carries `x-gw-priority`, `x-gw-ratelimit-reason` and `-value`, and
    /// not only those of low priority.
    #[serde(default)]
    pub labels_every_refusal: bool,
}

/// What one deployment may be asked, and what of it is kept for high priority.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `tokens_per_minute`, `low_priority_tokens_threshold`, \
                 `requests_per_10s` and `low_priority_requests_threshold`"
)]
pub struct CalculatedDeployment {
    /// Tokens in any 60 s, of both priorities.
    pub tokens_per_minute: NonZeroU64,
    /// Low priority is refused while fewer tokens than these are left.
    pub low_priority_tokens_threshold: u64,
    /// Calls in any 10 s, of both priorities.
    pub requests_per_10s: NonZeroU64,
    /// Low priority is refused while fewer calls than these are left.
    pub low_priority_requests_threshold: u64,
}

/// When a call is counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// When it has been answered, unless with 429: calls under way are not seen, and together
    /// they may go over the limit.
    #[default]
    WhenAnswered,
    /// When it is let in; given back if it is answered 429 or not at all.
    WhenAdmitted,
}

/// Reserves by what backends say is left.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `deployments`")]
pub struct TokenTrackingConfig {
    /// The deployments that low priority may ask, by name; any other is answered 404.
    pub deployments: BTreeMap<String, TrackedDeployment>,
    /// Whether a call of low priority may find out if what is remembered still holds.
    #[serde(default)]
    pub probe: Probe,
    /// What becomes of a 429 that does not say how long it holds.
    #[serde(default)]
    pub missing_reset: MissingReset,
    /// What a 200 means that does not say what is left.
    #[serde(default)]
    pub missing_remaining: MissingRemaining,
    /// What an answer tells that comes after the answer to a later call.
    #[serde(default)]
    pub late_answers: LateAnswers,
    /// Whether refusals say in `Retry-After` when it is worth coming back.
    #[serde(default)]
    pub tells_retry_after: bool,
    /// Whether every refusal carries `x-gw-priority` and `x-gw-ratelimit-reason`, and not only
    /// those of low priority.
    #[serde(default)]
    pub labels_every_refusal: bool,
}

/// What of one deployment is kept for high priority.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `low_priority_tokens_threshold` and `low_priority_requests_threshold`"
)]
pub struct TrackedDeployment {
    /// Low priority is refused while fewer tokens than these were left.
    pub low_priority_tokens_threshold: u64,
    /// Low priority is refused while fewer calls than these were left.
    pub low_priority_requests_threshold: u64,
}

/// Whether a call of low priority may pass in spite of too few tokens, once in 10 s.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// None may.
    Off,
    /// One may, and with it whoever comes before it is noted: reading and noting are two steps.
    #[default]
    On,
    /// Exactly one may, and only while there are calls left.
    Atomic,
}

/// What becomes of a 429 without a reset that can be read.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingReset {
    /// The gateway answers 500 in its place; a reset that is no whole number is missing, too.
    #[default]
    Error,
    /// It passes, and nothing is learned from it; resets may have fractions and units.
    Pass,
}

/// What a 200 means that does not say what is left.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingRemaining {
    /// That nothing is left.
    #[default]
    Nothing,
    /// That it is not known.
    Unknown,
}

/// What an answer tells that comes after the answer to a call that was let in later.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LateAnswers {
    /// What is left now.
    #[default]
    Overwrite,
    /// Nothing: it is older than what is known.
    Ignored,
}
