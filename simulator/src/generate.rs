//! What is answered: how many tokens, which words, which numbers.
//!
//! Everything follows from the request's key, so the same request gets the same answer,
//! streamed or not; embeddings follow from the text alone, so equal texts are equal vectors.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use crate::openai::{Embedding, Finish};
use crate::seed::{Key, Purpose};
use crate::tokens::Words;

/// The answer of one choice: a number of tokens of random words.
#[derive(Debug)]
pub(crate) struct Text {
    words: Words<ChaCha8Rng>,
    left: u64,
    is_first: bool,
    pub(crate) finish: Finish,
}

/// Answers of unlimited length are log-normal around this many tokens …
///
/// Source: the conversations of Azure's public LLM trace of 2023, median 129, sigma 0.86.
const MEDIAN_TOKENS: f64 = 129.0;
/// … with this spread …
const SIGMA: f64 = 0.86;
/// … and never longer: beyond the trace's 99th percentile of 601, but not by much.
const MOST_TOKENS: f64 = 1_024.0;

impl Text {
    /// The answer numbered `index` to a request: exactly `wanted` tokens, or a number of its
    /// own choosing of at most `room`.
    pub(crate) fn new(key: Key, index: u32, wanted: Option<u64>, room: u64) -> Self {
        let key = key.numbered(index.into());
        let (left, finish) = match wanted {
            Some(wanted) => (wanted, Finish::Length),
            None => match length(&mut key.rng(Purpose::Length)) {
                length if length > room => (room, Finish::Length),
                length => (length, Finish::Stop),
            },
        };
        Self {
            words: Words::new(key.rng(Purpose::Words)),
            left,
            is_first: true,
            finish,
        }
    }

    /// Tokens not yet written.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Writes the next token.
    pub(crate) fn write_token(&mut self, out: &mut String) {
        if !std::mem::take(&mut self.is_first) {
            out.push(' ');
        }
        out.push_str(self.words.draw());
        self.left -= 1;
    }

    /// Writes all tokens that are left.
    pub(crate) fn write_rest(&mut self, out: &mut String) {
        while self.left > 0 {
            self.write_token(out);
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

/// A unit vector of `size` numbers that follows from `key` alone.
pub(crate) fn embedding(key: Key, size: u32) -> Embedding {
    let mut rng = key.rng(Purpose::Embedding);
    let mut numbers: Embedding = (0..size).map(|_| rng.random_range(-1.0..1.0f32)).collect();
    let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for number in &mut numbers {
            *number /= length;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Encoding;

    fn write(mut text: Text) -> String {
        let mut out = String::new();
        text.write_rest(&mut out);
        out
    }

    #[test]
    fn an_answer_has_exactly_the_wanted_number_of_tokens() {
        for tokens in [1, 2, 10, 999] {
            let text = write(Text::new(Key::new(1), 0, Some(tokens), 4_000));
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                assert_eq!(encoding.count(&text) as u64, tokens, "{encoding:?} {text}");
            }
        }
    }

    #[test]
    fn an_answer_without_a_limit_is_neither_empty_nor_fills_the_context() {
        let lengths: Vec<_> = (0..1_000)
            .map(|index| Text::new(Key::new(1), index, None, 100_000))
            .map(|text| (text.left(), text.finish))
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
        let text = Text::new(Key::new(1), 0, None, 1);
        assert_eq!((text.left(), text.finish), (1, Finish::Length));
    }

    #[test]
    fn answers_follow_from_key_and_index() {
        let text = |seed, index| write(Text::new(Key::new(seed), index, Some(8), 100));
        assert_eq!(text(1, 0), text(1, 0));
        assert_ne!(text(1, 0), text(1, 1));
        assert_ne!(text(1, 0), text(2, 0));
    }

    #[test]
    fn embeddings_are_unit_vectors_that_follow_from_the_key() {
        let vector = embedding(Key::new(1), 1_536);
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
        assert_eq!(vector, embedding(Key::new(1), 1_536));
        assert_ne!(vector, embedding(Key::new(2), 1_536));
    }
}
