//! Prompts of a known size, and the mark that survives any gateway.
//!
//! A prompt is a stretch of one fixed text of vocabulary words: cutting it costs a copy, not a
//! draw per word. What tells requests apart is the [`mark`] at its start.

use std::sync::LazyLock;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::vocabulary::{SPACED_WORD, WORDS};

/// Words of a prompt mark: four of 256 tell four thousand million requests apart.
pub const MARK_WORDS: u32 = 4;

/// Words of the fixed text before it repeats: most prompts are one stretch of it.
const TEXT_WORDS: usize = 4_096;

/// Words in an order without pattern, each with a space before it.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    // Any fixed number does: the text is the same in every run and in every version.
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    (0..TEXT_WORDS)
        .flat_map(|_| [" ", WORDS[usize::from(rng.random::<u8>())]])
        .collect()
});

/// The words that encode the number of a request at its prompt's start.
///
/// A gateway may drop every header that a client sent; what it does not touch is the prompt.
pub fn mark(request: u64) -> String {
    let [.., a, b, c, d] = request.to_be_bytes();
    [a, b, c, d]
        .map(|digit| WORDS[usize::from(digit)])
        .join(" ")
}

/// Appends a prompt of exactly `tokens` tokens, starting with `mark`, which must fit.
pub fn push_tokens(out: &mut String, tokens: u32, mark: Option<&str>) {
    let characters = (tokens as usize * SPACED_WORD).saturating_sub(1);
    push_text(out, characters, mark);
}

/// Appends a prompt of exactly `characters` characters, starting with `mark`, which must fit.
///
/// The last word may be cut.
pub fn push_characters(out: &mut String, characters: u32, mark: Option<&str>) {
    push_text(out, characters as usize, mark);
}

/// Characters of a prompt mark.
pub fn mark_characters() -> u32 {
    // Five letters and a space each, without the first space: 4 · 6 − 1.
    MARK_WORDS * 6 - 1
}

fn push_text(out: &mut String, characters: usize, mark: Option<&str>) {
    let end = out.len() + characters;
    out.reserve(characters);
    // The fixed text starts with a space, which belongs between mark and text only.
    let mut text = match mark {
        Some(mark) => {
            out.push_str(mark);
            TEXT.as_str()
        }
        None => &TEXT[1..],
    };
    while out.len() < end {
        let length = text.len().min(end - out.len());
        out.push_str(&text[..length]);
        text = &TEXT;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn of_tokens(tokens: u32, mark: Option<&str>) -> String {
        let mut out = String::new();
        push_tokens(&mut out, tokens, mark);
        out
    }

    #[test]
    fn prompts_have_exactly_the_tokens_asked_for_in_both_encodings() {
        let mark = mark(123_456);
        let encodings = [
            tiktoken_rs::cl100k_base_singleton(),
            tiktoken_rs::o200k_base_singleton(),
        ];
        for tokens in [4, 5, 17, 4_095, 4_096, 4_097, 10_000] {
            for mark in [None, Some(mark.as_str())] {
                let prompt = of_tokens(tokens, mark);
                for encoding in encodings {
                    assert_eq!(encoding.encode_ordinary(&prompt).len(), tokens as usize);
                }
            }
        }
    }

    #[test]
    fn a_prompt_starts_with_its_mark_and_words_follow() {
        let prompt = of_tokens(6, Some(&mark(0)));
        assert!(prompt.starts_with("actor actor actor actor "), "{prompt}");
        assert_eq!(prompt.split(' ').count(), 6);
        assert_eq!(of_tokens(1, None).len(), 5);
    }

    #[test]
    fn marks_differ_between_requests_and_have_the_length_they_claim() {
        let marks: HashSet<String> = (0..100_000).map(mark).collect();
        assert_eq!(marks.len(), 100_000);
        assert!(
            marks
                .iter()
                .all(|mark| mark.len() == mark_characters() as usize)
        );
    }

    proptest! {
        #[test]
        fn prompts_have_exactly_the_characters_asked_for(characters in 23u32..60_000, request: u64) {
            let mut out = String::from("{");
            push_characters(&mut out, characters, Some(&mark(request)));
            prop_assert_eq!(out.len(), 1 + characters as usize);
        }
    }
}
