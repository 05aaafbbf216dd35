use clock::Span;
use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::config::Recovery;

/// The lab's: 3 times 429 in 5 minutes open it for 1 minute.
// Source: Azure-Samples/AI-Gateway, labs/backend-circuit-breaking (read 2026-07).
fn lab() -> BreakerConfig {
    BreakerConfig {
        on: vec![Condition::status(StatusCode::TOO_MANY_REQUESTS)],
        count: 3,
        interval: Span::new(Duration::from_mins(5)),
        trip: Span::new(Duration::from_mins(1)),
        accept_retry_after: false,
        max_retry_after: Span::new(Duration::from_hours(1)),
        recovery: Recovery::Reset,
        tripping_answer: TrippingAnswer::Backend,
    }
}

/// One that the first 429 opens, for a minute or for what it asks.
fn touchy() -> BreakerConfig {
    BreakerConfig {
        count: 1,
        accept_retry_after: true,
        ..lab()
    }
}

/// The same, which lets one request find out whether the backend is back.
fn probing() -> BreakerConfig {
    BreakerConfig {
        recovery: Recovery::Probe,
        ..touchy()
    }
}

fn breaker(config: &BreakerConfig) -> Arc<Breaker> {
    let mut errors = Vec::new();
    let breaker = Breaker::new("payg-1", config, &mut errors);
    assert_eq!(errors, []);
    Arc::new(breaker)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(time: u64) -> Moment {
    Moment::ZERO + seconds(time)
}

fn answered(status: u16) -> Outcome {
    Outcome::without_waits(End::Answered(StatusCode::from_u16(status).unwrap()))
}

/// A 429 that asks for a wait.
fn full(wait: u64) -> Outcome {
    Outcome {
        retry_after: Some(seconds(wait)),
        ..answered(429)
    }
}

/// Sends a request at `now` that comes to `outcome`; returns the status its caller sees.
fn call(breaker: &Arc<Breaker>, outcome: &Outcome, now: Moment) -> u16 {
    match breaker.admit(now) {
        Ok(pass) => {
            pass.saw(outcome, now);
            let End::Answered(status) = outcome.end else {
                return 500;
            };
            status.as_u16()
        }
        Err(_) => 503,
    }
}

/// What callers see who send a request every `period` seconds to a backend that is always full.
fn always_full(calls: u64, period: u64) -> Vec<u16> {
    let breaker = breaker(&lab());
    let calls = (0..calls).map(|n| call(&breaker, &answered(429), at(period * n)));
    calls.collect()
}

#[test]
fn ten_quick_calls_are_three_refusals_and_silence() {
    assert_eq!(
        always_full(10, 0),
        [[429; 3].as_slice(), &[503; 7]].concat()
    );
}

#[test]
fn at_a_call_every_ten_seconds_it_trips_every_eighth() {
    let period = [429, 429, 429, 503, 503, 503, 503, 503];
    assert_eq!(always_full(16, 10), [period, period].concat());
}

#[test]
fn failures_further_apart_than_the_interval_do_not_trip() {
    // Of any three, the first is five minutes old when the last comes.
    assert_eq!(always_full(20, 150), [429; 20]);
}

#[test]
fn a_success_between_failures_changes_nothing() {
    let breaker = breaker(&lab());
    let answers = [429, 200, 429, 200, 429, 200].map(|s| call(&breaker, &answered(s), at(0)));
    assert_eq!(answers, [429, 200, 429, 200, 429, 503]);
}

#[test]
fn what_is_not_listed_is_no_failure() {
    let breaker = breaker(&touchy());
    for status in [200, 400, 404, 500, 503] {
        assert_eq!(call(&breaker, &answered(status), at(0)), status);
    }
    let reset = Outcome::without_waits(End::Failed(Failure::Reset));
    assert_eq!(call(&breaker, &reset, at(0)), 500);
    assert_eq!(breaker.wait(at(0)), Duration::ZERO);
}

#[test]
fn the_wait_asked_for_takes_the_place_of_the_trip() {
    for (outcome, wait) in [(full(7), 7), (answered(429), 60), (full(86_400), 3_600)] {
        let breaker = breaker(&touchy());
        call(&breaker, &outcome, at(0));
        assert_eq!(breaker.wait(at(0)), seconds(wait));
    }
}

#[test]
fn a_wait_that_is_not_accepted_changes_nothing() {
    let breaker = breaker(&BreakerConfig {
        accept_retry_after: false,
        ..touchy()
    });
    call(&breaker, &full(7), at(0));
    assert_eq!(breaker.wait(at(0)), seconds(60));
}

#[test]
fn of_two_waits_asked_for_at_once_the_later_stands() {
    for waits in [[10, 30], [30, 10]] {
        let breaker = breaker(&touchy());
        let passes = waits.map(|wait| (breaker.admit(at(0)).unwrap(), wait));
        let tripped = passes.map(|(pass, wait)| pass.saw(&full(wait), at(1)).is_some());
        assert_eq!(tripped, [true, false]);
        assert_eq!(breaker.wait(at(1)), seconds(30));
    }
}

#[test]
fn a_failure_that_comes_late_does_not_prolong_a_trip_that_nobody_asked_for() {
    let breaker = breaker(&touchy());
    let late = breaker.admit(at(0)).unwrap();
    call(&breaker, &answered(429), at(0));
    late.saw(&answered(429), at(50));
    assert_eq!(breaker.wait(at(50)), seconds(10));
}

#[test]
fn when_the_time_is_over_everything_is_sent_again() {
    let breaker = breaker(&touchy());
    call(&breaker, &full(7), at(0));
    assert!(breaker.admit(at(7) - Duration::from_micros(1)).is_err());
    let _first = breaker.admit(at(7)).unwrap();
    let _second = breaker.admit(at(7)).unwrap();
}

#[test]
fn one_probe_goes_and_the_others_wait_for_it() {
    let breaker = breaker(&probing());
    call(&breaker, &full(7), at(0));
    let probe = breaker.admit(at(7)).unwrap();
    assert_eq!(breaker.admit(at(8)).unwrap_err(), seconds(1));
    probe.saw(&answered(200), at(9));
    let _first = breaker.admit(at(9)).unwrap();
    let _second = breaker.admit(at(9)).unwrap();
}

#[test]
fn a_probe_that_fails_opens_it_again() {
    let breaker = breaker(&probing());
    call(&breaker, &full(7), at(0));
    let probe = breaker.admit(at(7)).unwrap();
    assert_eq!(probe.saw(&full(20), at(8)), Some(TrippingAnswer::Backend));
    assert_eq!(breaker.wait(at(8)), seconds(20));
}

#[test]
fn a_probe_whose_caller_leaves_makes_room_for_the_next() {
    let breaker = breaker(&probing());
    call(&breaker, &full(7), at(0));
    drop(breaker.admit(at(7)).unwrap());
    assert!(breaker.admit(at(7)).is_ok());
}

#[test]
fn a_probe_whose_caller_breaks_off_its_body_proves_nothing() {
    let breaker = breaker(&probing());
    call(&breaker, &full(7), at(0));
    let broken = Outcome::without_waits(End::Failed(Failure::RequestBody));
    breaker.admit(at(7)).unwrap().saw(&broken, at(7));
    let _probe = breaker.admit(at(7)).unwrap();
    assert!(breaker.admit(at(7)).is_err());
}

#[test]
fn a_probe_breaks_no_promise_made_meanwhile_however_it_goes() {
    for outcome in [answered(200), full(5)] {
        let breaker = breaker(&probing());
        let late = breaker.admit(at(0)).unwrap();
        call(&breaker, &full(7), at(0));
        let probe = breaker.admit(at(7)).unwrap();
        late.saw(&full(30), at(8));
        probe.saw(&outcome, at(9));
        assert_eq!(breaker.wait(at(9)), seconds(29));
    }
}

#[test]
fn impossible_rules_are_refused_at_their_key() {
    let mut errors = Vec::new();
    let config = BreakerConfig {
        on: vec![Condition::Exhausted],
        count: 0,
        interval: Span::ZERO,
        trip: Span::ZERO,
        ..lab()
    };
    Breaker::new("x", &config, &mut errors);
    let shown: Vec<_> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    backends.x.breaker.on: expected failures of the backend, found `exhausted`, the gateway's own
    backends.x.breaker.count: expected at least 1 failure, found `0`
    backends.x.breaker.interval: expected a time above 0, found `0s`
    backends.x.breaker.trip: expected a time above 0, found `0s`
    ");
}

/// What happens next at a breaker.
#[derive(Clone, Copy, Debug)]
enum Event {
    Starts,
    /// The request of this number, of those under way, ends with this status and wait.
    Ends(usize, u16, Option<u64>),
    /// Its caller leaves.
    Leaves(usize),
    Passes(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let status = prop_oneof![Just(200u16), Just(429), Just(429)];
    let event = prop_oneof![
        3 => Just(Event::Starts),
        3 => (0..8usize, status, proptest::option::of(1..100u64))
            .prop_map(|(n, status, wait)| Event::Ends(n, status, wait)),
        1 => (0..8usize).prop_map(Event::Leaves),
        2 => (0..40u64).prop_map(Event::Passes),
    ];
    proptest::collection::vec(event, 0..80)
}

fn configs() -> impl Strategy<Value = BreakerConfig> {
    (1..4u32, any::<bool>(), any::<bool>()).prop_map(|(count, accepts, probes)| BreakerConfig {
        count,
        accept_retry_after: accepts,
        max_retry_after: Span::new(seconds(50)),
        recovery: if probes {
            Recovery::Probe
        } else {
            Recovery::Reset
        },
        ..lab()
    })
}

proptest! {
    #[test]
    fn nothing_passes_an_open_breaker_in_any_order_of_starts_and_ends(
        config in configs(),
        events in events(),
    ) {
        let breaker = breaker(&config);
        let (mut now, mut promised, mut is_closed) = (at(0), at(0), true);
        // Requests under way, and whether they started since it opened last.
        let mut under_way: Vec<(Pass, bool)> = Vec::new();
        for event in events {
            match event {
                Event::Passes(time) => now += seconds(time),
                Event::Starts => {
                    let admitted = breaker.admit(now);
                    prop_assert!(admitted.is_err() || now >= promised);
                    let is_reset = config.recovery == Recovery::Reset && now >= promised;
                    is_closed |= is_reset;
                    under_way.extend(admitted.map(|pass| (pass, !is_closed)));
                }
                Event::Leaves(n) if n < under_way.len() => drop(under_way.remove(n)),
                Event::Ends(n, status, wait) if n < under_way.len() => {
                    let (pass, is_probe) = under_way.remove(n);
                    let outcome = Outcome { retry_after: wait.map(seconds), ..answered(status) };
                    let believed = wait.filter(|_| config.accept_retry_after).map(|w| w.min(50));
                    let was_open = !breaker.wait(now).is_zero();
                    if was_open && status == 429 {
                        // Even if it changes nothing else, a wait that is asked for is kept.
                        promised = promised.max(now + seconds(believed.unwrap_or(0)));
                    }
                    if pass.saw(&outcome, now).is_some() {
                        prop_assert_eq!(status, 429);
                        promised = promised.max(now + seconds(believed.unwrap_or(60)));
                        is_closed = false;
                        for (_, is_probe) in &mut under_way { *is_probe = false; }
                    } else if is_probe && status == 200 && now >= promised {
                        is_closed = breaker.wait(now).is_zero();
                    }
                }
                Event::Leaves(_) | Event::Ends(..) => {}
            }
            prop_assert!(breaker.wait(now) >= promised.since(now));
            prop_assert!(under_way.iter().filter(|(_, is_probe)| *is_probe).count() <= 1);
        }
        drop(under_way);
        prop_assert!(breaker.admit(now + Duration::from_hours(1)).is_ok(), "a slot has leaked");
    }

    #[test]
    fn a_deadline_is_never_brought_forward(
        waits in proptest::collection::vec((0..20u64, proptest::option::of(0..90u64)), 1..20),
    ) {
        let breaker = breaker(&touchy());
        let passes: Vec<_> = waits.iter().map(|_| breaker.admit(at(0)).unwrap()).collect();
        let (mut now, mut until) = (at(0), at(0));
        for (pass, (gap, wait)) in passes.into_iter().zip(waits) {
            // They end before the first trip is over: sooner, and it would have opened twice.
            now = at(1).max(now) + Duration::from_millis(gap);
            let retry_after = wait.filter(|&wait| wait > 0).map(seconds);
            pass.saw(&Outcome { retry_after, ..answered(429) }, now);
            let deadline = now + breaker.wait(now);
            prop_assert!(deadline >= until);
            prop_assert!(deadline >= now + retry_after.unwrap_or_default());
            until = deadline;
        }
    }
}
