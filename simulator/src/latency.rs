//! When each token of an answer is due.
//!
//! Deadlines are absolute: token *i* leaves at arrival + time to first token + the sum of *i*
//! gaps. Sleeping gap after gap instead adds a timer's lateness per token; chained sleeps of
//! 10 ms were measured at 11.2 ms.

use clock::Moment;
use rand::Rng;

use crate::config::{Latency, Sampler};

/// A latency ready to be drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// To the first token; absent: like every other token.
    first: Option<Sampler>,
    each: Sampler,
}

impl From<Latency> for Pace {
    fn from(latency: Latency) -> Self {
        match latency {
            Latency::PerToken {
                time_to_first_token,
                per_token,
            } => Self {
                first: time_to_first_token.map(|distribution| distribution.sampler()),
                each: per_token.sampler(),
            },
            Latency::PerRequest(per_request) => Self {
                first: Some(per_request.sampler()),
                each: crate::config::Distribution::ZERO.sampler(),
            },
        }
    }
}

impl Pace {
    /// The deadlines of an answer to a request that arrived at `start`.
    pub(crate) fn deadlines<R: Rng>(self, start: Moment, rng: R) -> Deadlines<R> {
        Deadlines {
            pace: self,
            last: start,
            is_first: true,
            rng,
        }
    }

    /// When an answer of no tokens is due.
    pub(crate) fn without_tokens(self, start: Moment, rng: &mut impl Rng) -> Moment {
        self.first.map_or(start, |first| start + first.draw(rng))
    }
}

/// The deadlines of an answer's tokens, one after the other; never ends.
#[derive(Debug)]
pub(crate) struct Deadlines<R> {
    pace: Pace,
    last: Moment,
    is_first: bool,
    rng: R,
}

impl<R: Rng> Deadlines<R> {
    /// When the next token is due.
    pub(crate) fn next(&mut self) -> Moment {
        let first = self.pace.first.filter(|_| self.is_first);
        self.is_first = false;
        let gap = first.unwrap_or(self.pace.each).draw(&mut self.rng);
        self.last += gap;
        self.last
    }

    /// Moves everything that is not due yet.
    pub(crate) fn postpone(&mut self, by: std::time::Duration) {
        self.last += by;
    }

    /// When the last of `tokens` more tokens is due.
    pub(crate) fn after(mut self, tokens: u64) -> Moment {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::config::Distribution;
    use crate::seed::{Key, Purpose};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn rng() -> ChaCha8Rng {
        Key::new(0).rng(Purpose::Latency)
    }

    fn per_token(first: Option<Distribution>, each: Distribution) -> Pace {
        Pace::from(Latency::PerToken {
            time_to_first_token: first,
            per_token: each,
        })
    }

    fn millis(pace: Pace, tokens: usize) -> Vec<u128> {
        let mut deadlines = pace.deadlines(Moment::ZERO, rng());
        let due = (0..tokens).map(|_| deadlines.next().since(Moment::ZERO).as_millis());
        due.collect()
    }

    #[test]
    fn tokens_are_due_after_the_first_token_plus_the_sum_of_gaps() {
        let constant = |ms| Distribution::constant(MS(ms));
        assert_eq!(
            millis(per_token(Some(constant(500)), constant(20)), 3),
            [500, 520, 540]
        );
        assert_eq!(millis(per_token(None, constant(20)), 3), [20, 40, 60]);
    }

    #[test]
    fn an_answer_per_request_is_due_at_once_as_a_whole() {
        let pace = Pace::from(Latency::PerRequest(Distribution::constant(MS(700))));
        assert_eq!(millis(pace, 2), [700, 700]);
        assert_eq!(
            pace.without_tokens(Moment::ZERO, &mut rng()),
            Moment::ZERO + MS(700)
        );
    }

    #[test]
    fn the_end_of_an_answer_is_the_deadline_of_its_last_token() {
        let drawn = Distribution::Exponential {
            mean: MS(10).into(),
        };
        for each in [Distribution::constant(MS(10)), drawn] {
            let pace = per_token(Some(drawn), each);
            let mut one_by_one = pace.deadlines(Moment::ZERO, rng());
            let last = (0..50).map(|_| one_by_one.next()).last().unwrap();
            assert_eq!(pace.deadlines(Moment::ZERO, rng()).after(50), last);
        }
    }

    #[test]
    fn a_negative_draw_never_brings_a_token_before_its_predecessor() {
        let wild = Distribution::Normal {
            mean: MS(1).into(),
            std_dev: MS(50).into(),
        };
        let due = millis(per_token(None, wild), 1_000);
        assert!(due.is_sorted());
    }
}
