//! [`Case`]: the evidence of one run, joined, as gates ask it for records.
//!
//! A gate selects records by labels whoever wrote them down: the class of a ledger entry is that
//! of the request it belongs to, the backend of a client request that of the ledger entry that
//! answered it. Every such look-up is here.

use std::collections::BTreeMap;
use std::sync::Arc;

use clock::Moment;

use super::conduct::{Call, Conduct, Demand, conduct};
use super::join::{AttemptRef, Joined, JoinedRequest, Owner, booked, join};
use super::label::Found;
use super::page::{Series, series};
use super::{Facts, JudgeContext};
use crate::evidence::Evidence;
use crate::gate::{Kind, Label, Metric, Origin, PhaseSlice, Records, Selection};
use crate::observation::Observation;
use crate::topology::{AccessAttempt, AccessEntry, LedgerEntry};

/// The evidence of one run, joined.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) evidence: &'a Evidence,
    pub(crate) context: JudgeContext,
    pub(crate) joined: Joined,
    /// The series of the gateway's metrics page.
    pub(super) series: Vec<Series>,
    /// Rank of each request among all, in the order in which they reached the gateway.
    ranks: Vec<usize>,
    /// How each simulator was treated, by the index in its ledger.
    conduct: BTreeMap<Arc<str>, BTreeMap<usize, Conduct>>,
}

/// Where a record stands in the evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// A logical request, by its index.
    Request(usize),
    /// A client attempt, by the index of its observation.
    ClientAttempt(usize),
    /// An entry of the gateway's log, by its index.
    Gateway(usize),
    /// An attempt in the gateway's log, by the index of its entry and its own.
    GatewayAttempt(usize, usize),
    /// An entry of a simulator's ledger, by its index.
    Ledger(Arc<str>, usize),
    /// A usage event of the gateway, by its index.
    Event(usize),
    /// A series of the gateway's metrics page, by its index.
    Series(usize),
}

/// One selected record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) place: Place,
    /// The request that it belongs to.
    pub(crate) request: Option<usize>,
    /// When it arrived where it was written down; for clients, when it was sent.
    pub(crate) arrived: Moment,
    /// What it adds: 1 or 0 of a count, tokens, microseconds.
    pub(crate) value: f64,
}

/// By which time a record falls into a phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PhaseBy {
    /// The planned time of its request.
    Planned,
    /// Its own arrival, as windows count.
    Arrival,
}

impl<'a> Case<'a> {
    /// Joins `evidence`.
    pub(crate) fn new(facts: &'a Facts, evidence: &'a Evidence, context: JudgeContext) -> Self {
        let mut case = Self {
            facts,
            evidence,
            context,
            joined: join(evidence, facts),
            series: evidence.metrics.given().map_or(vec![], |page| series(page)),
            ranks: vec![],
            conduct: BTreeMap::new(),
        };
        case.ranks = case.ranked();
        case.conduct = case.conducts();
        case
    }

