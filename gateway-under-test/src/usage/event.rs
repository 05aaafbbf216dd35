//! [`UsageEvent`]: what one answer came to, for whoever bills.

use clock::{Clock, Moment, Timestamp};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access_log::Entry;

/// One answer of a backend and its tokens; one JSON line in a sink.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct UsageEvent {
    /// Told of no other event, before or after a restart either: who is told twice can tell.
    pub event_id: String,
    /// When the answer ended, by the date.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The same in the gateway's own time.
    pub at: Moment,
    /// The caller's `x-request-id`.
    pub request_id: Option<String>,
    /// The API it came by.
    pub api: Option<String>,
    /// `chat_completions`, `completions` or `embeddings`.
    pub operation: Option<String>,
    /// The name of the subscription whose key was sent.
    pub subscription: Option<String>,
    /// The subscription's product.
    pub product: Option<String>,
    /// The deployment in the path.
    pub deployment: Option<String>,
    /// The model that answered, as it calls itself.
    pub model: Option<String>,
    /// The backend that answered.
    pub backend: Option<String>,
    /// Tokens of what was asked.
    pub prompt_tokens: u64,
    /// Tokens of what was answered.
    pub completion_tokens: u64,
    /// Tokens of both.
    pub total_tokens: u64,
    /// Whether the tokens were counted by the gateway, because the answer did not tell them.
    pub estimated: bool,
    /// The status answered.
    pub status: u16,
    /// Whether it was a stream.
    pub streamed: bool,
    /// Whether the caller left before its end.
    pub aborted: bool,
    /// From the arrival of the request to the end of the answer.
    pub duration_ms: u64,
    /// The caller's address.
    pub client_ip: Option<String>,
    /// How many attempts it took; it is one event nevertheless.
    pub attempts: u64,
}

impl UsageEvent {
    /// The event of a request that has ended, if it was answered 200 and its usage was read.
    pub(crate) fn of(entry: &Entry, clock: &Clock) -> Option<Self> {
        let is_answered = entry.status == StatusCode::OK.as_u16();
        let (Some(usage), Some(ended), true) = (entry.usage, entry.ended, is_answered) else {
            return None;
        };
        let arrived = clock.utc(entry.arrived).as_microsecond();
        let duration = ended.since(entry.arrived).as_millis();
        Some(Self {
            event_id: format!("{arrived:x}-{}", entry.number),
            time: clock.utc(ended),
            at: ended,
            request_id: entry.request_id.clone(),
            api: entry.api.clone(),
            operation: entry.operation.clone(),
            subscription: entry.subscription.clone(),
            product: entry.product.clone(),
            deployment: entry.deployment.clone(),
            model: entry.model.clone(),
            backend: entry.backend.clone(),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            estimated: usage.estimated,
            status: entry.status,
            streamed: entry.streamed,
            aborted: entry.aborted_by_client,
            duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
            client_ip: entry.client_ip.clone(),
            attempts: entry.attempts.len() as u64,
        })
    }
}
