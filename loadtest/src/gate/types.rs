//! Which values may be computed with and compared with which.
//!
//! Three kinds of numbers meet in sentences: counts, parts of a whole, durations. A plain number
//! goes with counts and parts; a duration with durations only.

use std::ops::Range;

use super::SentenceError;
use super::metric::Kind;
use super::sentence::{Comparison, Expression, Operator, Term, Value};

/// What kind of number a value is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Type {
    /// A number without a meaning of its own.
    Number,
    /// A number of records or tokens.
    Count,
    /// A part of a whole or a probability.
    Share,
    /// A length of time.
    Duration,
}

impl Type {
    fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Count => "a count",
            Self::Share => "a percentage",
            Self::Duration => "a duration",
        }
    }

    /// The kind of both together, if they can be added or compared.
    fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Self::Number, other) | (other, Self::Number) if other != Self::Duration => Some(other),
            _ => None,
        }
    }
}

/// What kind of number `value` is.
pub(crate) fn type_of(value: &Value) -> Result<Type, SentenceError> {
    match &value.expression {
        Expression::Number(_) => Ok(Type::Number),
        Expression::Share(_) => Ok(Type::Share),
        Expression::Micros(_) => Ok(Type::Duration),
        Expression::Term(term) => Ok(type_of_term(term)),
        Expression::Negative(inner) => type_of(inner),
        Expression::Binary(operator, left, right) => {
            let (a, b) = (type_of(left)?, type_of(right)?);
            combined(*operator, a, b).ok_or_else(|| {
                let (a, b) = (a.words(), b.words());
                let what = match operator {
                    Operator::Plus => format!("cannot add {b} to {a}"),
                    Operator::Minus => format!("cannot subtract {b} from {a}"),
                    Operator::Times => format!("cannot multiply {a} by {b}"),
                    Operator::Over => format!("cannot divide {a} by {b}"),
                };
                SentenceError::new(value.range.clone(), what)
            })
        }
    }
}

/// What kind of number `term` is.
pub(super) fn type_of_term(term: &Term) -> Type {
    match term {
        Term::Total(selection) | Term::Statistic(_, selection) => {
            match selection.metric.row().kind {
                Kind::Duration => Type::Duration,
                Kind::Number => Type::Number,
                Kind::Count | Kind::Sum => Type::Count,
            }
        }
        Term::LongestRun { is_timed: true, .. } => Type::Duration,
        Term::Share { .. } | Term::Fit { .. } => Type::Share,
        Term::Related(related) => related.kind(),
        Term::Window { .. } | Term::Among { .. } | Term::LongestRun { .. } => Type::Count,
    }
}

fn combined(operator: Operator, a: Type, b: Type) -> Option<Type> {
    let is_factor = |t| matches!(t, Type::Number | Type::Share);
    match operator {
        Operator::Plus | Operator::Minus => a.with(b),
        Operator::Times if is_factor(a) => Some(b),
        Operator::Over if a == b => Some(Type::Number),
        Operator::Times | Operator::Over => is_factor(b).then_some(a),
    }
}

/// Whether the two sides of `comparison` can be compared; `wall` is where that word stands.
pub(super) fn check(comparison: &Comparison, wall: &Range<usize>) -> Result<(), SentenceError> {
    let left = type_of(&comparison.left)?;
    for right in comparison.right() {
        let other = type_of(right)?;
        if left.with(other).is_none() {
            let message = format!("cannot compare {} with {}", left.words(), other.words());
            let error = SentenceError::new(right.range.clone(), message);
            return Err(match (left, other) {
                (Type::Duration, Type::Number) => {
                    error.with_help("a duration has a unit, such as `20ms` or `1.5s`")
                }
                _ => error,
            });
        }
    }
    if comparison.terms().is_empty() {
        let range = comparison.left.range.start..wall.start;
        return Err(SentenceError::new(range, "the clause measures nothing"));
    }
    if comparison.is_wall && left != Type::Duration {
        let message = format!("`wall` is said of durations, not of {}", left.words());
        return Err(SentenceError::new(wall.clone(), message));
    }
    check_random(comparison)
}

/// Only a bare share has a confidence interval, and only literal bounds have a width.
fn check_random(comparison: &Comparison) -> Result<(), SentenceError> {
    if !comparison.is_random {
        return Ok(());
    }
    let left = &comparison.left;
    if !matches!(&left.expression, Expression::Term(Term::Share { .. })) {
        let error = SentenceError::new(left.range.clone(), "only a share can be random");
        return Err(error.with_help("write `random share of LABEL=VALUE in …`"));
    }
    match comparison
        .right()
        .into_iter()
        .find(|right| !right.terms().is_empty())
    {
        Some(measured) => Err(SentenceError::new(
            measured.range.clone(),
            "a random share is compared with percentages, not with something measured",
        )),
        None => Ok(()),
    }
}
