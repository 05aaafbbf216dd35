//! One clause: whether it holds, what was observed, and who speaks against it.

use super::case::Case;
use super::term::Wrong;
use super::words::{self, Unit, unit_of, unit_of_term};
use crate::gate::statistics::{ALPHA, Interval};
use crate::gate::{
    Assertion, Bound, Clause, Comparison, Expression, Operator, Relation, Term, Value, is_enough,
};

/// How a clause was judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) finding: Finding,
    /// What was observed, for people.
    pub(crate) observed: String,
    /// Records that it was computed from.
    pub(crate) samples: u64,
    /// More about a statistical or failed clause.
    pub(crate) details: Vec<String>,
    /// Requests that speak against it, by index, ascending, each once.
    pub(crate) against: Vec<usize>,
}

/// Whether a clause holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Finding {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
    /// Its evidence is missing, for this reason.
    NotJudged(String),
    /// The run cannot tell: the rig is invalid, for this reason.
    CannotTell(String),
}

/// A value as it was computed.
#[derive(Clone, Debug, Default)]
struct Computed {
    value: Option<f64>,
    samples: u64,
    notes: Vec<String>,
}

impl Judged {
    /// A finding about so many samples.
    pub(super) fn new(finding: Finding, observed: String, samples: usize) -> Self {
        Self {
            finding,
            observed,
            samples: samples as u64,
            details: vec![],
            against: vec![],
        }
    }

    fn not_judged(reason: impl Into<String>) -> Self {
        Self {
            finding: Finding::NotJudged(reason.into()),
            observed: "not judged".to_owned(),
            samples: 0,
            details: vec![],
            against: vec![],
        }
    }

    /// What fails because there is nothing to compare, for the reason that a reading gives.
    fn without_value<'c>(mut sides: impl Iterator<Item = &'c Computed>) -> Self {
        let is_told =
            |side: &&Computed| side.value.is_none() && side.samples > 0 && !side.notes.is_empty();
        let Some(Computed { samples, notes, .. }) = sides.find(is_told) else {
            return Self::no_samples();
        };
        Self {
            observed: notes.join(", "),
            samples: *samples,
            details: vec![],
            ..Self::no_samples()
        }
    }

    /// What fails because nothing was selected.
    pub(super) fn no_samples() -> Self {
        Self {
            finding: Finding::Fails,
            observed: "no samples".to_owned(),
            samples: 0,
            details: vec!["nothing was selected to judge by".to_owned()],
            against: vec![],
        }
    }
}

