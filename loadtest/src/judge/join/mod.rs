//! [`Joined`]: which records of client, gateway and simulators belong to the same request.
//!
//! Three parties write down the same requests and share nothing but what travelled with them.
//! [`key`] reads that from a record; here records are gathered by request and put in order.
//! Matching is by key only, never by time or path: two requests of one millisecond differ in
//! nothing else.

mod key;

pub use self::key::{Key, trace_id};

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use clock::Moment;

use self::key::{Keys, Marks};
use super::Facts;
use crate::evidence::Evidence;
use crate::observation::Observation;
use crate::topology::LedgerEntry;
use crate::verdict::JoinSummary;

/// Evidence with its records matched across the sources.
#[derive(Clone, Debug, Default)]
pub struct Joined {
    /// One per logical request, ordered by its number.
    pub requests: Vec<JoinedRequest>,
    /// How they were matched, and what stayed unmatched.
    pub summary: JoinSummary,
    /// To whom each entry of the gateway's log belongs, by its index; empty without a log.
    pub gateway: Vec<Owner>,
    /// To whom each usage event of the gateway belongs, by its index; empty without events.
    pub events: Vec<Owner>,
    /// To whom each entry of each given ledger belongs, by simulator and index.
    pub ledgers: BTreeMap<Arc<str>, Vec<Owner>>,
}

/// One logical request and every record of it.
#[derive(Clone, Debug)]
pub struct JoinedRequest {
    /// Its client attempts: a range of `Evidence::observations`. The last one is its result.
    pub observations: Range<usize>,
    /// Index of its gateway log entries, in order of arrival (one per client attempt).
    pub gateway: Vec<usize>,
    /// Its attempts at simulators, in order of arrival.
    pub attempts: Vec<AttemptRef>,
    /// The backend whose answer the client got: from the ledgers, never from a header.
    pub backend: Option<Arc<str>>,
    /// Where that answer is booked: the position in `attempts`.
    pub serving: Option<usize>,
}

/// Where an attempt is booked: a simulator's name and the index in its given ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AttemptRef {
    /// Name of the simulator.
    pub simulator: Arc<str>,
    /// Index in `Evidence::ledgers[simulator]`.
    pub entry: usize,
    /// The client attempt that it belongs to: an index of `Evidence::observations`.
    pub observation: usize,
}

/// To whom a record belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner {
    /// A request of this run.
    Request {
        /// Index in [`Joined::requests`].
        request: usize,
        /// Index of the client attempt in `Evidence::observations`.
        observation: usize,
    },
    /// Nobody that is known.
    Nobody,
    /// Another run, whose id it carries.
    AnotherRun,
    /// The gateway itself, which probes its backends.
    Prober,
}

impl Owner {
    /// Index of the request that it belongs to.
    pub fn request(self) -> Option<usize> {
        match self {
            Self::Request { request, .. } => Some(request),
            Self::Nobody | Self::AnotherRun | Self::Prober => None,
        }
    }
}

/// Matches the records of `evidence`.
pub fn join(evidence: &Evidence, facts: &Facts) -> Joined {
    let requests = logical_requests(&evidence.observations);
    let mut keys = Keys::new(evidence, &requests);
    let mut matched: Vec<Option<Key>> = vec![None; evidence.observations.len()];
    let mut joined = Joined {
        requests,
        ..Joined::default()
    };
    for (index, entry) in evidence.gateway.given().into_iter().flatten().enumerate() {
        let owner = keys.owner(&Marks::of_gateway(entry), &mut matched);
        if let Some(request) = owner.request() {
            joined.requests[request].gateway.push(index);
            keys.learn(entry, request);
        }
        joined.summary.unjoined_gateway += u64::from(owner == Owner::Nobody);
        joined.gateway.push(owner);
    }
    // By which key an event was found says nothing of how well requests are joined.
    let mut unread = matched.clone();
    let events = evidence.usage_events.given().into_iter().flatten();
    let events = events.map(|event| keys.owner(&Marks::of_event(event), &mut unread));
    joined.events = events.collect();
    for (name, entries) in given_ledgers(evidence) {
        let owners = entries.iter().enumerate().map(|(entry, booked)| {
            let owner = keys.owner(&Marks::of_ledger(booked), &mut matched);
            if let Owner::Request {
                request,
                observation,
            } = owner
            {
                let simulator = Arc::clone(&name);
                joined.requests[request].attempts.push(AttemptRef {
                    simulator,
                    entry,
                    observation,
                });
            }
            joined.summary.unjoined_ledger += u64::from(owner == Owner::Nobody);
            owner
        });
        let owners = owners.collect();
        joined.ledgers.insert(name, owners);
    }
    for request in &mut joined.requests {
        order(request, evidence);
        request.serving = serving(request, evidence);
        let serving = request.serving.map(|at| &request.attempts[at]);
        request.backend = serving.map(|attempt| Arc::clone(&attempt.simulator));
    }
    count_keys(&mut joined.summary, &matched, evidence, facts);
    joined
}

