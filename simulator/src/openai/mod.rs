//! Wire types.
pub(crate) mod headers;

use serde::Serialize;

/// An operation of the API.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `chat/completions`.
    ChatCompletions,
    /// `completions`.
    Completions,
    /// `embeddings`.
    Embeddings,
}
