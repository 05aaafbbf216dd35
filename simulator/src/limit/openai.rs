//! The limiter `openai`: buckets that drain continuously, with the arithmetic OpenAI tells.
//!
//! `Limit 30000, Used 14567, Requested 24754. Please try again in 18.642s` is
//! (14567 + 24754 - 30000) / 30000 of a minute, to the millisecond: what is used drains evenly,
//! and no more than a minute's worth fits. Refused requests are not charged.
//!
//! The text is computed from the whole numbers in it. Where part of a token has drained, the true
//! wait is shorter by that part; headers tell the true one.

use std::num::NonZeroU64;
use std::time::Duration;

use clock::Moment;

use super::bucket::{Bucket, Size};
use super::{Admission, Level, Reason, Refusal, Reset, Standing, Wait};
use crate::config::Rate;

/// What was charged and has not drained yet.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenAi {
    tokens: Bucket,
    requests: Bucket,
    requests_of_day: Bucket,
}

/// The sizes of the buckets; requests are limited where the configuration says so.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    tokens: Size,
    requests: Option<Size>,
    requests_of_day: Option<Size>,
}

impl Sizes {
    fn of(rate: Rate, daily: Option<NonZeroU64>) -> Self {
        let requests = rate.requests_per_minute;
        Self {
            tokens: Size::per_minute(rate.tokens_per_minute.get()),
            requests: requests.map(|requests| rate.requests(requests.get())),
            requests_of_day: daily.map(|requests| Size::per_day(requests.get())),
        }
    }
}

impl OpenAi {
    /// Lets drain what drains until `now`.
    pub(super) fn drain(&mut self, rate: Rate, daily: Option<NonZeroU64>, now: Moment) {
        let sizes = Sizes::of(rate, daily);
        self.tokens.drain(sizes.tokens, now);
        if let Some(size) = sizes.requests {
            self.requests.drain(size, now);
        }
        if let Some(size) = sizes.requests_of_day {
            self.requests_of_day.drain(size, now);
        }
    }

    /// Admits a request of `cost` tokens at `now`, or says which limit it hits and until when.
    pub(super) fn admit(
        &mut self,
        cost: u64,
        rate: Rate,
        daily: Option<NonZeroU64>,
        now: Moment,
    ) -> Result<Admission, Refusal> {
        self.drain(rate, daily, now);
        let sizes = Sizes::of(rate, daily);
        let standing = |this: &Self| this.standing(sizes);
        if !sizes.tokens.can_hold(cost) {
            let tokens = (Reason::Tokens, self.tokens, sizes.tokens, cost);
            return Err(refusal(tokens, Duration::MAX, standing(self)));
        }
        let asked = [
            Some((Reason::Tokens, self.tokens, sizes.tokens, cost)),
            sizes
                .requests
                .map(|size| (Reason::Requests, self.requests, size, 1)),
            sizes
                .requests_of_day
                .map(|size| (Reason::RequestsOfDay, self.requests_of_day, size, 1)),
        ];
        let waits = asked.into_iter().flatten().map(|asked| {
            let (_, bucket, size, cost) = asked;
            (bucket.wait(cost, size), asked)
        });
        // Of equal waits the first is told: tokens go before requests.
        let longest = waits.rev().max_by_key(|(wait, _)| *wait);
        match longest {
            Some((wait, asked)) if !wait.is_zero() => Err(refusal(asked, wait, standing(self))),
            _ => {
                self.tokens.take(cost);
                self.requests.take(u64::from(sizes.requests.is_some()));
                self.requests_of_day
                    .take(u64::from(sizes.requests_of_day.is_some()));
                Ok(Admission {
                    at: Some(self.tokens.at()),
                    standing: standing(self),
                })
            }
        }
    }

    fn standing(&self, sizes: Sizes) -> Standing {
        let level = |bucket: &Bucket, size: Size, period_s| Level {
            limit: size.limit,
            // Assumed: less than nothing is never left, since refused requests are not charged.
            remaining: Some(bucket.left(size).max(0)),
            reset: Reset::GoDuration(bucket.time_to_empty(size)),
            period_s,
        };
        let minute = sizes.requests.map(|size| level(&self.requests, size, 60));
        let day = sizes
            .requests_of_day
            .map(|size| level(&self.requests_of_day, size, 86_400));
        Standing {
            tokens: Some(level(&self.tokens, sizes.tokens, 60)),
            // Recorded where both exist: 10,000 per day, whose reset is 8.64 s after a request.
            requests: day.or(minute),
            ..Standing::default()
        }
    }
}