impl Case<'_> {
    /// Judges one clause.
    pub(crate) fn judge_clause(&self, clause: &Clause) -> Judged {
        if let Some(reason) = self.missing_for(clause) {
            return Judged::not_judged(reason);
        }
        match &clause.assertion {
            Assertion::Compare(comparison)
                if comparison.is_wall && self.context.speed.is_none() =>
            {
                Judged::not_judged("nothing takes real time in virtual time")
            }
            Assertion::Compare(comparison) if comparison.is_random => self.random(comparison),
            Assertion::Compare(comparison) => self.compare(comparison),
            Assertion::Order {
                label,
                within,
                pattern,
            } => self.order(label, within, pattern),
            Assertion::Each { of, pattern } => self.each(of, pattern),
        }
    }

    fn compare(&self, comparison: &Comparison) -> Judged {
        let scale = self.scale(comparison);
        let left = self.compute(&comparison.left, scale);
        let right: Vec<_> = comparison
            .right()
            .into_iter()
            .map(|v| self.compute(v, scale))
            .collect();
        let sides = right
            .iter()
            .map(|computed| computed.value)
            .collect::<Option<Vec<f64>>>();
        let (Some(value), Some(bounds)) = (left.value, sides) else {
            return Judged::without_value([&left].into_iter().chain(&right));
        };
        let (value, bounds) = comparison.settled(value, bounds);
        let wrong = comparison.bound.wrong(value, &bounds);
        let samples = right.iter().map(|computed| computed.samples);
        let samples = samples.chain([left.samples]).max().unwrap_or(0);
        let is_fit = matches!(
            &comparison.left.expression,
            Expression::Term(Term::Fit { .. })
        );
        let mut details = vec![];
        if wrong.is_some() || is_fit {
            details.extend(
                left.notes
                    .iter()
                    .chain(right.iter().flat_map(|r| &r.notes))
                    .cloned(),
            );
        }
        let blurred = wrong.and_then(|wrong| self.blurred(comparison, wrong));
        let finding = match (wrong, blurred) {
            (None, _) => Finding::Holds,
            (Some(_), None) => Finding::Fails,
            (Some(_), Some(reason)) => Finding::CannotTell(reason),
        };
        Judged {
            finding,
            observed: observed(comparison, value, &left, &bounds),
            samples,
            details,
            against: wrong.map_or(vec![], |wrong| self.against(comparison, wrong, &bounds)),
        }
    }

    /// Real time per simulated time for a `wall` clause, else 1.
    pub(super) fn scale(&self, comparison: &Comparison) -> f64 {
        match self.context.speed {
            Some(speed) if comparison.is_wall => 1.0 / speed,
            Some(_) | None => 1.0,
        }
    }

    fn compute(&self, value: &Value, scale: f64) -> Computed {
        let literal = |value| Computed {
            value: Some(value),
            ..Computed::default()
        };
        match &value.expression {
            Expression::Number(number) | Expression::Micros(number) => literal(*number),
            Expression::Share(share) => literal(*share),
            Expression::Term(term) => {
                let reading = self.read(term);
                let is_duration = unit_of_term(term) == Unit::Duration;
                let scale = if is_duration { scale } else { 1.0 };
                Computed {
                    value: reading.value.map(|value| value * scale),
                    samples: reading.samples,
                    notes: reading.note.into_iter().collect(),
                }
            }
            Expression::Negative(inner) => {
                let inner = self.compute(inner, scale);
                Computed {
                    value: inner.value.map(|value| -value),
                    ..inner
                }
            }
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.compute(left, scale), self.compute(right, scale));
                Computed {
                    value: left
                        .value
                        .zip(right.value)
                        .and_then(|(a, b)| operator.apply(a, b)),
                    samples: left.samples.max(right.samples),
                    notes: [left.notes, right.notes].concat(),
                }
            }
        }
    }

    fn against(&self, comparison: &Comparison, wrong: Wrong, bounds: &[f64]) -> Vec<usize> {
        let is_plain = comparison
            .right()
            .iter()
            .all(|right| right.terms().is_empty());
        let bound = match wrong {
            Wrong::High => bounds.last(),
            Wrong::Low => bounds.first(),
        };
        let bound = bound
            .filter(|_| is_plain)
            .map(|bound| bound / self.scale(comparison));
        let mut requests = vec![];
        self.walk(&comparison.left, wrong, bound, &mut requests);
        for right in comparison.right() {
            self.walk(right, wrong.opposite(), None, &mut requests);
        }
        requests.sort_unstable();
        requests.dedup();
        requests
    }

    fn walk(&self, value: &Value, wrong: Wrong, bound: Option<f64>, into: &mut Vec<usize>) {
        match &value.expression {
            Expression::Number(_) | Expression::Share(_) | Expression::Micros(_) => {}
            Expression::Term(term) => into.extend(self.witnesses(term, wrong, bound)),
            Expression::Negative(inner) => self.walk(inner, wrong.opposite(), None, into),
            Expression::Binary(operator, left, right) => {
                self.walk(left, wrong, None, into);
                self.walk(right, operator.wrong_right(wrong), None, into);
            }
        }
    }

    fn random(&self, comparison: &Comparison) -> Judged {
        let computed = self.compute(&comparison.left, 1.0);
        let (Some(share), Some(declared)) = (computed.value, comparison.declared_interval()) else {
            return Judged::no_samples();
        };
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
        let samples = computed.samples as f64;
        let interval = Interval::wilson(share, samples);
        let is_apart = !interval.meets(declared);
        let finding = if is_apart {
            Finding::Fails
        } else if is_enough(samples, declared) {
            Finding::Holds
        } else {
            Finding::CannotTell(format!(
                "{} samples are too few for the declared range",
                computed.samples
            ))
        };
        let wrong = if share > declared.high {
            Wrong::High
        } else {
            Wrong::Low
        };
        let (low, high) = (words::share(interval.low), words::share(interval.high));
        let against = is_apart.then(|| self.against(comparison, wrong, &[]));
        Judged {
            finding,
            observed: format!(
                "{} (true share in {low}..{high}, n = {})",
                words::share(share),
                computed.samples
            ),
            samples: computed.samples,
            details: vec![format!(
                "Wilson interval at α = {ALPHA:e}; {}",
                computed.notes.join(", ")
            )],
            against: against.unwrap_or_default(),
        }
    }
}

