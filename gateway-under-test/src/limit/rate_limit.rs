//! [`RateLimit`]: so many calls, or tokens, of one key within a sliding time.
//!
//! Calls are counted when they come, and the one that would be too many is refused. What is not
//! known before the end of an answer, its status or its tokens, is counted at that end. Then the
//! check can only ask whether the limit *has been* exceeded, by those whose answers have ended:
//! it refuses one call later, and whoever is under way at the same time is not seen at all. That
//! is what the reference's workaround for operations without a token limit lives with.
// Source: https://learn.microsoft.com/azure/api-management/rate-limit-by-key-policy (read
// 2026-08): evaluation is postponed to the end of the outbound pipeline if the increment is an
// expression, and 429 may come "1 call later than usual".

use std::sync::Arc;
use std::time::Duration;

use clock::Moment;
use http::{HeaderMap, HeaderName, StatusCode};

use super::counter::{Keys, Window};
use super::{Answer, Caller, Denial, Hold, Now, Place, Policy, Settlement, State, kept};
use crate::config::{ConfigError, Counts, KeyDimension, RateLimitConfig, StatusRange};
use crate::refusal::{Refusal, whole_seconds};
use crate::usage::Usage;

/// The longest renewal period that API Management takes.
const LONGEST: Duration = Duration::from_mins(5);

/// API Management's `rate-limit-by-key`.
#[derive(Debug)]
pub(super) struct RateLimit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: KeyDimension,
    calls: u64,
    renewal_period: Duration,
    counts: Counts,
    /// Empty: all.
    when: Vec<StatusRange>,
    remaining_header: Option<HeaderName>,
    total_header: Option<HeaderName>,
    retry_after_header: Option<HeaderName>,
    windows: Arc<Keys<Window>>,
}

/// A request under way.
#[derive(Debug)]
struct Call {
    of: Arc<Inner>,
    key: String,
    /// What is left without it, if it is counted at its end, else with it.
    left: u64,
}

impl RateLimit {
    pub(super) fn new(
        config: &RateLimitConfig,
        place: &Place<'_>,
        previous: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let renewal_period = config.renewal_period.get();
        if renewal_period.is_zero() || renewal_period > LONGEST {
            let message = format!(
                "expected more than 0s and at most 300s, found `{}`",
                config.renewal_period
            );
            let error = place.error("renewal_period", message);
            errors.push(error.help("for a longer time there is `quota`"));
        }
        let mut header = |key, name: &Option<String>| place.header(key, name.as_ref(), errors);
        Self(Arc::new(Inner {
            key: config.key.clone(),
            calls: config.calls.get().into(),
            renewal_period,
            counts: config.counts,
            when: config.when.clone(),
            remaining_header: header("remaining_calls_header", &config.remaining_calls_header),
            total_header: header("total_calls_header", &config.total_calls_header),
            retry_after_header: header("retry_after_header", &config.retry_after_header),
            windows: kept(previous),
        }))
    }
}

impl Policy for RateLimit {
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let of = self.0.clone();
        let key = of.key.of(caller);
        let left = of.with(&key, now.at, |window| of.admit(window, now.at));
        let left = left.map_err(|wait| of.denial(wait))?;
        Ok(Some(Box::new(Call { of, key, left })))
    }

    fn state(&self) -> State {
        self.0.windows.clone()
    }

    fn counts_usage(&self) -> bool {
        self.0.counts == Counts::TotalTokens
    }

    fn tells_usage(&self) -> bool {
        self.counts_usage() && self.0.remaining_header.is_some()
    }
}

impl Inner {
    /// Whether requests are counted at the end of their answers.
    fn is_deferred(&self) -> bool {
        self.counts == Counts::TotalTokens || !self.when.is_empty()
    }

    /// Lets a call in and returns what is left, or how long it is to wait.
    fn admit(&self, window: &mut Window, now: Moment) -> Result<u64, Duration> {
        let own = u64::from(!self.is_deferred());
        let left = self.left(window, now).checked_sub(own);
        let Some(left) = left.filter(|_| window.used(self.renewal_period, now) <= self.calls)
        else {
            return Err(window.wait(self.calls - own, self.renewal_period, now));
        };
        window.count(own, now);
        Ok(left)
    }

