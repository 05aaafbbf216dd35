//! The two policies' hearts by the reference's numbers, and their laws.

use std::num::NonZeroU64;
use std::time::Duration;

use clock::Moment;
use http::StatusCode;
use proptest::prelude::*;

use super::Priority::{self, High, Low};
use super::counts::Counts;
use super::memory::{Memory, Told};
use super::refused::{Because, Refused};
use crate::config::Counting::{self, WhenAdmitted, WhenAnswered};
use crate::config::{
    CalculatedDeployment, LateAnswers, MissingRemaining, MissingReset, Probe, TokenTrackingConfig,
    TrackedDeployment,
};

fn at(millis: u64) -> Moment {
    Moment::ZERO + Duration::from_millis(millis)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The reference's `embedding`: 10,000 tokens a minute, 10 calls in 10 s, 30 % of them kept.
fn embedding() -> CalculatedDeployment {
    CalculatedDeployment {
        tokens_per_minute: NonZeroU64::new(10_000).unwrap(),
        low_priority_tokens_threshold: 3_000,
        requests_per_10s: NonZeroU64::new(10).unwrap(),
        low_priority_requests_threshold: 3,
    }
}

fn refused(because: Because, left: u64, wait: impl Into<Option<Duration>>) -> Refused {
    Refused {
        because,
        left: Some(left),
        wait: wait.into(),
    }
}

mod counting {
    use super::*;

    /// Asks for a call and, if it may pass, has it answered at once.
    fn call(
        counts: &mut Counts,
        priority: Priority,
        cost: u64,
        now: Moment,
    ) -> Result<(), Refused> {
        counts.admit(&embedding(), WhenAnswered, priority, cost, now)?;
        counts.count(cost, now);
        Ok(())
    }

    #[test]
    fn low_priority_stops_below_its_threshold_and_high_goes_on() {
        let mut counts = Counts::default();
        call(&mut counts, High, 7_000, at(0)).unwrap();
        // 3,000 are left, and that is not less than 3,000.
        call(&mut counts, Low, 1, at(0)).unwrap();
        let no = refused(Because::LowTokens, 2_999, seconds(60));
        assert_eq!(call(&mut counts, Low, 1, at(0)), Err(no));
        call(&mut counts, High, 2_998, at(0)).unwrap();
        call(&mut counts, High, 500, at(0)).unwrap(); // One over: a single token was left.
        let no = refused(Because::NoTokens, 0, seconds(60));
        assert_eq!(call(&mut counts, High, 1, at(0)), Err(no));
        // The limit is asked before the threshold.
        assert_eq!(call(&mut counts, Low, 1, at(0)), Err(no));
    }

    #[test]
    fn calls_are_counted_in_ten_seconds_beside_the_tokens() {
        let mut counts = Counts::default();
        for second in 0..8 {
            call(&mut counts, Low, 10, at(second * 100)).unwrap();
        }
        let no = refused(Because::LowRequests, 2, Duration::from_millis(9_200));
        assert_eq!(call(&mut counts, Low, 10, at(800)), Err(no));
        call(&mut counts, High, 10, at(800)).unwrap();
        call(&mut counts, High, 10, at(800)).unwrap();
        let no = refused(Because::NoRequests, 0, Duration::from_millis(9_200));
        assert_eq!(call(&mut counts, High, 10, at(800)), Err(no));
        call(&mut counts, High, 10, at(10_000)).unwrap();
    }

    #[test]
    fn a_burst_goes_over_the_limit_unless_it_is_counted_when_admitted() {
        let burst = |counting| {
            let mut counts = Counts::default();
            let admit = |_: &u32| {
                let admitted = counts.admit(&embedding(), counting, High, 4_000, at(0));
                admitted.is_ok()
            };
            (0..9).filter(admit).count()
        };
        assert_eq!(burst(WhenAnswered), 9);
        assert_eq!(burst(WhenAdmitted), 2);
    }

    #[test]
    fn a_call_that_is_given_back_was_never_there() {
        let mut counts = Counts::default();
        let admit =
            |counts: &mut Counts| counts.admit(&embedding(), WhenAdmitted, High, 9_000, at(0));
        admit(&mut counts).unwrap();
        let no = refused(Because::NoTokens, 1_000, seconds(60));
        assert_eq!(admit(&mut counts), Err(no));
        counts.release(9_000);
        admit(&mut counts).unwrap();
    }

    #[test]
    fn what_never_fits_is_told_no_time() {
        let mut counts = Counts::default();
        let no = counts.admit(&embedding(), WhenAdmitted, High, 10_001, at(0));
        assert_eq!(no, Err(refused(Because::NoTokens, 10_000, None)));
    }

    /// A call of this cost after this wait in ms, answered after so many more, or given up.
    type Call = (u64, u64, bool, Option<u64>);

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        let answer = prop::option::weighted(0.8, 0..20_000u64);
        prop::collection::vec((0..3_000u64, 0..4_000u64, any::<bool>(), answer), 1..120)
    }

    /// Times and costs of the calls that were answered, by their arrival.
    fn play(calls: &[Call], counting: Counting) -> Vec<(u64, u64)> {
        let (mut counts, mut now) = (Counts::default(), 0);
        let (mut open, mut answered) = (Vec::<(u64, u64, u64, bool)>::new(), Vec::new());
        for &(wait, cost, is_low, answer) in calls {
            now += wait;
            open.sort_unstable();
            while let Some(&(ends, arrived, cost, is_answered)) = open.first() {
                if ends > now {
                    break;
                }
                open.remove(0);
                if counting == WhenAdmitted {
                    counts.release(cost);
                }
                if is_answered {
                    counts.count(cost, at(ends));
                    answered.push((arrived, cost));
                }
            }
            let priority = if is_low { Low } else { High };
            match counts.admit(&embedding(), counting, priority, cost, at(now)) {
                Ok(_) => {
                    let ends = now + answer.unwrap_or(1_000);
                    open.push((ends, now, cost, answer.is_some()));
                }
                Err(Refused { because, left, .. }) => match because {
                    Because::LowTokens => assert!(is_low && left.unwrap() < 3_000),
                    Because::LowRequests => assert!(is_low && left.unwrap() < 3),
                    _ => {}
                },
            }
        }
        answered
    }

    /// The most that `amounts` sum up to in any `window`.
    fn most(amounts: &[(u64, u64)], window: u64) -> u64 {
        let within = |from: u64| {
            let amounts = amounts
                .iter()
                .filter(move |a| (from..from + window).contains(&a.0));
            amounts.map(|a| a.1).sum()
        };
        amounts.iter().map(|a| within(a.0)).max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn counted_when_admitted_no_window_is_ever_above_its_limit(calls in calls()) {
            let answered = play(&calls, WhenAdmitted);
            prop_assert!(most(&answered, 60_000) <= 10_000);
            let ones: Vec<_> = answered.iter().map(|a| (a.0, 1)).collect();
            prop_assert!(most(&ones, 10_000) <= 10);
        }

        #[test]
        fn low_priority_is_refused_only_below_its_thresholds(calls in calls()) {
            // Asserted where it happens.
            play(&calls, WhenAnswered);
        }

        #[test]
        fn who_comes_back_when_told_passes_and_not_before(
            used in prop::collection::vec((0..5_000u64, 1..3_000u64), 1..30),
            cost in 0..3_000u64,
            priority in prop::sample::select(vec![High, Low]),
        ) {
            let mut counts = Counts::default();
            let mut now = at(0);
            for (wait, cost) in used {
                now += Duration::from_millis(wait);
                counts.count(cost, now);
            }
            let mut ask = |now| counts.admit(&embedding(), WhenAdmitted, priority, cost, now);
            let mut told = Vec::new();
            while let Err(Refused { wait, .. }) = ask(now) {
                let wait = wait.unwrap();
                prop_assert!(!wait.is_zero());
                if let Err(early) = ask(now + wait - Duration::from_micros(1)) {
                    told.push(early.because);
                } else {
                    prop_assert!(false, "passed before its time");
                }
                now += wait;
            }
            // One wait for each rule at most.
            prop_assert!(told.len() <= 4, "{:?}", told);
        }
    }
}

