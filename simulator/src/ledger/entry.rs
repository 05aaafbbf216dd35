//! [`Entry`]: one request as the simulator saw it.

use clock::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One request as the simulator saw it; one line of the ledger.
///
/// Times are simulated microseconds. Hashes are the first 16 hexadecimal digits of SHA-256,
/// enough to tell equal from different without keeping what was said.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Entry {
    /// Number in order of arrival, from 0, without gaps.
    pub number: u64,
    /// When the request head had arrived.
    pub arrived: Moment,
    /// When a limiter admitted and charged it, or would have; its windows count from this moment,
    /// which on a busy machine is later than the arrival.
    #[serde(default)]
    pub admitted: Option<Moment>,
    /// When the first byte of the answer's body was handed to the server.
    pub first_byte: Option<Moment>,
    /// When the answer's body ended or was dropped; absent only while the request is open.
    pub ended: Option<Moment>,
    /// Method as received.
    pub method: String,
    /// Path and query exactly as received.
    pub path_and_query: String,
    /// `chat_completions`, `completions` or `embeddings`, once the route was known.
    pub operation: Option<String>,
    /// Deployment asked for, known or not.
    pub deployment: Option<String>,
    /// Deployment that served it instead, where the one asked for spilled over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<String>,
    /// The header `x-request-id`.
    pub request_id: Option<String>,
    /// The header `x-ms-client-request-id`.
    pub client_request_id: Option<String>,
    /// The header `traceparent`.
    pub traceparent: Option<String>,
    /// The first 64 characters of the first prompt text, for gateways that forward no header.
    pub prompt_head: Option<String>,
    /// How many earlier requests with the same correlation arrived here; 0 is the first.
    pub ordinal: u32,
    /// How the request identified itself.
    pub credential: Credential,
    /// Hashes of every credential sent, in the order api-key, authorization, subscription key.
    pub credential_hashes: Vec<String>,
    /// Hash of the request body's bytes that were read.
    pub request_hash: String,
    /// Bytes of the request body that were read.
    pub request_bytes: u64,
    /// Hash of the answer body's bytes that were taken; absent while the request is open.
    pub response_hash: Option<String>,
    /// Bytes of the answer's body that were taken.
    pub response_bytes: u64,
    /// Status of the answer; 0 if the request was abandoned before there was one.
    pub status: u16,
    /// Why the request was refused: `auth`, `route`, `validation`, `tokens`, `requests`, ….
    pub refusal: Option<String>,
    /// Promised wait, in milliseconds rounded up.
    pub retry_after_ms: Option<u64>,
    /// Whether the answer is a stream of events.
    pub streamed: bool,
    /// What the limiter estimated the request to cost; by a provisioned deployment in tokens of input.
    pub tokens_estimated: u64,
    /// What was charged against the limit: the estimate, or 0 for a refused request; by a
    /// provisioned deployment the actual cost, once the answer has ended.
    pub tokens_charged: u64,
    /// Utilization that a provisioned deployment had when the request came, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub utilization_per_mille: Option<u64>,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Those of the prompt that were cached.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Tokens of the whole answer, over all choices.
    pub completion_tokens: u64,
    /// Tokens of the answer that were taken: fewer than the whole for an aborted stream.
    pub tokens_yielded: u64,
    /// The fault that was played, if any.
    pub fault: Option<String>,
    /// Whether the answer was dropped before its end.
    pub aborted_by_client: bool,
}

impl Entry {
    /// The ids that the request carried, the most specific first.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &String> {
        let ids = [&self.request_id, &self.client_request_id, &self.traceparent];
        ids.into_iter().flatten()
    }

    /// What attempts of one request have in common, where they carry an id.
    pub(crate) fn correlation(&self) -> Option<&str> {
        self.ids().next().map(String::as_str)
    }
}

/// How a request identified itself.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// With the header `api-key`.
    ApiKey,
    /// With `Authorization: Bearer`.
    Bearer,
    /// Not at all.
    #[default]
    None,
}
