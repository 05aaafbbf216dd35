//! [`Text`]: counts the tokens of a text that comes in parts, without keeping it.

use super::Encoding;
use super::tokens::last_boundary;

/// As much is kept uncounted, in bytes: a millisecond of work, and more than most answers have.
///
/// An answer that tells its usage at the end is then never counted at all.
const LONGEST_KEPT: usize = 16 * 1024;

/// A text as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// Of what is no longer kept.
    tokens: u64,
    kept: String,
}

impl Text {
    /// Adds a part.
    pub(super) fn push(&mut self, part: &str, encoding: Encoding) {
        self.kept.push_str(part);
        if self.kept.len() > LONGEST_KEPT {
            // Without a boundary a pre-token is cut; that is off by a token or two.
            let end = last_boundary(&self.kept).unwrap_or(self.kept.len());
            self.tokens += encoding.count(&self.kept[..end]);
            self.kept.drain(..end);
        }
    }

    /// Its tokens so far.
    pub(super) fn tokens(&self, encoding: Encoding) -> u64 {
        self.tokens + encoding.count(&self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_parts_has_the_tokens_of_the_whole() {
        let whole = "It didn't  jump over 12345 dogs.\n\n\tNor did it 跳. ".repeat(2_000);
        let mut text = Text::default();
        let mut rest = whole.as_str();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(rest.floor_char_boundary(7.min(rest.len())));
            text.push(part, Encoding::O200k);
            assert!(text.kept.len() <= LONGEST_KEPT);
            rest = after;
        }
        assert_eq!(text.tokens(Encoding::O200k), Encoding::O200k.count(&whole));
    }
}
