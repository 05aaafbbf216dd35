//! [`Prefixes`]: what a prompt begins with, in the steps in which prompts are cached.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{Encoding, pieces};

/// The shortest prefix that is cached, in tokens.
///
/// Source: <https://learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching>.
pub(crate) const SHORTEST: u64 = 1_024;

/// Longer prefixes are cached in steps of so many tokens. Source: as above.
const STEP: u64 = 128;

/// A stretch of a prompt: tokens that are no text, then a text.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Span<'a> {
    /// How many tokens are no text.
    pub(crate) framing: u64,
    /// What they say: a role, an image.
    pub(crate) meaning: u64,
    pub(crate) text: &'a str,
}

impl<'a> Span<'a> {
    /// A stretch of text.
    pub(crate) fn text(text: &'a str) -> Self {
        Self {
            framing: 0,
            meaning: 0,
            text,
        }
    }
}

/// What stands for `value` in a span.
pub(crate) fn meaning(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Hashes of the first 1,024 tokens of a prompt, of its first 1,152, and so on.
///
/// Hashes instead of the tokens: two prompts have as many of them in common as steps.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Prefixes(Arc<[u64]>);

impl Prefixes {
    pub(super) fn of<'a>(encoding: Encoding, spans: impl IntoIterator<Item = Span<'a>>) -> Self {
        let mut walk = Walk::default();
        for span in spans {
            for _ in 0..span.framing {
                walk.step(span.meaning);
            }
            for piece in pieces::pieces(span.text) {
                walk.piece(encoding, piece);
            }
        }
        Self(walk.prefixes.into())
    }

    /// The hashes, of the shortest prefix first.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.0
    }

    /// The length of the prefix at `index`, in tokens.
    pub(crate) fn tokens(index: usize) -> u64 {
        SHORTEST + STEP * index as u64
    }
}

#[derive(Default)]
struct Walk {
    hasher: DefaultHasher,
    tokens: u64,
    prefixes: Vec<u64>,
}

impl Walk {
    fn piece(&mut self, encoding: Encoding, piece: &str) {
        if let Some(tokens) = encoding.encode(piece) {
            for token in tokens {
                self.step(token.into());
            }
        } else {
            // As a text is counted that no tokenizer can read: four bytes are a token.
            for bytes in piece.as_bytes().chunks(4) {
                self.step(meaning(bytes));
            }
        }
    }

    fn step(&mut self, token: u64) {
        self.hasher.write_u64(token);
        self.tokens += 1;
        if self.tokens >= SHORTEST && self.tokens.is_multiple_of(STEP) {
            self.prefixes.push(self.hasher.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(framing: u64, text: &str) -> Prefixes {
        let framed = Span {
            framing,
            meaning: meaning("user"),
            text,
        };
        Prefixes::of(Encoding::O200k, [framed])
    }

    #[test]
    fn prompts_share_what_they_begin_with() {
        let known = " the".repeat(1_200);
        let (one, two) = (format!("{known} and"), format!("{known} for all"));
        // 1,204 tokens in common: 1,024 and one step; 1,280 are told apart.
        let one = prefixes(4, &(one + &" you".repeat(100)));
        let two = prefixes(4, &(two + &" you".repeat(100)));
        assert_eq!((one.0.len(), two.0.len()), (3, 3));
        assert_eq!(one.0[..2], two.0[..2]);
        assert_ne!(one.0[2], two.0[2]);
        assert_eq!(Prefixes::tokens(1), 1_152);
    }

    #[test]
    fn short_prompts_have_none() {
        assert_eq!(prefixes(4, &" the".repeat(1_019)).0.len(), 0);
        assert_eq!(prefixes(4, &" the".repeat(1_020)).0.len(), 1);
    }

    #[test]
    fn framing_counts() {
        let text = " the".repeat(1_100);
        assert_ne!(prefixes(4, &text), prefixes(5, &text));
    }
}
