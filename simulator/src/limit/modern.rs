//! The limiter `modern`: two buckets that refill continuously, as Azure does since 2025.
//!
//! One holds tokens, one requests; each holds what its limit allows in a minute. Recorded resets
//! are the milliseconds until a bucket is full again: 500 after one request at 120 per minute, 7
//! after 14 tokens at 120,000 per minute, both in the answer to one call of 2026.
//!
//! A refused call counts as a request all the same ("Unsuccessful requests still count toward
//! your per-minute rate limit"): recorded are -1 requests remaining and a reset that jumps from
//! 60 s to 118 s at one request per minute. Its tokens do not count: a recorded refusal of 2025
//! tells 1,014 of 8,000 tokens remaining.

use std::time::Duration;

use clock::Moment;

use super::bucket::{Bucket, Size};
use super::{Admission, Level, Reason, Refusal, Reset, Standing, Wait};
use crate::config::Rate;

/// What was charged and has not refilled yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Modern {
    tokens: Bucket,
    requests: Bucket,
}

/// The sizes of both buckets.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    tokens: Size,
    requests: Size,
}

impl Sizes {
    fn of(rate: Rate) -> Self {
        // One request per minute comes with every 1,000 tokens per minute: recorded for
        // gpt-4.1-mini and gpt-5-nano.
        let requests = rate
            .requests_per_minute
            .map_or(rate.tokens_per_minute.get().div_ceil(1_000), Into::into);
        Self {
            tokens: Size::per_minute(rate.tokens_per_minute.get()),
            requests: rate.requests(requests),
        }
    }
}

impl Modern {
    /// Lets refill what refills until `now`.
    pub(super) fn drain(&mut self, rate: Rate, now: Moment) {
        let sizes = Sizes::of(rate);
        self.tokens.drain(sizes.tokens, now);
        self.requests.drain(sizes.requests, now);
    }

    /// Admits a request of `cost` tokens at `now`, or says which limit it hits and until when.
    pub(super) fn admit(
        &mut self,
        cost: u64,
        rate: Rate,
        refused_are_charged: bool,
        now: Moment,
    ) -> Result<Admission, Refusal> {
        self.drain(rate, now);
        let sizes = Sizes::of(rate);
        if !sizes.tokens.can_hold(cost) {
            return Err(self.refusal(Reason::Tokens, Wait::Never, cost, sizes));
        }
        let waits = [
            self.tokens.wait(cost, sizes.tokens),
            self.requests.wait(1, sizes.requests),
        ];
        if waits.iter().all(Duration::is_zero) {
            self.tokens.take(cost);
            self.requests.take(1);
            return Ok(Admission {
                at: Some(self.tokens.at()),
                standing: self.standing(sizes),
            });
        }
        if refused_are_charged {
            // Assumed: the debt is one minute at most; the longest reset recorded is 118 s.
            self.requests.take_as_debt(1, sizes.requests);
        }
        let tokens = self.tokens.wait(cost, sizes.tokens);
        let requests = self.requests.wait(1, sizes.requests);
        Err(if requests > tokens {
            self.refusal(Reason::Requests, Wait::For(requests), 1, sizes)
        } else {
            self.refusal(Reason::Tokens, Wait::For(tokens), cost, sizes)
        })
    }

    fn refusal(&self, reason: Reason, wait: Wait, requested: u64, sizes: Sizes) -> Refusal {
        let (bucket, size) = match reason {
            Reason::Requests => (self.requests, sizes.requests),
            _ => (self.tokens, sizes.tokens),
        };
        Refusal {
            reason,
            wait,
            said: wait,
            limit: size.limit,
            used: bucket.used(),
            requested,
            standing: Box::new(self.standing(sizes)),
        }
    }

