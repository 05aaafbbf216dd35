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
const SECTIONS: &str = "expected one of `seed`, `client_ip_header`, `products`, `subscriptions`, \
                        `backends`, `apis`, `helpers`, `probers`, `usage`";

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
        Diagnostic::new(
            name,
            text,
            span_of(document.get_ref(), &error.path),
            &error.message,
        )
        .help(error.help.clone())
    };
    in_order(errors.iter().map(place).collect())
}

/// The bytes of the value at `path`, or of the deepest table or list on the way that exists; an
/// entry of a list is named by its index.
fn span_of(table: &DeTable<'_>, path: &[String]) -> Option<Range<usize>> {
    let (key, rest) = path.split_first()?;
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    // A table under its own header is shown by its name: its value is many lines.
    let is_value = rest.is_empty() && !value.get_ref().is_table();
    let own = if is_value { value.span() } else { name.span() };
    span_within(value.get_ref(), rest).or(Some(own))
}

fn span_within(value: &DeValue<'_>, path: &[String]) -> Option<Range<usize>> {
    match value {
        DeValue::Table(table) => span_of(table, path),
        DeValue::Array(entries) => {
            let (index, rest) = path.split_first()?;
            let entry = entries.get(index.parse::<usize>().ok()?)?;
            span_within(entry.get_ref(), rest).or(Some(entry.span()))
        }
        _ => None, // Nothing is inside of it.
    }
}

/// `message` in the words of a configuration file instead of those of a programming language.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 10] = [
        ("unknown field", "unknown key"),
        ("unknown variant", "unknown choice"),
        ("missing field", "missing key"),
        (
            "expected a nonzero usize",
            "expected a whole number above 0",
        ),
        ("expected a map", "expected a table"),
        ("expected a nonzero u32", "expected a whole number above 0"),
        ("expected a nonzero u64", "expected a whole number above 0"),
        ("expected a sequence", "expected a list"),
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
                "client_ip_header" => config.client_ip_header = self.value(value),
                "products" => config.products = self.table(value),
                "subscriptions" => config.subscriptions = self.table(value),
                "backends" => config.backends = self.table(value),
                "apis" => config.apis = self.table(value),
                "helpers" => config.helpers = self.table(value),
                "probers" => config.probers = self.table(value),
                "usage" => config.usage = self.value(value),
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
