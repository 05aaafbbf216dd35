//! [`UsageEvent`]: what a gateway tells of the tokens of one answer.

use clock::Moment;
use serde::{Deserialize, Serialize};

/// One usage event, as far as it is judged: a line of JSON.
///
/// Restated here, not taken from our gateway: any gateway may write such lines, and a field that
/// ours misspells must not be misspelt in its judge too. What is absent is none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct UsageEvent {
    /// What tells it from all others.
    pub event_id: String,
    /// When the answer ended, in simulated time.
    pub at: Moment,
    /// The caller's `x-request-id`.
    pub request_id: Option<String>,
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
}
