//! The limiter `provisioned`: utilization of bought throughput, a variant of a leaky bucket.
//!
//! Source: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/provisioned-throughput>:
//! a request that finds more than 100 % is refused, with the time until that is over; any other is
//! admitted and adds its estimated cost: prompt without what is cached, and `max_tokens`. When it
//! has ended, the difference to its actual cost is corrected. All the while utilization drains,
//! in proportion to the units bought.
//!
//! Costs are in tokens of input, of which a token of output weighs several. An estimate may lead
//! beyond 100 %, so short bursts pass; and work in flight counts by its estimate, so an idle
//! deployment takes less at first than it does on average. Assumed: 100 % is what the units
//! process in a minute, the period of the service's own metric; `utilization_window` changes it.

use clock::Moment;

use super::bucket::{Bucket, Size};
use super::{Admission, Reason, Refusal, Standing, Wait};
use crate::config::Provisioned;

/// How much of the throughput is in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Utilization {
    bucket: Bucket,
    /// What was admitted before is not corrected any more.
    emptied: Moment,
}

impl Provisioned {
    fn size(&self) -> Size {
        Size::per_minute(self.input_tokens_per_minute()).over(self.utilization_window.get())
    }
}

impl Utilization {
    /// Nothing is in use from `now` on.
    pub(super) fn empty(now: Moment) -> Self {
        Self {
            emptied: now,
            ..Self::default()
        }
    }

    /// Lets drain what drains until `now`.
    pub(super) fn drain(&mut self, provisioned: Provisioned, now: Moment) {
        self.bucket.drain(provisioned.size(), now);
    }

    /// Admits a request estimated at `cost` unless more than 100 % are in use.
    pub(super) fn admit(
        &mut self,
        cost: u64,
        provisioned: Provisioned,
        now: Moment,
    ) -> Result<Admission, Refusal> {
        let size = provisioned.size();
        self.bucket.drain(size, now);
        let found = self.bucket.per_mille(size);
        let wait = self.bucket.wait(0, size);
        if !wait.is_zero() {
            return Err(Refusal {
                reason: Reason::Utilization,
                wait: Wait::For(wait),
                said: Wait::For(wait),
                limit: size.limit,
                used: self.bucket.used(),
                requested: cost,
                standing: Box::new(standing(found, found)),
            });
        }
        self.bucket.take(cost);
        Ok(Admission {
            at: Some(self.bucket.at()),
            standing: standing(found, self.bucket.per_mille(size)),
        })
    }

    /// Corrects the estimate of a request `admitted` earlier, which has ended at `now`.
    pub(super) fn correct(
        &mut self,
        provisioned: Provisioned,
        admitted: Moment,
        (estimated, actual): (u64, u64),
        now: Moment,
    ) {
        if admitted >= self.emptied {
            self.bucket.drain(provisioned.size(), now);
            self.bucket.correct(estimated, actual);
        }
    }
}

fn standing(found: u64, utilization: u64) -> Standing {
    Standing {
        found: Some(found),
        utilization: Some(utilization),
        ..Standing::default()
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use super::*;
    use crate::config::Throughput;

    /// One unit of 6,000 tokens per minute: 100 per second, 100 % are 6,000.
    fn provisioned() -> Provisioned {
        Provisioned {
            ptus: NonZeroU32::new(1).unwrap(),
            throughput: Throughput {
                input_tokens_per_minute_per_ptu: NonZeroU64::new(6_000).unwrap(),
                output_ratio: NonZeroU32::new(4).unwrap(),
            },
            utilization_window: Duration::from_mins(1).into(),
            longest_prompt: None,
        }
    }

    fn seconds(seconds: u64) -> Moment {
        Moment::ZERO + Duration::from_secs(seconds)
    }

    fn in_use(admission: Result<Admission, Refusal>) -> u64 {
        admission.unwrap().standing.utilization.unwrap()
    }

    #[test]
    fn a_request_is_refused_only_above_a_hundred_per_cent() {
        let mut utilization = Utilization::default();
        let mut admit = |cost, at| utilization.admit(cost, provisioned(), at);
        assert_eq!(in_use(admit(6_000, seconds(0))), 1_000);
        // Full, but not over: one more is taken, whatever it costs.
        assert_eq!(in_use(admit(3_000, seconds(0))), 1_500);
        let refusal = admit(1, seconds(10)).unwrap_err();
        // 9,000 less 1,000 drained are 2,000 too many, 100 of which go every second.
        assert_eq!(refusal.wait, Wait::For(Duration::from_secs(20)));
        assert_eq!(refusal.standing.utilization, Some(1_334));
        assert!(admit(1, seconds(30)).is_ok());
    }

    #[test]
    fn what_was_estimated_too_high_comes_back_at_the_end() {
        let mut utilization = Utilization::default();
        utilization.admit(9_000, provisioned(), seconds(0)).unwrap();
        utilization.correct(provisioned(), seconds(0), (9_000, 2_000), seconds(10));
        // 9,000 less 1,000 drained less 7,000.
        assert_eq!(
            in_use(utilization.admit(0, provisioned(), seconds(10))),
            167
        );
    }

    #[test]
    fn what_was_estimated_too_low_is_charged_at_the_end() {
        let mut utilization = Utilization::default();
        utilization.admit(600, provisioned(), seconds(0)).unwrap();
        utilization.correct(provisioned(), seconds(0), (600, 1_200), seconds(30));
        // The estimate has drained long ago; the difference has not.
        assert_eq!(
            in_use(utilization.admit(0, provisioned(), seconds(30))),
            100
        );
    }

    #[test]
    fn a_request_from_before_a_reset_corrects_nothing_after_it() {
        let mut utilization = Utilization::default();
        utilization.admit(3_000, provisioned(), seconds(0)).unwrap();
        utilization = Utilization::empty(seconds(1));
        utilization.admit(3_000, provisioned(), seconds(1)).unwrap();
        utilization.correct(provisioned(), seconds(0), (3_000, 0), seconds(1));
        assert_eq!(in_use(utilization.admit(0, provisioned(), seconds(1))), 500);
    }
}
