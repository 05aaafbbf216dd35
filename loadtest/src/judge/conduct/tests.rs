use proptest::prelude::*;

use super::*;

fn at(seconds: f64) -> Moment {
    Moment::ZERO + Duration::from_secs_f64(seconds)
}

/// An answer of this status at once, which asks to wait so many seconds.
fn answer(seconds: f64, status: u16, wait: Option<u64>) -> LedgerEntry {
    LedgerEntry {
        arrived: at(seconds),
        ended: Some(at(seconds)),
        status,
        retry_after_ms: wait.map(|seconds| seconds * 1_000),
        ..LedgerEntry::default()
    }
}

fn conducts(entries: &[LedgerEntry], backends: usize) -> Vec<Conduct> {
    let numbered = entries.iter().zip(0..).map(|(entry, number)| LedgerEntry {
        number,
        ..entry.clone()
    });
    let entries: Vec<_> = numbered.collect();
    let demand = Demand {
        sent: (0..200u32).map(|n| at(f64::from(n))).collect(),
        backends,
    };
    let calls = vec![None; entries.len()];
    conduct(&entries.iter().collect::<Vec<_>>(), &calls, &demand)
}

fn wasted_ones(entries: &[LedgerEntry]) -> Vec<bool> {
    let found = conducts(entries, 1);
    found.iter().map(|conduct| conduct.is_wasted).collect()
}

#[test]
fn silence_is_the_time_since_the_arrival_before() {
    let found = conducts(&[answer(1.0, 200, None), answer(61.0, 200, None)], 1);
    let silences: Vec<_> = found.iter().map(|conduct| conduct.silence).collect();
    assert_eq!(silences, [None, Some(Duration::from_mins(1))]);
    assert_eq!(conducts(&[], 1), []);
}

#[test]
fn an_arrival_is_wasted_up_to_the_promised_instant_and_not_at_it() {
    let entries = [
        answer(1.0, 429, Some(5)),
        answer(5.999, 429, None),
        answer(6.0, 200, None),
    ];
    assert_eq!(wasted_ones(&entries), [false, true, false]);
}

#[test]
fn who_was_under_way_when_a_wait_was_promised_did_not_know_of_it() {
    let refused = answer(1.0, 429, Some(5));
    let call = |sent: f64, answered: f64| {
        Some(Call {
            sent: at(sent),
            answered: at(answered),
        })
    };
    let entries = [
        refused.clone(),
        answer(1.5, 429, None),
        answer(2.0, 429, None),
    ];
    let numbered = entries.iter().zip(0..).map(|(entry, number)| LedgerEntry {
        number,
        ..entry.clone()
    });
    let entries: Vec<_> = numbered.collect();
    let calls = [call(0.9, 1.2), call(1.1, 1.6), call(1.3, 2.1)];
    let found = conduct(
        &entries.iter().collect::<Vec<_>>(),
        &calls,
        &Demand::default(),
    );
    let told: Vec<_> = found
        .iter()
        .map(|it| (it.is_wasted, it.is_heedless))
        .collect();
    assert_eq!(told, [(false, false), (true, false), (true, true)]);
}

#[test]
fn the_later_promise_wins() {
    let entries = [
        answer(0.0, 429, Some(60)),
        answer(1.0, 429, Some(1)),
        answer(30.0, 200, None),
        answer(60.0, 200, None),
    ];
    assert_eq!(wasted_ones(&entries), [false, true, true, false]);
}

#[test]
fn a_promise_binds_from_when_it_is_given_and_for_its_deployment() {
    let mut slow = answer(0.0, 429, Some(5));
    slow.ended = Some(at(2.0));
    let mut other = answer(3.0, 200, None);
    other.deployment = Some("other".to_owned());
    let entries = [slow, answer(1.0, 200, None), other, answer(3.0, 200, None)];
    assert_eq!(wasted_ones(&entries), [false, false, false, true]);
}

