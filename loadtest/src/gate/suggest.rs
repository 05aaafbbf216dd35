//! Which known word a misspelt one may have meant.

use std::ops::Range;

use super::SentenceError;

/// The error for `word`, which is no `kind`: what exists, and what may have been meant.
pub(crate) fn unknown(
    kind: &str,
    word: &str,
    known: &[&str],
    range: Range<usize>,
) -> SentenceError {
    let known_words: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
    let exist = match known_words.as_slice() {
        [] => "there is none".to_owned(),
        words => format!("expected {}", one_of(words)),
    };
    let error = SentenceError::new(range, format!("unknown {kind} `{word}`, {exist}"));
    match closest(word, known) {
        Some(meant) => error.with_help(format!("did you mean `{meant}`?")),
        None => error,
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The known word nearest to `word`, if no more than a third of it would have to change.
pub(crate) fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let nearest = known.iter().min_by_key(|known| distance(word, known))?;
    let permitted = word.chars().count().div_ceil(3).min(3);
    (distance(word, nearest) <= permitted).then_some(nearest)
}

/// Letters to insert, delete or replace to make `from` into `to`.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["requests", "refusals", "attempts"];
        assert_eq!(closest("request", &known), Some("requests"));
        assert_eq!(closest("atempts", &known), Some("attempts"));
        assert_eq!(closest("colour", &known), None);
    }

    #[test]
    fn distance_counts_single_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
