//! What a gate's sentence says, once parsed.
//!
//! Names are resolved where that is possible without evidence: metrics and labels are enums,
//! `phase!=a` is the list of all other phases, `{…}` is the selection that it repeats.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::label::Label;
use super::metric::{Metric, Origin};
use super::relations::Related;

/// What a gate says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// It is turned off.
    Off {
        /// Why, in the author's words.
        reason: String,
    },
    /// It holds when every clause holds.
    Sentence {
        /// The clauses, joined by `and`.
        clauses: Vec<Clause>,
    },
}

/// One assertion of a sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Its bytes in the sentence.
    pub range: Range<usize>,
    /// Of these, what is declared: from the operator on, or the pattern.
    pub declared: Range<usize>,
    /// What it asserts.
    pub assertion: Assertion,
}

/// What a clause asserts.
#[derive(Clone, Debug, PartialEq)]
pub enum Assertion {
    /// A value compares with another.
    Compare(Box<Comparison>),
    /// The label's values over the selected records, in order, match a pattern.
    Order {
        /// Whose values.
        label: Label,
        /// Of which records.
        within: Selection,
        /// What they match as a whole.
        pattern: Pattern,
    },
    /// Each selected request's attempts at simulators match a pattern.
    Each {
        /// Which requests.
        of: Selection,
        /// What their attempts match as a whole.
        pattern: Pattern,
    },
}

/// A value and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Whether the value is a draw whose confidence interval counts, not the value itself.
    pub is_random: bool,
    /// The value.
    pub left: Value,
    /// What it must be.
    pub bound: Bound,
    /// Whether durations are real time, not simulated.
    pub is_wall: bool,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// One other value.
    Relation(Relation, Value),
    /// A range; both ends belong to it.
    Within {
        /// Its lower end.
        low: Value,
        /// Its upper end.
        high: Value,
    },
}

/// How two values compare.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Relation {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// A value with its place in the sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Its bytes in the sentence.
    pub range: Range<usize>,
    /// How it is computed.
    pub expression: Expression,
}

/// How a value is computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A plain number.
    Number(f64),
    /// A percentage, as a part of one.
    Share(f64),
    /// A duration, in microseconds.
    Micros(f64),
    /// Something measured.
    Term(Term),
    /// Minus another value.
    Negative(Box<Value>),
    /// Two values and an operator between them.
    Binary(Operator, Box<Value>, Box<Value>),
}

/// Arithmetic between values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operator {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

/// Something measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A count or a sum over all selected records.
    Total(Selection),
    /// A statistic of the selected durations.
    Statistic(Statistic, Selection),
    /// The largest or smallest count or sum in any window of this length.
    Window {
        /// Which of all windows.
        extreme: Extreme,
        /// The windows' length.
        length: Duration,
        /// What is counted.
        of: Selection,
    },
    /// Part of the selected records that match.
    Share {
        /// What they match.
        matching: Filter,
        /// Part of which records.
        within: Selection,
    },
    /// The largest or smallest number of matching records among so many consecutive ones.
    Among {
        /// Most or fewest.
        extreme: Extreme,
        /// What they match.
        matching: Filter,
        /// How many consecutive records.
        length: usize,
        /// Among which records.
        within: Selection,
    },
    /// The longest run of consecutive records that match.
    LongestRun {
        /// Whether it is measured in time, from the first to the last of the run, not in records.
        is_timed: bool,
        /// What they match.
        matching: Filter,
        /// Among which records.
        within: Selection,
    },
    /// The p-value of the χ² test of a label's values against declared weights.
    Fit {
        /// Whose values.
        label: Label,
        /// The weights, in the order of the sentence.
        weights: Vec<(FilterValue, f64)>,
        /// Of which records.
        within: Selection,
    },
    /// Records in relation to each other.
    Related(Box<Related>),
}

/// A statistic of durations or numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The smallest value that at least so many percent of the values do not exceed (nearest rank).
    Percentile(f64),
    /// The arithmetic mean.
    Mean,
    /// All together.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
}

/// Which end of several values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extreme {
    /// The largest.
    Most,
    /// The smallest.
    Fewest,
}

/// Records of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The metric.
    pub metric: Metric,
    /// Whose books count, by `by`; empty where the metric leaves no choice or all count.
    pub by: Vec<Origin>,
    /// The header that is measured, of a metric of headers.
    pub name: Option<Arc<str>>,
    /// The phases, or parts of them; empty means the whole run.
    pub phases: Vec<PhaseSlice>,
    /// What else must match.
    pub filters: Vec<Filter>,
}

/// A phase or a part of it, by planned time relative to its start.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseSlice {
    /// Name of the phase.
    pub phase: String,
    /// First moment that belongs to the slice.
    pub from: Option<Duration>,
    /// First moment after the slice.
    pub to: Option<Duration>,
}

/// A label and the values that it may, or may not, have.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// The label.
    pub label: Label,
    /// Whether the values are excluded instead of wanted.
    pub is_excluding: bool,
    /// The values, any of which matches.
    pub values: Vec<FilterValue>,
}

