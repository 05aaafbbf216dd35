//! Sentence to tokens, each with its bytes.
//!
//! Words are generous: `payg-1`, `p99.9` and `gpt-4.1-mini` are one word each. A minus between
//! values therefore stands between spaces, as people write it anyway. What stands between single
//! quotes is one word too: `'East US'`.

use std::ops::Range;

use super::SentenceError;

/// A token and its bytes in the sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) range: Range<usize>,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A word or a name.
    Word,
    /// A number without a unit.
    Number(f64),
    /// A percentage, as a part of one.
    Percent(f64),
    /// A duration in microseconds.
    Micros(f64),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the sentence.
    End,
}

/// Symbols, longer ones first where one begins another.
const SYMBOLS: [&str; 27] = [
    "...", "…", "..", "==", "!=", "<=", ">=", "=", "<", ">", "{", "}", "[", "]", "(", ")", ",",
    "|", ":", "*", "+", "?", "-", "/", ".", "%", "–",
];

/// Durations by suffix, in microseconds.
const UNITS: [(&str, u64); 6] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Tokens of `text`, the last one being [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, SentenceError> {
    let mut tokens = vec![];
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        let token = if next == '\'' {
            quoted(text, at)?
        } else {
            token(text, at)?
        };
        at = token.range.end + usize::from(next == '\'');
        tokens.push(token);
    }
    tokens.push(Token {
        kind: TokenKind::End,
        range: text.len()..text.len(),
    });
    Ok(tokens)
}

/// The word between the quote at `at` and the next one.
fn quoted(text: &str, at: usize) -> Result<Token, SentenceError> {
    let start = at + 1;
    match text[start..].find('\'') {
        Some(length) if length > 0 => Ok(Token {
            kind: TokenKind::Word,
            range: start..start + length,
        }),
        Some(_) => Err(SentenceError::new(at..start + 1, "the quotes are empty")),
        None => Err(SentenceError::new(at..text.len(), "the quote never ends")),
    }
}

fn token(text: &str, at: usize) -> Result<Token, SentenceError> {
    let rest = &text[at..];
    let length = word_length(rest);
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(number(text, at, length));
    }
    if length > 0 {
        return Ok(Token {
            kind: TokenKind::Word,
            range: at..at + length,
        });
    }
    let symbol = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
    symbol.map_or_else(
        || {
            let stray = rest.chars().next().unwrap_or_default();
            let range = at..at + stray.len_utf8();
            Err(SentenceError::new(
                range,
                format!("no sentence uses the character `{stray}`"),
            ))
        },
        |symbol| {
            Ok(Token {
                kind: TokenKind::Symbol(symbol),
                range: at..at + symbol.len(),
            })
        },
    )
}

/// Bytes of the word at the start of `rest`: letters, digits and `_`, joined by single `-`, `.` or `/`.
fn word_length(rest: &str) -> usize {
    let is_inner = |c: char| c.is_alphanumeric() || c == '_';
    let mut length = 0;
    let mut chars = rest.char_indices().peekable();
    while let Some((index, c)) = chars.next() {
        let joins = matches!(c, '-' | '.' | '/')
            && length > 0
            && chars.peek().is_some_and(|(_, next)| is_inner(*next));
        if !is_inner(c) && !joins {
            break;
        }
        length = index + c.len_utf8();
    }
    length
}

/// A number with its unit; a word that merely starts with a digit stays a word.
fn number(text: &str, at: usize, word_length: usize) -> Token {
    let rest = &text[at..];
    let digits = digits_length(rest);
    let suffix = &rest[digits..word_length.max(digits)];
    let written = Decimal::read(&rest[..digits]);
    let end = at + digits + suffix.len();
    if suffix.is_empty() {
        let after = rest[digits..].trim_start();
        if after.starts_with('%') {
            let end = text.len() - after.len() + 1;
            return Token {
                kind: TokenKind::Percent(written.over(100)),
                range: at..end,
            };
        }
        return Token {
            kind: TokenKind::Number(written.over(1)),
            range: at..end,
        };
    }
    let unit = UNITS.into_iter().find(|(name, _)| *name == suffix);
    Token {
        kind: unit.map_or(TokenKind::Word, |(_, micros)| {
            TokenKind::Micros(written.times(micros))
        }),
        range: at..end,
    }
}

