//! [`Quota`]: so many calls of one key in each period of the calendar.
//!
//! Periods follow one another without a gap from a date they are aligned to, so that all keys
//! begin anew at the same moment, whenever they called first. Each call counts, also one that a
//! later policy refuses or no backend answers: that is what API Management does, and a caller
//! who keeps running into another limit should know what it costs.
// Source: https://learn.microsoft.com/azure/api-management/quota-by-key-policy (read 2026-08):
// `first-period-start` is 0001-01-01T00:00:00Z by default, `renewal-period` at least 300 s.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clock::Timestamp;
use http::StatusCode;

use super::counter::{Keys, Period};
use super::{Caller, Denial, Hold, Now, Place, Policy, State, kept};
use crate::config::{ConfigError, KeyDimension, QuotaConfig};
use crate::refusal::{Refusal, whole_seconds};

/// The shortest period that API Management takes.
const SHORTEST: Duration = Duration::from_mins(5);

/// 0001-01-01T00:00:00Z, in seconds since 1970.
const FIRST_START_S: i64 = -62_135_596_800;

/// API Management's `quota-by-key`.
#[derive(Debug)]
pub(super) struct Quota {
    key: KeyDimension,
    calls: NonZeroU32,
    renewal_period: Duration,
    first_start: Timestamp,
    counts: Arc<Keys<Count>>,
}

/// The calls of one key in the period it called last in.
#[derive(Debug, Default)]
struct Count {
    period: Option<Period>,
    calls: u32,
}

impl Quota {
    pub(super) fn new(
        config: &QuotaConfig,
        place: &Place<'_>,
        previous: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let renewal_period = config.renewal_period.get();
        if renewal_period < SHORTEST {
            let message = format!("expected 300s or more, found `{}`", config.renewal_period);
            errors.push(place.error("renewal_period", message));
        }
        let from_the_start = || Timestamp::from_second(FIRST_START_S).unwrap_or(Timestamp::MIN);
        Self {
            key: config.key.clone(),
            calls: config.calls,
            renewal_period,
            first_start: config.first_period_start.unwrap_or_else(from_the_start),
            counts: kept(previous),
        }
    }
}

impl Policy for Quota {
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let period = Period::aligned(self.first_start, self.renewal_period, now.utc);
        let key = self.key.of(caller);
        let is_idle = |count: &mut Count| count.period != Some(period);
        let counted = self
            .counts
            .with(&key, is_idle, |count| count.one_more(self.calls, period));
        if counted {
            return Ok(None);
        }
        let wait = Duration::try_from(period.ends.duration_since(now.utc)).unwrap_or_default();
        Err(denial(wait).into())
    }

    fn state(&self) -> State {
        self.counts.clone()
    }
}

impl Count {
    /// Counts a call in `period`, unless there have been `most` in it.
    fn one_more(&mut self, most: NonZeroU32, period: Period) -> bool {
        if self.period != Some(period) {
            *self = Self {
                period: Some(period),
                calls: 0,
            };
        }
        let is_left = self.calls < most.get();
        self.calls += u32::from(is_left);
        is_left
    }
}

// Source: https://github.com/goferito/node-bing-api/issues/34 (read 2026-11): `{ "statusCode":
// 403, "message": "Out of call volume quota. Quota will be replenished in 22.14:18:12." }`.
fn denial(wait: Duration) -> Denial {
    let seconds = whole_seconds(wait);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let days = if days == 0 {
        String::new()
    } else {
        format!("{days}.")
    };
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let message = format!(
        "Out of call volume quota. Quota will be replenished in \
         {days}{hours:02}:{minutes:02}:{seconds:02}."
    );
    Denial::new(StatusCode::FORBIDDEN, "call-quota", message).wait(wait, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::support::{PLACE, at, config, refused};
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn quota(text: &str) -> Quota {
        let mut errors = Vec::new();
        let quota = Quota::new(&config(text), &PLACE, None, &mut errors);
        assert_eq!(errors, []);
        quota
    }

    proptest! {
        #[test]
        fn each_five_minutes_of_the_clock_have_so_many_calls_of_each_key(
            calls in 1..5_u64,
            arrivals in prop::collection::vec((0..100 * SECOND, any::<bool>()), 1..100),
        ) {
            let quota = quota(&format!("key = 'subscription'\ncalls = {calls}\nrenewal_period = '300s'"));
            let mut admitted = std::collections::BTreeMap::new();
            // The anchor is the beginning of a year, and so of five minutes.
            let mut now = 0;
            for (gap, is_second) in arrivals {
                now += gap;
                let count = admitted.entry((is_second, now / (300 * SECOND))).or_insert(0);
                let denial = refused(&quota, if is_second { "two" } else { "one" }, at(now));
                prop_assert_eq!(denial.is_some(), *count == calls);
                *count += u64::from(denial.is_none());
                let left = Duration::from_micros(300 * SECOND - now % (300 * SECOND));
                prop_assert!(denial.is_none_or(|denial| denial.wait.unwrap().1 == left));
            }
        }
    }

    /// What is said `micros` into 2026 to who has had the only call of `period`.
    fn told(period: &str, micros: u64) -> Denial {
        let quota = quota(&format!("key = 'everyone'\ncalls = 1\n{period}"));
        assert!(refused(&quota, "one", at(micros)).is_none());
        refused(&quota, "one", at(micros)).unwrap()
    }

    #[test]
    fn a_refusal_tells_when_the_quota_is_replenished() {
        let denial = told("renewal_period = '300s'", 1);
        assert_eq!(denial.status, StatusCode::FORBIDDEN);
        assert_eq!(
            denial.message,
            "Out of call volume quota. Quota will be replenished in 00:05:00."
        );
        let message = told("renewal_period = '5m'", 299 * SECOND).message;
        assert!(message.ends_with(" in 00:00:01."), "{message}");
        let message = told("renewal_period = '1d'", 3_600 * SECOND).message;
        assert!(message.ends_with(" in 23:00:00."), "{message}");
    }

    #[test]
    fn periods_are_aligned_to_the_start_of_the_first_before_and_after_it() {
        let monday = "renewal_period = '7d'\nfirst_period_start = '2026-01-05T00:00:00Z'";
        // 2026 begins on a Thursday.
        let message = told(monday, 30_000_000).message;
        assert!(message.ends_with(" in 3.23:59:30."), "{message}");
        let later = 4 * 86_400 * SECOND;
        let message = told(monday, later).message;
        assert!(message.ends_with(" in 7.00:00:00."), "{message}");
    }
}
