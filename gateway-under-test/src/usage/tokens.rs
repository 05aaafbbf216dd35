//! [`Encoding`]: how many tokens a text has, for estimates where no answer tells.
//!
//! A text is counted in pieces, cut only where a pre-token ends whatever follows: between an
//! ASCII letter or digit and white space. Counts of the pieces add up to that of the whole, and
//! the tokenizer, which gives up by a panic on a million spaces, never sees more than one piece.
//! The simulator has its own code for this: that both count alike is a test, not a shared bug.

use std::panic::{AssertUnwindSafe, catch_unwind};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tiktoken_rs::CoreBPE;

/// The longest piece, in bytes: far below what the tokenizer's regular expression can backtrack
/// over, and about four milliseconds of work.
const LONGEST_PIECE: usize = 64 * 1024;

/// A tokenizer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum Encoding {
    /// Of gpt-3.5, gpt-4 and the embedding models.
    #[serde(rename = "cl100k_base")]
    Cl100k,
    /// Of gpt-4o and later.
    #[default]
    #[serde(rename = "o200k_base")]
    O200k,
}

impl Encoding {
    /// The tokenizer of the model or deployment called `name`, as far as names tell.
    // Source: tiktoken 0.14, `model.py`, with Azure's spelling `gpt-35` beside `gpt-3.5`.
    pub fn of_model(name: &str) -> Option<Self> {
        const O200K: [&str; 8] = [
            "gpt-4o",
            "chatgpt-4o",
            "gpt-4.1",
            "gpt-4.5",
            "gpt-5",
            "o1",
            "o3",
            "o4-mini",
        ];
        const CL100K: [&str; 6] = [
            "gpt-4",
            "gpt-3.5",
            "gpt-35",
            "text-embedding",
            "davinci-002",
            "babbage-002",
        ];
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        match name {
            _ if begins(&O200K) => Some(Self::O200k),
            _ if begins(&CL100K) => Some(Self::Cl100k),
            _ => None, // A name of somebody's own.
        }
    }

    /// The number of tokens in `text`; text that spells a special token counts as plain text.
    pub fn count(self, text: &str) -> u64 {
        let mut rest = text;
        let mut tokens = 0;
        while rest.len() > LONGEST_PIECE {
            let end = last_boundary(&rest[..rest.floor_char_boundary(LONGEST_PIECE)]);
            let end = end.unwrap_or_else(|| rest.floor_char_boundary(LONGEST_PIECE));
            let (piece, after) = rest.split_at(end);
            tokens += self.count_piece(piece);
            rest = after;
        }
        tokens + self.count_piece(rest)
    }

    fn count_piece(self, piece: &str) -> u64 {
        let tokenizer: fn() -> &'static CoreBPE = match self {
            Self::Cl100k => tiktoken_rs::cl100k_base_singleton,
            Self::O200k => tiktoken_rs::o200k_base_singleton,
        };
        let count = catch_unwind(AssertUnwindSafe(|| tokenizer().count_ordinary(piece)));
        // A tokenizer that gives up must not take the request with it.
        count.map_or_else(|_| by_thumb(piece.len() as u64), |count| count as u64)
    }
}

/// About how many tokens `bytes` of text are: OpenAI's rule of thumb, four bytes each.
pub(super) fn by_thumb(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// The last place in `text` where a pre-token ends whatever follows.
pub(super) fn last_boundary(text: &str) -> Option<usize> {
    let mut pairs = text.as_bytes().windows(2);
    let at =
        pairs.rposition(|pair| pair[0].is_ascii_alphanumeric() && pair[1].is_ascii_whitespace());
    at.map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use simulator::tokens::Encoding as Simulated;

    use super::*;

    const BOTH: [(Encoding, Simulated); 2] = [
        (Encoding::Cl100k, Simulated::Cl100k),
        (Encoding::O200k, Simulated::O200k),
    ];

    #[test]
    fn long_and_strange_texts_count_as_the_simulator_counts_them() {
        let texts = [
            "Tell me a joke about opentelemetry".to_owned(),
            "<|endoftext|>".to_owned(),
            "The quick brown fox, 1234 times.\n\tIt didn't  jump. 日本語 👩‍👩‍👧 ".repeat(3_000),
        ];
        for text in &texts {
            for (ours, theirs) in BOTH {
                assert_eq!(ours.count(text), theirs.count(text) as u64, "{ours:?}");
            }
        }
    }

    #[test]
    fn a_million_spaces_are_counted_without_a_panic() {
        let spaces = " ".repeat(1_000_000);
        for (ours, _) in BOTH {
            let count = ours.count(&spaces);
            assert!((1_000..20_000).contains(&count), "{count}");
        }
    }

    #[test]
    fn models_and_deployments_named_after_them_have_their_tokenizer() {
        for (name, expected) in [
            ("gpt-4o-mini-2024-07-18", Some(Encoding::O200k)),
            ("gpt-4.1", Some(Encoding::O200k)),
            ("gpt-4-32k", Some(Encoding::Cl100k)),
            ("gpt-35-turbo-10k-token", Some(Encoding::Cl100k)),
            ("text-embedding-ada-002", Some(Encoding::Cl100k)),
            ("our-chat", None),
        ] {
            assert_eq!(Encoding::of_model(name), expected, "{name}");
        }
    }
}
