//! Cuts a long text into pieces whose token counts add up to that of the whole.
//!
//! A tokenizer first splits a text into pre-tokens by a regular expression and then merges
//! bytes within each. The expression looks at most one character ahead and never back, so
//! cutting exactly between two pre-tokens changes no count. Where such a place is follows from
//! the expressions of cl100k and o200k without running them: none of their alternatives
//! continues from a letter or digit into white space or from an ideograph into a full stop,
//! none that ends at a line feed continues into a letter or digit, and none goes on at a space.
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
    let end = text.floor_char_boundary(LONGEST);
    let boundary = boundaries(text, end).next();
    boundary
        .or_else(|| digit_boundary(text.as_bytes()))
        .unwrap_or(end)
}

/// The boundaries up to `end`, the last first.
fn boundaries(text: &str, end: usize) -> impl Iterator<Item = usize> {
    let mut after = text[end..].chars().next();
    text[..end]
        .char_indices()
        .rev()
        .filter_map(move |(at, before)| {
            let next = after.replace(before)?;
            is_boundary(before, next).then_some(at + before.len_utf8())
        })
}

/// Whether a pre-token always ends between `before` and `after`.
fn is_boundary(before: char, after: char) -> bool {
    let from_word = is_word(before) && (is_white(after) || is_mark(after));
    let from_line = before == '\n' && is_word(after);
    // White space joins what follows it, never what stands before it, unless that is white too.
    let to_space = !before.is_whitespace() && matches!(after, ' ' | '\t');
    from_word || from_line || to_space
}

/// Letters and digits of ASCII, and the letters of scripts that are written without spaces and
/// without combining marks.
fn is_word(c: char) -> bool {
    let is_letter = matches!(c, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='龥' | '가'..='힣');
    c.is_ascii_alphanumeric() || is_letter
}

/// Punctuation of the same scripts.
fn is_mark(c: char) -> bool {
    matches!(c, '、' | '。' | '！' | '，' | '：' | '；' | '？')
}

/// Space, tab and line breaks; the vertical tab is white space too but not to everyone.
fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
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
            Just("日本語テキスト。".to_owned()),
            "[一-丐。，ぁ-おア-オ가-갛]{1,9}",
            "[а-яА-Я́]{1,9}",
            "[ء-ي\\u{64b}-\\u{652}]{1,9}",
            "[क-ह\\u{93e}-\\u{94d}]{1,9}",
            "[ก-ฮ\\u{e31}-\\u{e3a}]{1,9}",
            "[\\u{a0}\\u{3000}\\u{2003}\\u{85} ]{1,4}",
            Just("👩‍👩‍👧 é\u{301}".to_owned()),
            Just("<|endoftext|>".to_owned()),
        ];
        prop::collection::vec(fragment, 1..60).prop_map(|fragments| fragments.concat())
    }

    proptest! {
        #[test]
        fn cutting_at_a_boundary_never_changes_the_count(text in fragments()) {
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                let whole = encoding.count_piece(&text);
                for at in boundaries(&text, text.len()) {
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

    /// "All human beings are born free", the first words of the declaration of human rights, and
    /// what else a text may be made of.
    const SAMPLES: [&str; 20] = [
        "The quick brown fox, 1234 times.\n\tIt didn't  jump. ",
        "Все люди рождаются свободными и равными в своем достоинстве. ",
        "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι. ",
        "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. ",
        "כל בני האדם נולדו בני חורין. ",
        "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है। ",
        "সমস্ত মানুষ স্বাধীনভাবে জন্মগ্রহণ করে। ",
        "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர். ",
        "มนุษย์ทั้งหลายเกิดมามีอิสระ และเสมอภาคกัน ",
        "人人生而自由，在尊严和权利上一律平等。",
        "すべての人間は、生まれながらにして自由である。",
        "모든 인간은 태어날 때부터 자유로우며 동등하다. ",
        "ყველა ადამიანი იბადება თავისუფალი. ",
        "Բոլոր մարդիկ ծնվում են ազատ. ",
        "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብር እኩል ነው። ",
        "Tất cả mọi người sinh ra đều được tự do. ",
        "👩‍👩‍👧 🏳️‍🌈 🇩🇪 👍🏽 é\u{301} ",
        "<|endoftext|><|im_start|> <|fim_prefix|>",
        "fn main() {\r\n\t\tlet x = [1_000, 0xff]; // …\r\n}\r\n",
        "𝒜𝓁𝓁 𐌰𐌻𐌻 𓀀𓀁 \u{1b}\u{7f}\u{fffd} ",
    ];

    #[test]
    fn every_script_counts_as_the_tokenizer_says() {
        let all = SAMPLES.concat();
        let long = |sample: &str| sample.repeat(3 * LONGEST / 2 / sample.len());
        let texts = SAMPLES.iter().map(|sample| long(sample));
        // The last has more than 100,000 tokens.
        for text in texts.chain([String::new(), all.clone(), all.repeat(300)]) {
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                let whole = encoding.encode(&text).map(|tokens| tokens.len());
                let head: String = text.chars().take(20).collect();
                assert_eq!(Some(encoding.count(&text)), whole, "{encoding:?}: {head}");
            }
        }
        assert!(Encoding::O200k.count(&all.repeat(300)) > 100_000);
    }

    #[test]
    fn a_long_number_is_cut_between_groups_of_three() {
        let digits = "1234567".repeat(30_000);
        assert_eq!(Encoding::Cl100k.count(&digits), digits.len().div_ceil(3));
        assert_eq!(Encoding::O200k.count(&digits), digits.len().div_ceil(3));
    }

    #[test]
    fn a_million_spaces_count_as_the_tokenizer_says_where_it_can() {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            for run in [LONGEST + 1, 3 * LONGEST + 77, 400_000, 1_000_000] {
                let spaces = " ".repeat(run);
                // A hundred and twenty-eight spaces are a token. The crate panics on a million in
                // o200k; nothing but its counting of fewer says what it should say.
                let expected = run.div_ceil(128);
                assert_eq!(encoding.count(&spaces), expected, "{encoding:?}: {run}");
                let said = encoding.encode(&spaces).map(|tokens| tokens.len());
                let is_beyond_it = encoding == Encoding::O200k && run == 1_000_000;
                assert_eq!(
                    said,
                    (!is_beyond_it).then_some(expected),
                    "{encoding:?}: {run}"
                );
            }
        }
    }
}
