//! How a simulator was treated while it failed: left alone or not, by the arrivals in its ledger.
//!
//! Breakers, cool-downs and priorities differ from gateway to gateway, and most tell nobody. What
//! each does to a backend is told by when it calls it. An *outage* lasts from a failing answer
//! (429, 5xx, or none) to the next success; within it the gateway leaves the backend *alone* in
//! the first gap that is at least half as long as the longest one. Only gaps in which more
//! requests were sent than there are backends count: without a breaker, taking turns leaves gaps
//! as well, and a rare request longer ones.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Moment;

use crate::topology::LedgerEntry;

/// Faults of the simulator after which there is no whole answer.
const CUT_OFF: [&str; 5] = ["silence", "refused", "reset", "cut", "stall"];

/// What one arrival says of how its simulator was treated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Conduct {
    /// Time since the arrival before; none for the first.
    pub(crate) silence: Option<Duration>,
    /// Whether a wait that the deployment had promised was not over.
    pub(crate) is_wasted: bool,
    /// Whether the gateway had been told of that wait when it sent the request, by its own log.
    pub(crate) is_heedless: bool,
    /// At the first failing answer of an outage: how long the simulator was called on.
    pub(crate) time_to_open: Option<Duration>,
    /// At the success that ends an outage: how long it had been possible.
    pub(crate) time_to_recover: Option<Duration>,
}

/// What a gateway knew, by its log: when it sent a request, and when it had the answer's head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) sent: Moment,
    pub(crate) answered: Moment,
}

/// When requests were sent, in order, and among how many backends they were shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Demand {
    pub(crate) sent: Vec<Moment>,
    pub(crate) backends: usize,
}

impl Demand {
    /// Whether more requests were sent between two moments than there are backends.
    fn is_lively(&self, after: Moment, before: Moment) -> bool {
        let first = self.sent.partition_point(|sent| *sent <= after);
        let last = self.sent.partition_point(|sent| *sent < before);
        last.saturating_sub(first) > self.backends
    }

    fn end(&self) -> Moment {
        self.sent.last().copied().unwrap_or_default()
    }
}

/// The conduct at each of `entries`, which are one simulator's in order of arrival. `calls` has the
/// gateway's side of each, where its log has it.
pub(crate) fn conduct(
    entries: &[&LedgerEntry],
    calls: &[Option<Call>],
    demand: &Demand,
) -> Vec<Conduct> {
    let mut found = vec![Conduct::default(); entries.len()];
    for (index, pair) in entries.windows(2).enumerate() {
        found[index + 1].silence = Some(pair[1].arrived.since(pair[0].arrived));
    }
    let by_arrival: Vec<_> = entries.iter().map(|entry| Call::arrival(entry)).collect();
    for index in wasted(entries, &by_arrival) {
        found[index].is_wasted = true;
    }
    let by_log = by_arrival.iter().zip(calls);
    let by_log: Vec<_> = by_log
        .map(|(arrival, call)| call.unwrap_or(*arrival))
        .collect();
    for index in wasted(entries, &by_log) {
        found[index].is_heedless = true;
    }
    for outage in outages(entries) {
        let first = outage.first;
        found[first].time_to_open = Some(outage.time_to_open(entries, demand));
        if let Some(success) = outage.success {
            found[success].time_to_recover = Some(outage.time_to_recover(entries, success));
        }
    }
    found
}

/// Indices of requests sent after a wait had been promised and before it was over, by `calls`.
fn wasted(entries: &[&LedgerEntry], calls: &[Call]) -> Vec<usize> {
    let mut promises: Vec<_> = entries
        .iter()
        .zip(calls)
        .filter_map(promise_heard)
        .collect();
    promises.sort_by_key(|promise| (promise.given, promise.number));
    let mut promises = promises.into_iter().peekable();
    let mut sent: Vec<_> = entries.iter().zip(calls).enumerate().collect();
    sent.sort_by_key(|(_, (entry, call))| (call.sent, entry.number));
    let mut until: BTreeMap<Option<&str>, Moment> = BTreeMap::new();
    let mut wasted = vec![];
    for (index, (entry, call)) in sent {
        let was_given =
            |promise: &Promise<'_>| (promise.given, promise.number) < (call.sent, entry.number);
        while let Some(promise) = promises.next_if(was_given) {
            let deadline = until.entry(promise.deployment).or_default();
            *deadline = promise.deadline.max(*deadline);
        }
        let deadline = until.get(&entry.deployment.as_deref());
        if deadline.is_some_and(|deadline| entry.arrived < *deadline) {
            wasted.push(index);
        }
    }
    wasted
}