/// The refusal of a request that has to wait for a bucket; for ever if `wait` is endless.
fn refusal(
    (reason, bucket, size, requested): (Reason, Bucket, Size, u64),
    wait: Duration,
    standing: Standing,
) -> Refusal {
    let used = bucket.used();
    let (wait, said) = if wait == Duration::MAX {
        (Wait::Never, Wait::Never)
    } else {
        // A window shorter than the limit's period holds less than the limit.
        let left = u64::try_from(bucket.left(size)).unwrap_or(0);
        let excess = size.time_to_drain(requested.saturating_sub(left));
        (Wait::For(wait), Wait::For(excess))
    };
    Refusal {
        reason,
        wait,
        said,
        limit: size.limit,
        used,
        requested,
        standing: Box::new(standing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::go_duration;

    fn rate(tokens: u64, requests: Option<u64>) -> Rate {
        Rate {
            tokens_per_minute: NonZeroU64::new(tokens).unwrap(),
            requests_per_minute: requests.and_then(NonZeroU64::new),
            requests_window: None,
        }
    }

    // Source: codel#72, MetaGPT#523.
    #[test]
    fn the_wait_follows_from_limit_used_and_requested_as_recorded() {
        for (limit, used, requested, wait) in [
            (30_000, 14_567, 24_754, "18.642s"),
            (10_000, 8_554, 3_082, "9.816s"),
            (30_000, 29_000, 1_322, "644ms"),
        ] {
            let (mut limiter, rate) = (OpenAi::default(), rate(limit, None));
            limiter.admit(used, rate, None, Moment::ZERO).unwrap();
            let refusal = limiter
                .admit(requested, rate, None, Moment::ZERO)
                .unwrap_err();
            let told = (refusal.limit, refusal.used, refusal.requested);
            assert_eq!(told, (limit, used, requested));
            assert_eq!(refusal.wait, refusal.said);
            assert_eq!(go_duration(refusal.said.told()), wait);
        }
    }

    #[test]
    fn part_of_a_drained_token_shortens_the_true_wait_only() {
        let (mut limiter, rate) = (OpenAi::default(), rate(10_000, None));
        limiter.admit(10_000, rate, None, Moment::ZERO).unwrap();
        // A token drains in 6 ms; after 8 ms 9,998.67 are used.
        let refusal = limiter
            .admit(2, rate, None, Moment::from_micros(8_000))
            .unwrap_err();
        assert_eq!((refusal.used, refusal.requested), (9_999, 2));
        assert_eq!(refusal.said, Wait::For(Duration::from_millis(6)));
        assert_eq!(refusal.wait, Wait::For(Duration::from_millis(4)));
    }

    // Source: recorded resets of 10,000 requests per day and 200,000 tokens per minute.
    #[test]
    fn resets_are_told_as_recorded() {
        let (mut limiter, rate) = (OpenAi::default(), rate(200_000, Some(500)));
        let daily = NonZeroU64::new(10_000);
        let standing = limiter
            .admit(20, rate, daily, Moment::ZERO)
            .unwrap()
            .standing;
        let [tokens, requests] = [standing.tokens, standing.requests].map(Option::unwrap);
        assert_eq!((requests.limit, requests.remaining), (10_000, Some(9_999)));
        assert_eq!(requests.reset.to_string(), "8.64s");
        assert_eq!(tokens.reset.to_string(), "6ms");
    }

    #[test]
    fn requests_of_a_day_come_back_one_by_one() {
        let (mut limiter, rate) = (OpenAi::default(), rate(1_000_000, None));
        let daily = NonZeroU64::new(200);
        for _ in 0..200 {
            limiter.admit(1, rate, daily, Moment::ZERO).unwrap();
        }
        let refusal = limiter.admit(1, rate, daily, Moment::ZERO).unwrap_err();
        assert_eq!(refusal.reason, Reason::RequestsOfDay);
        assert_eq!(go_duration(refusal.said.told()), "7m12s");
    }

    #[test]
    fn what_is_refused_is_not_charged() {
        let (mut limiter, rate) = (OpenAi::default(), rate(1_000, Some(2)));
        for _ in 0..9 {
            assert!(limiter.admit(1_001, rate, None, Moment::ZERO).is_err());
        }
        assert!(limiter.admit(1_000, rate, None, Moment::ZERO).is_ok());
    }
}