    /// The gateway's access log; empty if there is none.
    pub(crate) fn log(&self) -> &'a [AccessEntry] {
        self.evidence.gateway.given().map_or(&[], Vec::as_slice)
    }

    /// The request of this index.
    pub(crate) fn request(&self, index: usize) -> &JoinedRequest {
        &self.joined.requests[index]
    }

    /// The last client attempt of a request: its result.
    pub(crate) fn result(&self, request: &JoinedRequest) -> &'a Observation {
        &self.evidence.observations[request.observations.end - 1]
    }

    /// The ledger entry behind an attempt.
    pub(crate) fn booked(&self, attempt: &AttemptRef) -> &'a LedgerEntry {
        booked(self.evidence, attempt)
    }

    /// The ledger entry whose answer the client got.
    pub(crate) fn serving(&self, request: &JoinedRequest) -> Option<&'a LedgerEntry> {
        Some(self.booked(&request.attempts[request.serving?]))
    }

    /// First moment of the phase `name` and the first one after it, if it ran.
    pub(crate) fn phase(&self, name: &str) -> Option<(Moment, Moment)> {
        let ran = self
            .evidence
            .timeline
            .iter()
            .find(|phase| *phase.name == *name);
        ran.map(|phase| (phase.start, phase.end))
    }

    /// First moment of a slice and the first one after it, if its phase ran.
    pub(crate) fn slice(&self, slice: &PhaseSlice) -> Option<(Moment, Moment)> {
        let (start, end) = self.phase(&slice.phase)?;
        let from = start + slice.from.unwrap_or_default();
        Some((from, slice.to.map_or(end, |to| (start + to).min(end))))
    }

    /// The records of `selection`, in no particular order.
    pub(crate) fn select(&self, selection: &Selection, by: PhaseBy) -> Vec<Record> {
        let mut records = vec![];
        for kind in selection.records() {
            for place in self.places(kind, selection) {
                let record = self.record(place, selection);
                let record = record.filter(|record| self.is_selected(record, selection, by));
                records.extend(record);
            }
        }
        if selection.metric == Metric::Rises {
            self.mark_rises(&mut records);
        }
        records
    }

    /// The same where each counts, in the order in which they happened.
    pub(crate) fn sequence(&self, selection: &Selection) -> Vec<Record> {
        let mut records = self.select(selection, PhaseBy::Planned);
        records.retain(|record| record.value > 0.0);
        records.sort_by_key(|record| match &record.place {
            Place::Request(index) => (Moment::ZERO, self.ranks[*index]),
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => (Moment::ZERO, *index),
            Place::ClientAttempt(index) | Place::Event(index) | Place::Series(index) => {
                (record.arrived, *index)
            }
            Place::Ledger(..) => (record.arrived, self.ordinal(record).unwrap_or(usize::MAX)),
        });
        records
    }

    fn places(&self, kind: Records, selection: &Selection) -> Vec<Place> {
        let is_of_prober = selection.metric == Metric::Probes;
        let is_ours = |owner: &Owner| match owner {
            Owner::Request { .. } | Owner::Nobody => !is_of_prober,
            Owner::Prober => is_of_prober,
            Owner::AnotherRun => false,
        };
        match kind {
            Records::Requests => (0..self.joined.requests.len())
                .map(Place::Request)
                .collect(),
            Records::ClientAttempts => {
                let observations = 0..self.evidence.observations.len();
                observations.map(Place::ClientAttempt).collect()
            }
            Records::Gateway => {
                let owners = self.joined.gateway.iter().enumerate();
                let ours = owners.filter(|(_, owner)| is_ours(owner));
                ours.map(|(index, _)| Place::Gateway(index)).collect()
            }
            Records::GatewayAttempts => {
                let owners = self.joined.gateway.iter().zip(self.log()).enumerate();
                let ours = owners.filter(|(_, (owner, _))| is_ours(owner));
                let places = ours.flat_map(|(index, (_, entry))| {
                    (0..entry.attempts.len()).map(move |nth| Place::GatewayAttempt(index, nth))
                });
                places.collect()
            }
            Records::Ledgers => {
                let ledgers = self.joined.ledgers.iter();
                let read = ledgers.filter(|(name, _)| reads_ledger(selection, name));
                let places = read.flat_map(|(name, owners)| {
                    let ours = owners
                        .iter()
                        .enumerate()
                        .filter(|(_, owner)| is_ours(owner));
                    ours.map(|(index, _)| Place::Ledger(Arc::clone(name), index))
                });
                places.collect()
            }
            Records::Events => {
                let owners = self.joined.events.iter().enumerate();
                let ours = owners.filter(|(_, owner)| is_ours(owner));
                ours.map(|(index, _)| Place::Event(index)).collect()
            }
            Records::Metrics => (0..self.series.len()).map(Place::Series).collect(),
            // Gaps are histograms; `term` reads them itself.
            Records::Gaps => vec![],
        }
    }

    fn record(&self, place: Place, selection: &Selection) -> Option<Record> {
        let (request, arrived) = match &place {
            Place::Request(index) => (Some(*index), self.result(self.request(*index)).sent),
            Place::ClientAttempt(index) => {
                let sent = self.evidence.observations[*index].sent;
                (self.request_of_observation(*index), sent)
            }
            Place::Gateway(index) => {
                let request = self.joined.gateway[*index].request();
                let entry = &self.log()[*index];
                // Tokens are charged when the answer has told them.
                let is_charge = selection.metric.row().kind == Kind::Sum;
                let charged = entry.ended.filter(|_| is_charge);
                (request, charged.unwrap_or(entry.arrived))
            }
            Place::GatewayAttempt(index, nth) => {
                let request = self.joined.gateway[*index].request();
                (request, self.gateway_attempt(*index, *nth).started)
            }
            Place::Ledger(name, index) => {
                let request = self.joined.ledgers[name][*index].request();
                let entry = self.ledger_entry(name, *index);
                (request, entry.admitted.unwrap_or(entry.arrived))
            }
            Place::Event(index) => {
                let request = self.joined.events[*index].request();
                (request, self.events()[*index].at)
            }
            Place::Series(_) => (None, Moment::ZERO),
        };
        let value = self.measure(selection, &place, request)?;
        Some(Record {
            place,
            request,
            arrived,
            value,
        })
    }

    /// The ledger entry of this index in the ledger of this simulator.
    pub(crate) fn ledger_entry(&self, simulator: &str, index: usize) -> &'a LedgerEntry {
        let ledger = self.evidence.ledgers.get(simulator);
        &ledger
            .and_then(|l| l.given())
            .expect("places refer to given ledgers")[index]
    }

    /// An attempt in the gateway's log.
    pub(crate) fn gateway_attempt(&self, entry: usize, nth: usize) -> &'a AccessAttempt {
        &self.log()[entry].attempts[nth]
    }

    /// How its simulator was treated, told by the ledger entry of this index.
    pub(super) fn conduct(&self, simulator: &str, index: usize) -> Conduct {
        let found = self.conduct.get(simulator).and_then(|c| c.get(&index));
        found.copied().unwrap_or_default()
    }

    fn conducts(&self) -> BTreeMap<Arc<str>, BTreeMap<usize, Conduct>> {
        let observations = self.evidence.observations.iter();
        let through = observations.filter(|seen| self.facts.direct(seen).is_none());
        let mut sent: Vec<_> = through.map(|seen| seen.sent).collect();
        sent.sort_unstable();
        let demand = Demand {
            sent,
            backends: self.facts.simulators.len(),
        };
        let calls = self.calls();
        let ledgers = self.joined.ledgers.iter().map(|(name, owners)| {
            let is_ours = |owner: &Owner| !matches!(owner, Owner::AnotherRun | Owner::Prober);
            let owned = owners.iter().enumerate();
            let ours = owned.filter(|(_, owner)| is_ours(owner));
            let indices: Vec<usize> = ours.map(|(index, _)| index).collect();
            let entries = indices.iter().map(|index| self.ledger_entry(name, *index));
            let called = indices
                .iter()
                .map(|index| calls.get(&(&**name, *index)).copied());
            let called: Vec<_> = called.collect();
            let found = conduct(&entries.collect::<Vec<_>>(), &called, &demand);
            (Arc::clone(name), indices.into_iter().zip(found).collect())
        });
        ledgers.collect()
    }

    /// The gateway's side of ledger entries, by simulator and index, where its log has as many
    /// attempts at the simulator as arrived there.
    fn calls(&self) -> BTreeMap<(&str, usize), Call> {
        let mut calls = BTreeMap::new();
        for request in &self.joined.requests {
            let mut logged: BTreeMap<&str, Vec<&AccessAttempt>> = BTreeMap::new();
            for attempt in request
                .gateway
                .iter()
                .flat_map(|entry| &self.log()[*entry].attempts)
            {
                logged.entry(&attempt.backend).or_default().push(attempt);
            }
            for (backend, logged) in logged {
                let arrived = request.attempts.iter();
                let arrived: Vec<_> = arrived.filter(|it| *it.simulator == *backend).collect();
                if arrived.len() != logged.len() {
                    continue;
                }
                calls.extend(arrived.into_iter().zip(logged).map(|(arrived, logged)| {
                    let call = Call {
                        sent: logged.started,
                        answered: logged.ended,
                    };
                    ((&*arrived.simulator, arrived.entry), call)
                }));
            }
        }
        calls
    }

    /// The request that a client attempt belongs to.
    pub(crate) fn request_of_observation(&self, index: usize) -> Option<usize> {
        let requests = &self.joined.requests;
        let found = requests.partition_point(|request| request.observations.end <= index);
        (found < requests.len()).then_some(found)
    }

    fn is_selected(&self, record: &Record, selection: &Selection, by: PhaseBy) -> bool {
        let filters = &selection.filters;
        let slices = &selection.phases;
        filters.iter().all(|filter| self.matches(record, filter))
            && (slices.is_empty() || slices.iter().any(|slice| self.is_in(record, slice, by)))
    }

    fn is_in(&self, record: &Record, slice: &PhaseSlice, by: PhaseBy) -> bool {
        let Some((from, to)) = self.slice(slice) else {
            return false;
        };
        let holds = |moment: Moment| from <= moment && moment < to;
        match self.observation_of(record) {
            Some(observation) if by == PhaseBy::Planned => {
                let is_whole = slice.from.is_none() && slice.to.is_none();
                *observation.phase == *slice.phase && (is_whole || holds(observation.planned))
            }
            // Nobody planned an unmatched record; it belongs where it arrived.
            _ => holds(record.arrived),
        }
    }

    /// The order in which the gateway served requests: its log says, else the first ledger.
    ///
    /// A request that the log lacks stands where it first arrived, so that one lost line breaks
    /// the books and not the alternation too.
    fn ranked(&self) -> Vec<usize> {
        let requests = &self.joined.requests;
        let mut logged: Vec<usize> = requests
            .iter()
            .filter_map(|r| r.gateway.last().copied())
            .collect();
        logged.sort_unstable();
        let served = in_turn(&logged, self.log());
        let key = |index: &usize| {
            let request = &requests[*index];
            if let Some(entry) = request.gateway.last() {
                return (
                    served.get(entry).copied().unwrap_or(*entry),
                    1,
                    Moment::ZERO,
                );
            }
            let first = request
                .attempts
                .first()
                .map(|attempt| self.booked(attempt).arrived);
            let at = first.unwrap_or_else(|| self.result(request).sent);
            (
                logged.partition_point(|entry| self.log()[*entry].arrived <= at),
                0,
                at,
            )
        };
        let mut order: Vec<usize> = (0..requests.len()).collect();
        order.sort_by_cached_key(key);
        let mut ranks = vec![0; order.len()];
        for (rank, index) in order.into_iter().enumerate() {
            ranks[index] = rank;
        }
        ranks
    }
}

