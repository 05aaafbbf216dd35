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
mod tests;
