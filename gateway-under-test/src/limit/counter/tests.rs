//! The laws of counters, and the calendar.

use std::time::Duration;

use clock::{Clock, DEFAULT_ANCHOR, Moment, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::config::QuotaPeriod;
use crate::limit::Now;

const MINUTE: Duration = Duration::from_mins(1);

/// Times and amounts, in order.
fn uses() -> impl Strategy<Value = Vec<(Moment, u64)>> {
    let apart = prop_oneof![
        Just(0),
        0..200u64,
        Just(59_999_999),
        Just(60_000_000),
        0..90_000_000u64
    ];
    let uses = proptest::collection::vec((apart, 0..60u64), 0..60);
    uses.prop_map(|uses| {
        let mut at = Moment::ZERO;
        let after = |(apart, amount)| {
            at += Duration::from_micros(apart);
            (at, amount)
        };
        uses.into_iter().map(after).collect()
    })
}

#[test]
fn nobody_waits_longer_than_the_window_is() {
    let second = |seconds| Moment::ZERO + Duration::from_secs(seconds);
    let mut window = Window::default();
    window.count(10, second(5));
    // Whoever read the clock first may get the lock last.
    for (asked_at, wait) in [(4, 60), (5, 60), (6, 59), (65, 0)] {
        let wait = Duration::from_secs(wait);
        assert_eq!(window.wait(0, MINUTE, second(asked_at)), wait);
    }
}

/// What was used in the minute before `now`, counted one by one.
fn counted(uses: &[(Moment, u64)], now: Moment) -> u64 {
    let recent = uses
        .iter()
        .filter(|(at, _)| *at <= now && *at + MINUTE > now);
    recent.map(|(_, amount)| amount).sum()
}

proptest! {
    #[test]
    fn a_window_counts_what_was_used_in_the_minute_just_past(uses in uses()) {
        let mut window = Window::default();
        for (index, &(at, amount)) in uses.iter().enumerate() {
            prop_assert_eq!(window.used(MINUTE, at), counted(&uses[..index], at));
            window.count(amount, at);
        }
    }

    #[test]
    fn a_window_is_free_at_exactly_the_moment_it_tells(uses in uses(), most in 0..300u64) {
        let mut window = Window::default();
        let mut now = Moment::ZERO;
        for &(at, amount) in &uses {
            window.count(amount, at);
            now = at;
        }
        let free = window.free_at(most, MINUTE).max(now);
        prop_assert!(counted(&uses, free) <= most);
        if free > now {
            prop_assert!(counted(&uses, free - Duration::from_micros(1)) > most);
        }
    }

    #[test]
    fn a_bucket_is_free_at_exactly_the_moment_it_tells(uses in uses(), size in 1..200u64) {
        let mut bucket = Bucket::default();
        let mut now = Moment::ZERO;
        for &(at, amount) in &uses {
            bucket.count(amount, size, MINUTE, at);
            now = at;
        }
        let most = size - 1;
        let wait = bucket.wait(most, size, MINUTE);
        if wait > Duration::ZERO {
            let before = now + wait - Duration::from_micros(1);
            prop_assert!(bucket.used(size, MINUTE, before) > most);
        }
        prop_assert!(bucket.used(size, MINUTE, now + wait) <= most);
    }

    #[test]
    fn a_full_bucket_admits_its_size_and_what_it_refills_and_no_more(
        arrivals in uses(),
        size in 1..300u64,
    ) {
        let mut bucket = Bucket::default();
        let mut admitted = Vec::new();
        for (at, amount) in arrivals {
            if bucket.used(size, MINUTE, at) + amount <= size {
                bucket.count(amount, size, MINUTE, at);
                admitted.push((at, amount));
            }
        }
        for &(end, _) in &admitted {
            prop_assert!(counted(&admitted, end) <= 2 * size);
        }
    }
}

/// What a request does, and how long after the one before it comes.
#[derive(Clone, Debug)]
struct Asking {
    apart_us: u64,
    holds: u64,
    /// How long it is under way.
    lasts_us: u64,
    /// What it takes of what it holds, in percent; `None`: it gives all back.
    takes: Option<u64>,
}

fn askings() -> impl Strategy<Value = Vec<Asking>> {
    let asking = (
        prop_oneof![Just(0), 0..30_000_000u64],
        1..60u64,
        prop_oneof![0..100_000_000u64, 0..1_000_000u64],
        proptest::option::weighted(0.8, 0..=100u64),
    );
    let asking = asking.prop_map(|(apart_us, holds, lasts_us, takes)| Asking {
        apart_us,
        holds,
        lasts_us,
        takes,
    });
    proptest::collection::vec(asking, 0..80)
}

/// An account, and the same counted one by one.
struct Played {
    account: Account<Window>,
    of: Allowance,
    /// When each request under way ends, what it holds and what it will take.
    under_way: Vec<(Moment, u64, u64)>,
    charged: Vec<(Moment, u64)>,
}

impl Played {
    fn new(of: Allowance) -> Self {
        Self {
            account: Account::default(),
            of,
            under_way: Vec::new(),
            charged: Vec::new(),
        }
    }

    fn ask(&mut self, asking: &Asking, at: Moment) {
        if self
            .account
            .admit(asking.holds, &self.of, dated(at))
            .is_ok()
        {
            let takes = asking.holds * asking.takes.unwrap_or(0) / 100;
            let ends = at + Duration::from_micros(asking.lasts_us);
            self.under_way.push((ends, asking.holds, takes));
        }
    }

    /// Ends the first request that ends by `until`, and tells when.
    fn end_one(&mut self, until: Moment) -> Option<Moment> {
        self.under_way.sort_unstable();
        let (ends, held, used) = *self.under_way.first().filter(|(ends, ..)| *ends <= until)?;
        self.under_way.remove(0);
        self.account.settle(held, used, &self.of, dated(ends));
        self.charged.push((ends, used));
        Some(ends)
    }

    fn held(&self) -> u64 {
        self.under_way.iter().map(|(_, held, _)| held).sum()
    }
}

fn dated(at: Moment) -> Now {
    let utc = DEFAULT_ANCHOR;
    Now { at, utc }
}

proptest! {
    #[test]
    fn reservations_are_never_exceeded_whoever_comes_ends_or_leaves(askings in askings()) {
        let mut played = Played::new(Allowance { tokens_per_minute: Some(100), quota: None });
        let mut at = Moment::ZERO;
        for asking in &askings {
            at += Duration::from_micros(asking.apart_us);
            while let Some(ended) = played.end_one(at) {
                prop_assert!(counted(&played.charged, ended) + played.held() <= 100);
            }
            played.ask(asking, at);
            let used = counted(&played.charged, at) + played.held();
            prop_assert!(used <= 100);
            prop_assert_eq!(played.account.left_in_minute(&played.of, dated(at)), Some(100 - used));
        }
    }

    #[test]
    fn a_quota_is_never_exceeded_by_reservations(askings in askings()) {
        let quota = Some((500, QuotaPeriod::Yearly));
        let mut played = Played::new(Allowance { tokens_per_minute: None, quota });
        for asking in &askings {
            played.ask(asking, Moment::ZERO);
            played.end_one(Moment::ZERO + Duration::from_secs(10));
            let used: u64 = played.charged.iter().map(|(_, used)| used).sum();
            prop_assert!(used + played.held() <= 500);
        }
    }

    #[test]
    fn who_is_told_a_wait_is_let_in_after_it_and_not_before(
        uses in uses(),
        limit in 1..200u64,
        needs in 0..250u64,
    ) {
        let of = Allowance { tokens_per_minute: Some(limit), quota: None };
        let mut account = Account::<Window>::default();
        let mut last = Moment::ZERO;
        for &(at, amount) in &uses {
            account.settle(0, amount, &of, dated(at));
            last = at;
        }
        let Err(Short::Minute(wait)) = account.admit(needs, &of, dated(last)) else {
            return Ok(());
        };
        prop_assert!(!wait.is_zero() && wait <= MINUTE);
        if needs <= limit {
            let early = last + wait - Duration::from_micros(1);
            prop_assert!(account.admit(needs, &of, dated(early)).is_err());
            prop_assert!(account.admit(needs, &of, dated(last + wait)).is_ok());
        }
    }
}

#[test]
fn a_new_limit_counts_what_was_used_under_the_old_one() {
    let now = Now::of(&Clock::paused(DEFAULT_ANCHOR));
    let of = |limit| Allowance {
        tokens_per_minute: Some(limit),
        quota: None,
    };
    let mut account = Account::<Window>::default();
    account.settle(0, 80, &of(100), now);
    assert_eq!(account.left_in_minute(&of(100), now), Some(20));
    assert_eq!(account.left_in_minute(&of(200), now), Some(120));
    assert_eq!(account.left_in_minute(&of(50), now), Some(0));
}

/// The period of `kind` around `date`, as its first day and hour and those of the next.
fn period(kind: QuotaPeriod, date: &str) -> String {
    let period = Period::of(kind, date.parse().unwrap());
    format!("{} to {}", period.begins, period.ends)
}

#[test]
fn periods_are_those_of_the_calendar_in_utc() {
    use QuotaPeriod::{Daily, Hourly, Monthly, Weekly, Yearly};
    for (kind, date, expected) in [
        (
            Hourly,
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z to 2026-01-01T01:00:00Z",
        ),
        (
            Hourly,
            "2026-12-31T23:59:59.999999Z",
            "2026-12-31T23:00:00Z to 2027-01-01T00:00:00Z",
        ),
        // Two hours east of it, the day has begun; in UTC it has not.
        (
            Daily,
            "2026-03-01T00:30:00+02:00",
            "2026-02-28T00:00:00Z to 2026-03-01T00:00:00Z",
        ),
        (
            Daily,
            "2028-02-28T12:00:00Z",
            "2028-02-28T00:00:00Z to 2028-02-29T00:00:00Z",
        ),
        // A Sunday, and the Monday after it.
        (
            Weekly,
            "2026-01-04T23:59:59Z",
            "2025-12-29T00:00:00Z to 2026-01-05T00:00:00Z",
        ),
        (
            Weekly,
            "2026-01-05T00:00:00Z",
            "2026-01-05T00:00:00Z to 2026-01-12T00:00:00Z",
        ),
        (
            Monthly,
            "2028-02-29T23:59:59Z",
            "2028-02-01T00:00:00Z to 2028-03-01T00:00:00Z",
        ),
        (
            Monthly,
            "2026-12-31T23:59:59Z",
            "2026-12-01T00:00:00Z to 2027-01-01T00:00:00Z",
        ),
        (
            Yearly,
            "2028-12-31T23:59:59Z",
            "2028-01-01T00:00:00Z to 2029-01-01T00:00:00Z",
        ),
        (
            Yearly,
            "1969-06-01T00:00:00Z",
            "1969-01-01T00:00:00Z to 1970-01-01T00:00:00Z",
        ),
    ] {
        assert_eq!(period(kind, date), expected, "{kind:?} of {date}");
    }
}

proptest! {
    #[test]
    fn every_date_is_in_its_period_and_its_end_in_the_next(second in -62_135_596_800..253_402_207_199i64) {
        let date = Timestamp::from_second(second).unwrap();
        for kind in [
            QuotaPeriod::Hourly,
            QuotaPeriod::Daily,
            QuotaPeriod::Weekly,
            QuotaPeriod::Monthly,
            QuotaPeriod::Yearly,
        ] {
            let period = Period::of(kind, date);
            prop_assert!(period.begins <= date && date < period.ends);
            prop_assert_eq!(Period::of(kind, period.begins), period);
            if period.ends < Timestamp::MAX {
                prop_assert_eq!(Period::of(kind, period.ends).begins, period.ends);
            }
        }
    }
}

#[test]
fn a_quota_begins_anew_with_its_period() {
    let quota = Some((100, QuotaPeriod::Daily));
    let of = Allowance {
        tokens_per_minute: None,
        quota,
    };
    let now = |date: &str| Now {
        at: Moment::ZERO,
        utc: date.parse().unwrap(),
    };
    let mut account = Account::<Window>::default();
    account.settle(0, 100, &of, now("2026-01-01T23:00:00Z"));
    let refused = account.admit(0, &of, now("2026-01-01T23:38:27Z"));
    assert_eq!(
        refused,
        Err(Short::Quota(Duration::from_secs(21 * 60 + 33)))
    );
    assert_eq!(account.admit(0, &of, now("2026-01-02T00:00:00Z")), Ok(()));
}