/// The rank of each of the `logged` entries: by arrival, but those that took a turn of a balance
/// policy in the order of their turns, in the places that they have together.
///
/// Requests that arrive side by side may take their turns in another order, and it is the turns
/// that alternate.
fn in_turn(logged: &[usize], log: &[AccessEntry]) -> BTreeMap<usize, usize> {
    let turn = |index: &usize| log.get(*index).and_then(|entry| entry.turn);
    let mut by_turn: Vec<usize> = logged
        .iter()
        .copied()
        .filter(|index| turn(index).is_some())
        .collect();
    by_turn.sort_by_key(turn);
    let mut next = by_turn.into_iter();
    let ranked = logged
        .iter()
        .enumerate()
        .map(|(rank, index)| match turn(index) {
            Some(_) => (next.next().unwrap_or(*index), rank),
            None => (*index, rank),
        });
    ranked.collect()
}

/// Whether `selection` reads the ledger of this simulator.
pub(crate) fn reads_ledger(selection: &Selection, simulator: &str) -> bool {
    let is_named = |origin: &Origin| matches!(origin, Origin::Simulator(name) if name == simulator);
    let by = selection.by.is_empty() || selection.by.iter().any(is_named);
    let mut backends = selection
        .filters
        .iter()
        .filter(|f| f.label == Label::Backend);
    by && backends.all(|filter| Found::Word(simulator).passes(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_put_requests_in_order_and_refused_ones_keep_their_place() {
        let turns = [Some(1), None, Some(0), Some(2)];
        let log = turns.map(|turn| AccessEntry {
            turn,
            ..AccessEntry::default()
        });
        let ranks = in_turn(&[0, 1, 2, 3], &log);
        assert_eq!(ranks, BTreeMap::from([(2, 0), (1, 1), (0, 2), (3, 3)]));
    }
}
