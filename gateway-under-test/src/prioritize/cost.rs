//! What a call will be charged, calculated from its body before it is answered.
//!
//! The reference's rule: what the caller asks for at most, and of a text to embed a quarter of
//! its letters. It is the backend's own rule but for `best_of`, which the backend charges once.
// Source: Azure-Samples/apim-genai-gateway-toolkit, prioritisation by token calculating (read
// 2026-11).

use serde::Deserialize;
use serde_json::Value;

/// What an answer is charged of which nobody says how long it may be.
const WITHOUT_MAX_TOKENS: u64 = 16;

/// Letters charged as one token.
const LETTERS_PER_TOKEN: u64 = 4;

/// More than any limit: sums of costs stay far from overflowing.
const MOST: u64 = 1_000_000_000;

/// The operation of texts to embed.
const EMBEDDINGS: &str = "embeddings";

/// The model that the reference takes for an embedding whatever the operation.
const EMBEDDING_MODEL: &str = "embedding";

/// What a body says that costs something.
///
/// Whatever cannot be read counts as not said: the backend will say what is wrong with it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    model: Value,
    input: Value,
    max_tokens: Value,
    best_of: Value,
    max_completion_tokens: Value,
    n: Value,
}

/// The tokens of the call `operation` with this `body`.
///
/// `prompt_tokens` are those of its prompt where prompts count: then all else that asks for
/// more is known, too.
pub(super) fn consumed(operation: Option<&str>, body: &[u8], prompt_tokens: Option<u64>) -> u64 {
    let asked: Asked = serde_json::from_slice(body).unwrap_or_default();
    asked.cost(operation, prompt_tokens).min(MOST)
}

impl Asked {
    fn cost(&self, operation: Option<&str>, prompt_tokens: Option<u64>) -> u64 {
        if operation == Some(EMBEDDINGS) || self.model == EMBEDDING_MODEL {
            return texts(&self.input);
        }
        let Some(prompt_tokens) = prompt_tokens else {
            let Some(max_tokens) = self.max_tokens.as_u64() else {
                return WITHOUT_MAX_TOKENS;
            };
            return max_tokens.saturating_mul(self.best_of.as_u64().unwrap_or(1));
        };
        let max_tokens = self.max_completion_tokens.as_u64();
        let max_tokens = max_tokens.or(self.max_tokens.as_u64());
        let answers = [&self.n, &self.best_of].map(|times| times.as_u64().unwrap_or(1));
        let answers = answers.into_iter().fold(1, u64::max);
        let answer = max_tokens.unwrap_or(WITHOUT_MAX_TOKENS);
        prompt_tokens.saturating_add(answer.saturating_mul(answers))
    }
}

/// The tokens of one text, of several, or of texts that come as tokens.
fn texts(input: &Value) -> u64 {
    match input {
        Value::String(text) => (text.chars().count() as u64).div_ceil(LETTERS_PER_TOKEN),
        Value::Array(entries) => entries.iter().map(texts).sum(),
        Value::Number(_) => 1,
        _ => 0, // Nothing that could be embedded.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(operation: &str, body: &str) -> u64 {
        consumed(Some(operation), body.as_bytes(), None)
    }

    #[test]
    fn a_text_costs_a_quarter_of_its_letters_rounded_up() {
        let text = |letters: usize| format!(r#"{{"input":"{}"}}"#, "x".repeat(letters));
        assert_eq!(free("embeddings", &text(974)), 244);
        assert_eq!(free("embeddings", &text(4)), 1);
        assert_eq!(free("embeddings", &text(5)), 2);
        assert_eq!(free("embeddings", r#"{"input":"äöüß"}"#), 1);
        assert_eq!(free("embeddings", r#"{"input":["a","bb","cccc"]}"#), 3);
        assert_eq!(free("embeddings", r#"{"input":[[1,2,3],[4]]}"#), 4);
        assert_eq!(
            free("completions", r#"{"model":"embedding","input":"abcde"}"#),
            2
        );
    }

    #[test]
    fn an_answer_costs_what_is_asked_for_at_most() {
        let chat = |body| free("chat_completions", body);
        assert_eq!(chat(r#"{"max_tokens":50}"#), 50);
        assert_eq!(chat(r#"{"max_tokens":50,"best_of":3}"#), 150);
        assert_eq!(chat(r#"{"best_of":3}"#), 16);
        assert_eq!(chat("{}"), 16);
        assert_eq!(chat(r#"{"max_tokens":50,"n":4}"#), 50);
        assert_eq!(chat(r#"{"max_completion_tokens":50}"#), 16);
    }

    #[test]
    fn where_prompts_count_all_that_is_asked_for_does() {
        let chat = |body: &str| consumed(Some("chat_completions"), body.as_bytes(), Some(7));
        assert_eq!(chat(r#"{"max_tokens":50}"#), 57);
        assert_eq!(chat(r#"{"max_tokens":50,"n":4}"#), 207);
        assert_eq!(chat(r#"{"max_completion_tokens":30,"best_of":2}"#), 67);
        assert_eq!(chat("{}"), 23);
    }

    #[test]
    fn what_cannot_be_read_costs_as_if_it_were_not_said() {
        for body in ["", "[]", "no json", r#"{"max_tokens":"50"}"#] {
            assert_eq!(free("chat_completions", body), 16, "{body}");
        }
        assert_eq!(free("chat_completions", r#"{"max_tokens":-1}"#), 16);
        let much = format!(r#"{{"max_tokens":{},"best_of":2}}"#, u64::MAX);
        assert_eq!(free("chat_completions", &much), 1_000_000_000);
        assert_eq!(free("embeddings", r#"{"input":null}"#), 0);
    }
}
