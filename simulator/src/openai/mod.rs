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
pub(crate) mod headers;
mod invalid;
mod options;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::chat::{ChatRequest, Choice, Offer, ResponseFormat};
pub(crate) use self::completions::{CompletionsRequest, Prompt};
pub(crate) use self::dress::{Envelope, Finish, Usage, write_answer};
pub(crate) use self::embeddings::{Embedding, EmbeddingsRequest, Input, write_embeddings};
pub(crate) use self::error::{Refusal, Request};
pub(crate) use self::events::Events;
pub(crate) use self::invalid::Invalid;

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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// Azure OpenAI: content filter results, an opening frame, its own errors.
    Azure,
    /// OpenAI.
    OpenAi,
}

impl Dialect {
    /// The dialect spoken under `path`: `/openai/…` is Azure, `/v1/…` is OpenAI.
    pub(crate) fn of(path: &str) -> Self {
        match path.strip_prefix("/v1") {
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
            return Err(Invalid::unreadable(&error));
        }
    };
    body.validate()?;
    Ok(body)
}