mod tracking {
    use super::*;

    const EMBEDDING_100K: TrackedDeployment = TrackedDeployment {
        low_priority_tokens_threshold: 30_000,
        low_priority_requests_threshold: 3,
    };

    const ANSWERED: StatusCode = StatusCode::OK;
    const FULL: StatusCode = StatusCode::TOO_MANY_REQUESTS;

    /// A memory with the policy around it.
    struct Rig {
        memory: Memory,
        config: TokenTrackingConfig,
    }

    fn rig(probe: Probe) -> Rig {
        Rig {
            memory: Memory::default(),
            config: TokenTrackingConfig {
                deployments: [].into(),
                probe,
                missing_reset: MissingReset::Error,
                missing_remaining: MissingRemaining::Nothing,
                late_answers: LateAnswers::Overwrite,
                tells_retry_after: false,
                labels_every_refusal: false,
            },
        }
    }

    fn left(tokens: u64, requests: u64) -> Told {
        Told {
            remaining_tokens: Some(tokens),
            remaining_requests: Some(requests),
            ..Told::default()
        }
    }

    impl Rig {
        fn low(&mut self, now: Moment) -> Result<bool, Refused> {
            let probe = self.config.probe;
            let pass = self.memory.admit(&EMBEDDING_100K, probe, Low, now)?;
            Ok(pass.is_probe)
        }

