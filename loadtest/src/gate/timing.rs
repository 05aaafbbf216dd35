//! Timing bounds: what a clock that runs faster than real time must resolve.
//!
//! At speed 20 a timer that is late by 1 ms is late by 20 simulated ms. A gate that compares a
//! measured duration with a length of time can then fail by the machine alone, so the rig
//! refuses a speed at which timers are late by more than half of the narrowest such length. For
//! a range that length is its width; for a one-sided bound its distance from zero. Metric against
//! metric has no length, `wall` bounds are not in simulated time, and `retry_after` is read from
//! a header, not from a clock.

use std::time::Duration;

use super::Gate;
use super::metric::{Kind, Metric};
use super::parser::duration;
use super::sentence::{Assertion, Bound, Comparison, Expression, Operator, Relation, Term, Value};
use super::types::{Type, type_of};

/// The narrowest simulated timing bound of all gates, with the id of its gate.
pub fn narrowest_bound(gates: &[Gate]) -> Option<(String, Duration)> {
    let bounds = gates.iter().flat_map(|gate| {
        let comparisons = gate
            .clauses()
            .iter()
            .filter_map(|clause| match &clause.assertion {
                Assertion::Compare(comparison) => Some(&**comparison),
                Assertion::Order { .. } | Assertion::Each { .. } => None,
            });
        let bounds = comparisons.filter_map(bound);
        bounds.map(|bound| (gate.id.clone(), bound))
    });
    bounds.min_by_key(|(_, bound)| *bound)
}

fn bound(comparison: &Comparison) -> Option<Duration> {
    let is_duration = type_of(&comparison.left) == Ok(Type::Duration);
    let is_timed = comparison.terms().into_iter().any(is_timed);
    if comparison.is_wall || !is_duration || !is_timed {
        return None;
    }
    match &comparison.bound {
        Bound::Within { low, high } => Some(duration((constant(high) - constant(low)).abs())),
        Bound::Relation(Relation::Equal | Relation::NotEqual, _) => Some(Duration::ZERO),
        Bound::Relation(_, right) => {
            let distance = (constant(&comparison.left) - constant(right)).abs();
            // Earlier or later than, without a by how much, resolves any difference.
            (distance > 0.0).then(|| duration(distance))
        }
    }
}

fn is_timed(term: &Term) -> bool {
    match term {
        Term::Statistic(_, selection) => {
            selection.metric != Metric::RetryAfter && selection.metric.row().kind == Kind::Duration
        }
        Term::LongestRun { is_timed, .. } => *is_timed,
        Term::Related(related) => related.kind() == Type::Duration,
        Term::Total(_)
        | Term::Window { .. }
        | Term::Share { .. }
        | Term::Among { .. }
        | Term::Fit { .. } => false,
    }
}

/// The literal part of a sum, in microseconds.
fn constant(value: &Value) -> f64 {
    match &value.expression {
        Expression::Micros(number) | Expression::Number(number) | Expression::Share(number) => {
            *number
        }
        Expression::Term(_) => 0.0,
        Expression::Negative(inner) => -constant(inner),
        Expression::Binary(operator, left, right) => match operator {
            Operator::Plus => constant(left) + constant(right),
            Operator::Minus => constant(left) - constant(right),
            Operator::Times if value.terms().is_empty() => constant(left) * constant(right),
            Operator::Over if value.terms().is_empty() => constant(left) / constant(right),
            Operator::Times | Operator::Over => 0.0,
        },
    }
}
