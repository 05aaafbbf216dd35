//! [`DeploymentSection`]: one deployment as written.

use std::num::{NonZeroU32, NonZeroU64};

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Concurrency, Content, Estimate, LatencySection, Length, LimiterKind, RefusalText,
    RequestsWindow, Throughput, ToolCalls,
};

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
    /// Tokens that may be charged in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// Requests per minute; of `legacy` 6 and of `modern` 1 per 1,000 tokens per minute by default,
    /// of `openai` without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<NonZeroU64>,
    /// Over which requests per minute are counted: `legacy` 10 s by default, others a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_window: Option<RequestsWindow>,
    /// Requests per day, of limiter `openai`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<NonZeroU64>,
    /// Whether limiter `modern` charges a refused request as a request; true by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_are_charged: Option<bool>,
    /// Units of provisioned throughput.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ptus: Option<NonZeroU32>,
    /// What a unit of provisioned throughput processes, instead of what is published of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throughput: Option<Throughput>,
    /// The time whose throughput is 100 % utilization; 60 s by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization_window: Option<Span>,
    /// The standard deployment that serves what this provisioned one refuses or fails to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spillover: Option<String>,
    /// How the cost of a request is estimated when it arrives; as the limiter's kind by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Which rate limit headers answers carry; those of the limiter's kind by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_headers: Option<Vec<RateLimitHeader>>,
    /// The wait that refusals promise, instead of the true one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// What a refusal says on Azure's paths; as the limiter's kind by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal_text: Option<RefusalText>,
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
    /// What answers say; `lorem` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// How long random words are, at most as long as a request allows; by default exactly as
    /// long, or a `conversation` where it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_tokens: Option<Length>,
    /// How much is thought before anything is said; some 450 tokens by default for models that
    /// reason, none for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<Length>,
}

/// A rate limit header, or the pair of them for tokens and requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RateLimitHeader {
    /// `x-ratelimit-remaining-tokens` and `-requests`; of `legacy` on admitted requests only.
    Remaining,
    /// `x-ratelimit-limit-tokens` and `-requests`, on every answer.
    Limit,
    /// `Retry-After` in whole seconds, on refusals.
    RetryAfter,
    /// `retry-after-ms`, on refusals.
    RetryAfterMs,
    /// `Retry-After` as a date of HTTP, on refusals; excludes the one in seconds.
    RetryAfterDate,
    /// `x-ratelimit-reset-tokens` and `-requests` in the style of the limiter's kind: of `legacy`
    /// the seconds to wait, of the limit that refuses; of `modern` the milliseconds and of `openai`
    /// the duration (`1m13.588s`) until all is left again, on every answer.
    Reset,
    /// The same in milliseconds, whatever the kind.
    ResetMs,
    /// `x-ratelimit-renewalperiod-tokens` and `-requests` in seconds, on every answer.
    RenewalPeriod,
    /// `azure-openai-deployment-utilization`, on every answer of a provisioned deployment.
    Utilization,
    /// `policy-id`, on refusals.
    PolicyId,
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
            requests_window: self.requests_window.or(base.requests_window),
            requests_per_day: self.requests_per_day.or(base.requests_per_day),
            refused_are_charged: self.refused_are_charged.or(base.refused_are_charged),
            ptus: self.ptus.or(base.ptus),
            throughput: self.throughput.or(base.throughput),
            utilization_window: self.utilization_window.or(base.utilization_window),
            spillover: self.spillover.or_else(|| base.spillover.clone()),
            estimate: self.estimate.or(base.estimate),
            rate_limit_headers: self
                .rate_limit_headers
                .or_else(|| base.rate_limit_headers.clone()),
            retry_after: self.retry_after.or(base.retry_after),
            refusal_text: self.refusal_text.or(base.refusal_text),
            latency: self.latency.or_else(|| base.latency.clone()),
            concurrency: self.concurrency.or(base.concurrency),
            prompt_caching: self.prompt_caching.or(base.prompt_caching),
            embedding_size: self.embedding_size.or(base.embedding_size),
            tool_calls: self.tool_calls.or(base.tool_calls),
            content: self.content.or_else(|| base.content.clone()),
            answer_tokens: self.answer_tokens.or(base.answer_tokens),
            reasoning_tokens: self.reasoning_tokens.or(base.reasoning_tokens),
        }
    }
}
