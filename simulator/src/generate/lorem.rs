//! [`Lorem`]: random words, written without a tokenizer.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use super::{Reply, Said};
use crate::openai::Finish;
use crate::seed::{Key, Purpose};
use crate::tokens::Words;

/// So many random words, each of them one token; drawn when they are written.
#[derive(Debug)]
pub(crate) struct Lorem {
    words: Words<ChaCha8Rng>,
    left: u64,
    is_first: bool,
}

/// Answers of unlimited length are log-normal around this many tokens …
///
/// Source: the conversations of Azure's public LLM trace of 2023, median 129, sigma 0.86.
const MEDIAN_TOKENS: f64 = 129.0;
/// … with this spread …
const SIGMA: f64 = 0.86;
/// … and never longer: beyond the trace's 99th percentile of 601, but not by much.
const MOST_TOKENS: f64 = 1_024.0;

impl Reply {
    /// Random words, numbered `index` of a request's answers: exactly `wanted` tokens, or a
    /// number of their own choosing of at most `room`.
    pub(crate) fn lorem(key: Key, index: u32, wanted: Option<u64>, room: u64) -> Self {
        let key = key.numbered(index.into());
        let (left, finish) = match wanted {
            Some(wanted) => (wanted, Finish::Length),
            None => match length(&mut key.rng(Purpose::Length)) {
                length if length > room => (room, Finish::Length),
                length => (length, Finish::Stop),
            },
        };
        Self::new(Said::Lorem(Lorem::new(key, left)), finish)
    }
}

impl Lorem {
    fn new(key: Key, left: u64) -> Self {
        Self {
            words: Words::new(key.rng(Purpose::Words)),
            left,
            is_first: true,
        }
    }

    /// Tokens not yet written.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Leaves out what is beyond `most` tokens.
    pub(super) fn keep(&mut self, most: u64) {
        self.left = self.left.min(most);
    }

    /// The next token: what stands before the word, and the word.
    pub(super) fn next(&mut self) -> (&'static str, &'static str) {
        self.left -= 1;
        let space = if std::mem::take(&mut self.is_first) {
            ""
        } else {
            " "
        };
        (space, self.words.draw())
    }

    /// Writes all tokens that are left.
    pub(crate) fn write_rest(&mut self, out: &mut String) {
        while self.left > 0 {
            let (space, word) = self.next();
            out.push_str(space);
            out.push_str(word);
        }
    }
}

fn length(rng: &mut impl Rng) -> u64 {
    let drawn = LogNormal::new(MEDIAN_TOKENS.ln(), SIGMA).map_or(MEDIAN_TOKENS, |d| d.sample(rng));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to small positive numbers"
    )]
    let tokens = drawn.round().clamp(1.0, MOST_TOKENS) as u64;
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Encoding;

    fn write(key: Key, index: u32, tokens: u64) -> String {
        let reply = Reply::lorem(key, index, Some(tokens), 4_000);
        let Said::Lorem(mut lorem) = reply.said else {
            panic!("expected random words")
        };
        let mut out = String::new();
        lorem.write_rest(&mut out);
        out
    }

    #[test]
    fn an_answer_has_exactly_the_wanted_number_of_tokens() {
        for tokens in [1, 2, 10, 999] {
            let text = write(Key::new(1), 0, tokens);
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                assert_eq!(encoding.count(&text) as u64, tokens, "{encoding:?} {text}");
            }
        }
    }

    #[test]
    fn an_answer_without_a_limit_is_neither_empty_nor_fills_the_context() {
        let lengths: Vec<_> = (0..1_000)
            .map(|index| Reply::lorem(Key::new(1), index, None, 100_000))
            .map(|reply| (reply.left(), reply.finish))
            .collect();
        assert!(lengths.iter().all(|(left, _)| (1..=1_024).contains(left)));
        assert!(lengths.iter().all(|(_, finish)| *finish == Finish::Stop));
        let shorter = lengths.iter().filter(|(left, _)| *left <= 129).count();
        assert!(
            (450..550).contains(&shorter),
            "{shorter} of 1000 below the median"
        );
    }

    #[test]
    fn an_answer_without_a_limit_ends_where_the_context_does() {
        let reply = Reply::lorem(Key::new(1), 0, None, 1);
        assert_eq!((reply.left(), reply.finish), (1, Finish::Length));
    }

    #[test]
    fn answers_follow_from_key_and_index() {
        let text = |seed, index| write(Key::new(seed), index, 8);
        assert_eq!(text(1, 0), text(1, 0));
        assert_ne!(text(1, 0), text(1, 1));
        assert_ne!(text(1, 0), text(2, 0));
    }
}
