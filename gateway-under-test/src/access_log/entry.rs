//! [`Entry`]: what the gateway knows of one request.

use clock::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Decision;
use crate::usage::Usage;

/// One request as the gateway saw it; one JSON line in the file.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Entry {
    /// From 0, without gaps, in order of arrival.
    pub number: u64,
    /// When its head had been read.
    pub arrived: Moment,
    /// When the first byte of the response's body was passed on; `None` for an empty body.
    pub first_byte: Option<Moment>,
    /// When the response ended or was given up; `None` while the request is open.
    pub ended: Option<Moment>,
    /// The method, as received.
    pub method: String,
    /// Path and query, as received.
    pub path_and_query: String,
    /// The API whose prefix the path has.
    pub api: Option<String>,
    /// The subscription whose key was sent.
    pub subscription: Option<String>,
    /// The product that is a subscription of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The caller's address: of the connection, or as a header says that the gateway was told to
    /// believe; 127.0.0.1 where there is no connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
    /// `chat_completions`, `completions` or `embeddings`, where the path says so.
    pub operation: Option<String>,
    /// The deployment, where the path names it.
    pub deployment: Option<String>,
    /// The caller's `x-request-id`.
    pub request_id: Option<String>,
    /// The caller's `x-ms-client-request-id`.
    pub client_request_id: Option<String>,
    /// The caller's `traceparent`.
    pub traceparent: Option<String>,
    /// The status answered; 0 while there is none, also when the caller hung up before it.
    pub status: u16,
    /// The backend whose answer was passed on.
    pub backend: Option<String>,
    /// Why the gateway itself refused, if it did: `missing-key`, `disabled-key`, `breaker-open`,
    /// `pool-exhausted`, ….
    pub refusal: Option<String>,
    /// The wait the response asks for, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Which turn of its API's balance policy its last choice got, from 0; `None` where that
    /// gives no turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// Every attempt on a backend, in order.
    pub attempts: Vec<Attempt>,
    /// Bytes of the request's body read from the caller.
    pub request_bytes: u64,
    /// Bytes of the response's body passed on.
    pub response_bytes: u64,
    /// Whether the response was a stream of server-sent events.
    pub streamed: bool,
    /// Whether the caller left before the response had ended.
    pub aborted_by_client: bool,
    /// The model that answered, as it calls itself; read only where usage is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The tokens it came to; `None` where nothing asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What each policy decided, in order; told only of requests that asked for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Decision>,
}

/// One attempt on a backend.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Attempt {
    /// The backend's name.
    pub backend: String,
    /// When it was sent.
    pub started: Moment,
    /// When response headers or the failure were there.
    pub ended: Moment,
    /// The status answered.
    pub status: Option<u16>,
    /// Without a status, why there is none: `refused`, `reset`, `timeout`, `unreachable`,
    /// `failed`, or `cancelled` when the caller left. With one: `cut`, the body broke off.
    pub error: Option<String>,
    /// Whether this outcome opened the backend's breaker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tripped: bool,
}
