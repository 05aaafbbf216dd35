//! Gates against the plan: can it fail, can it hold, will there be samples enough.
//!
//! A gate that cannot fail is worse than none: it is counted as passed. The check knows the least
//! and the largest value that each measured thing can have under the plan ([`bounds`]) and
//! refuses a clause that every such value satisfies, or none.

use std::ops::Range;
use std::time::Duration;

use super::bounds::{Reach, reach};
use super::forecast::Forecast;
use super::sentence::{
    Assertion, Bound, Clause, Comparison, Expression, PhaseSlice, Relation, Selection, Term, Value,
};
use super::statistics::{ALPHA, Interval};
use super::types::{Type, type_of_term};
use super::{Gate, Metric, SentenceError};

/// What a clause can count on.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The clause's bytes in the sentence.
    pub clause: Range<usize>,
    /// Requests that the plan sends in the phases and classes that the clause selects.
    pub samples: u64,
    /// Whether that number is fixed by a schedule; other labels can only lower it.
    pub is_exact: bool,
}

/// Holds `gate` against what the plan will send; one entry per clause.
///
/// # Errors
/// The first clause that can never fail or never hold, has no samples, or is random and has too
/// few of them for its range.
pub fn check(gate: &Gate, forecast: &Forecast) -> Result<Vec<Planned>, SentenceError> {
    let clauses = gate.clauses().iter();
    clauses
        .map(|clause| check_clause(clause, forecast))
        .collect()
}

fn check_clause(clause: &Clause, forecast: &Forecast) -> Result<Planned, SentenceError> {
    let selections: Vec<&Selection> = match &clause.assertion {
        Assertion::Compare(comparison) => {
            check_samples(comparison, clause, forecast)?;
            check_reach(comparison, clause, forecast)?;
            check_random(comparison, clause, forecast)?;
            let terms = comparison.terms();
            terms.into_iter().map(Term::selection).collect()
        }
        Assertion::Order { within: of, .. } | Assertion::Each { of, .. } => {
            has_samples(of, clause, forecast)?;
            vec![of]
        }
    };
    let expected = selections.into_iter().filter_map(|s| forecast.expected(s));
    let least = expected.min_by_key(|expected| expected.requests);
    Ok(Planned {
        clause: clause.range.clone(),
        samples: least.map_or(0, |expected| expected.requests),
        is_exact: least.is_some_and(|expected| expected.is_exact),
    })
}

/// Everything but counts and sums fails without samples, so none may be planned without.
fn check_samples(
    comparison: &Comparison,
    clause: &Clause,
    forecast: &Forecast,
) -> Result<(), SentenceError> {
    for term in comparison.terms() {
        match term {
            Term::Total(_) => {}
            Term::Window { length, of, .. } => has_window(of, *length, clause, forecast)?,
            Term::Among { length, within, .. } => {
                let expected = forecast.expected(within);
                if expected.is_some_and(|expected| expected.requests < *length as u64) {
                    let message = format!("the plan never sends {length} such requests");
                    return Err(SentenceError::new(clause.range.clone(), message));
                }
            }
            Term::Statistic(..)
            | Term::Share { .. }
            | Term::LongestRun { .. }
            | Term::Fit { .. } => {
                has_samples(term.selection(), clause, forecast)?;
            }
            Term::Related(related) => {
                for selection in related.samples() {
                    has_samples(&selection, clause, forecast)?;
                }
            }
        }
    }
    Ok(())
}

fn has_samples(
    selection: &Selection,
    clause: &Clause,
    forecast: &Forecast,
) -> Result<(), SentenceError> {
    let expected = forecast.expected(selection);
    if expected.is_none_or(|expected| expected.requests > 0) {
        return Ok(());
    }
    let message = format!("the clause has no samples: the plan sends none of `{selection}`");
    Err(SentenceError::new(clause.range.clone(), message))
}

fn has_window(
    selection: &Selection,
    length: Duration,
    clause: &Clause,
    forecast: &Forecast,
) -> Result<(), SentenceError> {
    let fits = |slice: &PhaseSlice| {
        let phase = forecast
            .phases
            .iter()
            .find(|phase| phase.name == slice.phase);
        phase.is_none_or(|phase| slice.length(phase.length) >= length)
    };
    if selection.phases.is_empty() || selection.phases.iter().any(fits) {
        return Ok(());
    }
    let length = clock::Span::new(length);
    let message = format!("no window of {length} fits into the selected part of the phase");
    Err(SentenceError::new(clause.range.clone(), message))
}

fn check_reach(
    comparison: &Comparison,
    clause: &Clause,
    forecast: &Forecast,
) -> Result<(), SentenceError> {
    let left = reach(&comparison.left, forecast);
    let (outcomes, why) = match &comparison.bound {
        Bound::Relation(relation, right) if comparison.left.is_same_as(right) => {
            let why = "its two sides are the same".to_owned();
            (Outcomes::of_equals(*relation), why)
        }
        Bound::Relation(relation, right) => {
            let right = reach(right, forecast);
            (Outcomes::of(left, *relation, right), left.to_string())
        }
        Bound::Within { low, high } => {
            let (low, high) = (reach(low, forecast), reach(high, forecast));
            if low.low > high.high {
                let error = SentenceError::new(clause.declared.clone(), "the range is empty");
                return Err(error.with_help("write the smaller end first"));
            }
            let above = Outcomes::of(left, Relation::AtLeast, low);
            let below = Outcomes::of(left, Relation::AtMost, high);
            (above.and(below), left.to_string())
        }
    };
    let whole = comparison.needs_fraction();
    let verdict = match outcomes {
        _ if whole => "can never hold: a count is a whole number".to_owned(),
        Outcomes {
            can_hold: false, ..
        } => format!("can never hold: {why}"),
        Outcomes {
            can_fail: false, ..
        } => format!("can never fail: {why}"),
        Outcomes { .. } => return Ok(()),
    };
    let message = format!("the clause {verdict}");
    Err(SentenceError::new(clause.range.clone(), message))
}

