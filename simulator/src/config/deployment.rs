//! [`DeploymentSection`]: one deployment as written.

use std::num::{NonZeroU32, NonZeroU64};

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Concurrency, LatencySection, ToolCalls};

/// A model deployment as written; `like` and defaults fill what is absent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table with the deployment's keys"
)]
pub struct DeploymentSection {
    /// A shared `[deployments.NAME]` whose keys fill those absent here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// The model, such as `gpt-4o`; it decides tokenizer, context window and operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Context window in tokens, instead of the model's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<NonZeroU32>,
    /// Which limiter admits requests; `legacy` where a limit is given, else `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limiter: Option<LimiterKind>,
    /// Tokens that may be charged in any 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Requests per minute, enforced over 10 seconds; 6 per 1,000 tokens per minute by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU64>,
    /// Which rate limit headers answers carry; `["remaining", "retry-after", "reset"]` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_headers: Option<Vec<RateLimitHeader>>,
    /// The wait that refusals promise, instead of the true one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// How long answers take; the simulator's latency of the operation by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencySection>,
    /// How many requests are worked on at once, and how many may wait; without a bound by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Whether prompts are cached; by default as the model does, gpt-4o and later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_caching: Option<bool>,
    /// Numbers in an embedding, instead of the model's own size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_size: Option<NonZeroU32>,
    /// When answers call tools that they may call; `"when-asked"` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<ToolCalls>,
}

/// The rule by which a deployment admits requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterKind {
    /// Sliding windows: charged tokens in 60 s and requests in 10 s, as Azure did until 2024.
    Legacy,
    /// Admits everything.
    None,
}

/// A rate limit header, or the pair of them for tokens and requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateLimitHeader {
    /// `x-ratelimit-remaining-tokens` and `-requests`, on admitted requests.
    Remaining,
    /// `x-ratelimit-limit-tokens` and `-requests`, on every answer.
    Limit,
    /// `Retry-After` in whole seconds, on refusals.
    RetryAfter,
    /// `retry-after-ms`, on refusals.
    RetryAfterMs,
    /// `Retry-After` as a date of HTTP, on refusals; excludes the one in seconds.
    RetryAfterDate,
    /// `x-ratelimit-reset-tokens` or `-requests` in seconds, whichever refused, on refusals.
    Reset,
    /// `policy-id`, on refusals.
    PolicyId,
}

impl RateLimitHeader {
    /// What microsoft/aoai-api-simulator sends.
    pub const DEFAULT: [Self; 3] = [Self::Remaining, Self::RetryAfter, Self::Reset];
}

impl DeploymentSection {
    /// This section with what it leaves open taken from `base`; a table is taken whole or not at all.
    #[must_use]
    pub(crate) fn or(self, base: &Self) -> Self {
        Self {
            like: base.like.clone(),
            model: self.model.or_else(|| base.model.clone()),
            context_tokens: self.context_tokens.or(base.context_tokens),
            limiter: self.limiter.or(base.limiter),
            tokens_per_minute: self.tokens_per_minute.or(base.tokens_per_minute),
            requests_per_minute: self.requests_per_minute.or(base.requests_per_minute),
            rate_limit_headers: self
                .rate_limit_headers
                .or_else(|| base.rate_limit_headers.clone()),
            retry_after: self.retry_after.or(base.retry_after),
            latency: self.latency.or_else(|| base.latency.clone()),
            concurrency: self.concurrency.or(base.concurrency),
            prompt_caching: self.prompt_caching.or(base.prompt_caching),
            embedding_size: self.embedding_size.or(base.embedding_size),
            tool_calls: self.tool_calls.or(base.tool_calls),
        }
    }
}
