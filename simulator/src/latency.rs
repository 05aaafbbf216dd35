//! When each token of an answer is due.
//!
//! Deadlines are absolute: token *i* leaves at start + time to first token + the sum of *i*
//! gaps. Sleeping gap after gap instead adds a timer's lateness per token; chained sleeps of
//! 10 ms were measured at 11.2 ms.
//!
//! Under load each gap is stretched by the number of requests in flight when it begins, not when
//! its request began: a server that decodes in batches slows all of the batch down with each
//! answer that joins it, and long answers feel those who come after them. So an answer's end is
//! not known at its start, and whoever waits for a whole one waits token by token.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Moment};
use rand::Rng;

use crate::config::{Latency, Load, Sampler, Timing};
use crate::slot::Slots;

/// A latency ready to be drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// To the first token; absent: like every other token.
    first: Option<Sampler>,
    each: Sampler,
    per_prompt_token: Duration,
    load: Option<Load>,
}

impl From<&Latency> for Pace {
    fn from(latency: &Latency) -> Self {
        let (first, each) = match &latency.timing {
            Timing::PerToken {
                time_to_first_token,
                per_token,
            } => (time_to_first_token.as_ref(), per_token.sampler()),
            Timing::PerRequest(per_request) => {
                (Some(per_request), Sampler::Constant(Duration::ZERO))
            }
        };
        Self {
            first: first.map(crate::config::Distribution::sampler),
            each,
            per_prompt_token: latency.per_prompt_token.get(),
            load: latency.load,
        }
    }
}

impl Pace {
    /// The deadlines of an answer whose time starts at `start`, to a prompt of so many tokens
    /// that are not cached, on a deployment with these `slots`.
    pub(crate) fn deadlines<R: Rng>(
        self,
        start: Moment,
        prompt_tokens: u64,
        slots: &Arc<Slots>,
        rng: R,
    ) -> Deadlines<R> {
        let prompt_tokens = u32::try_from(prompt_tokens).unwrap_or(u32::MAX);
        Deadlines {
            prompt: Some(self.per_prompt_token.saturating_mul(prompt_tokens)),
            pace: self,
            slots: Arc::clone(slots),
            last: start,
            rng,
        }
    }
}

/// The deadlines of an answer's tokens, one after the other; never ends.
#[derive(Debug)]
pub(crate) struct Deadlines<R> {
    pace: Pace,
    slots: Arc<Slots>,
    /// What the prompt adds to the first token, until that is due.
    prompt: Option<Duration>,
    last: Moment,
    rng: R,
}

impl<R: Rng> Deadlines<R> {
    /// When the next token is due.
    pub(crate) fn next(&mut self) -> Moment {
        let prompt = self.prompt.take();
        let first = self.pace.first.as_ref().filter(|_| prompt.is_some());
        let gap = first.unwrap_or(&self.pace.each).draw(&mut self.rng);
        self.pass(prompt.map_or(gap, |prompt| gap + prompt))
    }

    /// When an answer of no tokens is due.
    pub(crate) fn without_tokens(mut self) -> Moment {
        let first = self.pace.first.as_ref();
        let gap = first.map_or(Duration::ZERO, |first| first.draw(&mut self.rng));
        let prompt = self.prompt.unwrap_or_default();
        self.pass(gap + prompt)
    }

    fn pass(&mut self, gap: Duration) -> Moment {
        self.last += match self.pace.load {
            None => gap,
            Some(load) => stretched(gap, load.factor_at(self.slots.in_flight())),
        };
        self.last
    }

    /// Moves everything that is not due yet.
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.last += by;
    }

    /// Waits until the last of `tokens` more tokens is due.
    pub(crate) async fn play(mut self, tokens: u64, clock: &Clock) {
        if self.pace.load.is_none() {
            return wait(clock, self.after(tokens)).await;
        }
        for _ in 0..tokens {
            let due = self.next();
            wait(clock, due).await;
        }
    }

    /// When the last of `tokens` more tokens is due, where no load can change it.
    fn after(mut self, tokens: u64) -> Moment {
        if let (Some(gap), true) = (self.pace.each.constant(), tokens > 0) {
            let first = self.next();
            let rest = u32::try_from(tokens - 1).unwrap_or(u32::MAX);
            return first + gap.saturating_mul(rest);
        }
        for _ in 0..tokens {
            self.next();
        }
        self.last
    }
}

/// Waits until `due`, unless it has passed.
pub(crate) async fn wait(clock: &Clock, due: Moment) {
    // A timer that is due already may still take a millisecond.
    if due > clock.now() {
        clock.sleep_until(due).await;
    }
}