        /// A call of high priority that is answered at once.
        fn high(&mut self, status: StatusCode, told: Told, now: Moment) -> Result<(), Refused> {
            let pass = self.memory.admit_high(now);
            self.memory.learn(&self.config, pass, status, &told, now)
        }
    }

    #[test]
    fn low_priority_passes_until_too_little_is_known_to_be_left() {
        let mut rig = rig(Probe::Off);
        assert_eq!(rig.low(at(0)), Ok(false));
        rig.high(ANSWERED, left(30_000, 3), at(0)).unwrap();
        assert_eq!(rig.low(at(0)), Ok(false));
        rig.high(ANSWERED, left(30_000, 2), at(0)).unwrap();
        let no = refused(Because::LowRequests, 2, seconds(9));
        assert_eq!(rig.low(at(1_000)), Err(no));
        rig.high(ANSWERED, left(29_999, 2), at(1_000)).unwrap();
        let no = refused(Because::LowTokens, 29_999, seconds(60));
        assert_eq!(rig.low(at(1_000)), Err(no));
        assert_eq!(rig.low(at(60_999)).unwrap_err().left, Some(29_999));
        assert_eq!(rig.low(at(61_000)), Ok(false));
    }

    #[test]
    fn a_429_says_for_how_long_nothing_is_left() {
        let mut rig = rig(Probe::Off);
        let told = Told {
            reset_tokens: Some(seconds(7)),
            ..Told::default()
        };
        rig.high(FULL, told, at(0)).unwrap();
        assert_eq!(
            rig.low(at(0)),
            Err(refused(Because::LowTokens, 0, seconds(7)))
        );
        assert_eq!(rig.low(at(7_000)), Ok(false));
        let told = Told {
            reset_requests: Some(seconds(2)),
            ..Told::default()
        };
        rig.high(FULL, told, at(8_000)).unwrap();
        assert_eq!(
            rig.low(at(8_000)),
            Err(refused(Because::LowRequests, 0, seconds(2)))
        );
        assert_eq!(rig.memory.known(at(9_000)), (None, Some(0)));
        assert_eq!(rig.memory.known(at(10_000)), (None, None));
    }

    #[test]
    fn a_probe_passes_every_ten_seconds_and_high_priority_puts_it_off() {
        let mut rig = rig(Probe::On);
        rig.high(ANSWERED, left(0, 50), at(0)).unwrap();
        let no = rig.low(at(1_000)).unwrap_err();
        assert_eq!(
            (no.because, no.wait),
            (Because::LowTokens, Some(seconds(9)))
        );
        assert_eq!(rig.low(at(10_000)), Ok(true));
        assert!(rig.low(at(19_999)).is_err());
        rig.high(ANSWERED, left(0, 50), at(15_000)).unwrap();
        assert!(rig.low(at(24_999)).is_err());
        assert_eq!(rig.low(at(25_000)), Ok(true));
    }

