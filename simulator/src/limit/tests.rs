//! The laws that every kind of limiter keeps.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::config::Throughput;

fn rate(tokens: u64, requests: u64, window: Option<RequestsWindow>) -> Rate {
    Rate {
        tokens_per_minute: NonZeroU64::new(tokens).unwrap(),
        requests_per_minute: NonZeroU64::new(requests),
        requests_window: window,
    }
}

fn provisioned(tokens_per_minute: u64, window_s: u64) -> Limiter {
    Limiter::Provisioned(Provisioned {
        ptus: NonZeroU32::new(1).unwrap(),
        throughput: Throughput {
            input_tokens_per_minute_per_ptu: NonZeroU64::new(tokens_per_minute).unwrap(),
            output_ratio: NonZeroU32::new(4).unwrap(),
        },
        utilization_window: Duration::from_secs(window_s).into(),
        longest_prompt: None,
    })
}

fn rates() -> impl Strategy<Value = Rate> {
    let window = prop::sample::select(vec![
        None,
        Some(RequestsWindow::Second),
        Some(RequestsWindow::TenSeconds),
        Some(RequestsWindow::Minute),
    ]);
    (1..400u64, 1..100u64, window)
        .prop_map(|(tokens, requests, window)| rate(tokens, requests, window))
}

fn legacy() -> impl Strategy<Value = Limiter> {
    rates().prop_map(Limiter::Legacy)
}

fn modern() -> impl Strategy<Value = Limiter> {
    (rates(), any::<bool>()).prop_map(|(rate, refused_are_charged)| Limiter::Modern {
        rate,
        refused_are_charged,
    })
}

fn openai() -> impl Strategy<Value = Limiter> {
    (rates(), 0..200u64).prop_map(|(rate, daily)| Limiter::OpenAi {
        rate,
        requests_per_day: NonZeroU64::new(daily),
    })
}

fn ptus() -> impl Strategy<Value = Limiter> {
    (1..400u64, 1..90u64).prop_map(|(tokens, window)| provisioned(tokens, window))
}

/// Gaps in microseconds and costs: bursts, lulls, free requests, whole limits and more.
fn traffic() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let gap = prop_oneof![Just(0), 0..50_000u64, 0..5_000_000u64, 0..70_000_000u64];
    prop::collection::vec((gap, 0..450u64), 1..80)
}

/// Whoever is refused is refused at every earlier microsecond and admitted when told, if nobody
/// else asks meanwhile; `early` picks the microsecond.
fn waits_are_exact(
    limiter: Limiter,
    traffic: Vec<(u64, u64)>,
    early: prop::sample::Index,
) -> Result<(), TestCaseError> {
    let (mut state, mut now) = (State::default(), Moment::ZERO);
    for (gap, cost) in traffic {
        now += Duration::from_micros(gap);
        let Err(refusal) = state.admit(&limiter, cost, now) else {
            continue;
        };
        let Wait::For(wait) = refusal.wait else {
            continue;
        };
        // Each question is put to a limiter that was left alone since the refusal.
        let is_admitted_after = |micros: u64| {
            let then = now + Duration::from_micros(micros);
            state.clone().admit(&limiter, cost, then).is_ok()
        };
        let exact = u64::try_from(wait.as_micros()).unwrap();
        prop_assert!(exact > 0);
        prop_assert!(is_admitted_after(exact), "refused after {wait:?}");
        let earlier = early.index(usize::try_from(exact).unwrap()) as u64;
        for micros in [earlier, exact - 1] {
            prop_assert!(
                !is_admitted_after(micros),
                "admitted {micros} us into {wait:?}"
            );
        }
        prop_assert_eq!(refusal.wait.millis(), exact.div_ceil(1_000));
        prop_assert_eq!(refusal.wait.seconds(), exact.div_ceil(1_000_000));
        prop_assert!(refusal.said.told() >= wait);
    }
    Ok(())
}

/// A limit as a bound: in any interval of `us` microseconds at most `holds` and what drains in it.
#[derive(Clone, Copy)]
struct Bound {
    holds: u64,
    per_minute: u64,
}

