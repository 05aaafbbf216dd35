//! [`Bucket`]: what was charged and has not drained yet.
//!
//! The limiters of 2025 and later tell by their reset headers that they are buckets: what is
//! charged drains evenly, and a request is admitted if it fits on top. Levels are whole numbers
//! of a unit so small that what drains in a microsecond is a whole number too. So nothing is ever
//! rounded and nothing drifts, however often a bucket is looked at, and the instant at which a
//! request fits is known to the microsecond. Floating point would lose an instant here and there,
//! and whoever waited as told would be refused.
//!
//! A bucket knows nothing of limits; its [`Size`] comes in with each request. So limits can be
//! changed while running without forgetting what was charged.

use std::time::Duration;

use clock::Moment;

/// Units of a token or a request: a day's microseconds, so that limits per minute and per day
/// both drain whole units in a microsecond.
const UNIT: u128 = 86_400_000_000;

/// Minutes of a day: what a limit of one per minute drains in a microsecond.
const PER_MINUTE: u128 = 1_440;

/// What was charged and has not drained yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    used: u128,
    at: Moment,
}

/// How much a bucket holds and how fast it drains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// What is charged per minute or day, as headers and texts tell it.
    pub(super) limit: u64,
    capacity: u128,
    drains: u128,
}

impl Size {
    /// Holds and drains `limit` in a minute.
    pub(super) fn per_minute(limit: u64) -> Self {
        Self {
            limit,
            capacity: units(limit),
            drains: u128::from(limit) * PER_MINUTE,
        }
    }

    /// Holds and drains `limit` in a day.
    pub(super) fn per_day(limit: u64) -> Self {
        Self {
            limit,
            capacity: units(limit),
            drains: limit.into(),
        }
    }

    /// The same that holds `capacity` only: less may come at once.
    pub(super) fn holding(self, capacity: u64) -> Self {
        Self {
            capacity: units(capacity),
            ..self
        }
    }

    /// The same that holds what drains in `window`.
    pub(super) fn over(self, window: Duration) -> Self {
        Self {
            capacity: self.drains.saturating_mul(window.as_micros()),
            ..self
        }
    }

    /// Whether a request of `cost` fits into the empty bucket.
    pub(super) fn can_hold(self, cost: u64) -> bool {
        units(cost) <= self.capacity
    }

    /// When `tokens` have drained, rounded up to a microsecond.
    pub(super) fn time_to_drain(self, tokens: u64) -> Duration {
        micros(units(tokens), self.drains)
    }
}

impl Bucket {
    /// Lets drain what drains until `now`.
    pub(super) fn drain(&mut self, size: Size, now: Moment) {
        // Callers read the clock before they get the lock; time must not go back.
        let now = now.max(self.at);
        let drained = size.drains.saturating_mul(now.since(self.at).as_micros());
        self.used = self.used.saturating_sub(drained);
        self.at = now;
    }

    /// The last moment it was looked at.
    pub(super) fn at(&self) -> Moment {
        self.at
    }

    /// How long until `cost` fits on top; zero if it fits now.
    pub(super) fn wait(&self, cost: u64, size: Size) -> Duration {
        let full = self.used.saturating_add(units(cost));
        micros(full.saturating_sub(size.capacity), size.drains)
    }

    /// Charges `cost`, whether it fits or not.
    pub(super) fn take(&mut self, cost: u64) {
        self.used = self.used.saturating_add(units(cost));
    }

    /// Charges `cost` unless that leaves more than one whole bucket of debt.
    pub(super) fn take_as_debt(&mut self, cost: u64, size: Size) {
        let most = size.capacity.saturating_mul(2);
        if self.used < most {
            self.take(cost);
            self.used = self.used.min(most);
        }
    }

    /// Charges `actual` where `estimated` was charged before.
    pub(super) fn correct(&mut self, estimated: u64, actual: u64) {
        let used = self.used.saturating_add(units(actual));
        // Part of the estimate has drained meanwhile: no more comes back than is there.
        self.used = used.saturating_sub(units(estimated));
    }

    /// What is left of the capacity, rounded down; negative while in debt.
    pub(super) fn left(&self, size: Size) -> i64 {
        let whole = |units: u128| i64::try_from(units).unwrap_or(i64::MAX);
        match size.capacity.checked_sub(self.used) {
            Some(left) => whole(left / UNIT),
            None => -whole((self.used - size.capacity).div_ceil(UNIT)),
        }
    }

    /// What is charged, rounded up.
    pub(super) fn used(&self) -> u64 {
        u64::try_from(self.used.div_ceil(UNIT)).unwrap_or(u64::MAX)
    }

    /// How long until nothing is charged any more.
    pub(super) fn time_to_empty(&self, size: Size) -> Duration {
        micros(self.used, size.drains)
    }

    /// How full it is, in thousandths of the capacity, rounded up; more than 1,000 in debt.
    pub(super) fn per_mille(&self, size: Size) -> u64 {
        let thousandths = self.used.saturating_mul(1_000);
        u64::try_from(thousandths.div_ceil(size.capacity)).unwrap_or(u64::MAX)
    }
}

fn units(tokens: u64) -> u128 {
    u128::from(tokens) * UNIT
}

/// How long `units` take to drain, rounded up to a microsecond.
fn micros(units: u128, drains: u128) -> Duration {
    Duration::from_micros(u64::try_from(units.div_ceil(drains)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn how_often_a_bucket_is_looked_at_does_not_matter() {
        let size = Size::per_minute(7);
        let (mut often, mut once) = (Bucket::default(), Bucket::default());
        often.take(1_000_000);
        once.take(1_000_000);
        for micros in 0..100_000 {
            often.drain(size, Moment::from_micros(micros * 17));
        }
        once.drain(size, Moment::from_micros(99_999 * 17));
        assert_eq!(often.used, once.used);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let size = Size::per_minute(u64::MAX).over(Duration::from_hours(1));
        let mut bucket = Bucket::default();
        for now in [Moment::ZERO, Moment::FAR_FUTURE] {
            bucket.take(u64::MAX);
            bucket.correct(0, u64::MAX);
            bucket.drain(size, now);
        }
        assert_eq!((bucket.used(), bucket.left(size)), (0, i64::MAX));
    }

    proptest! {
        #[test]
        fn what_fits_after_the_wait_does_not_fit_a_microsecond_before(
            limit in 1..1_000_000u64, used in 0..2_000_000u64, cost in 1..1_000_000u64, day: bool,
        ) {
            let size = if day { Size::per_day(limit) } else { Size::per_minute(limit) };
            prop_assume!(size.can_hold(cost));
            let mut bucket = Bucket::default();
            bucket.take(used);
            let wait = bucket.wait(cost, size);
            let waits_after = |elapsed| {
                let mut bucket = bucket;
                bucket.drain(size, Moment::ZERO + elapsed);
                bucket.wait(cost, size)
            };
            prop_assert_eq!(waits_after(wait), Duration::ZERO);
            if let Some(earlier) = wait.checked_sub(Duration::from_micros(1)) {
                prop_assert!(waits_after(earlier) > Duration::ZERO);
            }
        }
    }
}
