//! [`Sources`]: every text that a scenario is made of, in one coordinate system.
//!
//! A scenario's values come from its file, from the gateway preset it names and from `--set` on
//! the command line. Each text gets a range of offsets behind the one before, and the spans of
//! its values are shifted by the text's start. So any span of any merged value leads back to the
//! text it was written in, and diagnostics need no second mechanism.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::syntax::{self, SyntaxError};

/// A parsed table whose spans are offsets into [`Sources`].
pub(super) type Table<'t> = DeTable<'t>;

/// A parsed value whose span is an offset into [`Sources`].
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A key of a table, with its own span.
pub(super) type Key<'t> = Spanned<DeString<'t>>;

/// The texts of one scenario, in the order in which they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources<'t>(Vec<Source<'t>>);

/// One text: the scenario file, a preset, or one `--set`.
#[derive(Clone, Debug)]
pub(super) struct Source<'t> {
    /// How diagnostics call it: a path, or `--set`.
    pub(super) name: String,
    /// The text itself.
    pub(super) text: &'t str,
    start: usize,
}

impl<'t> Sources<'t> {
    /// Adds `text` and parses it; on syntax errors gives all of them.
    pub(super) fn parse(
        &mut self,
        name: &str,
        text: &'t str,
    ) -> Result<Table<'t>, Vec<SyntaxError>> {
        let start = self.add(name, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            Ok(shifted_table(table.into_inner(), start))
        } else {
            Err(syntax::errors(text, &errors, start))
        }
    }

    /// The text that holds `offset`, and the offset within it.
    pub(super) fn locate(&self, offset: usize) -> Option<(&Source<'t>, usize)> {
        let source = self.0.iter().rev().find(|source| source.start <= offset)?;
        Some((source, (offset - source.start).min(source.text.len())))
    }

    fn add(&mut self, name: &str, text: &'t str) -> usize {
        // One offset of distance keeps an error at a text's very end from looking like the next text's.
        let start = self
            .0
            .last()
            .map_or(0, |last| last.start + last.text.len() + 1);
        self.0.push(Source {
            name: name.to_owned(),
            text,
            start,
        });
        start
    }
}

fn shifted_table(table: DeTable<'_>, start: usize) -> DeTable<'_> {
    table
        .into_iter()
        .map(|(key, value)| {
            let span = shifted(&key.span(), start);
            (
                Spanned::new(span, key.into_inner()),
                shifted_value(value, start),
            )
        })
        .collect()
}

fn shifted_value(value: Spanned<DeValue<'_>>, start: usize) -> Spanned<DeValue<'_>> {
    let span = shifted(&value.span(), start);
    let inner = match value.into_inner() {
        DeValue::Array(array) => DeValue::Array(
            array
                .into_iter()
                .map(|element| shifted_value(element, start))
                .collect(),
        ),
        DeValue::Table(table) => DeValue::Table(shifted_table(table, start)),
        scalar => scalar,
    };
    Spanned::new(span, inner)
}

fn shifted(span: &Range<usize>, start: usize) -> Range<usize> {
    span.start + start..span.end + start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_leads_back_to_its_own_text() {
        let mut sources = Sources::default();
        let file = sources.parse("a.toml", "seed = 1\n").unwrap();
        let set = sources.parse("--set", "seed = 2").unwrap();

        for (table, name) in [(file, "a.toml"), (set, "--set")] {
            let span = table.get("seed").unwrap().span();
            let (source, offset) = sources.locate(span.start).unwrap();
            assert_eq!((source.name.as_str(), offset), (name, 7));
        }
    }

    #[test]
    fn all_syntax_errors_of_a_text_are_given() {
        let errors = Sources::default()
            .parse("a.toml", "a = \nb = 1 2\n")
            .unwrap_err();
        assert!(errors.len() >= 2, "{errors:?}");
    }
}
