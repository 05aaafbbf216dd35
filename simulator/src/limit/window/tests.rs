//! The reference's vectors, and the laws of the window.

use proptest::prelude::*;

use super::*;

fn limits(requests_per_ten_seconds: u64, tokens_per_minute: u64) -> Limits {
    Limits {
        tokens_per_minute,
        requests: requests_per_ten_seconds,
        requests_window: Duration::from_secs(10),
    }
}

fn seconds(seconds: f64) -> Moment {
    Moment::ZERO + Duration::from_secs_f64(seconds)
}

/// What a client is told: remaining tokens and requests, or the reason and seconds to wait.
fn told(outcome: Result<Admission, Refusal>) -> Result<(u64, u64), (Reason, u64)> {
    match outcome {
        Ok(Admission { standing, .. }) => {
            let left = |level: Option<Level>| level?.remaining?.try_into().ok();
            Ok((
                left(standing.tokens).unwrap(),
                left(standing.requests).unwrap(),
            ))
        }
        Err(refusal) => Err((refusal.reason, refusal.wait.seconds())),
    }
}

/// Time in seconds, cost, and what the client is then told.
type Step = (f64, u64, Result<(u64, u64), (Reason, u64)>);

/// Plays `(time, cost, expected)` and compares each outcome.
#[track_caller]
fn play(limits: Limits, script: &[Step]) {
    let mut window = Window::default();
    for &(at, cost, expected) in script {
        let outcome = told(window.admit(cost, limits, seconds(at)));
        assert_eq!(outcome, expected, "cost {cost} at {at} s");
    }
}

fn tokens(retry_after: u64) -> Result<(u64, u64), (Reason, u64)> {
    Err((Reason::Tokens, retry_after))
}

fn requests(retry_after: u64) -> Result<(u64, u64), (Reason, u64)> {
    Err((Reason::Requests, retry_after))
}

// Source of the vectors: recorded from a running microsoft/aoai-api-simulator.

#[test]
fn two_thousand_tokens_and_two_requests_behave_as_recorded() {
    play(
        limits(2, 2_000),
        &[
            (0.5, 1_500, Ok((500, 1))),
            (1.0, 1_500, tokens(60)),
            (1.2, 300, Ok((200, 0))),
            (1.3, 100, requests(10)),
            (10.4, 100, requests(1)),
            (10.5, 100, Ok((100, 0))),
            (60.4, 1_500, tokens(1)),
            (60.5, 1_500, Ok((100, 1))),
        ],
    );
}

#[test]
fn the_longer_of_two_exhausted_limits_is_told() {
    play(
        limits(1, 384),
        &[
            (0.0, 50, Ok((334, 0))),
            (0.001, 50, requests(10)),
            (9.99, 50, requests(1)),
            (10.0, 50, Ok((284, 0))),
            (10.5, 384, tokens(60)),
        ],
    );
}

// Source of the following: the unit tests of microsoft/aoai-api-simulator.

#[test]
fn the_first_request_leaves_the_rest() {
    play(limits(10, 100), &[(0.0, 5, Ok((95, 9)))]);
}

#[test]
fn ten_seconds_later_the_first_request_counts_no_more() {
    let mut script: Vec<Step> = (1..=10u32)
        .map(|t| (t, u64::from(t)))
        .map(|(at, n)| (f64::from(at), 5, Ok((100 - 5 * n, 10 - n))))
        .collect();
    script.push((11.0, 5, Ok((45, 0))));
    play(limits(10, 100), &script);
}

#[test]
fn too_many_requests_wait_until_the_tenth_last_is_ten_seconds_old() {
    let at = [2.0].into_iter().chain([3.0; 8]).chain([4.0]);
    let mut window = Window::default();
    for at in at {
        window.admit(1, limits(10, 1_000), seconds(at)).unwrap();
    }
    let outcome = window.admit(1, limits(10, 1_000), seconds(5.0));
    assert_eq!(told(outcome), requests(7));
}