/// Bytes of the digits at the start of `rest`, with `_` between and at most one decimal point.
fn digits_length(rest: &str) -> usize {
    let whole = rest
        .bytes()
        .take_while(|b| b.is_ascii_digit() || *b == b'_')
        .count();
    let part = rest[whole..].strip_prefix('.').map_or(0, |part| {
        part.bytes().take_while(u8::is_ascii_digit).count()
    });
    if part == 0 { whole } else { whole + 1 + part }
}

/// Decimal digits, kept whole so that `99.5 %` and 199 of 200 are the same number.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u64,
    scale: u64,
}

impl Decimal {
    fn read(text: &str) -> Self {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let mut decimal = Self {
            digits: 0,
            scale: 1,
        };
        // Eighteen digits fit; more precision than that is noise.
        for byte in whole.bytes().chain(part.bytes()).filter(u8::is_ascii_digit) {
            decimal.digits = decimal
                .digits
                .saturating_mul(10)
                .saturating_add(u64::from(byte - b'0'));
        }
        for _ in part.bytes() {
            decimal.scale = decimal.scale.saturating_mul(10);
        }
        decimal
    }

    #[expect(clippy::cast_precision_loss, reason = "literals are small")]
    fn over(self, divisor: u64) -> f64 {
        self.digits as f64 / self.scale.saturating_mul(divisor) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "literals are small")]
    fn times(self, factor: u64) -> f64 {
        self.digits.saturating_mul(factor) as f64 / self.scale as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let tokens = tokens(text).unwrap();
        tokens
            .into_iter()
            .filter(|token| token.kind != TokenKind::End)
            .map(|token| (token.kind, &text[token.range]))
            .collect()
    }

    #[test]
    fn names_keep_their_hyphens_and_dots() {
        use TokenKind::{Symbol, Word};
        assert_eq!(
            kinds("backend=payg-1, gpt-4.1-mini payg-1? ."),
            [
                (Word, "backend"),
                (Symbol("="), "="),
                (Word, "payg-1"),
                (Symbol(","), ","),
                (Word, "gpt-4.1-mini"),
                (Word, "payg-1"),
                (Symbol("?"), "?"),
                (Symbol("."), "."),
            ]
        );
    }

    #[test]
    fn numbers_know_their_units_and_ranges_end_them() {
        use TokenKind::{Micros, Number, Percent, Symbol};
        assert_eq!(
            kinds("66_500..72_500 99.5 % 1.3s..2m 0.5"),
            [
                (Number(66_500.0), "66_500"),
                (Symbol(".."), ".."),
                (Number(72_500.0), "72_500"),
                (Percent(0.995), "99.5 %"),
                (Micros(1_300_000.0), "1.3s"),
                (Symbol(".."), ".."),
                (Micros(120_000_000.0), "2m"),
                (Number(0.5), "0.5"),
            ]
        );
    }

    #[test]
    fn a_percentage_equals_the_fraction_it_stands_for() {
        assert_eq!(kinds("62.3 %")[0].0, TokenKind::Percent(623.0 / 1_000.0));
    }

    #[test]
    fn a_word_may_start_with_a_digit() {
        assert_eq!(kinds("2nd-phase"), [(TokenKind::Word, "2nd-phase")]);
    }

    #[test]
    fn a_word_in_quotes_keeps_its_spaces() {
        use TokenKind::{Symbol, Word};
        let expected = [
            (Word, "header.x-ms-region"),
            (Symbol("="), "="),
            (Word, "East US"),
            (Symbol("}"), "}"),
        ];
        assert_eq!(kinds("header.x-ms-region='East US'}"), expected);
        assert_eq!(tokens("a='b").unwrap_err().range, 2..4);
    }

    #[test]
    fn a_stray_character_is_an_error_at_its_place() {
        let error = tokens("requests § 3").unwrap_err();
        assert_eq!(error.range, 9..11);
        assert_eq!(error.message, "no sentence uses the character `§`");
    }
}
