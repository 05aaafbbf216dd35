//! How much of a failure the machine itself could have caused.
//!
//! A sleeper that is woken late makes answers late and gaps long, and a speed of 20 makes a second of 50
//! milliseconds. A comparison of durations that would hold if each of them were off by as much as the
//! timers were during the run is not the gateway's failure. It is not its success either: the
//! run is invalid, and repeated alone, where timers are better.

use std::time::Duration;

use super::case::Case;
use super::term::Wrong;
use super::words::{Unit, unit_of_term};
use crate::gate::{Comparison, Expression, Statistic, Term, Value};

/// Sleepers that a request wakes on its way: the gateway, the simulator, the gateway again, the client.
///
/// One answer of hundreds was seen to lose 41 ms at three of them together, where the latest timer of
/// the run was 13 ms late.
const HOPS: f64 = 4.0;

/// Up to this percentile nearly all timers tell how late a duration may be.
const COMMON: f64 = 90.0;

impl Case<'_> {
    /// Why `comparison`, whose value is wrong to one side, says nothing; none if it does.
    pub(super) fn blurred(&self, comparison: &Comparison, wrong: Wrong) -> Option<String> {
        let speed = self.context.speed?;
        let late = self.evidence.rig.timer_worst?;
        let scale = self.scale(comparison);
        let left = self.at_best(&comparison.left, wrong, scale)?;
        let right = comparison.right().into_iter();
        let bounds = right
            .map(|bound| self.at_best(bound, wrong.opposite(), scale))
            .collect::<Option<Vec<f64>>>()?;
        comparison.bound.wrong(left, &bounds).is_none().then(|| {
            format!(
                "the machine was too busy to tell: its timers were up to {late:.0?} late, {:.0?} at speed {speed}",
                late.mul_f64(speed),
            )
        })
    }

    /// What `value` would be if the machine had moved all its durations to the wrong side.
    fn at_best(&self, value: &Value, wrong: Wrong, scale: f64) -> Option<f64> {
        match &value.expression {
            Expression::Number(number) | Expression::Share(number) | Expression::Micros(number) => {
                Some(*number)
            }
            Expression::Term(term) => {
                let reading = self.read(term);
                let value = reading.value?;
                if unit_of_term(term) != Unit::Duration {
                    return Some(value);
                }
                let blur = self.blur(term);
                let best = match wrong {
                    Wrong::High => (value - blur).max(0.0),
                    Wrong::Low => value + blur,
                };
                Some(best * scale)
            }
            Expression::Negative(inner) => Some(-self.at_best(inner, wrong.opposite(), scale)?),
            Expression::Binary(operator, left, right) => {
                let left = self.at_best(left, wrong, scale)?;
                operator.apply(
                    left,
                    self.at_best(right, operator.wrong_right(wrong), scale)?,
                )
            }
        }
    }

    /// By how many simulated microseconds a duration may be off.
    ///
    /// What most samples share is as far off as nearly all timers; each hop of one sample may be as late
    /// as the latest of them. A repeat, which is alone, is believed as soon as one hop does not explain it.
    fn blur(&self, term: &Term) -> f64 {
        let is_common = match term {
            Term::Statistic(Statistic::Percentile(percent), _) => *percent <= COMMON,
            Term::Statistic(Statistic::Mean | Statistic::Sum, _) => true,
            _ => false,
        };
        let rig = &self.evidence.rig;
        let (late, hops) = if is_common {
            (rig.timer_p99, 1.0)
        } else if rig.is_repeat {
            (rig.timer_worst, 1.0)
        } else {
            (rig.timer_worst, HOPS)
        };
        let late = late.unwrap_or(Duration::ZERO).as_secs_f64() * 1e6;
        late * hops * self.context.speed.unwrap_or_default()
    }
}