/// `gap` times `factor`, in whole microseconds.
fn stretched(gap: Duration, factor: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and neither number is negative"
    )]
    Duration::from_micros((gap.as_secs_f64() * 1e6 * factor).round() as u64)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use clock::Span;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::config::{Distribution, LatencySection};
    use crate::seed::{Key, Purpose};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn rng() -> ChaCha8Rng {
        Key::new(0).rng(Purpose::Latency)
    }

    fn per_token(first: Option<Distribution>, each: Distribution) -> LatencySection {
        LatencySection {
            time_to_first_token: first,
            per_token: Some(each),
            ..LatencySection::default()
        }
    }

    fn constant(millis: u64) -> Distribution {
        Distribution::constant(MS(millis))
    }

    fn deadlines(section: &LatencySection, slots: &Arc<Slots>) -> Deadlines<ChaCha8Rng> {
        let pace = Pace::from(&section.resolve().unwrap());
        pace.deadlines(Moment::ZERO, 8, slots, rng())
    }

    fn alone(section: &LatencySection) -> Deadlines<ChaCha8Rng> {
        deadlines(section, &Arc::default())
    }

    fn due(section: &LatencySection, tokens: usize) -> Vec<u128> {
        let mut deadlines = alone(section);
        let due = (0..tokens).map(|_| deadlines.next().since(Moment::ZERO).as_millis());
        due.collect()
    }

    #[test]
    fn tokens_are_due_after_the_first_token_plus_the_sum_of_gaps() {
        let first = per_token(Some(constant(500)), constant(20));
        assert_eq!(due(&first, 3), [500, 520, 540]);
        assert_eq!(due(&per_token(None, constant(20)), 3), [20, 40, 60]);
    }

    #[test]
    fn each_token_of_the_prompt_delays_the_first_token() {
        let section = LatencySection {
            per_prompt_token: Some(Span::new(MS(2))),
            ..per_token(Some(constant(500)), constant(20))
        };
        assert_eq!(due(&section, 2), [516, 536]);
        let no_tokens = alone(&section).without_tokens();
        assert_eq!(no_tokens, Moment::ZERO + MS(516));
    }

    #[test]
    fn an_answer_per_request_is_due_at_once_as_a_whole() {
        let section = LatencySection {
            per_request: Some(constant(700)),
            ..LatencySection::default()
        };
        assert_eq!(due(&section, 2), [700, 700]);
        let no_tokens = alone(&section).without_tokens();
        assert_eq!(no_tokens, Moment::ZERO + MS(700));
    }

    #[test]
    fn the_end_of_an_answer_is_the_deadline_of_its_last_token() {
        let drawn = Distribution::Exponential {
            mean: MS(10).into(),
        };
        for each in [constant(10), drawn.clone()] {
            let section = per_token(Some(drawn.clone()), each);
            let mut one_by_one = alone(&section);
            let last = (0..50).map(|_| one_by_one.next()).last().unwrap();
            assert_eq!(alone(&section).after(50), last);
        }
    }

    #[test]
    fn a_negative_draw_never_brings_a_token_before_its_predecessor() {
        let wild = Distribution::Normal {
            mean: MS(1).into(),
            std_dev: MS(50).into(),
        };
        assert!(due(&per_token(None, wild), 1_000).is_sorted());
    }

    #[test]
    fn a_gap_is_stretched_by_the_requests_in_flight_when_it_begins() {
        let section = LatencySection {
            load: Some(Load {
                in_flight: NonZeroU32::new(3).unwrap(),
                factor: 5.0,
                power: 1.0,
            }),
            ..per_token(Some(constant(100)), constant(10))
        };
        let slots = Arc::new(Slots::default());
        let _own = slots.enter(None).unwrap();
        let mut deadlines = deadlines(&section, &slots);
        let mut next = || deadlines.next().since(Moment::ZERO).as_millis();
        assert_eq!([next(), next()], [100, 110]);
        let second = slots.enter(None).unwrap();
        // Half-way to three in flight is half-way from 1 to 5.
        assert_eq!([next(), next()], [140, 170]);
        let third = slots.enter(None).unwrap();
        assert_eq!(next(), 220);
        drop((second, third));
        assert_eq!(next(), 230);
    }

    #[test]
    fn load_is_a_curve_through_one_and_the_configured_point() {
        let curve = |power| {
            let load = Load {
                in_flight: NonZeroU32::new(11).unwrap(),
                factor: 3.0,
                power,
            };
            [1, 6, 11, 21].map(|in_flight| load.factor_at(in_flight))
        };
        assert_eq!(
            curve(1.0).map(f64::to_bits),
            [1.0, 2.0, 3.0, 5.0].map(f64::to_bits)
        );
        assert_eq!(
            curve(2.0).map(f64::to_bits),
            [1.0, 1.5, 3.0, 9.0].map(f64::to_bits)
        );
    }
}
