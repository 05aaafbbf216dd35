//! The models a deployment may have: tokenizer, context window, operations and wire name.
//!
//! A table and not an open set of names, because a name with a slip in it would silently get
//! the wrong tokenizer and every token count of a run would be off.

use crate::openai::Operation;
use crate::tokens::Encoding;

/// What is known of a model.
#[derive(Debug, Eq, PartialEq)]
pub struct Model {
    /// Name in configurations.
    pub name: &'static str,
    /// Name with version, told in the `model` field of answers.
    pub version: &'static str,
    /// The tokenizer.
    pub encoding: Encoding,
    /// Context window: prompt and answer together, in tokens.
    pub context_tokens: u32,
    /// What it can be asked.
    pub kind: Kind,
}

/// What a model can be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Chat completions.
    Chat,
    /// Chat completions and completions, as the gpt-3.5 family.
    ChatAndCompletions,
    /// Completions.
    Completions,
    /// Embeddings.
    Embeddings {
        /// Numbers in an embedding.
        size: u32,
        /// Whether a request may choose fewer with `dimensions`.
        takes_dimensions: bool,
    },
    /// Speech; known so that configurations with it load, no operation serves it yet.
    Audio,
}

impl Model {
    /// The model called `name`, as Azure or OpenAI spells it.
    pub fn find(name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.name == name)
    }

    /// All models, in the table's order.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        MODELS.iter()
    }

    /// The names of all models, in the table's order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        MODELS.iter().map(|model| model.name)
    }

    /// Whether the model thinks before it answers: the o-series, and gpt-5 but for its chat variant.
    pub fn is_reasoning(&self) -> bool {
        let is_gpt_5 = self.name.starts_with("gpt-5") && !self.name.starts_with("gpt-5-chat");
        is_gpt_5
            || ["o1", "o3", "o4"]
                .iter()
                .any(|family| self.name.starts_with(family))
    }

    /// Whether the model serves `operation`.
    pub fn serves(&self, operation: Operation) -> bool {
        match self.kind {
            Kind::Chat => operation == Operation::ChatCompletions,
            Kind::ChatAndCompletions => operation != Operation::Embeddings,
            Kind::Completions => operation == Operation::Completions,
            Kind::Embeddings { .. } => operation == Operation::Embeddings,
            Kind::Audio => false,
        }
    }
}

/// What serves an unknown deployment's chat and completions, as in microsoft/aoai-api-simulator.
pub(crate) static UNDEFINED_CHAT: &Model = &MODELS[0];

/// What serves an unknown deployment's embeddings, as in microsoft/aoai-api-simulator.
pub(crate) static UNDEFINED_EMBEDDINGS: &Model = &MODELS[1];

const fn chat(
    name: &'static str,
    version: &'static str,
    encoding: Encoding,
    context_tokens: u32,
) -> Model {
    Model {
        name,
        version,
        encoding,
        context_tokens,
        kind: Kind::Chat,
    }
}

const fn gpt_35(name: &'static str, version: &'static str, context_tokens: u32) -> Model {
    Model {
        name,
        version,
        encoding: Encoding::Cl100k,
        context_tokens,
        kind: Kind::ChatAndCompletions,
    }
}

const fn embeddings(name: &'static str, size: u32, takes_dimensions: bool) -> Model {
    Model {
        name,
        version: name,
        encoding: Encoding::Cl100k,
        // Source: https://platform.openai.com/docs/guides/embeddings, "max input 8192".
        context_tokens: 8_192,
        kind: Kind::Embeddings {
            size,
            takes_dimensions,
        },
    }
}

use Encoding::{Cl100k, O200k};

