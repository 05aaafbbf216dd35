//! [`UsageEvent`]: what a gateway tells of the tokens of one answer.

use clock::Moment;
use serde::{Deserialize, Serialize};

/// One usage event: a line of JSON.
///
/// Restated here, not taken from our gateway: any gateway may write such lines, and a field that
/// ours misspells must not be misspelt in its judge too. What is absent is none. Nothing of it is
/// left out, though not all is judged: bills are drawn up from a run's events, too.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct UsageEvent {
    /// What tells it from all others.
    pub event_id: String,
    /// When the answer ended, by the date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// When the answer ended, in simulated time.
    pub at: Moment,
    /// The caller's `x-request-id`.
    pub request_id: Option<String>,
    /// The API it came by.
    pub api: Option<String>,
    /// `chat_completions`, `completions` or `embeddings`.
    pub operation: Option<String>,
    /// The subscription that is charged, by name.
    pub subscription: Option<String>,
    /// Its product.
    pub product: Option<String>,
    /// The deployment, as the path names it.
    pub deployment: Option<String>,
    /// The model, as the answer names it.
    pub model: Option<String>,
    /// The backend that answered.
    pub backend: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: u64,
    /// Tokens of the completion.
    pub completion_tokens: u64,
    /// Tokens of both.
    pub total_tokens: u64,
    /// Whether they are estimated, because no usage was told.
    pub estimated: bool,
    /// The status answered.
    pub status: u16,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// Whether the caller left before its end.
    pub aborted: bool,
    /// From the arrival of the request to the end of the answer.
    pub duration_ms: u64,
    /// The caller's address.
    pub client_ip: Option<String>,
    /// Attempts on backends that it took.
    pub attempts: u64,
}

#[cfg(test)]
mod tests {
    use gateway_under_test::usage::UsageEvent as Written;

    use super::*;

    #[test]
    fn a_line_that_is_kept_is_the_line_that_our_gateway_wrote() {
        let line = r#"{"event_id":"a-1","time":"2026-01-01T00:00:01.5Z","at":1500000,
            "request_id":"run-1-0","api":"forward","operation":"embeddings","subscription":"one",
            "product":"gold","deployment":"ada","model":"text-embedding-ada-002","backend":"payg-1",
            "prompt_tokens":4,"completion_tokens":0,"total_tokens":4,"estimated":true,"status":200,
            "streamed":false,"aborted":true,"duration_ms":20,"client_ip":"127.0.0.1","attempts":2}"#;
        let written: Written = serde_json::from_str(line).unwrap();
        let read: UsageEvent = serde_json::from_str(line).unwrap();
        assert_eq!(
            serde_json::to_value(read).unwrap(),
            serde_json::to_value(written).unwrap()
        );
    }
}
