//! What a request may come to at most, and how it is bound to that.

use bytes::Bytes;
use serde_json::{Map, Value};

/// What a request's body permits its answer to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Permitted {
    /// The tokens of one answer; `None`: as many as the model can.
    pub(crate) max_tokens: Option<u64>,
    /// How many answers there will be, shown or not.
    pub(crate) answers: u64,
}

impl Permitted {
    /// What `body` says; what is no JSON object, or no number, says nothing, and is for the
    /// backend to refuse.
    // Source: https://learn.microsoft.com/azure/ai-services/openai/reference (read 2026-08): `n`
    // answers are returned, of `best_of` that are generated; each prompt of a list has its own.
    pub(crate) fn by(body: &[u8]) -> Self {
        let body: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let number = |key| body.get(key).and_then(Value::as_u64);
        let prompts = match body.get("prompt") {
            Some(Value::Array(list)) if !list.iter().any(Value::is_number) => list.len() as u64,
            _ => 1,
        };
        let answers = number("n").max(number("best_of")).unwrap_or(1).max(1);
        Self {
            max_tokens: number("max_completion_tokens").or_else(|| number("max_tokens")),
            answers: answers.saturating_mul(prompts.max(1)),
        }
    }

    /// The tokens of all answers, if those without a bound are bound to `default`.
    pub(crate) fn tokens(self, default: u64) -> u64 {
        self.max_tokens
            .unwrap_or(default)
            .saturating_mul(self.answers)
    }
}

/// `body` with `max_tokens`, or `None` if it is not a JSON object.
pub(crate) fn bound_to(max_tokens: u64, body: &[u8]) -> Option<Bytes> {
    let mut body: Map<String, Value> = serde_json::from_slice(body).ok()?;
    body.insert("max_tokens".to_owned(), max_tokens.into());
    serde_json::to_vec(&body).ok().map(Bytes::from)
}
