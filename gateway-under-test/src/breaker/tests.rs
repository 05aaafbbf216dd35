use clock::Span;
use http::StatusCode;

use super::*;
use crate::outcome::End;

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
        recovery: crate::config::Recovery::Reset,
        tripping_answer: TrippingAnswer::Backend,
    }
}

fn breaker(config: &BreakerConfig) -> Arc<Breaker> {
    let mut errors = Vec::new();
    let breaker = Breaker::new("payg-1", config, &mut errors);
    assert_eq!(errors, []);
    Arc::new(breaker)
}

fn at(seconds: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(seconds)
}

fn answered(status: u16) -> Outcome {
    Outcome::without_waits(End::Answered(StatusCode::from_u16(status).unwrap()))
}

/// What a caller is answered at `now` before a backend that always says 429.
fn call(breaker: &Arc<Breaker>, now: Moment) -> u16 {
    match breaker.admit(now) {
        Ok(pass) => {
            pass.saw(&answered(429), now);
            429
        }
        Err(_) => 503,
    }
}

#[test]
fn ten_quick_calls_are_three_refusals_and_silence() {
    let breaker = breaker(&lab());
    let answers: Vec<_> = (0..10).map(|_| call(&breaker, at(0))).collect();
    assert_eq!(answers, [[429; 3].as_slice(), &[503; 7]].concat());
}

#[test]
fn at_a_call_every_ten_seconds_it_trips_every_eighth() {
    let breaker = breaker(&lab());
    let answers: Vec<_> = (0..16).map(|n| call(&breaker, at(10 * n))).collect();
    let period = [429, 429, 429, 503, 503, 503, 503, 503];
    assert_eq!(answers, [period, period].concat());
}
