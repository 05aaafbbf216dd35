//! [`Prompt`]: the tokens of a request's prompt, counted by ourselves.
//!
//! Only where nobody else tells: before an answer, or in place of one that keeps its usage to
//! itself. Texts are counted with the model's tokenizer and framed as the cookbook says; pictures,
//! sounds and the declarations of tools are not counted.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

use super::Encoding;
use super::tokens::by_thumb;

/// Bodies from this length on are counted on a blocking thread: 16 KiB take about a millisecond,
/// during which a runtime thread would serve nobody.
const LONG: usize = 16 * 1024;

/// Tokens around each message, its role included, and around all of them.
// Source: openai-cookbook, "How to count tokens with tiktoken" (read 2026-08): 3 per message and
// the role, which is one token; 1 more for a name; 3 that prime the reply.
const PER_MESSAGE: u64 = 4;
const PER_NAME: u64 = 1;
const PER_CHAT: u64 = 3;

/// The prompt of one request; a handle, all clones count once.
#[derive(Clone, Debug)]
pub(crate) struct Prompt(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    operation: Option<String>,
    body: Body,
    encoding: Option<Encoding>,
    tokens: OnceLock<u64>,
}

#[derive(Debug)]
enum Body {
    Kept(Bytes),
    /// Too long to be kept, or not all of it has come: this many bytes.
    Lost(u64),
}

impl Prompt {
    /// The prompt in `body`, which asks for `operation`.
    ///
    /// Its tokenizer is the one `configured`; else that of the model which the path's
    /// `deployment` is named after, or the body names; else that of the operation.
    pub(crate) fn new(
        operation: Option<&str>,
        deployment: Option<&str>,
        configured: Option<Encoding>,
        body: Bytes,
    ) -> Self {
        let encoding = configured.or_else(|| Encoding::of_model(deployment?));
        Self::of(operation, encoding, Body::Kept(body))
    }

    /// The prompt in a body of `bytes` that was not kept.
    pub(crate) fn lost(operation: Option<&str>, bytes: u64) -> Self {
        Self::of(operation, None, Body::Lost(bytes))
    }

    fn of(operation: Option<&str>, encoding: Option<Encoding>, body: Body) -> Self {
        Self(Arc::new(Inner {
            operation: operation.map(str::to_owned),
            body,
            encoding,
            tokens: OnceLock::new(),
        }))
    }

    /// Its tokens; 0 for a body in which there is no prompt. A long one is counted off the event
    /// loop.
    pub(crate) async fn tokens(&self) -> u64 {
        if self.is_short() {
            return self.0.tokens(None);
        }
        let inner = self.0.clone();
        let counted = tokio::task::spawn_blocking(move || inner.tokens(None)).await;
        // Fails only while the runtime shuts down, when nobody waits for the answer.
        counted.unwrap_or_default()
    }

    /// Begins to count a long one on a blocking thread; whether it did.
    pub(super) fn begin(&self) -> bool {
        if self.is_short() {
            return false;
        }
        let inner = self.0.clone();
        drop(tokio::task::spawn_blocking(move || inner.tokens(None)));
        true
    }

    /// Its tokens for who cannot wait, by the tokenizer `told` by the answer if nothing else
    /// names one.
    ///
    /// A long one that was not begun is not counted here, but weighed. One that was is waited
    /// for: the number must not depend on which thread is first.
    pub(super) fn tokens_now(&self, has_begun: bool, told: Option<Encoding>) -> u64 {
        match (&self.0.body, self.0.tokens.get()) {
            (_, Some(&tokens)) => tokens,
            (Body::Kept(body), None) if !has_begun && !self.is_short() => {
                by_thumb(body.len() as u64)
            }
            (_, None) => self.0.tokens(told.filter(|_| !has_begun)),
        }
    }

    /// The tokenizer that configuration or path name.
    pub(super) fn encoding(&self) -> Option<Encoding> {
        self.0.encoding
    }

    fn is_short(&self) -> bool {
        matches!(&self.0.body, Body::Kept(body) if body.len() < LONG)
            || matches!(self.0.body, Body::Lost(_))
            || self.0.tokens.get().is_some()
    }
}

