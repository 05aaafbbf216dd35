//! A configuration file as text: read section by section, so that all mistakes show at once.
//!
//! Deserialising the file whole would stop at the first mistake. Here each entry of each table
//! is deserialised by itself, from a document that still knows its positions.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::{ConfigError, Diagnostic, GatewayConfig};

/// The keys a file may have at its top.
const SECTIONS: &str =
    "expected one of `seed`, `subscriptions`, `backends`, `apis`, `helpers`, `probers`";

pub(super) fn parse(name: &str, text: &str) -> Result<GatewayConfig, Vec<Diagnostic>> {
    let mut reader = Reader {
        name,
        text,
        mistakes: Vec::new(),
    };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.report(error.span(), error.message());
    }
    // After a mistake of syntax the rest is guesswork, and so would be its diagnostics.
    if errors.is_empty() {
        let config = reader.config(document.into_inner());
        if reader.mistakes.is_empty() {
            return Ok(config);
        }
    }
    Err(in_order(reader.mistakes))
}

pub(super) fn locate(name: &str, text: &str, errors: &[ConfigError]) -> Vec<Diagnostic> {
    let (document, _) = DeTable::parse_recoverable(text);
    let place = |error: &ConfigError| {
        Diagnostic::new(name, text, span_of(&document, &error.path), &error.message)
            .help(error.help.clone())
    };
    in_order(errors.iter().map(place).collect())
}

/// The bytes of the value at `path`, or of the deepest table on the way that exists.
fn span_of(document: &Spanned<DeTable<'_>>, path: &[String]) -> Option<Range<usize>> {
    let mut table = document.get_ref();
    let mut span = None;
    for (depth, key) in path.iter().enumerate() {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
            break;
        };
        // A table under its own header is shown by its name: its value is many lines.
        let is_last = depth + 1 == path.len();
        span = Some(if is_last && !value.get_ref().is_table() {
            value.span()
        } else {
            name.span()
        });
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    span
}

/// `message` in the words of a configuration file instead of those of a programming language.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 7] = [
        ("unknown field", "unknown key"),
        ("unknown variant", "unknown choice"),
        ("missing field", "missing key"),
        (
            "expected a nonzero usize",
            "expected a whole number above 0",
        ),
        ("expected a map", "expected a table"),
        ("expected u64", "expected a whole number"),
        ("expected u32", "expected a whole number"),
    ];
    let replace = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    WORDS.into_iter().fold(message.to_owned(), replace)
}

fn in_order(mut mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    mistakes.sort_by_key(Diagnostic::position);
    mistakes
}

/// Collects mistakes while it reads on.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    mistakes: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn report(&mut self, span: Option<Range<usize>>, message: &str) {
        self.mistakes
            .push(Diagnostic::new(self.name, self.text, span, message));
    }

    fn config(&mut self, document: DeTable<'_>) -> GatewayConfig {
        let mut config = GatewayConfig::default();
        for (key, value) in document {
            match key.get_ref().as_ref() {
                "seed" => config.seed = self.value(value).unwrap_or_default(),
                "subscriptions" => config.subscriptions = self.table(value),
                "backends" => config.backends = self.table(value),
                "apis" => config.apis = self.table(value),
                "helpers" => config.helpers = self.table(value),
                "probers" => config.probers = self.table(value),
                unknown => {
                    self.report(
                        Some(key.span()),
                        &format!("unknown key `{unknown}`, {SECTIONS}"),
                    );
                }
            }
        }
        config
    }

    /// The entries of a table of named things; those that are wrong are reported and left out.
    fn table<T: for<'de> Deserialize<'de>>(
        &mut self,
        value: Spanned<DeValue<'_>>,
    ) -> BTreeMap<String, T> {
        let span = value.span();
        let DeValue::Table(entries) = value.into_inner() else {
            self.report(Some(span), "expected a table of named entries");
            return BTreeMap::new();
        };
        let read = |(name, value): (Spanned<_>, _)| {
            let name: std::borrow::Cow<'_, str> = name.into_inner();
            self.value(value).map(|value| (name.into_owned(), value))
        };
        entries.into_iter().filter_map(read).collect()
    }

    fn value<T: for<'de> Deserialize<'de>>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(read) => Some(read),
            Err(error) => {
                self.report(error.span().or(Some(span)), &plain(error.message()));
                None
            }
        }
    }
}
