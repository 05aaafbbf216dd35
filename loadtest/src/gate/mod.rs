//! Gates: what a scenario asserts, as sentences.
//!
//! A gate reads as its author would say it: `share of backend=ptu-1 in requests{phase=base} >= 98 %`.
//! It is parsed once, against the names of its plan ([`parse`]), so that a misspelt phase is an
//! error with its place and not a selection that happens to be empty; then it is held against
//! what the plan will send ([`check`]), so that a gate that cannot fail, or cannot hold, never
//! runs. The judge evaluates the parsed form and never sees text.
//!
//! The alternative, a table of keys per assertion (`metric = …`, `max = …`), was rejected: ratios,
//! metric against metric, and patterns need nesting, and nobody reads nested tables aloud.
//!
//! The words are in one table, [`metric`]; the grammar is in [`parser`].

mod bounds;
mod check;
mod cursor;
mod filter;
mod forecast;
mod label;
mod lexer;
mod metric;
mod parser;
mod pattern;
mod reference;
mod relations;
mod selection;
mod sentence;
mod slice;
pub(crate) mod statistics;
pub(crate) mod suggest;
mod terms;
#[cfg(test)]
pub(crate) mod tests;
mod timing;
mod types;

use std::fmt;
use std::ops::Range;
use std::time::Duration;

pub(crate) use self::check::is_enough;
pub use self::check::{Planned, check};
pub use self::forecast::{ClassForecast, Forecast, PhaseForecast};
pub use self::label::Label;
pub use self::metric::{Kind, METRICS, Metric, MetricRow, Origin, Records};
pub use self::parser::parse;
pub use self::reference::reference;
pub use self::relations::Related;
pub use self::sentence::{
    Assertion, Body, Bound, Clause, Comparison, Expression, Extreme, Filter, FilterValue, Operator,
    Pattern, PatternItem, PhaseSlice, Relation, Selection, Statistic, Term, Value,
};
pub use self::timing::narrowest_bound;

/// One gate of a scenario, parsed and checked against the plan's names.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// Its id: the key in the file.
    pub id: String,
    /// The sentence as written.
    pub text: String,
    /// What the sentence says.
    pub body: Body,
}

/// Names that a sentence may use, from the plan.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Phases in order, with their lengths.
    pub phases: Vec<(String, Duration)>,
    /// Client classes.
    pub classes: Vec<String>,
    /// Simulators, which are the possible values of `backend`.
    pub simulators: Vec<String>,
    /// Deployments.
    pub deployments: Vec<String>,
    /// Whether a gateway stands between.
    pub has_gateway: bool,
    /// The subscriptions whose keys clients present.
    pub subscriptions: Vec<String>,
    /// Models of deployments for which the scenario has no price, in order.
    pub unpriced: Vec<String>,
    /// What the gateway's usage tracking tells.
    pub tracking: Tracking,
    /// Response headers that some class watches, in lower case; none where that is not known.
    pub headers: Option<Vec<String>>,
    /// Metrics that the plan can bring nothing about for, each with the reason.
    pub impossible: Vec<(Metric, &'static str)>,
}

/// What a gateway's usage tracking tells.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Tracking {
    /// That is not known beforehand.
    #[default]
    Unknown,
    /// Nothing: the gateway tracks no usage.
    Off,
    /// Usage by these labels of its metrics page.
    By(Vec<Label>),
}

/// What is wrong with a sentence, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct SentenceError {
    /// Bytes of the sentence that are wrong.
    pub range: Range<usize>,
    /// What is wrong and what was expected.
    pub message: String,
    /// A corrected sentence or a hint.
    pub help: Option<String>,
}

impl fmt::Display for SentenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        self.help
            .as_ref()
            .map_or(Ok(()), |help| write!(f, " (help: {help})"))
    }
}

impl SentenceError {
    /// An error at `range` without a hint.
    pub(crate) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            range,
            message: message.into(),
            help: None,
        }
    }

    /// The same error with a hint.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Gate {
    /// The clauses to judge; none for a gate that is turned off.
    pub fn clauses(&self) -> &[Clause] {
        match &self.body {
            Body::Off { .. } => &[],
            Body::Sentence { clauses } => clauses,
        }
    }
}