impl Inner {
    fn tokens(&self, told: Option<Encoding>) -> u64 {
        *self.tokens.get_or_init(|| match &self.body {
            Body::Kept(body) => self.count(body, told),
            Body::Lost(bytes) => by_thumb(*bytes),
        })
    }

    fn count(&self, body: &[u8], told: Option<Encoding>) -> u64 {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return 0;
        };
        let named = || Encoding::of_model(body["model"].as_str()?);
        let encoding = self.encoding.or_else(named).or(told);
        match self.operation.as_deref() {
            Some("chat_completions") => {
                of_messages(&body["messages"], encoding.unwrap_or_default())
            }
            Some("completions") => of_texts(&body["prompt"], encoding.unwrap_or_default()),
            Some("embeddings") => of_texts(&body["input"], encoding.unwrap_or(Encoding::Cl100k)),
            _ => 0, // It has no prompt that we know how to find.
        }
    }
}

/// The tokens of a chat's messages.
fn of_messages(messages: &Value, encoding: Encoding) -> u64 {
    let Some(messages) = messages.as_array() else {
        return 0;
    };
    let count = |text: &Value| text.as_str().map_or(0, |text| encoding.count(text));
    let of_message = |message: &Value| {
        let name = &message["name"];
        let name = count(name) + u64::from(name.is_string()) * PER_NAME;
        let content = match &message["content"] {
            Value::Array(parts) => parts.iter().map(|part| count(&part["text"])).sum(),
            content => count(content),
        };
        PER_MESSAGE + name + content
    };
    messages.iter().map(of_message).sum::<u64>() + PER_CHAT
}

/// The tokens of one text, a list of texts, a list of tokens or a list of lists of tokens.
fn of_texts(texts: &Value, encoding: Encoding) -> u64 {
    match texts {
        Value::String(text) => encoding.count(text),
        Value::Number(_) => 1,
        Value::Array(parts) => parts.iter().map(|part| of_texts(part, encoding)).sum(),
        Value::Null | Value::Bool(_) | Value::Object(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tokens(operation: &str, body: &str) -> u64 {
        let body = Bytes::from(body.to_owned());
        Prompt::new(Some(operation), Some("gpt-4o"), None, body)
            .tokens()
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn every_shape_of_a_prompt_is_counted() {
        for (operation, body, expected) in [
            // Recorded from gpt-4.1-mini: 9 tokens of text and 7 around them.
            (
                "chat_completions",
                r#"{"messages":[{"role":"user","content":"Tell me a joke about opentelemetry"}]}"#,
                16,
            ),
            // Two messages of 4, a name of 1 + 1, two parts of 1 each, and 3.
            (
                "chat_completions",
                r#"{"messages":[{"role":"system","content":null},{"role":"user","name":"ann",
                    "content":[{"type":"text","text":"one"},{"type":"image_url"},{"text":"two"}]}]}"#,
                15,
            ),
            ("completions", r#"{"prompt":["one two","three"]}"#, 3),
            ("embeddings", r#"{"input":[[1,2,3],[4]]}"#, 4),
            ("embeddings", r#"{"input":"one two"}"#, 2),
            ("embeddings", r#"{"input":"cut o"#, 0),
            ("images", r#"{"prompt":"one"}"#, 0),
        ] {
            assert_eq!(tokens(operation, body).await, expected, "{body}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_prompt_is_the_same_number_aside_and_here() {
        let body = format!(r#"{{"prompt":"{}"}}"#, "one two ".repeat(40_000));
        let prompt = |body: String| Prompt::new(Some("completions"), None, None, body.into());
        // Two words of one token each, and one space left over at the end.
        assert_eq!(prompt(body.clone()).tokens().await, 80_001);
        let begun = prompt(body.clone());
        assert!(begun.begin());
        assert_eq!(begun.tokens_now(true, Some(Encoding::Cl100k)), 80_001);
        // Nobody waits for what was not begun: 320 kB and 13 bytes around them, by four.
        assert_eq!(prompt(body).tokens_now(false, None), 80_004);
    }
}