#[test]
fn one_that_arrives_in_the_same_instant_was_under_way_and_counts() {
    let entries = [answer(0.0, 429, Some(5)), answer(0.0, 429, Some(5))];
    assert_eq!(wasted_ones(&entries), [false, true]);
}

/// Seconds to open and to recover, of each outage.
fn times(entries: &[LedgerEntry], backends: usize) -> (Vec<f64>, Vec<f64>) {
    let found = conducts(entries, backends);
    let seconds = |of: fn(&Conduct) -> Option<Duration>| {
        let times = found.iter().filter_map(of);
        times.map(|time| time.as_secs_f64()).collect()
    };
    (seconds(|c| c.time_to_open), seconds(|c| c.time_to_recover))
}

#[test]
fn three_failures_and_a_minute_of_rest_open_in_two_seconds() {
    let entries = [
        answer(0.0, 200, None),
        answer(1.0, 500, None),
        answer(2.0, 500, None),
        answer(3.0, 500, None),
        answer(63.5, 200, None),
    ];
    assert_eq!(times(&entries, 1), (vec![2.0], vec![60.5]));
}

#[test]
fn a_breaker_that_trips_again_opened_with_its_first_trip() {
    let failures = [0.0, 1.0, 2.0, 62.0, 63.0, 64.0, 124.1];
    let entries = failures.map(|second| answer(second, 429, Some(10)));
    assert_eq!(times(&entries, 1), (vec![2.0], vec![]));
    let probes = [0.0, 60.0, 120.0].map(|second| answer(second, 503, None));
    assert_eq!(times(&probes, 1), (vec![0.0], vec![]));
}

#[test]
fn a_backend_that_is_never_left_alone_takes_its_whole_outage() {
    let seconds: Vec<f64> = (0..20).map(f64::from).collect();
    let mut entries: Vec<_> = seconds.iter().map(|s| answer(*s, 503, None)).collect();
    entries.push(answer(20.0, 200, None));
    assert_eq!(times(&entries, 1), (vec![19.0], vec![1.0]));
    // Every third request, as three backends in turn get it.
    let seconds = [0.0, 3.0, 6.0, 9.0, 12.0];
    let mut entries: Vec<_> = seconds.iter().map(|s| answer(*s, 503, None)).collect();
    entries.push(answer(15.0, 200, None));
    assert_eq!(times(&entries, 3), (vec![12.0], vec![3.0]));
}

#[test]
fn recovery_counts_from_the_latest_promise() {
    let entries = [
        answer(0.0, 429, Some(30)),
        answer(1.0, 429, Some(5)),
        answer(31.0, 200, None),
    ];
    assert_eq!(times(&entries, 1).1, [1.0]);
    let early = [answer(0.0, 429, Some(30)), answer(10.0, 200, None)];
    assert_eq!(times(&early, 1).1, [0.0]);
}

#[test]
fn a_bad_request_neither_starts_nor_ends_an_outage_and_a_cut_answer_does() {
    let mut cut = answer(5.0, 200, None);
    cut.fault = Some("cut".to_owned());
    let entries = [
        answer(0.0, 400, None),
        cut,
        answer(6.0, 400, None),
        answer(30.0, 200, None),
    ];
    assert_eq!(times(&entries, 1), (vec![1.0], vec![25.0]));
}

proptest! {
    #[test]
    fn who_waits_for_the_latest_promise_wastes_nothing(
        waits in proptest::collection::vec((0u64..20, 0u64..5), 1..30),
    ) {
        let (mut now, mut until) = (0, 0);
        let mut entries = vec![];
        for (wait, pause) in waits {
            now = until.max(now + pause);
            #[expect(clippy::cast_precision_loss, reason = "at most some hundred seconds")]
            entries.push(answer(now as f64, 429, Some(wait)));
            until = now + wait;
        }
        prop_assert!(wasted_ones(&entries).iter().all(|is_wasted| !is_wasted));
    }
}