// Context windows and versions: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models.
// The names with 0613, ada-001, 3-medium and 3-xlarge exist because configurations written for
// microsoft/aoai-api-simulator use them.
static MODELS: &[Model] = &[
    gpt_35("gpt-3.5-turbo-0613", "gpt-3.5-turbo-0613", 4_096),
    embeddings("text-embedding-ada-002", 1_536, false),
    gpt_35("gpt-3.5-turbo", "gpt-3.5-turbo-0125", 16_385),
    gpt_35("gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k-0613", 16_385),
    gpt_35("gpt-35-turbo", "gpt-35-turbo-0125", 16_385),
    gpt_35("gpt-35-turbo-16k", "gpt-35-turbo-16k-0613", 16_385),
    completions("gpt-3.5-turbo-instruct", 4_097),
    completions("gpt-35-turbo-instruct", 4_097),
    completions("davinci-002", 16_384),
    completions("babbage-002", 16_384),
    chat("gpt-4", "gpt-4-0613", Cl100k, 8_192),
    chat("gpt-4-32k", "gpt-4-32k-0613", Cl100k, 32_768),
    chat("gpt-4-turbo", "gpt-4-turbo-2024-04-09", Cl100k, 128_000),
    chat("gpt-4o", "gpt-4o-2024-11-20", O200k, 128_000),
    chat("gpt-4o-mini", "gpt-4o-mini-2024-07-18", O200k, 128_000),
    chat("gpt-4.1", "gpt-4.1-2025-04-14", O200k, 1_047_576),
    chat("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", O200k, 1_047_576),
    chat("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", O200k, 1_047_576),
    chat("gpt-5", "gpt-5-2025-08-07", O200k, 400_000),
    chat("gpt-5-mini", "gpt-5-mini-2025-08-07", O200k, 400_000),
    chat("gpt-5-nano", "gpt-5-nano-2025-08-07", O200k, 400_000),
    chat("gpt-5-chat", "gpt-5-chat-2025-08-07", O200k, 128_000),
    chat("gpt-5.1", "gpt-5.1-2025-11-13", O200k, 400_000),
    chat("o1", "o1-2024-12-17", O200k, 200_000),
    chat("o1-mini", "o1-mini-2024-09-12", O200k, 128_000),
    chat("o3", "o3-2025-04-16", O200k, 200_000),
    chat("o3-mini", "o3-mini-2025-01-31", O200k, 200_000),
    chat("o4-mini", "o4-mini-2025-04-16", O200k, 200_000),
    embeddings("text-embedding-3-small", 1_536, true),
    embeddings("text-embedding-3-large", 3_072, true),
    embeddings("text-embedding-3-medium", 1_536, true),
    embeddings("text-embedding-3-xlarge", 1_536, true),
    embeddings("text-embedding-ada-001", 1_536, false),
    WHISPER,
];

const fn completions(name: &'static str, context_tokens: u32) -> Model {
    Model {
        name,
        version: name,
        encoding: Cl100k,
        context_tokens,
        kind: Kind::Completions,
    }
}

const WHISPER: Model = Model {
    name: "whisper",
    version: "whisper-1",
    encoding: Cl100k,
    context_tokens: 448,
    kind: Kind::Audio,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_listed_once() {
        let mut names: Vec<_> = Model::names().collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
    }

    #[test]
    fn unknown_deployments_get_the_models_of_the_reference() {
        assert_eq!(UNDEFINED_CHAT.name, "gpt-3.5-turbo-0613");
        assert_eq!(UNDEFINED_EMBEDDINGS.name, "text-embedding-ada-002");
    }

    #[test]
    fn newer_families_use_the_newer_tokenizer() {
        for name in ["gpt-4o", "gpt-4.1-mini", "gpt-5", "o3-mini"] {
            assert_eq!(
                Model::find(name).unwrap().encoding,
                Encoding::O200k,
                "{name}"
            );
        }
        for name in ["gpt-4", "gpt-35-turbo", "text-embedding-3-large"] {
            assert_eq!(
                Model::find(name).unwrap().encoding,
                Encoding::Cl100k,
                "{name}"
            );
        }
    }

    #[test]
    fn only_the_older_chat_models_answer_completions() {
        let serves = |name| Model::find(name).unwrap().serves(Operation::Completions);
        assert!(serves("gpt-35-turbo-16k"));
        assert!(serves("gpt-3.5-turbo-instruct"));
        assert!(!serves("gpt-4o"));
        assert!(!serves("text-embedding-ada-002"));
        assert!(!serves("whisper"));
    }
}
