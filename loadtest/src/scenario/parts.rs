//! [`Step`]: ways from a value of the file to its parts, and what lies at their end.

use std::fmt;
use std::ops::Range;

use toml::de::DeValue;

use super::source::Value;

/// A step from a value to one of its parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

/// The path to the part of `value` whose key or value has exactly this span.
pub(super) fn find(value: &Value<'_>, span: &Range<usize>) -> Option<Vec<Step>> {
    if value.span() == *span {
        return Some(Vec::new());
    }
    let inside = |step: Step, is_key: bool, value: &Value<'_>| {
        let rest = if is_key {
            Some(Vec::new())
        } else {
            find(value, span)
        };
        rest.map(|rest| std::iter::once(step).chain(rest).collect())
    };
    match value.get_ref() {
        DeValue::Table(table) => table.iter().find_map(|(key, value)| {
            let step = Step::Key(key.get_ref().to_string());
            inside(step, key.span() == *span, value)
        }),
        DeValue::Array(array) => array
            .iter()
            .enumerate()
            .find_map(|(index, value)| inside(Step::Index(index), false, value)),
        _ => None,
    }
}

/// The part of `value` at `path`.
pub(super) fn part<'v, 't>(value: &'v Value<'t>, path: &[Step]) -> Option<&'v Value<'t>> {
    path.iter()
        .try_fold(value, |here, step| match (here.get_ref(), step) {
            (DeValue::Table(table), Step::Key(key)) => table.get(key.as_str()),
            (DeValue::Array(array), Step::Index(index)) => array.get(*index),
            _ => None,
        })
}

/// The same, to be changed.
pub(super) fn part_mut<'v, 't>(
    value: &'v mut Value<'t>,
    path: &[Step],
) -> Option<&'v mut Value<'t>> {
    path.iter()
        .try_fold(value, |here, step| match (here.get_mut(), step) {
            (DeValue::Table(table), Step::Key(key)) => table.get_mut(key.as_str()),
            (DeValue::Array(array), Step::Index(index)) => array.get_mut(*index),
            _ => None,
        })
}

/// The key of the part of `value` at `path`, where it has one.
pub(super) fn key_span(value: &Value<'_>, path: &[Step]) -> Option<Range<usize>> {
    let (Step::Key(last), parent) = path.split_last()? else {
        return None;
    };
    let table = part(value, parent)?.get_ref().as_table()?;
    table
        .get_key_value(last.as_str())
        .map(|(key, _)| key.span())
}
