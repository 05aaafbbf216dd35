//! Breaking text into lines: at spaces for sentences, between parts for lists of facts.

use super::style::Style;
use super::table::width;

/// What stands between the facts of one line.
const SEPARATOR: &str = " · ";

/// `text` in lines of at most `columns`, broken at spaces; a longer word keeps its line.
pub(super) fn paragraph(text: &str, columns: usize) -> Vec<String> {
    fill(text.split_whitespace(), " ", columns)
}

/// `parts` in lines of at most `columns`, never broken within a part unless it is longer.
pub(super) fn facts(parts: &[String], columns: usize) -> Vec<String> {
    let filled = parts.iter().filter(|part| !part.is_empty());
    let lines = fill(filled.map(String::as_str), SEPARATOR, columns);
    let broken = lines.iter().flat_map(|line| paragraph(line, columns));
    broken.collect()
}

/// `lines` behind `first` on the first line and as many spaces on the others.
pub(super) fn hang(first: &str, lines: &[String]) -> Vec<String> {
    let blank = " ".repeat(width(first));
    let mut prefixes = std::iter::once(first).chain(std::iter::repeat(blank.as_str()));
    let hung = lines.iter().map(|line| {
        let prefix = prefixes.next().unwrap_or_default();
        format!("{prefix}{line}")
    });
    hung.collect()
}

/// Columns left of `style` behind `indent`.
pub(super) fn room(style: &Style, indent: usize) -> usize {
    style.width.saturating_sub(indent).max(20)
}

fn fill<'a>(pieces: impl Iterator<Item = &'a str>, between: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if width(line) + width(between) + width(piece) <= columns => {
                line.push_str(between);
                line.push_str(piece);
            }
            _ => lines.push(piece.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wrapping_keeps_every_word_and_the_width(text in "[a-z ]{0,200}", columns in 10usize..80) {
            let lines = paragraph(&text, columns);
            let words: Vec<_> = text.split_whitespace().collect();
            prop_assert_eq!(lines.join(" "), words.join(" "));
            prop_assert!(lines.iter().all(|line| width(line) <= columns || !line.contains(' ')));
        }
    }

    #[test]
    fn sentences_break_at_spaces_and_long_words_stay_whole() {
        let lines = paragraph(
            "the PTU spills to an-extraordinarily-long-name  at once",
            12,
        );
        assert_eq!(
            lines,
            [
                "the PTU",
                "spills to",
                "an-extraordinarily-long-name",
                "at once"
            ]
        );
    }

    #[test]
    fn facts_stay_together() {
        let parts = ["3 812 requests", "", "9 min", "seed 42"].map(str::to_owned);
        assert_eq!(facts(&parts, 24), ["3 812 requests · 9 min", "seed 42"]);
    }

    #[test]
    fn lines_hang_below_the_first() {
        let lines = ["a", "b"].map(str::to_owned);
        assert_eq!(hang("RR-1  ", &lines), ["RR-1  a", "      b"]);
    }
}
