//! [`Complaint`]: what serde says about a value, in the words of a scenario's author.
//!
//! serde speaks of structs, variants, maps and `u32`. Its few sentences are taken apart here,
//! once, so that a derived type needs no messages of its own. A sentence that is not known
//! stays as it is: those are the ones our own types wrote.

use clock::Span;

use super::hints;

/// What is wrong with one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Complaint {
    /// A key that the table does not have, and those it has.
    UnknownKey {
        /// The key.
        key: String,
        /// The keys there are.
        known: Vec<String>,
    },
    /// A word that is not among those possible.
    UnknownWord {
        /// The word.
        word: String,
        /// The words there are.
        known: Vec<String>,
    },
    /// A key that the table must have.
    Missing(String),
    /// A value of another kind or out of range.
    Unfit {
        /// What was expected.
        expected: String,
        /// What was found, as it is written in the file.
        found: String,
    },
    /// A table that should have exactly one key.
    NotOne,
    /// Any other sentence.
    Other(String),
}

impl Complaint {
    /// Takes `message` apart.
    pub(super) fn new(message: &str) -> Self {
        if let Some(rest) = message.strip_prefix("unknown field ") {
            let (key, known) = word_and_known(rest);
            return Self::UnknownKey { key, known };
        }
        if let Some(rest) = message.strip_prefix("unknown variant ") {
            let (word, known) = word_and_known(rest);
            return Self::UnknownWord { word, known };
        }
        if let Some(rest) = message.strip_prefix("missing field ") {
            return Self::Missing(rest.trim_matches('`').to_owned());
        }
        let unfit = ["invalid type: ", "invalid value: ", "invalid length "];
        let rest = unfit.iter().find_map(|start| message.strip_prefix(start));
        match rest.and_then(|rest| rest.rsplit_once(", expected ")) {
            Some((found, expected)) => Self::Unfit {
                expected: expected_in_words(expected),
                found: found_as_written(found),
            },
            None if message.starts_with("wanted exactly 1 element") => Self::NotOne,
            None if message == "wanted string or table" => {
                Self::Other("expected a word in quotes or a table".to_owned())
            }
            None => Self::Other(message.to_owned()),
        }
    }
}

/// The word and the list of "`x`, expected one of `a`, `b`".
fn word_and_known(rest: &str) -> (String, Vec<String>) {
    let mut quoted = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    let word = quoted.next().unwrap_or_default();
    (word, quoted.collect())
}

/// serde's names of types as an author would say them.
fn expected_in_words(expected: &str) -> String {
    let words = match expected {
        "a string" | "string" => "text in quotes",
        "a boolean" => "`true` or `false`",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "a nonzero u16" | "a nonzero u32" | "a nonzero u64" | "a nonzero usize" => {
            "a whole number of 1 or more"
        }
        "f64" => "a number",
        "a map" => "a table",
        "a sequence" => "a list in [ ]",
        other if other.starts_with("struct ") || other.starts_with("internally tagged") => {
            "a table"
        }
        other => other,
    };
    words.to_owned()
}

/// serde's description of a value as it stands in the file.
fn found_as_written(found: &str) -> String {
    let inner = |text: &str| format!("`{}`", text.trim_matches('`'));
    if let Some(text) = found.strip_prefix("string ") {
        return format!("`{text}`");
    }
    let scalar = ["integer ", "floating point ", "boolean "];
    if let Some(value) = scalar.iter().find_map(|start| found.strip_prefix(start)) {
        return inner(value);
    }
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

/// A corrected line for the value of `key`, where quotes or their absence are the whole mistake.
pub(super) fn corrected(key: &str, expected: &str, found: &str) -> Option<String> {
    let bare = found.strip_prefix('`')?.strip_suffix('`')?;
    let text = bare.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    if expected.starts_with("a duration") {
        return duration(key, text.unwrap_or(bare));
    }
    let is_scalar = |text: &str| text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok();
    match text {
        None if expected == "text in quotes" => Some(format!("{key} = \"{bare}\"")),
        Some(text) if expected.starts_with("a list") => Some(format!("{key} = [\"{text}\"]")),
        Some(text) if is_scalar(text) && expected != "text in quotes" => {
            Some(format!("{key} = {text}"))
        }
        _ => None,
    }
}

/// A number that lacks its unit, or a duration with spaces in it.
fn duration(key: &str, found: &str) -> Option<String> {
    let dense: String = found.split_whitespace().collect();
    if dense == key {
        // A key that is a duration itself, as in `do = { 60 = "swap" }`.
        return Some(format!("\"{dense}s\" or \"{dense}ms\""));
    }
    if dense.parse::<f64>().is_ok_and(|number| number >= 0.0) {
        return Some(format!("{key} = \"{dense}s\" or {key} = \"{dense}ms\""));
    }
    let is_duration = dense.parse::<Span>().is_ok();
    is_duration.then(|| format!("{key} = \"{dense}\""))
}

/// How the value of `key` is written, for keys that people forget or write otherwise.
pub(super) fn example(key: &str) -> Option<String> {
    const EXAMPLES: [&str; 8] = [
        "operation = \"chat_completions\"",
        "deployment = \"NAME\"",
        "name = \"steady\"",
        "users = { NAME = 2 }",
        "requests_per_second = { NAME = 20 }",
        "do = { \"0s\" = \"NAME\" }",
        "headers = { x-priority = \"low\" }",
        "latency = { time_to_first_token = \"200ms\", per_token = \"20ms\" }",
    ];
    let is_of_key = |example: &&str| example.starts_with(&format!("{key} = "));
    EXAMPLES.into_iter().find(is_of_key).map(str::to_owned)
}

/// A sentence for a word that is not among `known`.
pub(super) fn unknown_word(word: &str, known: &[String]) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    format!("expected {}, found `{word}`", hints::one_of(&known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_comes_with_the_keys_there_are() {
        assert_eq!(
            Complaint::new("unknown field `x`, expected one of `a`, `b`"),
            Complaint::UnknownKey {
                key: "x".to_owned(),
                known: vec!["a".to_owned(), "b".to_owned()],
            }
        );
    }

    #[test]
    fn types_are_said_in_words() {
        let unfit = |message| match Complaint::new(message) {
            Complaint::Unfit { expected, found } => format!("{expected}; {found}"),
            other => format!("{other:?}"),
        };
        insta::assert_snapshot!(unfit("invalid type: integer `5`, expected a string"), @"text in quotes; `5`");
        insta::assert_snapshot!(unfit("invalid type: string \"5\", expected u32"), @r#"a whole number of 0 or more; `"5"`"#);
        insta::assert_snapshot!(unfit("invalid value: integer `0`, expected a nonzero u64"), @"a whole number of 1 or more; `0`");
        insta::assert_snapshot!(unfit("invalid type: map, expected a sequence"), @"a list in [ ]; a table");
    }

    #[test]
    fn quotes_too_few_or_too_many_are_corrected() {
        let corrected = |expected, found| corrected("key", expected, found).unwrap_or_default();
        insta::assert_snapshot!(corrected("text in quotes", "`5`"), @r#"key = "5""#);
        insta::assert_snapshot!(corrected("a whole number of 0 or more", "`\"5\"`"), @"key = 5");
        insta::assert_snapshot!(corrected("a list in [ ]", "`\"a\"`"), @r#"key = ["a"]"#);
        insta::assert_snapshot!(corrected("a duration with its unit", "`1`"), @r#"key = "1s" or key = "1ms""#);
        insta::assert_snapshot!(corrected("a duration with its unit", "`60 s`"), @r#"key = "60s""#);
    }
}
