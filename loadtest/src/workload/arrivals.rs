//! [`arrivals()`]: the schedule of an open phase.
//!
//! The number of requests is fixed by the rates and never drawn: a Poisson draw of 300 requests
//! a second for ten seconds varies by 55, and a limit that holds for one seed would break for
//! the next. The gaps are drawn and then rescaled to fill the phase, which for the Poisson
//! process is the process conditioned on its count. Schedules of several classes are drawn one
//! by one and merged.

use std::time::Duration;

use clock::Moment;
use rand_distr::{Distribution, Gamma};

use crate::plan::{Arrival, Draw};

/// How requests of one class are spread over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spacing {
    /// At equal distances, the first at the start.
    Constant,
    /// Independent of each other: a Poisson process, conditioned on its count.
    Poisson,
    /// Gaps from a gamma distribution of this shape: 1 is Poisson, below 1 bursty, above 1 regular.
    Gamma {
        /// Shape k, above 0.
        shape: f64,
    },
}

/// Requests per second of one class: a straight line over the stretch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate<'a> {
    /// Index of the class in the plan.
    pub class: usize,
    /// Its name, which keys the draws.
    pub name: &'a str,
    /// Requests per second at the start.
    pub from: f64,
    /// Requests per second at the end; equal to `from` for a flat rate.
    pub to: f64,
}

/// The time that a schedule fills.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// Index of the phase in the plan, which keys the draws.
    pub phase: usize,
    /// Its first moment.
    pub start: Moment,
    /// How long it is.
    pub length: Duration,
}

/// A schedule of exactly as many requests as the rates say, in order of time.
///
/// # Panics
/// If the shape of a [`Spacing::Gamma`] is not above 0.
pub fn arrivals(seed: u64, stretch: Stretch, spacing: Spacing, rates: &[Rate<'_>]) -> Vec<Arrival> {
    let mut schedule: Vec<Arrival> = rates
        .iter()
        .flat_map(|rate| of_class(seed, stretch, spacing, rate))
        .collect();
    schedule.sort_by_key(|arrival| arrival.at);
    schedule
}

fn of_class<'a>(
    seed: u64,
    stretch: Stretch,
    spacing: Spacing,
    rate: &'a Rate<'_>,
) -> impl Iterator<Item = Arrival> + use<'a> {
    let count = rate.count(stretch.length);
    let draw = Draw {
        seed,
        purpose: "arrivals",
        class: rate.name,
        ordinal: stretch.phase as u64,
    };
    let shares = match spacing {
        Spacing::Constant => equal_shares(count),
        Spacing::Poisson => drawn_shares(count, 1.0, draw),
        Spacing::Gamma { shape } => drawn_shares(count, shape, draw),
    };
    shares.into_iter().map(move |share| Arrival {
        at: stretch.start + rate.time_of(share, stretch.length),
        class: rate.class,
        prompt_tokens: None,
        max_tokens: None,
    })
}

/// For each request, which share of all requests comes before it.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 requests")]
fn equal_shares(count: usize) -> Vec<f64> {
    (0..count).map(|n| n as f64 / count as f64).collect()
}

/// The same with drawn gaps, one more than requests: before the first and after the last too.
fn drawn_shares(count: usize, shape: f64, draw: Draw<'_>) -> Vec<f64> {
    let gamma = Gamma::new(shape, 1.0).expect("the shape is above 0");
    let mut sums: Vec<f64> = gamma
        .sample_iter(draw.rng())
        .take(count + 1)
        .scan(0.0, |sum, gap| {
            *sum += gap;
            Some(*sum)
        })
        .collect();
    let total = sums.pop().unwrap_or(1.0).max(f64::MIN_POSITIVE);
    for sum in &mut sums {
        *sum /= total;
    }
    sums
}