/// The bounds of tokens and requests that a limiter promises.
fn bounds(limiter: &Limiter) -> [Option<Bound>; 2] {
    let bound = |holds, per_minute| Some(Bound { holds, per_minute });
    let requests = |rate: Rate, default: Option<u64>| {
        let requests = rate.requests_per_minute.map(Into::into).or(default)?;
        let holds = rate
            .requests_window
            .map_or(requests, |window| window.share(requests));
        bound(holds, requests)
    };
    match *limiter {
        Limiter::Modern { rate, .. } => {
            let tokens = rate.tokens_per_minute.get();
            [
                bound(tokens, tokens),
                requests(rate, Some(tokens.div_ceil(1_000))),
            ]
        }
        Limiter::OpenAi { rate, .. } => {
            let tokens = rate.tokens_per_minute.get();
            [bound(tokens, tokens), requests(rate, None)]
        }
        Limiter::None | Limiter::Legacy(_) | Limiter::Provisioned(_) => [None, None],
    }
}

/// Checks every interval between two of the `admitted`, which are sorted moments with costs.
fn check_buckets(limiter: &Limiter, admitted: &[(Moment, u64)]) -> Result<(), TestCaseError> {
    let [tokens, requests] = bounds(limiter);
    let within = |bound: Option<Bound>, cost: u64, length: Duration| {
        bound.is_none_or(|bound| {
            let drained = u128::from(bound.per_minute) * length.as_micros();
            u128::from(cost) * 60_000_000 <= u128::from(bound.holds) * 60_000_000 + drained
        })
    };
    for (index, (from, _)) in admitted.iter().enumerate() {
        let (mut cost, mut count) = (0, 0);
        for (to, more) in &admitted[index..] {
            (cost, count) = (cost + more, count + 1);
            let length = to.since(*from);
            prop_assert!(within(tokens, cost, length), "{cost} tokens in {length:?}");
            prop_assert!(
                within(requests, count, length),
                "{count} requests in {length:?}"
            );
        }
    }
    Ok(())
}

/// Plays `traffic` and returns when what was admitted.
fn admitted(limiter: &Limiter, traffic: Vec<(u64, u64)>) -> Vec<(Moment, u64)> {
    let (mut state, mut now) = (State::default(), Moment::ZERO);
    let outcomes = traffic.into_iter().map(|(gap, cost)| {
        now += Duration::from_micros(gap);
        let admission = state.admit(limiter, cost, now).ok()?;
        Some((admission.at?, cost))
    });
    outcomes.flatten().collect()
}

proptest! {
    #[test]
    fn waits_of_legacy_are_exact(l in legacy(), t in traffic(), early in any::<prop::sample::Index>()) {
        waits_are_exact(l, t, early)?;
    }

    #[test]
    fn waits_of_modern_are_exact(l in modern(), t in traffic(), early in any::<prop::sample::Index>()) {
        waits_are_exact(l, t, early)?;
    }

    #[test]
    fn waits_of_openai_are_exact(l in openai(), t in traffic(), early in any::<prop::sample::Index>()) {
        waits_are_exact(l, t, early)?;
    }

    #[test]
    fn waits_of_provisioned_are_exact(l in ptus(), t in traffic(), early in any::<prop::sample::Index>()) {
        waits_are_exact(l, t, early)?;
    }

    #[test]
    fn buckets_admit_what_they_hold_and_what_drains(l in prop_oneof![modern(), openai()], t in traffic()) {
        check_buckets(&l, &admitted(&l, t))?;
    }

    #[test]
    fn provisioned_admits_only_what_finds_a_hundred_per_cent_or_less(
        limiter in ptus(), traffic in traffic(), answers in prop::collection::vec((0..90_000_000u64, 0..900u64), 80),
    ) {
        let Limiter::Provisioned(config) = limiter else { unreachable!() };
        let (mut state, mut now) = (State::default(), Moment::ZERO);
        let mut open: Vec<(Moment, Moment, (u64, u64))> = Vec::new();
        for ((gap, cost), (length, actual)) in traffic.into_iter().zip(answers) {
            now += Duration::from_micros(gap);
            open.sort();
            for (ended, admitted, costs) in open.extract_if(.., |(ended, ..)| *ended <= now) {
                state.utilization.correct(config, admitted, costs, ended);
            }
            match state.admit(&limiter, cost, now) {
                Ok(admission) => {
                    prop_assert!(admission.standing.found.unwrap() <= 1_000);
                    open.push((now + Duration::from_micros(length), now, (cost, actual)));
                }
                Err(refusal) => prop_assert!(refusal.standing.utilization.unwrap() > 1_000),
            }
        }
    }
}

