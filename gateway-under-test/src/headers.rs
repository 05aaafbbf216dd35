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
