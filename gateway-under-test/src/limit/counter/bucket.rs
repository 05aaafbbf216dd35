//! [`Bucket`]: a token bucket, as API Management's newer tiers keep it.
//!
//! It holds as many tokens as may be used in its time and refills continuously. So it admits the
//! whole limit at once and, while it refills, as much again within the same time: up to twice
//! the limit in a window, where a sliding window admits it once.
// Source: https://learn.microsoft.com/azure/api-management/llm-token-limit-policy (read 2026-08):
// "classic tiers … sliding window … v2 tiers … token bucket".

use std::time::Duration;

use clock::Moment;

/// What is missing from a bucket until it is full.
///
/// Counted in tokens × microseconds of the refill's time, so that no drop is lost to rounding;
/// it may be more than the bucket holds, because what an answer took is known only afterwards.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    missing: u128,
    at: Moment,
}

impl Bucket {
    /// How many whole tokens it would take to fill a bucket of `size`, refilled within `time`.
    pub(crate) fn used(&mut self, size: u64, time: Duration, now: Moment) -> u64 {
        self.refill(size, now);
        saturated(self.missing.div_ceil(time.as_micros()))
    }

    /// Takes out `amount` at `now`, whether or not there is so much.
    pub(crate) fn count(&mut self, amount: u64, size: u64, time: Duration, now: Moment) {
        self.refill(size, now);
        self.missing = self
            .missing
            .saturating_add(u128::from(amount) * time.as_micros());
    }

    /// How long until no more than `most` are missing.
    pub(crate) fn wait(&self, most: u64, size: u64, time: Duration) -> Duration {
        let surplus = self
            .missing
            .saturating_sub(u128::from(most) * time.as_micros());
        Duration::from_micros(saturated(surplus.div_ceil(u128::from(size))))
    }

    fn refill(&mut self, size: u64, now: Moment) {
        let drops = now.since(self.at).as_micros() * u128::from(size);
        self.missing = self.missing.saturating_sub(drops);
        self.at = self.at.max(now);
    }
}

fn saturated(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
