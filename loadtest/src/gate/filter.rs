//! Filters: the values that a label may have, or may not.

use std::ops::RangeInclusive;

use super::label::Label;
use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};
use super::sentence::{Filter, FilterValue};
use super::suggest::unknown;

const OPERATIONS: [&str; 4] = ["chat_completions", "completions", "embeddings", "helper"];
/// Source: the faults of the simulator, as its ledger names them.
const FAULTS: [&str; 17] = [
    "status",
    "delay",
    "silence",
    "refused",
    "reset",
    "cut",
    "stall",
    "slow_headers",
    "truncated",
    "malformed",
    "error",
    "duplicate",
    "no_usage",
    "no_done",
    "content_type",
    "slow_body",
    "none",
];
const ERRORS: [&str; 7] = [
    "refused",
    "reset",
    "cut",
    "timed_out",
    "malformed",
    "other",
    "none",
];

impl Parser<'_> {
    /// `=a|b` or `!=a|b` after the name of a label.
    pub(super) fn filter(&mut self, label: &Label) -> Parsed<Filter> {
        let is_excluding = self.sign()?;
        let mut values = vec![self.label_value(label)?];
        while self.eat_symbol("|") {
            values.push(self.label_value(label)?);
        }
        Ok(Filter {
            label: label.clone(),
            is_excluding,
            values,
        })
    }

    /// A value that `label` can have.
    pub(super) fn label_value(&mut self, label: &Label) -> Parsed<FilterValue> {
        let names = self.names;
        let simulators = names.simulators.iter().map(String::as_str);
        let (kind, known): (&str, Vec<&str>) = match label {
            Label::Status if self.eat_word("none") => return Ok(FilterValue::None),
            Label::Status => return self.number(100..=599, "a status from 100 to 599"),
            Label::Ordinal | Label::Attempts | Label::User => {
                return self.number(0..=u64::MAX, "a whole number");
            }
            Label::Streamed | Label::Aborted | Label::Estimated => return self.flag(),
            Label::Subscription | Label::Reason => return Ok(FilterValue::Word(self.name()?)),
            Label::Header(_) | Label::Product | Label::Model => return self.word_or_none(),
            Label::Phase | Label::By | Label::Name => {
                return Err(self.expected(&format!("a label other than `{}`", label.name())));
            }
            Label::Class => ("class", names.classes.iter().map(String::as_str).collect()),
            Label::Deployment => {
                let known = names.deployments.iter().map(String::as_str);
                ("deployment", known.collect())
            }
            Label::Backend => ("backend", simulators.chain(["none"]).collect()),
            Label::RefusedBy => {
                let gateway = names.has_gateway.then_some("gateway");
                let known = gateway.into_iter().chain(simulators).chain(["none"]);
                ("party", known.collect())
            }
            Label::Operation => ("operation", OPERATIONS.to_vec()),
            Label::Error => ("error", ERRORS.to_vec()),
            Label::Fault => ("fault", FAULTS.to_vec()),
        };
        self.known(kind, &known)
    }

    /// A word or `none`; a number as it is sent, without the `_` between its digits.
    fn word_or_none(&mut self) -> Parsed<FilterValue> {
        let sign = if self.eat_symbol("-") { "-" } else { "" };
        let is_number = matches!(self.kind(), TokenKind::Number(_));
        let name = self.name()?;
        Ok(match name.as_str() {
            "none" => FilterValue::None,
            number if is_number => FilterValue::Word(format!("{sign}{}", number.replace('_', ""))),
            _ => FilterValue::Word(name),
        })
    }

    fn known(&mut self, kind: &str, known: &[&str]) -> Parsed<FilterValue> {
        let name = self.name()?;
        if !known.contains(&name.as_str()) {
            self.report(unknown(kind, &name, known, self.last()));
        }
        Ok(match name.as_str() {
            "none" => FilterValue::None,
            _ => FilterValue::Word(name),
        })
    }

    fn number(&mut self, legal: RangeInclusive<u64>, what: &str) -> Parsed<FilterValue> {
        let number = self.slice().parse().ok().filter(|n| legal.contains(n));
        let Some(number) = number else {
            return Err(self.expected(what));
        };
        self.advance();
        Ok(FilterValue::Number(number))
    }

    fn flag(&mut self) -> Parsed<FilterValue> {
        let is_true = self.eat_word("true");
        if is_true || self.eat_word("false") {
            return Ok(FilterValue::Flag(is_true));
        }
        Err(self.expected("`true` or `false`"))
    }
}
