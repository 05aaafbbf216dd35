//! [`Observation`]: what one client attempt saw, in simulated time.
//!
//! The client's side of the evidence. It holds what can be seen from outside: times, status,
//! bytes, usage. Which backend served is *not* known here (a header only claims it); the judge
//! takes that from the simulators' ledgers.

use std::collections::BTreeMap;
use std::sync::Arc;

use clock::Moment;
use serde::{Deserialize, Serialize};

/// One attempt of one logical request, as its client saw it.
///
/// Times are simulated microseconds since the run's zero. A retrying client makes several
/// attempts of one request; they share `request` and `planned` and count `attempt` from 0.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Observation {
    /// The logical request's number in the run, from 0, in the order in which they were started.
    pub request: u64,
    /// Which client attempt of that request this is, from 0.
    pub attempt: u32,
    /// Name of the client class.
    pub class: Arc<str>,
    /// Name of the phase that planned the request.
    pub phase: Arc<str>,
    /// Number of the user (closed model) or worker (open model) that sent it; 0 of a prober.
    pub worker: u32,
    /// The simulator that was called directly, where that is not the class's target: by a prober.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Arc<str>>,
    /// The operation, where it is not that of the class: `helper` of a prober's report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Arc<str>>,
    /// When the plan wanted the request to start; latency counts from here.
    pub planned: Moment,
    /// When it was handed to the transport; `sent - planned` is the generator's lag.
    pub sent: Moment,
    /// When the response headers arrived.
    pub headers_at: Option<Moment>,
    /// When the first event with content arrived (streams only).
    pub first_token_at: Option<Moment>,
    /// When the last event with content arrived (streams only).
    pub last_token_at: Option<Moment>,
    /// When the body was complete, the transport failed, or the client gave up.
    pub ended: Moment,
    /// The outcome: a status, or the transport's failure.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Correlation sent as `x-request-id`.
    pub request_id: String,
    /// The vocabulary words at the prompt's start that encode `request`, where the class marks its prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_mark: Option<String>,
    /// Path and query as sent, with the gateway's own prefix.
    pub path_and_query: String,
    /// Path and query that must arrive at a backend: without the gateway's prefix.
    pub expected_path_and_query: String,
    /// First 16 hex digits of the SHA-256 of the request body.
    pub request_hash: String,
    /// The same of the response body as received; none if it did not end.
    pub response_hash: Option<String>,
    /// Bytes of response body received.
    pub response_bytes: u64,
    /// Whether the request asked for a stream.
    pub streamed: bool,
    /// Whether the client itself hung up before the end.
    pub aborted: bool,
    /// The backend that the gateway claims to have used (`x-gw-backend`), a cross-check only.
    pub claimed_backend: Option<String>,
    /// `x-gw-attempts` as received, a cross-check only.
    pub claimed_attempts: Option<String>,
    /// `x-ms-region` as received.
    pub region: Option<String>,
    /// The response headers that the class watches, by name in lower case; several of one name are joined by `, `.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// `retry-after-ms`, or `retry-after` in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// `usage.prompt_tokens` of the answer.
    pub prompt_tokens: Option<u64>,
    /// `usage.completion_tokens` of the answer (0 for embeddings).
    pub completion_tokens: Option<u64>,
    /// Events with content in a stream: tokens, where the server sends one token an event.
    pub content_events: u64,
    /// What was wrong with a 200 answer: not JSON, no `[DONE]`, an error event. None if well formed.
    pub malformed: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A response arrived with this status.
    Status(u16),
    /// No (complete) response: what the transport said.
    TransportError(TransportError),
}

/// Why no complete response arrived.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TransportError {
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// The peer closed or reset the connection before the response headers.
    #[error("connection reset")]
    Reset,
    /// The body ended before it was complete; a status had arrived.
    #[error("body cut after status {status}")]
    Cut {
        /// The status that had arrived.
        status: u16,
    },
    /// The class's timeout passed first.
    #[error("timed out")]
    TimedOut,
    /// Anything else, in the transport's words.
    #[error("{0}")]
    Other(String),
}

impl Observation {
    /// The response status, also of a body that was cut later.
    pub fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Status(status) | Outcome::TransportError(TransportError::Cut { status }) => {
                Some(*status)
            }
            Outcome::TransportError(_) => None,
        }
    }
}