    #[test]
    fn the_references_probe_is_as_many_as_come_at_once() {
        for (probe, passed) in [(Probe::On, 5), (Probe::Atomic, 1), (Probe::Off, 0)] {
            let mut rig = rig(probe);
            rig.high(ANSWERED, left(0, 50), at(0)).unwrap();
            let at_once = (0..5).filter(|_| rig.low(at(10_000)).is_ok());
            assert_eq!(at_once.count(), passed, "{probe:?}");
        }
    }

    #[test]
    fn only_an_atomic_probe_asks_whether_calls_are_left() {
        for (probe, expected) in [
            (Probe::On, Ok(true)),
            (
                Probe::Atomic,
                Err(refused(Because::LowRequests, 2, seconds(10))),
            ),
        ] {
            let mut rig = rig(probe);
            let pass = rig
                .memory
                .admit(&EMBEDDING_100K, probe, Low, at(0))
                .unwrap();
            let told = left(0, 2);
            rig.memory
                .learn(&rig.config, pass, ANSWERED, &told, at(0))
                .unwrap();
            assert_eq!(rig.low(at(0)), expected, "{probe:?}");
        }
    }

    #[test]
    fn a_late_answer_overwrites_what_is_newer_unless_it_is_ignored() {
        for (late_answers, known) in [
            (LateAnswers::Overwrite, Some(90_000)),
            (LateAnswers::Ignored, Some(10)),
        ] {
            let mut rig = rig(Probe::Off);
            rig.config.late_answers = late_answers;
            let early = rig.memory.admit_high(at(0));
            rig.high(ANSWERED, left(10, 10), at(1_000)).unwrap();
            let told = left(90_000, 90);
            rig.memory
                .learn(&rig.config, early, ANSWERED, &told, at(2_000))
                .unwrap();
            assert_eq!(rig.memory.known(at(2_000)).0, known, "{late_answers:?}");
        }
    }

    #[test]
    fn an_answer_that_says_nothing_is_an_error_or_nothing() {
        let mut compat = rig(Probe::On);
        let missing = Err(Refused::for_good(Because::MissingReset));
        assert_eq!(compat.high(FULL, Told::default(), at(0)), missing);
        compat.high(ANSWERED, Told::default(), at(0)).unwrap();
        assert_eq!(compat.memory.known(at(0)), (Some(0), Some(0)));

        let mut fixed = rig(Probe::On);
        fixed.config.missing_reset = MissingReset::Pass;
        fixed.config.missing_remaining = MissingRemaining::Unknown;
        assert_eq!(fixed.high(FULL, Told::default(), at(0)), Ok(()));
        fixed.high(ANSWERED, Told::default(), at(0)).unwrap();
        assert_eq!(fixed.memory.known(at(0)), (None, None));
    }

    /// What happens next: this long after the last, a call of low or high priority, whose answer
    /// says that this much is left.
    type Event = (u64, bool, u64, u64);

    proptest! {
        #[test]
        fn low_priority_is_refused_only_below_its_thresholds_and_probes_are_rare(
            events in prop::collection::vec(
                (0..4_000u64, any::<bool>(), 0..60_000u64, 0..6u64), 1..200,
            ),
        ) {
            let mut rig = rig(Probe::Atomic);
            let (mut now, mut probed) = (0, None);
            for (wait, is_low, tokens, requests) in events as Vec<Event> {
                now += wait;
                if !is_low {
                    rig.high(ANSWERED, left(tokens, requests), at(now)).unwrap();
                    continue;
                }
                match rig.low(at(now)) {
                    Ok(false) => {}
                    Ok(true) => {
                        prop_assert!(probed.is_none_or(|last| now - last >= 10_000));
                        probed = Some(now);
                    }
                    Err(Refused { because, left, .. }) => {
                        let threshold = match because {
                            Because::LowTokens => 30_000,
                            _ => 3,
                        };
                        prop_assert!(left.unwrap() < threshold);
                    }
                }
            }
        }
    }
}