    fn left(&self, window: &mut Window, now: Moment) -> u64 {
        self.calls
            .saturating_sub(window.used(self.renewal_period, now))
    }

    /// What a request comes to that ended so; `None` if it was counted when it came.
    fn deferred(&self, status: u16, usage: Option<Usage>) -> Option<u64> {
        let counts = self.when.is_empty() || self.when.iter().any(|when| when.contains(status));
        let amount = match self.counts {
            Counts::Calls => 1,
            Counts::TotalTokens => usage.map_or(0, |usage| usage.total_tokens),
        };
        self.is_deferred()
            .then_some(if counts { amount } else { 0 })
    }

    fn with<R>(&self, key: &str, now: Moment, act: impl FnOnce(&mut Window) -> R) -> R {
        let is_idle = |window: &mut Window| window.used(self.renewal_period, now) == 0;
        self.windows.with(key, is_idle, act)
    }

    fn denial(&self, wait: Duration) -> Denial {
        let seconds = whole_seconds(wait);
        let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
        let denial = Denial::new(StatusCode::TOO_MANY_REQUESTS, "rate-limit", message)
            .wait(wait, self.retry_after_header.as_ref());
        self.headers(0).fold(denial, |denial, (name, value)| {
            denial.header(name, value.into())
        })
    }

    /// What is told of the limit, when so many are left.
    fn headers(&self, left: u64) -> impl Iterator<Item = (HeaderName, u64)> {
        let remaining = self.remaining_header.clone().map(|name| (name, left));
        let total = self.total_header.clone().map(|name| (name, self.calls));
        remaining.into_iter().chain(total)
    }
}

impl Hold for Call {
    fn answered(
        &mut self,
        answer: &Answer<'_>,
        out: &mut HeaderMap,
        _: Now,
    ) -> Result<(), Refusal> {
        let own = self
            .of
            .deferred(answer.status.as_u16(), answer.usage)
            .unwrap_or(0);
        let headers = self.of.headers(self.left.saturating_sub(own));
        out.extend(headers.map(|(name, value)| (name, value.into())));
        Ok(())
    }