/// What a comparison can turn out to be.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outcomes {
    can_hold: bool,
    can_fail: bool,
}

impl Outcomes {
    /// Of two comparisons that must both hold.
    fn and(self, other: Self) -> Self {
        Self {
            can_hold: self.can_hold && other.can_hold,
            can_fail: self.can_fail || other.can_fail,
        }
    }

    /// Of one value compared with itself.
    fn of_equals(relation: Relation) -> Self {
        let can_hold = relation.holds(0.0, 0.0);
        Self {
            can_hold,
            can_fail: !can_hold,
        }
    }

    #[expect(clippy::float_cmp, reason = "a reach of one value has two equal ends")]
    fn of(left: Reach, relation: Relation, right: Reach) -> Self {
        let overlap = left.low <= right.high && right.low <= left.high;
        let is_one = left.low == left.high && right.low == right.high && left.low == right.low;
        let (can_hold, can_fail) = match relation {
            Relation::Equal => (overlap, !is_one),
            Relation::NotEqual => (!is_one, overlap),
            Relation::AtMost => (left.low <= right.high, left.high > right.low),
            Relation::Below => (left.low < right.high, left.high >= right.low),
            Relation::AtLeast => (left.high >= right.low, left.low < right.high),
            Relation::Above => (left.high > right.low, left.low <= right.high),
        };
        Self { can_hold, can_fail }
    }
}

impl Comparison {
    /// Whether a bare count would have to equal a fraction.
    fn needs_fraction(&self) -> bool {
        let Bound::Relation(Relation::Equal, right) = &self.bound else {
            return false;
        };
        let is_whole = match &self.left.expression {
            Expression::Term(term) => {
                type_of_term(term) == Type::Count && term.selection().metric != Metric::Cost
            }
            _ => false,
        };
        matches!(right.expression, Expression::Number(n) if is_whole && n.fract() != 0.0)
    }

    /// The values that satisfy a comparison with literals, for a share.
    pub(crate) fn declared_interval(&self) -> Option<Interval> {
        let literal = |value: &Value| {
            let reach = reach(value, &Forecast::default());
            (value.terms().is_empty()).then_some(reach.low)
        };
        let (low, high) = match &self.bound {
            Bound::Within { low, high } => (literal(low)?, literal(high)?),
            Bound::Relation(relation, value) => {
                let value = literal(value)?;
                match relation {
                    Relation::Equal => (value, value),
                    Relation::AtMost | Relation::Below => (0.0, value),
                    Relation::AtLeast | Relation::Above => (value, 1.0),
                    Relation::NotEqual => return None,
                }
            }
        };
        Some(Interval { low, high })
    }
}

/// Whether so many samples can tell shares inside `declared` from shares outside.
///
/// They can if the Wilson interval is no wider than the declared range where it is widest.
pub(crate) fn is_enough(samples: f64, declared: Interval) -> bool {
    Interval::wilson(declared.worst_share(), samples).width() <= declared.width()
}

fn check_random(
    comparison: &Comparison,
    clause: &Clause,
    forecast: &Forecast,
) -> Result<(), SentenceError> {
    if !comparison.is_random {
        return Ok(());
    }
    let range = clause.declared.clone();
    let Some(declared) = comparison.declared_interval() else {
        return Err(
            SentenceError::new(range, "a random share is said to lie in a range")
                .with_help("write `in A %..B %`"),
        );
    };
    let Expression::Term(term) = &comparison.left.expression else {
        return Ok(());
    };
    let Some(expected) = forecast.expected(term.selection()) else {
        return Ok(());
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a plan sends fewer than 2^53 requests"
    )]
    let samples = expected.requests as f64;
    if is_enough(samples, declared) {
        return Ok(());
    }
    let width = Interval::wilson(declared.worst_share(), samples).width();
    let message = format!(
        "{} samples tell shares apart to {:.1} percentage points at α = {ALPHA:e}, the declared range is {:.1} wide",
        expected.requests,
        width * 100.0,
        declared.width() * 100.0,
    );
    let error = SentenceError::new(range, message);
    Err(match samples_for(declared) {
        Some(needed) => error.with_help(format!(
            "send at least {needed} requests, or widen the range"
        )),
        None => error.with_help("widen the range"),
    })
}

/// The fewest samples that are enough for `declared`, by doubling and bisection.
fn samples_for(declared: Interval) -> Option<u64> {
    #[expect(clippy::cast_precision_loss, reason = "at most 2^32 samples")]
    let enough = |samples: u64| is_enough(samples as f64, declared);
    let mut high = (0..32).map(|power| 1u64 << power).find(|n| enough(*n))?;
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if enough(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
