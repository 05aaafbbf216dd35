//! Numbers within bounds.

use std::cmp::Ordering;

use rand::{Rng, RngExt};
use serde_json::{Map, Value, json};

/// Bounds beyond this are taken as they are: multiples of a step are no longer exact there.
const LARGEST: f64 = 9e15;

/// How many numbers there are to choose from where a bound is missing.
const SPREAD: f64 = 100.0;

/// How often a decimal number is drawn until its quotient by `multipleOf` is whole in binary
/// too, as validators compute it: 0.07 / 0.01 is not.
const ATTEMPTS: usize = 32;

/// The numbers a schema allows: multiples of a step, or, between bounds too narrow for one,
/// what lies between.
#[derive(Clone, Copy, Debug)]
pub(super) enum Numbers {
    Multiples { least: i64, most: i64, step: Step },
    Between { least: f64, most: f64 },
}

/// What numbers are multiples of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Whole(i64),
    Decimal(f64),
}

impl Numbers {
    /// Reads the bounds of a `number` or `integer`; `None` if there is none within.
    pub(super) fn read(fields: &Map<String, Value>, is_integer: bool) -> Option<Self> {
        let (least, most) = bounds(fields)?;
        let multiple = fields.get("multipleOf").and_then(Value::as_f64);
        let multiple = multiple.filter(|multiple| *multiple > 0.0);
        let step = match (multiple, is_integer) {
            (None, true) => 1.0,
            (None, false) => 0.01,
            (Some(multiple), true) => whole_multiple(multiple)?,
            (Some(multiple), false) => multiple,
        };
        let bound = |keyword: &str| fields.get(keyword).and_then(Value::as_f64);
        let (mut from, mut to) = (ceil(least / step), floor(most / step));
        // A number that only a division took for the bound may lie on its other side.
        let (lowest, highest) = (decimal(from, step), decimal(to, step));
        if bound("minimum").is_some_and(|least| lowest < least)
            || bound("exclusiveMinimum").is_some_and(|least| lowest <= least)
        {
            from += 1.0;
        }
        if bound("maximum").is_some_and(|most| highest > most)
            || bound("exclusiveMaximum").is_some_and(|most| highest >= most)
        {
            to -= 1.0;
        }
        if from <= to && from.abs().max(to.abs()) * step.max(1.0) <= LARGEST {
            #[expect(clippy::cast_possible_truncation, reason = "both are small")]
            let (least, most) = (from as i64, to as i64);
            let step = Step::of(step);
            return Some(Self::Multiples { least, most, step });
        }
        let is_free = !is_integer && multiple.is_none();
        (is_free && least <= most).then_some(Self::Between { least, most })
    }

    pub(super) fn draw(self, rng: &mut impl Rng) -> Value {
        match self {
            Self::Multiples {
                least,
                most,
                step: Step::Whole(step),
            } => {
                json!(rng.random_range(least..=most) * step)
            }
            Self::Multiples {
                least,
                most,
                step: Step::Decimal(step),
            } => {
                let mut number = 0.0;
                for _ in 0..ATTEMPTS {
                    #[expect(clippy::cast_precision_loss, reason = "at most `LARGEST`")]
                    let times = rng.random_range(least..=most) as f64;
                    number = decimal(times, step);
                    if (number / step).fract() == 0.0 {
                        break;
                    }
                }
                json!(number)
            }
            // Off both ends, which may be excluded; halves first, as the distance may overflow.
            Self::Between { least, most } => json!(least / 2.0 + most / 2.0),
        }
    }
}

impl Step {
    fn of(step: f64) -> Self {
        if step.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "at most `LARGEST`")]
            return Self::Whole(step as i64);
        }
        Self::Decimal(step)
    }
}

/// The least and the greatest number allowed, as if both ends were included; where an end is
/// open, a few steps from the other or from zero.
fn bounds(fields: &Map<String, Value>) -> Option<(f64, f64)> {
    let of = |keyword| fields.get(keyword).and_then(Value::as_f64);
    let least = [of("minimum"), of("exclusiveMinimum")]
        .into_iter()
        .flatten()
        .reduce(f64::max);
    let most = [of("maximum"), of("exclusiveMaximum")]
        .into_iter()
        .flatten()
        .reduce(f64::min);
    let step = of("multipleOf").unwrap_or(1.0).abs().max(1.0);
    let (least, most) = match (least, most) {
        (None, None) => (0.0, SPREAD * step),
        (Some(least), None) => (least, least + SPREAD * step),
        (None, Some(most)) if most >= 0.0 => (0.0, most),
        (None, Some(most)) => (most - SPREAD * step, most),
        (Some(least), Some(most)) => (least, most),
    };
    let is_open = of("exclusiveMinimum") == Some(least) || of("exclusiveMaximum") == Some(most);
    let is_any = match least.partial_cmp(&most)? {
        Ordering::Less => true,
        Ordering::Equal => !is_open,
        Ordering::Greater => false,
    };
    is_any.then_some((least, most))
}

/// The least whole number that is a multiple of `multiple`.
fn whole_multiple(multiple: f64) -> Option<f64> {
    (1..=1_000)
        .map(|times| multiple * f64::from(times))
        .find(|product| product.fract() == 0.0)
}

/// `times` steps as the decimal number a person would write.
fn decimal(times: f64, step: f64) -> f64 {
    let inverse = 1.0 / step;
    if (inverse - inverse.round()).abs() < 1e-9 {
        times / inverse.round()
    } else {
        times * step
    }
}

/// Rounds up, but not where only the division was inexact.
fn ceil(quotient: f64) -> f64 {
    let nearest = quotient.round();
    if (quotient - nearest).abs() < 1e-9 {
        nearest
    } else {
        quotient.ceil()
    }
}

fn floor(quotient: f64) -> f64 {
    -ceil(-quotient)
}
