//! The names of headers this gateway reads, sets or removes.

use http::HeaderName;

/// The credential of Azure OpenAI; the toolkit's gateways take the subscription key in it too.
// Source: https://learn.microsoft.com/azure/ai-services/openai/reference (read 2026-08).
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// API Management's own header for a subscription key.
// Source: https://learn.microsoft.com/azure/api-management/api-management-subscriptions (read
// 2026-08).
pub(crate) const SUBSCRIPTION_KEY: HeaderName =
    HeaderName::from_static("ocp-apim-subscription-key");

/// The toolkit's name of the backend that answered.
pub(crate) const X_APIM_BACKEND: HeaderName = HeaderName::from_static("x-apim-backend");

/// The name of the backend whose answer this is; absent when the gateway itself answers.
pub(crate) const X_GW_BACKEND: HeaderName = HeaderName::from_static("x-gw-backend");

/// Every attempt in order: `ptu-1:429, payg-1:200`.
pub(crate) const X_GW_ATTEMPTS: HeaderName = HeaderName::from_static("x-gw-attempts");

/// Whose answer this is: `gateway` or `backend`.
pub(crate) const X_GW_SOURCE: HeaderName = HeaderName::from_static("x-gw-source");

/// `1` asks for a trace of what is decided for this request; it goes no further than the gateway.
pub(crate) const X_GW_TRACE: HeaderName = HeaderName::from_static("x-gw-trace");

/// Under which id `/++/trace/{id}` tells the trace that was asked for.
pub(crate) const X_GW_TRACE_ID: HeaderName = HeaderName::from_static("x-gw-trace-id");

/// The wait a refusal asks for, in milliseconds.
// Source: https://learn.microsoft.com/azure/ai-services/openai/how-to/provisioned-get-started
// (read 2026-08).
pub(crate) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// The time until a request is free again.
// Source: https://platform.openai.com/docs/guides/rate-limits (read 2026-08).
pub(crate) const RATELIMIT_RESET_REQUESTS: HeaderName =
    HeaderName::from_static("x-ratelimit-reset-requests");

/// The time until all tokens are free again.
// Source: https://platform.openai.com/docs/guides/rate-limits (read 2026-08).
pub(crate) const RATELIMIT_RESET_TOKENS: HeaderName =
    HeaderName::from_static("x-ratelimit-reset-tokens");

/// The caller's name for a request.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's name for a request, as Azure's SDKs send it.
pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");

/// The caller's trace, as W3C Trace Context defines it.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How much a call matters, as its caller says.
// Source of this and of all `x-gw-` and `x-apim-` headers below:
// Azure-Samples/apim-genai-gateway-toolkit, prioritisation (read 2026-11).
pub(crate) const X_PRIORITY: HeaderName = HeaderName::from_static("x-priority");

/// How much a call matters, as the gateway has understood it.
pub(crate) const X_GW_PRIORITY: HeaderName = HeaderName::from_static("x-gw-priority");

/// The word for why a call was refused.
pub(crate) const X_GW_RATELIMIT_REASON: HeaderName =
    HeaderName::from_static("x-gw-ratelimit-reason");

/// What was left when a call was refused for it.
pub(crate) const X_GW_RATELIMIT_VALUE: HeaderName = HeaderName::from_static("x-gw-ratelimit-value");

/// Tokens left, as far as the gateway knows.
pub(crate) const X_GW_REMAINING_TOKENS: HeaderName =
    HeaderName::from_static("x-gw-remaining-tokens");

/// Calls left, as far as the gateway knows.
pub(crate) const X_GW_REMAINING_REQUESTS: HeaderName =
    HeaderName::from_static("x-gw-remaining-requests");

/// What the gateway has calculated a call to cost; not in the reference, which has a metric.
pub(crate) const X_GW_CONSUMED_TOKENS: HeaderName = HeaderName::from_static("x-gw-consumed-tokens");

/// Marks a probe of low priority.
pub(crate) const X_TEST: HeaderName = HeaderName::from_static("x-test");

/// Tokens left of the reference's limit.
pub(crate) const X_APIM_REMAINING_TOKENS: HeaderName =
    HeaderName::from_static("x-apim-remaining-tokens");

/// The reference's limit of tokens.
pub(crate) const X_APIM_TOTAL_TOKENS: HeaderName = HeaderName::from_static("x-apim-total-tokens");

/// `Retry-After` of that limit, renamed.
pub(crate) const X_APIM_TOKENS_RETRY_AFTER: HeaderName =
    HeaderName::from_static("x-apim-tokens-retry-after");

/// Calls left of the reference's limit.
pub(crate) const X_APIM_REMAINING_REQUESTS: HeaderName =
    HeaderName::from_static("x-apim-remaining-requests");

/// The reference's limit of calls.
pub(crate) const X_APIM_TOTAL_REQUESTS: HeaderName =
    HeaderName::from_static("x-apim-total-requests");

/// `Retry-After` of that limit, renamed.
pub(crate) const X_APIM_REQUESTS_RETRY_AFTER: HeaderName =
    HeaderName::from_static("x-apim-requests-retry-after");

/// Tokens that a backend has left.
// Source: https://platform.openai.com/docs/guides/rate-limits (read 2026-08).
pub(crate) const RATELIMIT_REMAINING_TOKENS: HeaderName =
    HeaderName::from_static("x-ratelimit-remaining-tokens");

/// Calls that a backend has left.
// Source: https://platform.openai.com/docs/guides/rate-limits (read 2026-08).
pub(crate) const RATELIMIT_REMAINING_REQUESTS: HeaderName =
    HeaderName::from_static("x-ratelimit-remaining-requests");