/// Many threads ask one gate, each at a moment that another may have passed already.
fn at_once(limiter: &Limiter, cost: u64) -> Vec<(Moment, u64)> {
    let (gate, clock) = (Gate::default(), AtomicU64::new(0));
    let admitted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let now = Moment::from_micros(clock.fetch_add(20_000, Ordering::Relaxed));
                    if let Ok(admission) = gate.admit(limiter, cost, now) {
                        admitted.lock().unwrap().push((admission.at.unwrap(), cost));
                    }
                }
            });
        }
    });
    let mut admitted = admitted.into_inner().unwrap();
    admitted.sort();
    admitted
}

#[test]
fn threads_that_ask_at_once_never_overshoot() {
    let buckets = rate(6_000, 60, Some(RequestsWindow::TenSeconds));
    for limiter in [
        Limiter::Modern {
            rate: buckets,
            refused_are_charged: false,
        },
        Limiter::OpenAi {
            rate: buckets,
            requests_per_day: None,
        },
    ] {
        let admitted = at_once(&limiter, 150);
        // In 64 s: 6,000 and what drains, 150 each.
        assert!((40..=82).contains(&admitted.len()), "{}", admitted.len());
        check_buckets(&limiter, &admitted).unwrap();
    }
    let admitted = at_once(&Limiter::Legacy(buckets), 150);
    for (index, (from, _)) in admitted.iter().enumerate() {
        let within = |window_s| {
            let end = *from + Duration::from_secs(window_s);
            admitted[index..].iter().filter(move |(at, _)| *at < end)
        };
        assert!(within(60).map(|(_, cost)| cost).sum::<u64>() <= 6_000);
        assert!(within(10).count() <= 10);
    }
}

#[test]
fn a_change_of_limits_keeps_what_was_charged_and_lets_go_at_the_old_rate_until_then() {
    let at = |seconds| Moment::ZERO + Duration::from_secs(seconds);
    let modern = |tokens| Limiter::Modern {
        rate: rate(tokens, 1_000, None),
        refused_are_charged: false,
    };
    let gate = Gate::default();
    gate.admit(&modern(6_000), 6_000, at(0)).unwrap();
    gate.drain(&modern(6_000), at(30));
    // Of 6,000 half are left; a tenth of the limit lets go of 10 a second.
    let refusal = gate.admit(&modern(600), 100, at(30)).unwrap_err();
    assert_eq!(refusal.wait, Wait::For(Duration::from_secs(250)));
    assert_eq!(refusal.standing.tokens.unwrap().remaining, Some(-2_400));
    gate.reset(at(31));
    assert!(gate.admit(&modern(600), 600, at(31)).is_ok());
}

#[test]
fn another_kind_leaves_what_the_first_has_charged() {
    let gate = Gate::default();
    let legacy = Limiter::Legacy(rate(100, 60, None));
    gate.admit(&legacy, 100, Moment::ZERO).unwrap();
    gate.admit(&provisioned(100, 60), 100, Moment::ZERO)
        .unwrap();
    gate.admit(&Limiter::None, u64::MAX, Moment::ZERO).unwrap();
    assert!(gate.admit(&legacy, 1, Moment::ZERO).is_err());
}

#[test]
fn waits_are_rounded_up_so_that_nobody_comes_back_too_early() {
    let wait = Wait::For(Duration::from_micros(1_000_001));
    assert_eq!((wait.seconds(), wait.millis()), (2, 1_001));
    let exact = Wait::For(Duration::from_secs(2));
    assert_eq!((exact.seconds(), exact.millis()), (2, 2_000));
    assert_eq!(Wait::Never.seconds(), 86_400);
}

#[test]
fn windows_of_requests_take_their_share_of_a_minute_rounded_up() {
    let legacy = |requests, window| rate(384, requests, window).windows().requests;
    // Six per 1,000 tokens and minute.
    assert_eq!(legacy(0, None), 1);
    assert_eq!(legacy(61, None), 11);
    assert_eq!(legacy(61, Some(RequestsWindow::Second)), 2);
    assert_eq!(legacy(61, Some(RequestsWindow::Minute)), 61);
}

// Source: recorded from OpenAI.
#[test]
fn durations_are_printed_as_go_does() {
    let printed = |ms| go_duration(Duration::from_millis(ms));
    for (ms, text) in [
        (0, "0s"),
        (6, "6ms"),
        (644, "644ms"),
        (1_182, "1.182s"),
        (8_640, "8.64s"),
        (60_000, "1m0s"),
        (73_588, "1m13.588s"),
        (1_252_666, "20m52.666s"),
        (3_600_000, "1h0m0s"),
    ] {
        assert_eq!(printed(ms), text);
    }
    assert_eq!(go_duration(Duration::from_micros(6_999)), "6ms");
}