#[test]
fn tokens_that_fill_the_limit_exactly_free_up_one_by_one() {
    for (cost, wait) in [(20, 20), (40, 30), (100, 50)] {
        play(
            limits(10, 100),
            &[
                (10.0, 20, Ok((80, 9))),
                (20.0, 20, Ok((60, 9))),
                (30.0, 20, Ok((40, 9))),
                (40.0, 40, Ok((0, 9))),
                (50.0, cost, tokens(wait)),
            ],
        );
    }
}

#[test]
fn tokens_that_would_overflow_the_limit_free_up_one_by_one() {
    for (cost, wait) in [(20, 20), (40, 30), (100, 50)] {
        play(
            limits(10, 100),
            &[
                (10.0, 24, Ok((76, 9))),
                (20.0, 24, Ok((52, 9))),
                (30.0, 24, Ok((28, 9))),
                (40.0, 24, Ok((4, 9))),
                (50.0, cost, tokens(wait)),
            ],
        );
    }
}

#[test]
fn a_request_of_the_whole_limit_waits_a_whole_minute() {
    play(
        limits(10, 100),
        &[(10.0, 100, Ok((0, 9))), (20.0, 100, tokens(50))],
    );
}

#[test]
fn a_hundred_thousand_tokens_are_used_up_and_come_back() {
    let limits = limits(100, 100_000);
    let mut window = Window::default();
    let at = |i: u64| Moment::from_micros(i * 100_001);
    for i in 0..500 {
        assert!(window.admit(200, limits, at(i)).is_ok(), "request {i}");
    }
    // 500 × 0.100001 s after the first, which frees its tokens at 60 s.
    assert_eq!(told(window.admit(200, limits, at(500))), tokens(10));
    for i in 501..600 {
        assert!(window.admit(200, limits, at(i)).is_err(), "request {i}");
    }
    assert!(window.admit(200, limits, at(600)).is_ok());
}

// Source of the next: its limiter of requests in a minute, which is ours with a longer window.

#[test]
fn requests_of_a_minute_come_back_one_by_one() {
    let limits = Limits {
        requests_window: Duration::from_mins(1),
        ..limits(10, 1_000)
    };
    let mut script: Vec<Step> = (1..=10u32)
        .map(|t| (t, u64::from(t)))
        .map(|(at, n)| (f64::from(at), 1, Ok((1_000 - n, 10 - n))))
        .collect();
    script.push((11.0, 1, requests(50)));
    script.push((61.0, 1, Ok((990, 0))));
    play(limits, &script);
    let at = [2.0].into_iter().chain([3.0; 8]).chain([4.0]);
    let mut window = Window::default();
    for at in at {
        window.admit(1, limits, seconds(at)).unwrap();
    }
    assert_eq!(told(window.admit(1, limits, seconds(5.0))), requests(57));
}

#[test]
fn another_window_counts_the_same_requests() {
    let minute = Limits {
        requests_window: Duration::from_mins(1),
        ..limits(3, 1_000)
    };
    let mut window = Window::default();
    for at in [0.0, 5.0, 12.0] {
        window.admit(1, limits(3, 1_000), seconds(at)).unwrap();
    }
    assert_eq!(told(window.admit(1, minute, seconds(20.0))), requests(40));
    assert_eq!(
        told(window.admit(1, limits(3, 1_000), seconds(20.0))),
        Ok((996, 1))
    );
}

#[test]
fn what_can_never_fit_is_refused_as_such_on_an_empty_window_too() {
    let mut window = Window::default();
    for _ in 0..2 {
        let refusal = window
            .admit(101, limits(10, 100), Moment::ZERO)
            .unwrap_err();
        assert_eq!(
            (refusal.reason, refusal.wait),
            (Reason::Tokens, Wait::Never)
        );
        window.admit(1, limits(10, 100), Moment::ZERO).unwrap();
    }
}

#[test]
fn a_refused_request_does_not_consume_quota() {
    let mut window = Window::default();
    for _ in 0..50 {
        assert!(window.admit(101, limits(10, 100), Moment::ZERO).is_err());
    }
    assert_eq!(
        told(window.admit(100, limits(10, 100), Moment::ZERO)),
        Ok((0, 9))
    );
}

