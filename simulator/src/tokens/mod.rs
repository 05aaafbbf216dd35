//! Tokens: how many a text has, and words of exactly one.
//!
//! Counts are exact: those of the tokenizers the models use, over the whole text. Long texts
//! are counted piece by piece ([`pieces`]) and off the event loop; counts of texts seen before
//! are remembered ([`cache`]), because load tests repeat their prompts.

mod cache;
mod cut;
mod lately;
mod pieces;
mod prefixes;
pub(crate) mod tools;
mod vision;
mod vocabulary;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tiktoken_rs::CoreBPE;

pub(crate) use self::cache::Counter;
pub(crate) use self::cut::{Tokens, Told};
pub(crate) use self::lately::Lately;
pub(crate) use self::prefixes::{Prefixes, SHORTEST as SHORTEST_PREFIX, Span, meaning};
pub(crate) use self::vision::Vision;
pub(crate) use self::vocabulary::Words;
pub use self::vocabulary::words;

/// A tokenizer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// `cl100k_base`: gpt-3.5, gpt-4 and the embedding models.
    Cl100k,
    /// `o200k_base`: gpt-4o and later.
    O200k,
}

impl Encoding {
    /// The number of tokens in `text`; text that spells a special token counts as plain text.
    ///
    /// # Examples
    ///
    /// ```
    /// use simulator::tokens::Encoding;
    ///
    /// assert_eq!(Encoding::Cl100k.count("What is the meaning of life?"), 7);
    /// ```
    pub fn count(self, text: &str) -> usize {
        pieces::pieces(text)
            .map(|piece| self.count_piece(piece))
            .sum()
    }

    /// The largest number of a token, special ones included.
    ///
    /// Source: openai/tiktoken, `openai_public.py`: `<|endofprompt|>` of each encoding.
    pub(crate) const fn largest_token(self) -> u32 {
        match self {
            Self::Cl100k => 100_276,
            Self::O200k => 200_018,
        }
    }

    /// Loads the vocabulary now, instead of while the first request waits for it.
    pub(crate) fn load(self) {
        self.count_piece("");
    }

    /// Counts a text in one go.
    fn count_piece(self, text: &str) -> usize {
        let count = catch_unwind(AssertUnwindSafe(|| self.tokenizer().count_ordinary(text)));
        // A tokenizer that gives up must not take the server with it. Four bytes per token is
        // OpenAI's rule of thumb.
        count.unwrap_or_else(|_| text.len().div_ceil(4))
    }

    /// The tokens of a text that is cut in one go, unless the tokenizer gives up.
    fn encode(self, piece: &str) -> Option<Vec<u32>> {
        // A tokenizer that gives up must not take the server with it.
        catch_unwind(AssertUnwindSafe(|| self.tokenizer().encode_ordinary(piece))).ok()
    }

    /// Loads the vocabulary on first use, which takes about a quarter of a second.
    fn tokenizer(self) -> &'static CoreBPE {
        match self {
            Self::Cl100k => tiktoken_rs::cl100k_base_singleton(),
            Self::O200k => tiktoken_rs::o200k_base_singleton(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_recorded_from_the_service() {
        // Source: recorded usage of gpt-35-turbo and gpt-4.1-mini, less the chat overhead of 7.
        let text = "Tell me a joke about opentelemetry";
        assert_eq!(Encoding::Cl100k.count(text), 8);
        assert_eq!(Encoding::O200k.count(text), 9);
    }

    #[test]
    fn no_text_has_no_tokens() {
        assert_eq!(Encoding::Cl100k.count(""), 0);
    }

    #[test]
    fn special_tokens_are_counted_as_the_text_they_are() {
        assert!(Encoding::Cl100k.count("<|endoftext|>") > 1);
    }
}
