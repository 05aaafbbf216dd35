//! The decision, without a simulator.

use std::num::NonZeroU64;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::{Flap, StatusFault, When};

const SECOND: Duration = Duration::from_secs(1);

fn fault(when: When) -> Fault {
    Fault {
        when,
        play: Play::Silence,
    }
}

fn faults(faults: &[Fault]) -> Faults {
    Faults::new(faults, None, Moment::ZERO)
}

fn arrival(at: Moment, request: u64, attempt: u32, headers: &HeaderMap) -> Arrival<'_> {
    Arrival {
        at,
        deployment: "chat",
        operation: Operation::ChatCompletions,
        headers,
        attempt,
        key: Key::new(42).numbered(request).numbered(attempt.into()),
        credentials: &[],
        body: b"",
    }
}

/// Which of `requests` are hit, by number, all at time zero.
fn hits(when: When, requests: u64) -> Vec<u64> {
    let (faults, headers) = (faults(&[fault(when)]), HeaderMap::new());
    let is_hit = |request: &u64| {
        let arrival = arrival(Moment::ZERO, *request, 0, &headers);
        faults.decide(&arrival).is_some()
    };
    (0..requests).filter(is_hit).collect()
}

fn nonzero(number: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(number)
}

#[test]
fn counts_are_of_requests_left_over_by_the_part_before() {
    let when = |skip, every, first| When {
        skip,
        every: nonzero(every),
        first: nonzero(first),
        ..When::default()
    };
    assert_eq!(hits(when(None, 0, 3), 6), [0, 1, 2]);
    assert_eq!(hits(when(Some(4), 0, 0), 6), [4, 5]);
    assert_eq!(hits(when(None, 3, 0), 9), [2, 5, 8]);
    assert_eq!(hits(when(Some(10), 2, 3), 40), [11, 13, 15]);
}

#[test]
fn an_entry_does_not_count_what_an_earlier_one_took() {
    let first = |number, play| Fault {
        when: When {
            first: nonzero(number),
            ..When::default()
        },
        play,
    };
    let (faults, headers) = (
        faults(&[first(2, Play::Silence), first(1, Play::Reset)]),
        HeaderMap::new(),
    );
    let met = (0..4).map(|request| {
        let arrival = arrival(Moment::ZERO, request, 0, &headers);
        faults.decide(&arrival).map(Play::as_str)
    });
    let met: Vec<_> = met.collect();
    assert_eq!(met, [Some("silence"), Some("silence"), Some("reset"), None]);
}

#[test]
fn a_list_that_is_set_again_keeps_what_unchanged_entries_counted() {
    let first = |number| {
        fault(When {
            first: nonzero(number),
            ..When::default()
        })
    };
    let headers = HeaderMap::new();
    let arrival = arrival(Moment::ZERO, 0, 0, &headers);
    let before = faults(&[first(1)]);
    assert!(before.decide(&arrival).is_some());
    let unchanged = Faults::new(&[first(1)], Some(&before), Moment::ZERO + SECOND);
    assert!(unchanged.decide(&arrival).is_none());
    let changed = Faults::new(&[first(2)], Some(&before), Moment::ZERO + SECOND);
    assert!(changed.decide(&arrival).is_some());
    before.reset(Moment::ZERO);
    assert!(unchanged.decide(&arrival).is_some());
}

#[test]
fn headers_must_be_there_with_their_values() {
    let when = When {
        header: Some([("x-fault".to_owned(), "cut".to_owned())].into()),
        ..When::default()
    };
    let faults = faults(&[fault(when)]);
    let meets = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.append("x-fault", "other".parse().unwrap());
        headers.append("x-fault", value.parse().unwrap());
        let arrival = arrival(Moment::ZERO, 0, 0, &headers);
        faults.decide(&arrival).is_some()
    };
    assert!(meets("cut"));
    assert!(!meets("cu"));
}

#[test]
fn a_flapping_backend_is_down_first() {
    let when = When {
        from: Some((SECOND * 10).into()),
        until: Some((SECOND * 22).into()),
        flap: Some(Flap {
            down: (SECOND * 2).into(),
            up: (SECOND * 3).into(),
        }),
        ..When::default()
    };
    let down: Vec<u32> = (0..30)
        .filter(|second| when.is_time(SECOND * *second))
        .collect();
    assert_eq!(down, [10, 11, 15, 16, 20, 21]);
}

proptest! {
    /// What is decided by id, attempt and time does not depend on the order of arrival.
    #[test]
    fn the_same_seed_decides_the_same_whatever_the_order(
        probability in 0.05..0.95f64,
        attempts in prop::option::of(prop::collection::vec(0..3u32, 1..3)),
        (requests, shuffled) in prop::collection::vec((0..50u64, 0..3u32, 0..20u64), 1..60)
            .prop_flat_map(|requests| (Just(requests.clone()), Just(requests).prop_shuffle())),
    ) {
        let when = |probability| When {
            probability: Some(probability),
            attempts: attempts.clone(),
            until: Some((SECOND * 10).into()),
            ..When::default()
        };
        let status = |code| Play::Status(StatusFault {
            code,
            headers: std::collections::BTreeMap::new(),
            body: None,
            retry_after: None,
            retry_after_style: None,
        });
        let list = [
            Fault { when: when(probability), play: status(429) },
            Fault { when: when(probability / 2.0), play: status(503) },
        ];
        let (faults, headers) = (faults(&list), HeaderMap::new());
        let decide = |&(request, attempt, second): &(u64, u32, u64)| {
            let at = Moment::ZERO + Duration::from_secs(second);
            faults.decide(&arrival(at, request, attempt, &headers)).cloned()
        };
        let in_order: Vec<_> = requests.iter().map(decide).collect();
        for request in &shuffled {
            let first = requests.iter().position(|other| other == request).unwrap();
            prop_assert_eq!(decide(request), in_order[first].clone());
        }
    }

    #[test]
    fn a_share_is_drawn_near_its_probability(probability in 0.0..1.0f64) {
        let when = When { probability: Some(probability), ..When::default() };
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let share = hits(when, 4_000).len() as f64 / 4_000.0;
        // Five standard deviations of a binomial share.
        prop_assert!((share - probability).abs() < 0.04, "{share}");
    }

    /// A listener that sleeps until the door may change misses no change.
    #[test]
    fn a_door_changes_only_when_it_said(
        from in 0..50u64, length in 1..50u64, down in 1..9u64, up in 1..9u64, is_flapping: bool,
    ) {
        let span = |seconds| Some(Duration::from_secs(seconds).into());
        let flap = Flap { down: Duration::from_secs(down).into(), up: Duration::from_secs(up).into() };
        let refused = Fault {
            when: When {
                from: span(from),
                until: span(from + length),
                flap: is_flapping.then_some(flap),
                ..When::default()
            },
            play: Play::Refused,
        };
        let faults = faults(&[refused]);
        let mut told = faults.door(Moment::ZERO);
        for second in 0..120 {
            let now = Moment::ZERO + Duration::from_secs(second);
            if told.changes == Some(now) {
                told = faults.door(now);
            }
            prop_assert_eq!(told.is_open, faults.door(now).is_open, "at {}", now);
            prop_assert!(told.changes.is_none_or(|change| change > now));
        }
        prop_assert_eq!(told, Door { is_open: true, changes: told.changes.filter(|_| is_flapping) });
    }
}
