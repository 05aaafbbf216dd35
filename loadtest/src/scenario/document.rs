//! A scenario as one table: file, preset, variants and `--set` laid over each other.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::Diagnostic;
use super::source::{Key, Table, Value};
use crate::topology::ONE_POLICY;

/// Lays `upper` over `lower`: tables merge key by key, anything else is replaced.
///
/// A table whose keys are all numbers, laid over an array, changes single elements, so that
/// `--set phases.play.0.run_for=10s` can be said; a number beyond its end is a mistake.
pub(super) fn lay_over<'t>(
    lower: &mut Value<'t>,
    upper: Value<'t>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let span = upper.span();
    match (lower.get_mut(), upper.into_inner()) {
        (DeValue::Table(lower), DeValue::Table(upper)) => {
            lay_table_over(lower, upper, diagnostics);
        }
        (DeValue::Array(lower), DeValue::Table(upper)) if names_elements(&upper) => {
            for (key, value) in upper {
                let index: usize = key.get_ref().parse().unwrap_or(usize::MAX);
                match lower.get_mut(index) {
                    Some(element) => lay_over(element, value, diagnostics),
                    None => diagnostics.push(no_element(&key, lower.len())),
                }
            }
        }
        (_, upper) => *lower = Spanned::new(span, upper),
    }
}

/// The same for tables.
pub(super) fn lay_table_over<'t>(
    lower: &mut Table<'t>,
    upper: Table<'t>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (key, value) in upper {
        match lower.get_mut(key.get_ref().as_ref()) {
            Some(present) if names_another_policy(&key, present, &value) => *present = value,
            Some(present) => lay_over(present, value, diagnostics),
            None => {
                lower.insert(key, value);
            }
        }
    }
}

/// Whether `upper` is another policy than `lower`, of which there can be one.
fn names_another_policy(key: &Key<'_>, lower: &Value<'_>, upper: &Value<'_>) -> bool {
    let tables = lower.get_ref().as_table().zip(upper.get_ref().as_table());
    let in_common = |(lower, upper): (&Table<'_>, &Table<'_>)| {
        upper
            .keys()
            .any(|policy| lower.contains_key(policy.get_ref().as_ref()))
    };
    ONE_POLICY.contains(&key.get_ref().as_ref()) && !tables.is_some_and(in_common)
}

fn names_elements(table: &Table<'_>) -> bool {
    let mut keys = table.keys();
    !table.is_empty() && keys.all(|key| key.get_ref().parse::<usize>().is_ok())
}

fn no_element(key: &Key<'_>, length: usize) -> Diagnostic {
    let message = format!(
        "there is no element {} in a list of {length}",
        key.get_ref()
    );
    let diagnostic = Diagnostic::at(key.span(), message);
    match length.checked_sub(1) {
        Some(last) => diagnostic.help(format!("elements count from 0, the last is {last}")),
        None => diagnostic,
    }
}

/// What to point at for the part at `path` below `root`, or for its deepest part that exists.
///
/// For a table with a header that is its name, for anything else the value; for the root itself `place`.
pub(super) fn place_of(root: &Value<'_>, place: Range<usize>, path: &[String]) -> Range<usize> {
    let mut here = root;
    let mut found = place;
    for step in path {
        let next = match here.get_ref() {
            DeValue::Table(table) => table.get_key_value(step.as_str()).map(|(key, value)| {
                // Only an inline table stands behind its key; of others the name is in the header.
                let is_inline = value.span().start >= key.span().end;
                let is_named = value.get_ref().is_table() && !is_inline;
                (if is_named { key.span() } else { value.span() }, value)
            }),
            DeValue::Array(array) => step
                .parse()
                .ok()
                .and_then(|index: usize| array.get(index))
                .map(|value| (value.span(), value)),
            _ => None,
        };
        let Some((span, value)) = next else { break };
        (found, here) = (span, value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::source::Sources;

    fn laid_over(lower: &str, upper: &str) -> (String, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let mut table = sources.parse("lower", lower).unwrap();
        let upper = sources.parse("upper", upper).unwrap();
        let mut diagnostics = Vec::new();
        lay_table_over(&mut table, upper, &mut diagnostics);
        let table = toml::Table::try_from(plain(&table)).unwrap();
        (table.to_string(), diagnostics)
    }

    fn plain(table: &Table<'_>) -> toml::Value {
        let value = Spanned::new(0..0, DeValue::Table(table.clone()));
        serde::Deserialize::deserialize(toml::de::ValueDeserializer::from(value)).unwrap()
    }

    #[test]
    fn tables_merge_and_everything_else_is_replaced() {
        let (table, diagnostics) =
            laid_over("a = { x = 1, y = [1, 2] }", "a = { y = [3], z = \"new\" }");
        insta::assert_snapshot!(table, @r#"
        [a]
        x = 1
        y = [3]
        z = "new"
        "#);
        assert_eq!(diagnostics, []);
    }

    #[test]
    fn another_policy_replaces_the_one_before_and_the_same_is_merged() {
        let random = "balance.weighted_random.weights = { a = 1, b = 2 }";
        let (table, _) = laid_over(random, "balance.round_robin.backends = [\"a\"]");
        insta::assert_snapshot!(table, @r#"
        [balance.round_robin]
        backends = ["a"]
        "#);
        let calculating = "prioritize.token_calculating = {}";
        let (table, _) = laid_over(calculating, "prioritize.token_tracking = {}");
        insta::assert_snapshot!(table, @"[prioritize.token_tracking]");
        let (table, _) = laid_over(random, "balance.weighted_random.weights.b = 0");
        insta::assert_snapshot!(table, @r"
        [balance.weighted_random.weights]
        a = 1
        b = 0
        ");
    }

    #[test]
    fn a_number_as_key_changes_one_element_of_a_list() {
        let (table, _) = laid_over("a = [{ x = 1 }, { x = 2 }]", "a.1.x = 3");
        insta::assert_snapshot!(table, @r"
        [[a]]
        x = 1

        [[a]]
        x = 3
        ");
    }

    #[test]
    fn an_element_that_is_not_there_is_a_mistake() {
        let (_, diagnostics) = laid_over("a = [1, 2]", "a.2 = 3");
        assert_eq!(
            diagnostics[0].message,
            "there is no element 2 in a list of 2"
        );
    }
}
