//! [`Tokens`]: a text cut into its tokens.
//!
//! A token is a piece of bytes, not of characters: an emoji can be three of them. What can be
//! told of a text after so many tokens therefore ends at the last whole character.

use super::{Encoding, pieces};

/// A text that is told token by token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tokens {
    text: String,
    /// Where each token ends, in bytes.
    ends: Vec<usize>,
    /// Tokens that were taken.
    taken: usize,
    /// Tokens, bytes and characters that were told.
    told: Place,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Place {
    tokens: usize,
    bytes: usize,
    characters: usize,
}

/// One or several tokens that make up whole characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) text: &'a str,
    /// Tokens of the whole text before these.
    pub(crate) tokens_before: usize,
    /// Characters of the whole text before these.
    pub(crate) characters_before: usize,
    /// Where `text` starts, counted as the ends are.
    start: usize,
    ends: &'a [usize],
}

impl<'a> Told<'a> {
    /// The bytes of each token.
    pub(crate) fn tokens(self) -> impl Iterator<Item = &'a [u8]> {
        let mut from = 0;
        self.ends.iter().map(move |end| {
            let to = end - self.start;
            &self.text.as_bytes()[std::mem::replace(&mut from, to)..to]
        })
    }
}

impl Tokens {
    /// `text`, cut as the tokenizer of `encoding` does.
    pub(crate) fn of(encoding: Encoding, text: String) -> Self {
        let mut ends = Vec::with_capacity(text.len() / 4);
        let mut end = 0;
        for piece in pieces::pieces(&text) {
            for length in encoding.lengths(piece) {
                end += length;
                ends.push(end);
            }
        }
        Self {
            text,
            ends,
            taken: 0,
            told: Place::default(),
        }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Tokens not yet taken.
    pub(crate) fn left(&self) -> u64 {
        (self.ends.len() - self.taken) as u64
    }

    /// Leaves out what is beyond the first `most` tokens, and what they leave of a character.
    ///
    /// As with a model, the tokens of a text that is cut off need not be those a tokenizer
    /// finds in it: white space at its end may be fewer when it is read again.
    pub(crate) fn keep(&mut self, most: u64) {
        let mut most = usize::try_from(most).unwrap_or(usize::MAX);
        if most >= self.ends.len() {
            return;
        }
        while most > 0 && !self.text.is_char_boundary(self.ends[most - 1]) {
            most -= 1;
        }
        self.ends.truncate(most);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Takes one more token; the text that is whole with it.
    pub(crate) fn next(&mut self) -> Option<Told<'_>> {
        let end = *self.ends.get(self.taken)?;
        self.taken += 1;
        if !self.text.is_char_boundary(end) {
            return None;
        }
        let from = self.told;
        let text = &self.text[from.bytes..end];
        self.told = Place {
            tokens: self.taken,
            bytes: end,
            characters: from.characters + text.chars().count(),
        };
        Some(Told {
            text,
            tokens_before: from.tokens,
            characters_before: from.characters,
            start: from.bytes,
            ends: &self.ends[from.tokens..self.taken],
        })
    }

    /// The whole text at once.
    pub(crate) fn all(&self) -> Told<'_> {
        Told {
            text: &self.text,
            tokens_before: 0,
            characters_before: 0,
            start: 0,
            ends: &self.ends,
        }
    }
}

impl Encoding {
    /// The bytes of each token of a text that is cut in one go.
    fn lengths(self, piece: &str) -> Vec<usize> {
        let tokenizer = self.tokenizer();
        let bytes = |token| {
            tokenizer
                .decode_bytes(&[token])
                .ok()
                .map(|bytes| bytes.len())
        };
        let tokens = self.encode(piece);
        let lengths = tokens.and_then(|tokens| tokens.into_iter().map(bytes).collect());
        // As a text is counted that no tokenizer can read: four bytes are a token.
        lengths.unwrap_or_else(|| piece.as_bytes().chunks(4).map(<[u8]>::len).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pieces::tests::fragments;
    use super::*;

    fn told(mut tokens: Tokens) -> (u64, String) {
        let mut text = String::new();
        let mut taken = 0;
        while tokens.left() > 0 {
            text.extend(tokens.next().map(|told| told.text));
            taken += 1;
        }
        (taken, text)
    }

    proptest! {
        #[test]
        fn a_text_is_told_whole_and_in_as_many_tokens_as_it_has(text in fragments()) {
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                let tokens = Tokens::of(encoding, text.clone());
                let bytes: Vec<u8> = tokens.all().tokens().flatten().copied().collect();
                prop_assert_eq!(&bytes, text.as_bytes());
                prop_assert_eq!(told(tokens), (encoding.count(&text) as u64, text.clone()));
            }
        }

        #[test]
        fn a_text_that_is_cut_off_is_its_beginning(text in fragments(), most in 0u64..80) {
            let mut tokens = Tokens::of(Encoding::O200k, text.clone());
            tokens.keep(most);
            let (taken, told) = told(tokens);
            prop_assert!(taken <= most);
            prop_assert!(text.starts_with(&told));
            prop_assert!(Encoding::O200k.count(&told) as u64 <= taken);
        }
    }

    #[test]
    fn half_a_character_is_not_told() {
        let text = "a\u{1fad8}";
        let whole = Tokens::of(Encoding::Cl100k, text.to_owned());
        assert!(whole.left() > 2, "{whole:?}");
        let mut cut = whole.clone();
        cut.keep(2);
        assert_eq!(told(cut), (1, "a".to_owned()));
        assert_eq!(told(whole).1, text);
    }
}
