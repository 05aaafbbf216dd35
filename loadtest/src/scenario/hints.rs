//! Words for the way out: what may have been meant, what there is, where a key belongs.

use toml::de::DeValue;

use super::diagnostic::Diagnostic;
use crate::gate::suggest::distance;

/// Keys that belong at the top of the file, before the first table header.
pub(super) const TOP_KEYS: [&str; 7] = [
    "format",
    "about",
    "source",
    "tags",
    "seed",
    "speed",
    "starts_at",
];

/// The help for a top-level key that stands below a table header.
pub(super) fn strayed(key: &str) -> Option<String> {
    TOP_KEYS.contains(&key).then(|| {
        format!(
            "move `{key}` to the top of the file: below a [table] header a key is part of that table"
        )
    })
}

/// Adds the nearest of `known` as help, or the whole list where nothing is near.
pub(super) fn did_you_mean<'a>(
    diagnostic: Diagnostic,
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    match (nearest(word, &known), known.as_slice()) {
        (Some(candidate), _) => diagnostic.help(format!("did you mean `{candidate}`?")),
        (None, []) => diagnostic,
        (None, [only]) => diagnostic.help(format!("there is only `{only}`")),
        (None, several) => diagnostic.help(format!("there are {}", list(several))),
    }
}

/// The known word that `word` is a slip of, if one is near enough.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // A word that somebody left unfinished is nearer than any other slip.
    let is_start = |candidate: &str| word.len() > 2 && candidate.starts_with(word);
    let far = |candidate: &str| {
        if is_start(candidate) {
            1
        } else {
            distance(word, candidate)
        }
    };
    known
        .iter()
        .map(|candidate| (far(candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

/// What was found where a table or a sentence was expected.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Of a help that lists many words, only the one that the end of `message` is a slip of.
pub(super) fn nearest_of_list(message: &str, help: &str) -> Option<String> {
    let (_, list) = help.split_once(" are ")?;
    let known: Vec<&str> = list
        .split(", ")
        .map(|word| word.trim_matches('`'))
        .collect();
    let (_, word) = message.strip_suffix('`')?.rsplit_once('`')?;
    nearest(word, &known).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// `a`, `a and b`, `a, b and c`, each in backticks.
pub(super) fn list(words: &[&str]) -> String {
    joined(words, "and")
}

/// `a`, `a or b`, `a, b or c`, each in backticks.
pub(super) fn one_of(words: &[&str]) -> String {
    joined(words, "or")
}

fn joined(words: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("client", &["clients", "gates"]), Some("clients"));
        assert_eq!(nearest("colour", &["clients", "gates"]), None);
        let models = ["gpt-4.1", "gpt-3.5-turbo"];
        assert_eq!(nearest("gpt-3.5", &models), Some("gpt-3.5-turbo"));
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(list(&["a"]), "`a`");
        assert_eq!(list(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(one_of(&["a", "b"]), "`a` or `b`");
    }
}