#[test]
fn a_lowered_limit_counts_what_was_charged_before() {
    let mut window = Window::default();
    window.admit(80, limits(10, 100), seconds(0.0)).unwrap();
    let lowered = limits(10, 50);
    assert_eq!(told(window.admit(50, lowered, seconds(20.0))), tokens(40));
    assert_eq!(told(window.admit(50, lowered, seconds(60.0))), Ok((0, 9)));
}

#[test]
fn a_caller_that_read_the_clock_early_does_not_disturb_the_order() {
    let mut window = Window::default();
    window.admit(60, limits(10, 100), seconds(5.0)).unwrap();
    window.admit(40, limits(10, 100), seconds(4.0)).unwrap();
    assert!(window.admit(1, limits(10, 100), seconds(64.9)).is_err());
    assert!(window.admit(1, limits(10, 100), seconds(65.0)).is_ok());
}

/// Gaps in microseconds and costs: bursts, lulls, free requests and whole limits.
fn traffic() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let gap = prop_oneof![Just(0), 0..50_000u64, 0..5_000_000u64, 0..70_000_000u64];
    prop::collection::vec((gap, 0..120u64), 1..200)
}

/// What the reference computes, by its own walk over the window.
fn reference(admitted: &[(u64, u64)], cost: u64, limits: Limits, now: u64) -> bool {
    let within = |window: u64| admitted.iter().filter(move |(at, _)| at + window > now);
    let tokens: u64 = within(60_000_000).map(|(_, cost)| cost).sum();
    let requests = within(10_000_000).count() as u64;
    tokens + cost <= limits.tokens_per_minute && requests < limits.requests
}

proptest! {
    #[test]
    fn a_request_is_admitted_exactly_if_both_windows_have_room(
        traffic in traffic(), requests in 1..20u64, tokens in 1..400u64,
    ) {
        let limits = limits(requests, tokens);
        let (mut window, mut admitted, mut now) = (Window::default(), Vec::new(), 0);
        for (gap, cost) in traffic {
            now += gap;
            let expected = reference(&admitted, cost, limits, now);
            let outcome = window.admit(cost, limits, Moment::from_micros(now));
            prop_assert_eq!(outcome.is_ok(), expected);
            if expected {
                admitted.push((now, cost));
            }
        }
    }

    #[test]
    fn a_refused_request_is_admitted_at_the_promised_instant_and_never_before(
        traffic in traffic(), requests in 1..20u64, tokens in 1..400u64, early in 1..70_000_000u64,
    ) {
        let limits = limits(requests, tokens);
        let (mut window, mut now) = (Window::default(), Moment::ZERO);
        for (gap, cost) in traffic {
            now += Duration::from_micros(gap);
            let Err(refusal) = window.admit(cost, limits, now) else { continue };
            let Wait::For(wait) = refusal.wait else { continue };
            prop_assert!(wait > Duration::ZERO);
            let last = wait.saturating_sub(Duration::from_micros(1));
            for moment in [now + last.min(Duration::from_micros(early)), now + last] {
                prop_assert!(window.admit(cost, limits, moment).is_err());
            }
            now += wait;
            prop_assert!(window.admit(cost, limits, now).is_ok());
        }
    }
}

#[test]
fn two_hundred_and_fifty_six_callers_at_once_never_overshoot() {
    let (limits, cost) = (limits(1_000, 1_000), 7);
    let window = std::sync::Mutex::new(Window::default());
    let admitted = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..256 {
            scope.spawn(|| {
                let outcome = window.lock().unwrap().admit(cost, limits, Moment::ZERO);
                let charged = if outcome.is_ok() { cost } else { 0 };
                admitted.fetch_add(charged, std::sync::atomic::Ordering::Relaxed);
            });
        }
    });
    // 142 × 7 = 994; one more would make 1001.
    assert_eq!(admitted.into_inner(), 994);
}