impl Call {
    /// A request as its simulator saw it: sent when it came, answered when the answer began.
    fn arrival(entry: &LedgerEntry) -> Self {
        Self {
            sent: entry.arrived,
            answered: answered(entry),
        }
    }
}

/// A wait that an answer promised.
#[derive(Clone, Copy, Debug)]
struct Promise<'a> {
    number: u64,
    deployment: Option<&'a str>,
    given: Moment,
    deadline: Moment,
}

fn promise(entry: &LedgerEntry) -> Option<Promise<'_>> {
    let wait = Duration::from_millis(entry.retry_after_ms?);
    let given = answered(entry);
    Some(Promise {
        number: entry.number,
        deployment: entry.deployment.as_deref(),
        given,
        deadline: given + wait,
    })
}

/// The same, given when its caller had it.
fn promise_heard<'a>((entry, call): (&&'a LedgerEntry, &Call)) -> Option<Promise<'a>> {
    let promise = promise(entry)?;
    Some(Promise {
        given: call.answered,
        ..promise
    })
}

/// When the answer to a request began, or it ended without one.
fn answered(entry: &LedgerEntry) -> Moment {
    entry.first_byte.or(entry.ended).unwrap_or(entry.arrived)
}

/// A failing answer and what follows up to the next success.
#[derive(Clone, Copy, Debug)]
struct Outage {
    /// The first failing answer.
    first: usize,
    /// The last one.
    last: usize,
    /// The first arrival that is not part of it: the success, or the end.
    end: usize,
    success: Option<usize>,
}

fn outages(entries: &[&LedgerEntry]) -> Vec<Outage> {
    let mut outages = vec![];
    let mut open: Option<Outage> = None;
    for (index, entry) in entries.iter().enumerate() {
        if is_failing(entry) {
            let outage = open.get_or_insert(Outage {
                first: index,
                last: index,
                end: entries.len(),
                success: None,
            });
            outage.last = index;
        } else if (200..300).contains(&entry.status) {
            let ended = open.take().map(|outage| Outage {
                end: index,
                success: Some(index),
                ..outage
            });
            outages.extend(ended);
        }
    }
    outages.extend(open);
    outages
}

fn is_failing(entry: &LedgerEntry) -> bool {
    let is_cut_off = entry.fault.as_deref().is_some_and(|f| CUT_OFF.contains(&f));
    is_cut_off || entry.status == 429 || entry.status >= 500
}

impl Outage {
    /// From the first failing answer to the last arrival before the simulator was left alone.
    fn time_to_open(self, entries: &[&LedgerEntry], demand: &Demand) -> Duration {
        let arrivals = &entries[self.first..self.end];
        let next = entries.get(self.end).map(|entry| entry.arrived);
        let next = next.unwrap_or_else(|| demand.end());
        let ends = arrivals.iter().skip(1).map(|entry| entry.arrived);
        let gaps = arrivals.iter().zip(ends.chain([next]));
        let gaps = gaps.map(|(entry, end)| (entry.arrived, end.since(entry.arrived)));
        let alone: Vec<_> = gaps
            .filter(|(start, length)| demand.is_lively(*start, *start + *length))
            .collect();
        let longest = alone.iter().map(|(_, length)| *length).max();
        let left = alone
            .iter()
            .find(|(_, length)| longest.is_some_and(|longest| *length * 2 >= longest));
        let last = left.map_or(entries[self.end - 1].arrived, |(start, _)| *start);
        last.since(answered(entries[self.first]))
    }

    /// From the latest promised deadline, or the last failing answer, to the success.
    fn time_to_recover(self, entries: &[&LedgerEntry], success: usize) -> Duration {
        let outage = &entries[self.first..=self.last];
        let promised = outage.iter().filter_map(|entry| promise(entry));
        let deadline = promised.map(|promise| promise.deadline).max();
        let end = deadline.unwrap_or_else(|| answered(entries[self.last]));
        entries[success].arrived.since(end)
    }
}

#[cfg(test)]
mod tests {
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
}