    fn settled(self: Box<Self>, end: &Settlement, now: Now) {
        if let Some(amount) = self.of.deferred(end.status, end.usage) {
            let count = |window: &mut Window| window.count(amount, now.at);
            self.of.with(&self.key, now.at, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::support::{PLACE, at, caller, config, refused, settle};
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn limit(text: &str) -> RateLimit {
        let mut errors = Vec::new();
        let limit = RateLimit::new(&config(text), &PLACE, None, &mut errors);
        assert_eq!(errors, []);
        limit
    }

    proptest! {
        #[test]
        fn no_window_has_more_calls_than_the_limit_and_a_promised_wait_is_exact(
            calls in 1..5_usize,
            arrivals in prop::collection::vec((0..4 * SECOND, any::<bool>()), 1..100),
        ) {
            let text = format!("key = 'subscription'\ncalls = {calls}\nrenewal_period = '10s'");
            let limit = limit(&text);
            let mut admitted = [Vec::new(), Vec::new()];
            let mut now = 0;
            for (gap, is_second) in arrivals {
                now += gap;
                let own = &mut admitted[usize::from(is_second)];
                let denial = refused(&limit, if is_second { "two" } else { "one" }, at(now));
                // Only the caller's own calls of the ten seconds just past count.
                let oldest = own.iter().rev().nth(calls - 1).map(|at| at + 10 * SECOND);
                match oldest.filter(|leaves| *leaves > now) {
                    None => own.push(now),
                    Some(leaves) => prop_assert_eq!(
                        denial.as_ref().and_then(|denial| denial.wait.as_ref()).map(|(_, wait)| *wait),
                        Some(Duration::from_micros(leaves - now))
                    ),
                }
                prop_assert_eq!(denial.is_none(), oldest.is_none_or(|leaves| leaves <= now));
            }
        }
    }

    #[test]
    fn an_answer_tells_what_is_left_and_a_refusal_that_nothing_is() {
        let limit = limit(
            "key = 'subscription'\ncalls = 2\nrenewal_period = '30s'\n\
             remaining_calls_header = 'calls-left'\ntotal_calls_header = 'calls'\n\
             retry_after_header = 'come-back'",
        );
        let answer = |now| {
            settle(
                limit.admit(&caller("one"), at(now)).unwrap(),
                200,
                7,
                at(now),
            )
        };
        let left = |headers: HeaderMap| (headers["calls-left"].clone(), headers["calls"].clone());
        assert_eq!(
            left(answer(0)),
            ("1".parse().unwrap(), "2".parse().unwrap())
        );
        assert_eq!(
            left(answer(SECOND)),
            ("0".parse().unwrap(), "2".parse().unwrap())
        );
        let denial = refused(&limit, "one", at(2 * SECOND + 1)).unwrap();
        assert_eq!(denial.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            denial.message,
            "Rate limit is exceeded. Try again in 28 seconds."
        );
        let headers: Vec<_> = denial
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(headers, ["calls-left", "calls"]);
        assert_eq!(denial.wait.unwrap().0, "come-back");
    }

    #[test]
    fn what_is_counted_at_the_end_is_noticed_one_call_late() {
        let limit = limit(
            "key = 'everyone'\ncalls = 500\nrenewal_period = '60s'\ncounts = 'total-tokens'\n\
             when = ['200-399']\nremaining_calls_header = 'left'",
        );
        let mut left = Vec::new();
        for call in 0..11 {
            let now = at(call * SECOND);
            let answer = settle(limit.admit(&caller("one"), now).unwrap(), 200, 50, now);
            left.push(answer["left"].to_str().unwrap().parse::<u64>().unwrap());
        }
        assert_eq!(left[..3], [450, 400, 350]);
        // 500 are used after the tenth; more than 500, which is too much, after the eleventh.
        assert_eq!(left[9..], [0, 0]);
        let denial = refused(&limit, "one", at(11 * SECOND)).unwrap();
        assert_eq!(
            denial.message,
            "Rate limit is exceeded. Try again in 49 seconds."
        );
        assert!(refused(&limit, "one", at(60 * SECOND)).is_none());
    }

    #[test]
    fn requests_at_the_same_time_and_answers_of_other_statuses_are_not_seen() {
        let limit =
            limit("key = 'everyone'\ncalls = 1\nrenewal_period = '60s'\nwhen = ['200-399']");
        let under_way: Vec<_> = (0..5)
            .map(|_| limit.admit(&caller("one"), at(0)).unwrap())
            .collect();
        let dropped = limit.admit(&caller("one"), at(0)).unwrap();
        drop(dropped);
        for (hold, status) in under_way.into_iter().zip([500, 200, 429, 400, 399]) {
            settle(hold, status, 0, at(SECOND));
        }
        // One with 200, one with 399.
        assert!(refused(&limit, "one", at(2 * SECOND)).is_some());
        assert!(refused(&limit, "one", at(61 * SECOND)).is_none());
    }

    #[test]
    fn a_reload_changes_the_limit_and_keeps_the_count() {
        let before = limit("key = 'everyone'\ncalls = 3\nrenewal_period = '60s'");
        for _ in 0..3 {
            assert!(refused(&before, "one", at(0)).is_none());
        }
        let now = |calls| {
            let text = format!("key = 'everyone'\ncalls = {calls}\nrenewal_period = '30s'");
            let state = Some(before.state());
            RateLimit::new(&config(&text), &PLACE, state, &mut Vec::new())
        };
        assert!(refused(&now(2), "one", at(SECOND)).is_some());
        assert!(refused(&now(4), "one", at(SECOND)).is_none());
    }
}