    fn standing(&self, sizes: Sizes) -> Standing {
        let level = |bucket: &Bucket, size: Size| Level {
            limit: size.limit,
            remaining: Some(bucket.left(size)),
            reset: Reset::Millis(bucket.time_to_empty(size)),
            period_s: 60,
        };
        Standing {
            tokens: Some(level(&self.tokens, sizes.tokens)),
            requests: Some(level(&self.requests, sizes.requests)),
            ..Standing::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn rate(tokens: u64, requests: u64) -> Rate {
        Rate {
            tokens_per_minute: NonZeroU64::new(tokens).unwrap(),
            requests_per_minute: NonZeroU64::new(requests),
            requests_window: None,
        }
    }

    fn seconds(seconds: u64) -> Moment {
        Moment::ZERO + Duration::from_secs(seconds)
    }

    /// Remaining tokens and requests, and the milliseconds until both are full again.
    fn told(standing: Standing) -> [i64; 4] {
        let [tokens, requests] = [standing.tokens, standing.requests].map(Option::unwrap);
        let ms = |level: Level| i64::try_from(level.reset.millis().unwrap()).unwrap();
        [
            tokens.remaining.unwrap(),
            requests.remaining.unwrap(),
            ms(tokens),
            ms(requests),
        ]
    }

    // Source: recorded from Azure in March 2026.
    #[test]
    fn the_first_request_leaves_what_was_recorded() {
        let admission = Modern::default().admit(14, rate(120_000, 120), true, Moment::ZERO);
        assert_eq!(told(admission.unwrap().standing), [119_986, 119, 7, 500]);
    }

    // Source: recorded from GitHub Models, the same front end.
    #[test]
    fn part_of_a_millisecond_until_full_is_not_told() {
        let admission = Modern::default().admit(38, rate(2_000_000, 20_000), true, Moment::ZERO);
        assert_eq!(told(admission.unwrap().standing), [1_999_962, 19_999, 1, 3]);
    }

    #[test]
    fn a_refused_request_is_charged_as_a_request() {
        let mut modern = Modern::default();
        modern.admit(1, rate(1_000, 1), true, seconds(0)).unwrap();
        let refusal = modern
            .admit(1, rate(1_000, 1), true, seconds(2))
            .unwrap_err();
        assert_eq!(refusal.reason, Reason::Requests);
        assert_eq!(refusal.wait, Wait::For(Duration::from_secs(118)));
        assert_eq!(told(*refusal.standing), [1_000, -1, 0, 118_000]);
    }

    #[test]
    fn a_refused_request_need_not_be_charged() {
        let mut modern = Modern::default();
        modern.admit(1, rate(1_000, 1), false, seconds(0)).unwrap();
        for _ in 0..9 {
            let refusal = modern.admit(1, rate(1_000, 1), false, seconds(2));
            assert_eq!(
                refusal.unwrap_err().wait,
                Wait::For(Duration::from_secs(58))
            );
        }
    }

    #[test]
    fn a_caller_that_never_waits_owes_no_more_than_two_minutes() {
        let mut modern = Modern::default();
        for request in 0..1_000 {
            let admission = modern.admit(1, rate(10_000, 10), true, seconds(0));
            assert_eq!(admission.is_ok(), request < 10);
        }
        let refusal = modern
            .admit(1, rate(10_000, 10), true, seconds(0))
            .unwrap_err();
        // Twenty requests are charged, of which eleven have to go: one every six seconds.
        assert_eq!(refusal.wait, Wait::For(Duration::from_secs(66)));
    }

    #[test]
    fn tokens_come_back_continuously() {
        let mut modern = Modern::default();
        let rate = rate(6_000, 600);
        modern.admit(6_000, rate, true, seconds(0)).unwrap();
        let refusal = modern.admit(500, rate, true, seconds(3)).unwrap_err();
        // 300 of 500 tokens are back; 100 come back every second.
        assert_eq!(refusal.wait, Wait::For(Duration::from_secs(2)));
        assert!(modern.admit(500, rate, true, seconds(5)).is_ok());
    }

    #[test]
    fn what_can_never_fit_is_neither_waited_for_nor_charged() {
        let mut modern = Modern::default();
        let refusal = modern
            .admit(1_001, rate(1_000, 1), true, seconds(0))
            .unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.wait),
            (Reason::Tokens, Wait::Never)
        );
        assert!(
            modern
                .admit(1_000, rate(1_000, 1), true, seconds(0))
                .is_ok()
        );
    }
}