/// The left value with its unit, and the right one where it was measured too.
fn observed(comparison: &Comparison, value: f64, left: &Computed, bounds: &[f64]) -> String {
    let mut text = words::number(value, unit_of(&comparison.left));
    if let Expression::Term(Term::Share { .. }) = &comparison.left.expression {
        text = format!("{text} ({})", left.notes.join(", "));
    }
    let right = comparison.right();
    if right.iter().all(|right| right.terms().is_empty()) {
        return text;
    }
    let sides = right.iter().zip(bounds);
    let sides: Vec<_> = sides
        .map(|(side, bound)| words::number(*bound, unit_of(side)))
        .collect();
    format!("{text} against {}", sides.join(".."))
}

impl Comparison {
    /// Both sides as they are compared: costs to a thousandth of a millionth, so that a sum is
    /// equal in whatever order it was added up.
    fn settled(&self, value: f64, bounds: Vec<f64>) -> (f64, Vec<f64>) {
        let sides = [&self.left].into_iter().chain(self.right());
        if !sides.map(unit_of).any(|unit| unit == Unit::Cost) {
            return (value, bounds);
        }
        let settled = |cost: f64| (cost * 1e9).round() / 1e9;
        (settled(value), bounds.into_iter().map(settled).collect())
    }
}

impl Bound {
    /// To which side `value` is wrong, if it is, with what the right side came to.
    pub(super) fn wrong(&self, value: f64, bounds: &[f64]) -> Option<Wrong> {
        match (self, bounds) {
            (Self::Relation(relation, _), [bound, ..]) => relation.wrong(value, *bound),
            (Self::Within { .. }, [low, ..]) if value < *low => Some(Wrong::Low),
            (Self::Within { .. }, [_, high, ..]) if value > *high => Some(Wrong::High),
            (Self::Relation(..) | Self::Within { .. }, _) => None,
        }
    }
}

impl Relation {
    /// To which side `value` is wrong, if it does not compare with `bound` so.
    fn wrong(self, value: f64, bound: f64) -> Option<Wrong> {
        if self.holds(value, bound) {
            return None;
        }
        Some(match self {
            Self::AtMost | Self::Below | Self::NotEqual => Wrong::High,
            Self::Equal if value > bound => Wrong::High,
            Self::AtLeast | Self::Above | Self::Equal => Wrong::Low,
        })
    }
}

impl Operator {
    /// To which side the right operand is wrong where the result is wrong to this one.
    pub(super) fn wrong_right(self, wrong: Wrong) -> Wrong {
        match self {
            Self::Plus | Self::Times => wrong,
            Self::Minus | Self::Over => wrong.opposite(),
        }
    }

    /// The result; none where there is nothing to divide by.
    pub(super) fn apply(self, left: f64, right: f64) -> Option<f64> {
        match self {
            Self::Plus => Some(left + right),
            Self::Minus => Some(left - right),
            Self::Times => Some(left * right),
            Self::Over => (right != 0.0).then(|| left / right),
        }
    }
}
