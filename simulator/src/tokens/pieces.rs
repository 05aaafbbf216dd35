//! Cuts a long text into pieces whose token counts add up to that of the whole.
//!
//! A tokenizer first splits a text into pre-tokens by a regular expression and then merges
//! bytes within each. The expression looks at most one character ahead and never back, so
//! cutting exactly between two pre-tokens changes no count. Where such a place is follows from
//! the expressions of cl100k and o200k without running them: none of their alternatives
//! continues from an ASCII letter or digit into ASCII white space, and none that ends at a
//! line feed continues into a letter or digit.
//!
//! Why cut at all: the expression engine gives up, by a panic, on a megabyte of spaces, and a
//! piece is a bounded amount of work.

/// The longest piece, in bytes. Long enough that cutting costs nothing, short enough that the
/// expression engine's backtracking stays far below its limit of a million steps.
pub(super) const LONGEST: usize = 64 * 1024;

/// The pieces of `text` in order, none longer than [`LONGEST`].
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(cut(rest));
        rest = after;
        Some(piece)
    })
}

/// Where the first piece of `text` ends: at a boundary if its first [`LONGEST`] bytes have one.
///
/// A single pre-token longer than that (an unbroken run of one kind of character) is cut
/// anyway; its count can then be off by a token or two per cut.
fn cut(text: &str) -> usize {
    if text.len() <= LONGEST {
        return text.len();
    }
    let bytes = text.as_bytes();
    let boundary = (1..=LONGEST)
        .rev()
        .find(|&at| is_boundary(bytes[at - 1], bytes[at]));
    boundary
        .or_else(|| digit_boundary(bytes))
        .unwrap_or_else(|| text.floor_char_boundary(LONGEST))
}

/// Whether a pre-token always ends between `before` and `after`.
fn is_boundary(before: u8, after: u8) -> bool {
    let from_word = before.is_ascii_alphanumeric() && is_white(after);
    let from_line = before == b'\n' && after.is_ascii_alphanumeric();
    from_word || from_line
}

/// Space, tab and line breaks; the vertical tab is white space too but not to everyone.
fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The last multiple of three digits where `text` begins with digits only: they are split in threes.
fn digit_boundary(text: &[u8]) -> Option<usize> {
    let end = LONGEST - LONGEST % 3;
    text[..LONGEST]
        .iter()
        .all(u8::is_ascii_digit)
        .then_some(end)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::Encoding;
    use super::*;

    /// Scripts, emoji, contractions, runs of spaces, line ends, punctuation and digits.
    pub(in crate::tokens) fn fragments() -> impl Strategy<Value = String> {
        let fragment = prop_oneof![
            "[a-zA-Z']{1,12}",
            "[0-9]{1,9}",
            "[ \t\r\n]{1,9}",
            "[!-/:-@]{1,5}",
            "\\PC{1,6}",
            Just("don't ".to_owned()),
            Just("日本語テキスト".to_owned()),
            Just("👩‍👩‍👧 é\u{301}".to_owned()),
            Just("<|endoftext|>".to_owned()),
        ];
        prop::collection::vec(fragment, 1..60).prop_map(|fragments| fragments.concat())
    }

    proptest! {
        #[test]
        fn cutting_at_a_boundary_never_changes_the_count(text in fragments()) {
            let bytes = text.as_bytes();
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                let whole = encoding.count_piece(&text);
                for at in (1..bytes.len()).filter(|&at| is_boundary(bytes[at - 1], bytes[at])) {
                    let (left, right) = text.split_at(at);
                    let parts = encoding.count_piece(left) + encoding.count_piece(right);
                    prop_assert_eq!(parts, whole, "{:?} | {:?}", left, right);
                }
            }
        }

        #[test]
        fn pieces_are_short_and_make_up_the_text(text in fragments(), times in 1usize..4_000) {
            let long = text.repeat(times.min(400_000 / text.len()).max(1));
            prop_assert!(pieces(&long).all(|piece| piece.len() <= LONGEST));
            prop_assert_eq!(pieces(&long).collect::<String>(), long);
        }
    }

    #[test]
    fn a_long_text_counts_as_its_parts_say() {
        let text = "The quick brown fox, 1234 times.\n\tIt didn't  jump. ".repeat(5_000);
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            assert_eq!(encoding.count(&text), encoding.count_piece(&text));
        }
    }

    #[test]
    fn a_long_number_is_cut_between_groups_of_three() {
        let digits = "1234567".repeat(30_000);
        assert_eq!(Encoding::Cl100k.count(&digits), digits.len().div_ceil(3));
        assert_eq!(Encoding::O200k.count(&digits), digits.len().div_ceil(3));
    }

    #[test]
    fn a_million_spaces_are_counted_without_a_panic() {
        let spaces = " ".repeat(1_000_000);
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            let count = encoding.count(&spaces);
            assert!((1_000..20_000).contains(&count), "{count}");
        }
    }
}