impl Rate<'_> {
    /// Requests in `length`: the area under the line, to the nearest whole.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rates are not negative, and a schedule must fit into memory anyway"
    )]
    fn count(&self, length: Duration) -> usize {
        (f64::midpoint(self.from, self.to) * length.as_secs_f64()).round() as usize
    }

    /// When the line has covered `share` of its area: the root of a quadratic equation.
    fn time_of(&self, share: f64, length: Duration) -> Duration {
        let seconds = length.as_secs_f64();
        let area = share * f64::midpoint(self.from, self.to) * seconds;
        let slope = (self.to - self.from) / seconds;
        // The form that stays exact when the slope is nearly 0; at share 0 it may be 0 / 0.
        let root = (self.from * self.from + 2.0 * slope * area).max(0.0).sqrt();
        let time = if share > 0.0 {
            2.0 * area / (self.from + root)
        } else {
            0.0
        };
        let micros = Duration::from_secs_f64((time * 1e6).round() / 1e6);
        // The phase's end is outside of it.
        micros.min(length.saturating_sub(Duration::from_micros(1)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: Stretch = Stretch {
        phase: 0,
        start: Moment::from_micros(5_000_000),
        length: Duration::from_mins(1),
    };

    fn rate(class: usize, name: &str, from: f64, to: f64) -> Rate<'_> {
        Rate {
            class,
            name,
            from,
            to,
        }
    }

    /// Milliseconds after the stretch's start.
    fn millis(schedule: &[Arrival]) -> Vec<u128> {
        let after = |arrival: &Arrival| arrival.at.since(MINUTE.start).as_millis();
        schedule.iter().map(after).collect()
    }

    #[test]
    fn a_constant_rate_gives_equal_distances_from_the_start() {
        let schedule = arrivals(1, MINUTE, Spacing::Constant, &[rate(0, "a", 0.1, 0.1)]);
        assert_eq!(
            millis(&schedule),
            [0, 10_000, 20_000, 30_000, 40_000, 50_000]
        );
    }

    #[test]
    fn a_linear_ramp_gets_denser_and_keeps_its_area() {
        // 0 to 1 a second over a minute: 30 requests; n of them have come after sqrt(n / 30) min.
        let schedule = arrivals(1, MINUTE, Spacing::Constant, &[rate(0, "a", 0.0, 1.0)]);
        assert_eq!(schedule.len(), 30);
        assert_eq!(millis(&schedule)[..2], [0, 10_954]);
        let quarter = schedule
            .iter()
            .filter(|arrival| arrival.at < MINUTE.start + MINUTE.length / 2)
            .count();
        assert_eq!(quarter, 8);
    }

    #[test]
    fn classes_are_mixed_by_their_rates_in_order_of_time() {
        let rates = [rate(0, "high", 3.0, 3.0), rate(4, "low", 1.0, 1.0)];
        let schedule = arrivals(1, MINUTE, Spacing::Poisson, &rates);
        assert!(schedule.is_sorted_by_key(|arrival| arrival.at));
        let of = |class| schedule.iter().filter(|a| a.class == class).count();
        assert_eq!((of(0), of(4)), (180, 60));
    }

    #[test]
    fn the_seed_and_the_phase_change_the_schedule_and_nothing_else_does() {
        let rates = [rate(0, "a", 5.0, 5.0)];
        let schedule =
            |seed, phase| arrivals(seed, Stretch { phase, ..MINUTE }, Spacing::Poisson, &rates);
        assert_eq!(schedule(1, 0), schedule(1, 0));
        assert_ne!(schedule(1, 0), schedule(2, 0));
        assert_ne!(schedule(1, 0), schedule(1, 1));
    }

    #[test]
    fn a_small_shape_is_burstier_than_a_large_one() {
        let variance = |shape| {
            let rates = [rate(0, "a", 50.0, 50.0)];
            let schedule = arrivals(1, MINUTE, Spacing::Gamma { shape }, &rates);
            let mut per_second = [0.0f64; 60];
            for arrival in schedule {
                let second = arrival.at.since(MINUTE.start).as_secs();
                per_second[usize::try_from(second).unwrap()] += 1.0;
            }
            per_second.iter().map(|n| (n - 50.0).powi(2)).sum::<f64>() / 60.0
        };
        // A count's variance is its mean over the shape, about: 200, 50 and 5.
        assert!(variance(0.25) > 100.0);
        assert!(variance(10.0) < 10.0);
    }

    proptest! {
        #[test]
        fn counts_are_fixed_and_every_request_lies_in_its_phase(
            seed: u64, from in 0.0..20.0f64, to in 0.0..20.0f64, shape in 0.05..20.0f64,
        ) {
            let rates = [rate(0, "a", from, to)];
            // The whole number that is nearest to the area under the line.
            let count = ((from + to) * 30.0).round().to_string();
            for spacing in [Spacing::Constant, Spacing::Poisson, Spacing::Gamma { shape }] {
                let schedule = arrivals(seed, MINUTE, spacing, &rates);
                prop_assert_eq!(schedule.len().to_string(), count.clone());
                let end = MINUTE.start + MINUTE.length;
                prop_assert!(schedule.iter().all(|a| MINUTE.start <= a.at && a.at < end));
            }
        }
    }
}