/// A value of a label.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FilterValue {
    /// A name or a word.
    Word(String),
    /// A status, an ordinal or a number of attempts.
    Number(u64),
    /// `true` or `false`.
    Flag(bool),
    /// `none`: the record has no such value.
    None,
}

/// A pattern over a sequence of records.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// One record.
    Item(PatternItem),
    /// One pattern after the other; empty matches nothing at all.
    Sequence(Vec<Pattern>),
    /// Any one of these.
    Alternatives(Vec<Pattern>),
    /// A pattern so many times.
    Repeated {
        /// The pattern.
        pattern: Box<Pattern>,
        /// At least.
        min: u32,
        /// At most; none means any number.
        max: Option<u32>,
    },
}

/// What one record of a sequence must be.
#[derive(Clone, Debug, PartialEq)]
pub struct PatternItem {
    /// The label's value; none stands for any (`.`).
    pub value: Option<FilterValue>,
    /// The status, where the pattern names one.
    pub status: Option<u16>,
}

impl Relation {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::AtLeast => ">=",
            Self::Above => ">",
        }
    }

    /// Whether `left` and `right` compare so.
    #[expect(
        clippy::float_cmp,
        reason = "counts and microseconds are whole numbers, which f64 holds exactly"
    )]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::AtMost => left <= right,
            Self::Below => left < right,
            Self::AtLeast => left >= right,
            Self::Above => left > right,
        }
    }
}

impl Term {
    /// The records that it is computed from.
    pub fn selection(&self) -> &Selection {
        match self {
            Self::Total(selection) | Self::Statistic(_, selection) => selection,
            Self::Window { of, .. } => of,
            Self::Share { within, .. }
            | Self::Among { within, .. }
            | Self::LongestRun { within, .. }
            | Self::Fit { within, .. } => within,
            Self::Related(related) => related.within(),
        }
    }
}

impl Value {
    /// Whether both are computed alike, wherever in the sentence they stand.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.expression, &other.expression) {
            (Expression::Negative(one), Expression::Negative(two)) => one.is_same_as(two),
            (Expression::Binary(one, a, b), Expression::Binary(two, c, d)) => {
                one == two && a.is_same_as(c) && b.is_same_as(d)
            }
            (one, two) => one == two,
        }
    }

    /// Everything measured in it, from left to right.
    pub fn terms(&self) -> Vec<&Term> {
        match &self.expression {
            Expression::Number(_) | Expression::Share(_) | Expression::Micros(_) => vec![],
            Expression::Term(term) => vec![term],
            Expression::Negative(value) => value.terms(),
            Expression::Binary(_, left, right) => [left.terms(), right.terms()].concat(),
        }
    }
}

impl Comparison {
    /// The values on the right side.
    pub fn right(&self) -> Vec<&Value> {
        match &self.bound {
            Bound::Relation(_, value) => vec![value],
            Bound::Within { low, high } => vec![low, high],
        }
    }

    /// Everything measured in it, from left to right.
    pub fn terms(&self) -> Vec<&Term> {
        let right = self.right().into_iter().flat_map(Value::terms);
        self.left.terms().into_iter().chain(right).collect()
    }
}

impl fmt::Display for FilterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) if word.contains(' ') => write!(f, "'{word}'"),
            Self::Word(word) => f.write_str(word),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::None => f.write_str("none"),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_excluding { "!=" } else { "=" };
        let values: Vec<_> = self.values.iter().map(FilterValue::to_string).collect();
        write!(f, "{}{sign}{}", self.label.name(), values.join("|"))
    }
}

impl fmt::Display for PhaseSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |end: Option<Duration>| {
            end.map_or(String::new(), |end| clock::Span::new(end).to_string())
        };
        f.write_str(&self.phase)?;
        if self.from.is_some() || self.to.is_some() {
            write!(f, "[{}..{}]", end(self.from), end(self.to))?;
        }
        Ok(())
    }
}

impl fmt::Display for Selection {
    /// As it is written, with repetitions and exclusions of phases spelt out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = vec![];
        if !self.by.is_empty() {
            let by: Vec<_> = self.by.iter().map(Origin::to_string).collect();
            labels.push(format!("by={}", by.join("|")));
        }
        labels.extend(self.name.iter().map(|name| format!("name={name}")));
        if !self.phases.is_empty() {
            let phases: Vec<_> = self.phases.iter().map(PhaseSlice::to_string).collect();
            labels.push(format!("phase={}", phases.join("|")));
        }
        labels.extend(self.filters.iter().map(Filter::to_string));
        f.write_str(self.metric.row().name)?;
        if labels.is_empty() {
            return Ok(());
        }
        write!(f, "{{{}}}", labels.join(", "))
    }
}

impl fmt::Display for PatternItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{value}")?,
            None => f.write_str(".")?,
        }
        self.status.map_or(Ok(()), |status| write!(f, ":{status}"))
    }
}
