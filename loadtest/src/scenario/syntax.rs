//! [`SyntaxError`]: what the TOML parser says, in the words of an author.

use std::ops::Range;

/// A syntax error of one text, at an offset into [`Sources`](super::source::Sources).
#[derive(Clone, Debug)]
pub(super) struct SyntaxError {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// The errors of `text`, which starts at the offset `start`, without those that only follow.
pub(super) fn errors(text: &str, errors: &[toml::de::Error], start: usize) -> Vec<SyntaxError> {
    let mut found = Vec::new();
    let mut repeated_table: Option<Range<usize>> = None;
    for error in errors {
        let span = error.span().unwrap_or(text.len()..text.len());
        let span = span.start.min(text.len())..span.end.min(text.len());
        let is_repeated = error.message() == "duplicate key";
        // The keys below a repeated header are compared with those below the first.
        if is_repeated
            && repeated_table
                .as_ref()
                .is_some_and(|table| table.contains(&span.start))
        {
            continue;
        }
        if is_repeated && line(text, span.start).starts_with('[') {
            repeated_table = Some(span.start..table_end(text, span.start));
        }
        let (message, help) = in_words(error.message(), text, &span);
        let span = span.start + start..span.end + start;
        found.push(SyntaxError {
            span,
            message,
            help,
        });
    }
    found
}

fn in_words(message: &str, text: &str, span: &Range<usize>) -> (String, Option<String>) {
    let found = text.get(span.clone()).unwrap_or_default();
    match message {
        "duplicate key" if line(text, span.start).starts_with('[') => (
            format!("there is a table `{found}` already"),
            Some("put all its keys below one header".to_owned()),
        ),
        "duplicate key" => (
            format!("`{found}` is set already in this table"),
            Some("remove one of them".to_owned()),
        ),
        "string values must be quoted, expected literal string" => {
            let is_word = !found.contains(char::is_whitespace);
            let quoted = is_word.then(|| format!("text stands in quotes: \"{found}\""));
            (format!("expected a value, found `{found}`"), quoted)
        }
        "invalid basic string, expected `\"`" => (
            "the text that starts in this line has no closing quotes".to_owned(),
            Some(format!("{}\"", line(text, span.start).trim())),
        ),
        other => (other.to_owned(), None),
    }
}

/// The line that holds `offset`.
fn line(text: &str, offset: usize) -> &str {
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    text[start..].lines().next().unwrap_or_default()
}

/// Where the table whose header holds `offset` ends: at the next header, or with the text.
fn table_end(text: &str, offset: usize) -> usize {
    text[offset..]
        .find("\n[")
        .map_or(text.len(), |next| offset + next)
}
