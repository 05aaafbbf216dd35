//! The published wire format and nothing else: no server, no clock, no limits.
//!
//! Requests are read leniently in what they may contain and strictly in what is used. Answers
//! are written as text, field by field, instead of through a tree of values: they are most of
//! the work a simulator without latency does.

mod chat;
mod check;
mod completions;
mod dress;
mod embeddings;
mod error;
mod events;
mod faulted;
mod framing;
mod head;
pub(crate) mod headers;
mod invalid;
mod limited;
mod logprobs;
mod models;
mod obfuscation;
mod options;
pub(crate) mod version;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Model;

pub(crate) use self::chat::{ChatRequest, Choice, Offer, ResponseFormat};
pub(crate) use self::completions::{CompletionsRequest, Prompt};
pub(crate) use self::dress::{Envelope, Finish, Usage, write_answer};
pub(crate) use self::embeddings::{Embedding, EmbeddingsRequest, Input, write_embeddings};
pub(crate) use self::error::{Refusal, Request};
pub(crate) use self::events::{Events, Streaming};
pub(crate) use self::head::{Head, Origin, Server};
pub(crate) use self::invalid::Invalid;
pub(crate) use self::limited::Limited;
pub(crate) use self::models::{base_model, base_models, model, models};

/// An operation of the API.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `chat/completions`.
    ChatCompletions,
    /// `completions`.
    Completions,
    /// `embeddings`.
    Embeddings,
}

impl Operation {
    /// The name in ledgers and configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose dress an answer wears.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Azure OpenAI: content filter results, an opening frame, its own errors.
    Azure,
    /// OpenAI.
    OpenAi,
}

impl Dialect {
    /// The dialect spoken under `path`: `/openai/…` is Azure, `/v1/…` is OpenAI.
    pub(crate) fn of(path: &str) -> Self {
        match path.trim_start_matches('/').strip_prefix("v1") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::OpenAi,
            _ => Self::Azure,
        }
    }
}

/// A request body that can be asked.
pub(crate) trait Body: serde::de::DeserializeOwned {
    /// The operation that takes it.
    const OPERATION: Operation;

    /// What is wrong with a body that could not be read, field by field.
    fn check(body: &serde_json::Value) -> Result<(), Invalid>;

    /// Whether the values of a body that was read make sense.
    fn validate(&self) -> Result<(), Invalid>;

    /// Whether `model` can do what is asked.
    fn suits(&self, model: &Model) -> Result<(), Invalid>;

    /// The deployment, where the path names none.
    fn model(&self) -> Option<&str>;

    /// The first text of the prompt.
    fn first_text(&self) -> Option<&str>;
}

/// Reads a request body.
///
/// # Errors
/// [`Invalid`] says what is wrong in the service's own words.
pub(crate) fn read<B: Body>(bytes: &[u8]) -> Result<B, Invalid> {
    let body: B = match serde_json::from_slice(bytes) {
        Ok(body) => body,
        // Reading again as a tree costs time only a mistake has to pay.
        Err(error) => {
            let tree = serde_json::from_slice(bytes).map_err(|_| Invalid::not_json())?;
            B::check(&tree)?;
            // Of a key that stands twice a tree has the last value, as the service takes it.
            serde_json::from_value(tree).map_err(|_| Invalid::unreadable(&error))?
        }
    };
    body.validate()?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `body` says as a request of each operation; every error says something.
    fn read_all(body: &[u8]) -> [Option<String>; 3] {
        let told = [
            read::<ChatRequest>(body).err(),
            read::<CompletionsRequest>(body).err(),
            read::<EmbeddingsRequest>(body).err(),
        ];
        told.map(|error| error.map(|invalid| invalid.message))
    }

    #[test]
    fn hostile_bodies_are_refused_with_words() {
        let deep = "[".repeat(100_000);
        let nested = format!(
            r#"{{"messages": {}1{}}}"#,
            "[".repeat(1_000),
            "]".repeat(1_000)
        );
        let hidden = format!(
            r#"{{"metadata": {}1{}}}"#,
            r#"{"a":"#.repeat(5_000),
            "}".repeat(5_000)
        );
        let long_key = format!(r#"{{"{}": 1}}"#, "k".repeat(1 << 20));
        for body in [
            deep.as_str(),
            &nested,
            &hidden,
            &long_key,
            "",
            "null",
            r#"{"temperature": 1e400}"#,
            r#"{"max_tokens": 99999999999999999999999999, "prompt": "a"}"#,
            r#"{"n": -9223372036854775809, "prompt": "a"}"#,
            r#"{"prompt": "\ud800", "input": "\udc00"}"#,
            r#"{"messages": [{"role": "user", "content": "\ud83d"}]}"#,
            "{\"input\": \"\u{0}\"}",
        ] {
            let told = read_all(body.as_bytes());
            let spoken = |told: &Option<String>| told.as_ref().is_some_and(|told| !told.is_empty());
            assert!(told.iter().all(spoken), "{told:?}");
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            Just(Value::from("data:image/png;base64,iVBORw0KGgo=")),
        ];
        let name = prop::sample::select(vec![
            "messages",
            "role",
            "content",
            "type",
            "image_url",
            "url",
            "text",
            "prompt",
            "input",
            "n",
            "stop",
            "max_tokens",
            "logit_bias",
            "stream_options",
            "name",
            "best_of",
            "dimensions",
        ]);
        leaf.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..6)
                    .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_body_is_answered_by_silence(value in json(), cut in 0usize..200) {
            let body = value.to_string();
            let cut = body.floor_char_boundary(cut);
            for body in [body.as_str(), &body[..cut]] {
                for told in read_all(body.as_bytes()).into_iter().flatten() {
                    prop_assert!(!told.is_empty());
                }
            }
        }
    }
}
