//! The operations, and what answers where there is none.

mod chat_completions;
mod completions;
mod embeddings;
pub(crate) mod fallback;
pub(crate) mod models;
mod text;

pub(crate) use self::chat_completions::chat_completions;
pub(crate) use self::completions::completions;
pub(crate) use self::embeddings::embeddings;
