use std::time::Duration;

use clock::Span;
use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::config::GatewayConfig;
use crate::forward::Failure;
use crate::outcome::End;

/// The policy of the preset: 1 s, 10 s, 2 s.
fn preset() -> RetryConfig {
    let text = crate::preset::text("manage-spikes-with-payg/retry").unwrap();
    let config = GatewayConfig::parse("retry.toml", text).unwrap();
    config.apis["retry-with-payg"].retry.clone().unwrap()
}

fn policy(config: &RetryConfig) -> Retry {
    let mut errors = Vec::new();
    let to = RetryConfig {
        to: None,
        ..config.clone()
    };
    let retry = Retry::new("api", &to, &Backends::none(), &mut errors);
    assert_eq!(errors, []);
    retry
}

fn draws(n: u64) -> Draws {
    Draws::new(42, None, n)
}

fn ended(end: End) -> Outcome {
    Outcome::without_waits(end)
}

const FULL: &Outcome = &Outcome {
    end: End::Answered(StatusCode::TOO_MANY_REQUESTS),
    retry_after: None,
    reset: None,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn an_interval_alone_is_fixed() {
    let policy = policy(&RetryConfig {
        delta: None,
        max_interval: None,
        ..preset()
    });
    let waits: Vec<_> = (0..4).map(|n| policy.wait(n, FULL, draws(0))).collect();
    assert_eq!(
        waits,
        [Some(seconds(1)), Some(seconds(1)), Some(seconds(1)), None]
    );
}

#[test]
fn with_delta_waits_grow_linearly() {
    let policy = policy(&RetryConfig {
        max_interval: None,
        ..preset()
    });
    let waits: Vec<_> = (0..4).map(|n| policy.wait(n, FULL, draws(0))).collect();
    assert_eq!(
        waits,
        [Some(seconds(1)), Some(seconds(3)), Some(seconds(5)), None]
    );
}

#[test]
fn a_fast_first_retry_does_not_wait_and_changes_no_other_wait() {
    let slow = policy(&preset());
    let fast = policy(&RetryConfig {
        first_fast_retry: true,
        ..preset()
    });
    assert_eq!(fast.wait(0, FULL, draws(0)), Some(seconds(0)));
    assert_eq!(fast.wait(1, FULL, draws(0)), slow.wait(1, FULL, draws(0)));
}

#[test]
fn only_what_is_listed_is_retried() {
    let statuses = policy(&preset());
    for other in [200, 400, 500, 503] {
        let outcome = ended(End::Answered(StatusCode::from_u16(other).unwrap()));
        assert_eq!(statuses.wait(0, &outcome, draws(0)), None);
    }
    let refused = ended(End::Failed(Failure::Refused));
    assert_eq!(statuses.wait(0, &refused, draws(0)), None);

    let transport = policy(&RetryConfig {
        on: vec![Condition::Transport],
        ..preset()
    });
    assert_eq!(transport.wait(0, FULL, draws(0)), None);
    for failure in [Failure::Refused, Failure::Reset, Failure::Timeout] {
        let outcome = ended(End::Failed(failure));
        assert_eq!(transport.wait(0, &outcome, draws(0)), Some(seconds(1)));
    }
}

#[test]
fn a_body_the_caller_failed_to_send_is_never_retried() {
    let transport = policy(&RetryConfig {
        on: vec![Condition::Transport],
        ..preset()
    });
    let outcome = ended(End::Failed(Failure::RequestBody));
    assert_eq!(transport.wait(0, &outcome, draws(0)), None);
}

#[test]
fn impossible_policies_are_refused_at_their_key() {
    let mistakes = |change: fn(&mut RetryConfig)| {
        let mut config = RetryConfig {
            to: None,
            ..preset()
        };
        change(&mut config);
        let mut errors = Vec::new();
        Retry::new("x", &config, &Backends::none(), &mut errors);
        errors.iter().map(ToString::to_string).collect::<String>()
    };
    insta::assert_snapshot!(mistakes(|c| c.count = 0), @"apis.x.retry.count: expected 1 to 50 retries, found `0`");
    insta::assert_snapshot!(mistakes(|c| c.delta = None), @"apis.x.retry.max_interval: expected `delta` beside it: without growth no wait reaches a maximum");
    insta::assert_snapshot!(mistakes(|c| c.interval = Span::new(Duration::from_secs(11))), @"apis.x.retry.max_interval: expected at least `interval`, `11s`, found `10s`");
    insta::assert_snapshot!(mistakes(|c| c.on.clear()), @r#"apis.x.retry.on: expected at least one reason to retry (help: name statuses, `"transport"`, or both: `on = [429]`)"#);
    insta::assert_snapshot!(mistakes(|c| c.to = Some("y".into())), @"apis.x.retry.to: unknown backend `y` (help: add `[backends.NAME]`)");
}

#[test]
fn contradictory_policies_are_refused_at_their_key() {
    let budget = crate::config::BudgetConfig {
        percent: 101,
        at_least: 0,
        within: Span::ZERO,
    };
    let config = RetryConfig {
        to: Some("y".into()),
        repick: true,
        honours_retry_after: true,
        budget: Some(budget),
        ..preset()
    };
    let mut errors = Vec::new();
    validate("x", &config, &mut errors);
    let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    apis.x.retry.repick: expected no `to` beside it, which names the backend
    apis.x.retry.honours_retry_after: expected `deadline` beside it: a backend may ask for a day (help: add `deadline = "30s"`)
    apis.x.retry.budget.within: expected a time above 0, found `0s`
    apis.x.retry.budget.percent: expected at most 100 percent
    "#);
}

proptest! {
    #[test]
    fn retries_never_exceed_the_budget_of_the_time_before_them(
        percent in 0..100u32,
        at_least in 0..5u32,
        events in proptest::collection::vec((0..400u64, any::<bool>()), 0..200),
    ) {
        let within = Span::new(seconds(10));
        let budget = Budget::new(crate::config::BudgetConfig { percent, at_least, within });
        let (mut now, mut requests, mut retries) = (Moment::ZERO, Vec::new(), Vec::new());
        for (gap, is_retry) in events {
            now += Duration::from_millis(gap);
            let recent = |times: &[Moment]| {
                times.iter().filter(|&&time| now.since(time) < seconds(10)).count()
            };
            let permitted = (recent(&requests) * percent as usize / 100).max(at_least as usize);
            if is_retry {
                let is_granted = budget.take(now);
                prop_assert_eq!(is_granted, recent(&retries) < permitted);
                retries.extend(is_granted.then_some(now));
            } else {
                budget.begins(now);
                requests.push(now);
            }
        }
    }

    #[test]
    fn the_references_waits_stay_in_their_ranges(request: u64) {
        let policy = policy(&preset());
        let wait = |n| policy.wait(n, FULL, draws(request)).map(|w| w.as_millis());
        prop_assert_eq!(wait(0), Some(1_000));
        prop_assert!((2_600..=3_400).contains(&wait(1).unwrap()));
        prop_assert!((5_800..=8_200).contains(&wait(2).unwrap()));
        prop_assert_eq!(wait(3), None);
    }

    #[test]
    fn no_wait_is_longer_than_the_longest(request: u64, n in 0..50u32) {
        let policy = policy(&RetryConfig { count: 50, ..preset() });
        prop_assert!(policy.wait(n, FULL, draws(request)).unwrap() <= Duration::from_secs(10));
    }
}