/// Observations gathered by logical request; they are ordered by it.
fn logical_requests(observations: &[Observation]) -> Vec<JoinedRequest> {
    let mut start = 0;
    let chunks = observations.chunk_by(|a, b| a.request == b.request);
    let requests = chunks.map(|chunk| {
        let observations = start..start + chunk.len();
        start = observations.end;
        JoinedRequest {
            observations,
            gateway: vec![],
            attempts: vec![],
            backend: None,
            serving: None,
        }
    });
    requests.collect()
}

/// The ledgers that the topology gives, by name.
fn given_ledgers(evidence: &Evidence) -> impl Iterator<Item = (Arc<str>, &[LedgerEntry])> {
    let ledgers = evidence.ledgers.iter();
    ledgers
        .filter_map(|(name, ledger)| Some((Arc::from(name.as_str()), ledger.given()?.as_slice())))
}

/// The ledger entry behind `attempt`.
pub(crate) fn booked<'a>(evidence: &'a Evidence, attempt: &AttemptRef) -> &'a LedgerEntry {
    let ledger = evidence.ledgers.get(&*attempt.simulator);
    let entries = ledger.and_then(|ledger| ledger.given());
    &entries.expect("attempts refer to given ledgers")[attempt.entry]
}

/// Puts attempts in order of arrival.
///
/// A refusal costs no time on a paused clock, so a refused attempt and the next one may arrive
/// in the same microsecond. Then the gateway's own order decides, where there is one.
fn order(request: &mut JoinedRequest, evidence: &Evidence) {
    request.gateway.sort_unstable();
    let mut written: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let log = evidence.gateway.given().map_or(&[][..], Vec::as_slice);
    let tried = request
        .gateway
        .iter()
        .flat_map(|entry| &log[*entry].attempts);
    for (position, attempt) in tried.enumerate() {
        written.entry(&attempt.backend).or_default().push(position);
    }
    let mut seen: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut ranked: Vec<(Moment, usize, Moment, AttemptRef)> = vec![];
    for attempt in request.attempts.drain(..) {
        let nth = seen.entry(Arc::clone(&attempt.simulator)).or_default();
        let positions = written.get(&*attempt.simulator);
        let rank = positions.and_then(|positions| positions.get(*nth));
        let rank = rank.copied().unwrap_or(usize::MAX);
        *nth += 1;
        let entry = booked(evidence, &attempt);
        let ended = entry.ended.unwrap_or(Moment::FAR_FUTURE);
        ranked.push((entry.arrived, rank, ended, attempt));
    }
    ranked.sort_by_key(|(arrived, rank, ended, _)| (*arrived, *rank, *ended));
    request.attempts = ranked.into_iter().map(|(.., attempt)| attempt).collect();
}

/// The attempt whose answer the client got: its last one with the status that the client saw.
///
/// None if the gateway answered itself, as its log says, or as the statuses show.
fn serving(request: &JoinedRequest, evidence: &Evidence) -> Option<usize> {
    let result = evidence.observations[request.observations.clone()].last()?;
    let status = result.status()?;
    let log = evidence.gateway.given().map_or(&[][..], Vec::as_slice);
    let logged = request.gateway.last().map(|entry| &log[*entry]);
    if logged.is_some_and(|entry| entry.refusal.is_some() && entry.status == status) {
        return None;
    }
    let is_answer = |attempt: &AttemptRef| {
        let observation = &evidence.observations[attempt.observation];
        observation.attempt == result.attempt && booked(evidence, attempt).status == status
    };
    request.attempts.iter().rposition(is_answer)
}

fn count_keys(
    summary: &mut JoinSummary,
    matched: &[Option<Key>],
    evidence: &Evidence,
    facts: &Facts,
) {
    for (observation, key) in evidence.observations.iter().zip(matched) {
        match key {
            Some(Key::RequestId) => summary.by_request_id += 1,
            Some(Key::OtherHeader) => summary.by_other_header += 1,
            Some(Key::PromptMark) => summary.by_prompt_mark += 1,
            None if should_match(observation, evidence, facts) => summary.unjoined_client += 1,
            None => {}
        }
    }
}

/// Whether somebody whose books are open must have seen this attempt.
fn should_match(observation: &Observation, evidence: &Evidence, facts: &Facts) -> bool {
    let Some(status) = observation.status() else {
        return false;
    };
    if let Some(name) = facts.direct(observation) {
        let ledger = evidence.ledgers.get(name);
        return ledger.is_some_and(|ledger| ledger.given().is_some());
    }
    let ledgers_are_open = evidence.ledgers.values().all(|l| l.given().is_some());
    evidence.gateway.given().is_some() || (ledgers_are_open && (200..300).contains(&status))
}
