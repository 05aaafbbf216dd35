//! Words that are exactly one token each.
//!
//! Text made of them has as many tokens as words, so an answer of N tokens is written without
//! a tokenizer, and so are a load test's prompts. The reference implementation trims lorem
//! ipsum until it fits, which costs a tokenizer pass per word and ends up near N, not at it.

use rand::Rng;

/// Words that are one token in every encoding, both with a space before them and without.
///
/// 256 of them, so that a random byte is a word and four words are a 32-bit number.
#[rustfmt::skip]
const WORDS: [&str; 256] = [
    "the", "and", "for", "this", "that", "with", "from", "not", "are", "you", "new", "can",
    "all", "your", "will", "out", "has", "but", "more", "who", "time", "which", "any", "about",
    "add", "over", "type", "part", "work", "when", "use", "off", "other", "were", "our", "year",
    "some", "there", "said", "like", "also", "than", "just", "into", "what", "first", "act",
    "only", "back", "need", "start", "under", "then", "how", "people", "made", "after", "right",
    "long", "read", "look", "could", "know", "hand", "most", "try", "now", "him", "point",
    "find", "current", "used", "play", "see", "help", "these", "pass", "down", "even", "item",
    "high", "line", "before", "because", "final", "run", "very", "call", "well", "number",
    "many", "being", "good", "child", "person", "style", "open", "next", "follow", "car",
    "game", "path", "each", "support", "own", "sign", "best", "same", "create", "mark", "group",
    "world", "main", "color", "report", "take", "day", "top", "free", "action", "index", "real",
    "message", "table", "head", "order", "double", "place", "code", "still", "field", "course",
    "team", "second", "going", "range", "fact", "left", "direct", "around", "image", "target",
    "both", "level", "content", "great", "month", "super", "title", "life", "change",
    "position", "old", "book", "version", "three", "law", "power", "width", "label", "project",
    "element", "date", "big", "few", "node", "another", "care", "effect", "fun", "service",
    "since", "full", "body", "stand", "keep", "throw", "things", "red", "control", "come",
    "step", "custom", "source", "ask", "email", "business", "required", "might", "never",
    "hard", "small", "access", "job", "little", "port", "status", "appear", "link", "given",
    "better", "feel", "always", "parent", "less", "account", "search", "rest", "interest",
    "value", "video", "cell", "player", "cost", "total", "load", "clear", "row", "short",
    "gain", "health", "children", "initial", "online", "reason", "design", "bit", "school",
    "stop", "later", "client", "love", "able", "men", "give", "copy", "lead", "family",
    "option", "offer", "water", "times", "four", "far", "room", "once", "results", "talk",
    "grow", "mass", "mean", "until", "market", "area", "light", "side",
];

/// The words: each is exactly one token in cl100k and o200k, with a space before it and without.
///
/// `words().join(" ")` has exactly 256 tokens.
pub fn words() -> &'static [&'static str; 256] {
    &WORDS
}

/// An endless supply of random words.
///
/// Draws 64 random bytes at a time, because one draw per word is a third of the cost of a
/// short answer.
#[derive(Debug)]
pub(crate) struct Words<R> {
    rng: R,
    bytes: [u8; 64],
    used: usize,
}

impl<R: Rng> Words<R> {
    pub(crate) fn new(rng: R) -> Self {
        Self {
            rng,
            bytes: [0; 64],
            used: 64,
        }
    }

    /// The next word.
    pub(crate) fn draw(&mut self) -> &'static str {
        if self.used == self.bytes.len() {
            self.rng.fill_bytes(&mut self.bytes);
            self.used = 0;
        }
        let word = WORDS[usize::from(self.bytes[self.used])];
        self.used += 1;
        word
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Encoding;
    use super::*;

    #[test]
    fn every_word_is_one_token_with_and_without_a_space_in_every_encoding() {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            for word in words() {
                assert_eq!(encoding.count(word), 1, "`{word}` in {encoding:?}");
                assert_eq!(
                    encoding.count(&format!(" {word}")),
                    1,
                    "` {word}` in {encoding:?}"
                );
            }
        }
    }

    #[test]
    fn no_word_is_listed_twice_or_needs_escaping() {
        assert_eq!(words().iter().collect::<BTreeSet<_>>().len(), 256);
        assert!(
            words()
                .iter()
                .all(|word| word.bytes().all(|b| b.is_ascii_lowercase()))
        );
    }

    #[test]
    fn the_whole_vocabulary_as_a_text_has_one_token_per_word() {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            assert_eq!(encoding.count(&words().join(" ")), 256);
        }
    }
}
