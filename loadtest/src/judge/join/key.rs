//! By what a record names its request.
//!
//! Strongest first: `x-request-id`, which is the client attempt's own; `x-ms-client-request-id`
//! and `traceparent`, which some gateways forward instead; the vocabulary words at the prompt's
//! start, which survive a gateway that forwards no header at all.

use std::collections::{BTreeSet, HashMap};

use clock::Moment;
use sha2::{Digest, Sha256};

use super::{JoinedRequest, Owner};
use crate::evidence::Evidence;
use crate::topology::{AccessEntry, LedgerEntry, UsageEvent};

/// What the `x-request-id` of a gateway's own probe starts with.
const PROBE: &str = "gw-probe-";

/// By what a record was matched, strongest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// `x-request-id`.
    RequestId,
    /// `x-ms-client-request-id` or `traceparent`.
    OtherHeader,
    /// The words at the prompt's start.
    PromptMark,
}

/// The trace id of a logical request in its `traceparent`: 16 hex digits of the run, 16 of its number.
///
/// The run's are the start of the SHA-256 of its id, and never zero. The trace is the logical
/// request; a client attempt or a gateway may make any span of it.
pub fn trace_id(run_id: &str, request: u64) -> String {
    trace(run_hash(run_id), request)
}

fn trace(run: u64, request: u64) -> String {
    format!("{run:016x}{request:016x}")
}

fn run_hash(run_id: &str) -> u64 {
    let digest = Sha256::digest(run_id.as_bytes());
    let first = digest.iter().take(8);
    let hash = first.fold(0u64, |hash, byte| (hash << 8) | u64::from(*byte));
    hash.max(1)
}

/// What a record says of its request.
#[derive(Debug)]
pub(super) struct Marks<'a> {
    request_id: Option<&'a str>,
    client_request_id: Option<&'a str>,
    traceparent: Option<&'a str>,
    prompt_head: Option<&'a str>,
    arrived: Moment,
}

impl<'a> Marks<'a> {
    pub(super) fn of_gateway(entry: &'a AccessEntry) -> Self {
        Self {
            request_id: entry.request_id.as_deref(),
            client_request_id: entry.client_request_id.as_deref(),
            traceparent: entry.traceparent.as_deref(),
            prompt_head: None,
            arrived: entry.arrived,
        }
    }

    pub(super) fn of_event(event: &'a UsageEvent) -> Self {
        Self {
            request_id: event.request_id.as_deref(),
            client_request_id: None,
            traceparent: None,
            prompt_head: None,
            arrived: event.at,
        }
    }

    pub(super) fn of_ledger(entry: &'a LedgerEntry) -> Self {
        Self {
            request_id: entry.request_id.as_deref(),
            client_request_id: entry.client_request_id.as_deref(),
            traceparent: entry.traceparent.as_deref(),
            prompt_head: entry.prompt_head.as_deref(),
            arrived: entry.arrived,
        }
    }

    fn names_another_run(&self, run_id: &str) -> bool {
        let ids = self.request_id.into_iter().chain(self.client_request_id);
        let mut runs = ids.filter_map(run_of);
        runs.any(|run| run != run_id)
    }
}

/// The run in `<run>-<request>-<client attempt>`.
fn run_of(request_id: &str) -> Option<&str> {
    let mut parts = request_id.rsplitn(3, '-');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let ends_in_numbers = is_number(parts.next()) && is_number(parts.next());
    parts.next().filter(|_| ends_in_numbers)
}

/// The trace in `version-trace-span-flags`.
fn trace_of(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1)
}

/// Every key of this run's requests.
#[derive(Debug)]
pub(super) struct Keys<'a> {
    evidence: &'a Evidence,
    ranges: Vec<std::ops::Range<usize>>,
    /// Client attempt (request, observation) by its `x-request-id`.
    ids: HashMap<&'a str, (usize, usize)>,
    /// Request by trace.
    traces: HashMap<String, usize>,
    /// Request by the words at its prompt's start.
    prompts: HashMap<&'a str, usize>,
    /// Lengths of those words, in bytes.
    prompt_lengths: BTreeSet<usize>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(evidence: &'a Evidence, requests: &[JoinedRequest]) -> Self {
        let mut keys = Self {
            evidence,
            ranges: requests.iter().map(|r| r.observations.clone()).collect(),
            ids: HashMap::new(),
            traces: HashMap::new(),
            prompts: HashMap::new(),
            prompt_lengths: BTreeSet::new(),
        };
        let run = run_hash(&evidence.run_id);
        for (request, range) in keys.ranges.iter().enumerate() {
            for index in range.clone() {
                let observation = &evidence.observations[index];
                // A duplicated observation must not hide the original.
                let place = keys.ids.entry(&observation.request_id);
                place.or_insert((request, index));
                if let Some(mark) = observation.prompt_mark.as_deref() {
                    keys.prompts.insert(mark, request);
                    keys.prompt_lengths.insert(mark.len());
                }
                keys.traces.insert(trace(run, observation.request), request);
            }
        }
        keys
    }

    /// Notes the trace of a request that the gateway logged.
    pub(super) fn learn(&mut self, entry: &AccessEntry, request: usize) {
        if let Some(trace) = entry.traceparent.as_deref().and_then(trace_of) {
            self.traces.entry(trace.to_owned()).or_insert(request);
        }
    }

    /// To whom a record belongs; notes in `matched` the weakest key by which its client attempt was found.
    pub(super) fn owner(&self, marks: &Marks<'_>, matched: &mut [Option<Key>]) -> Owner {
        let Some((request, observation, key)) = self.find(marks) else {
            let is_probe = marks.request_id.is_some_and(|id| id.starts_with(PROBE));
            return if is_probe {
                Owner::Prober
            } else if marks.names_another_run(&self.evidence.run_id) {
                Owner::AnotherRun
            } else {
                Owner::Nobody
            };
        };
        matched[observation] = matched[observation].max(Some(key));
        Owner::Request {
            request,
            observation,
        }
    }

    fn find(&self, marks: &Marks<'_>) -> Option<(usize, usize, Key)> {
        let by_id = |id: Option<&str>| self.ids.get(id?).copied();
        if let Some((request, observation)) = by_id(marks.request_id) {
            return Some((request, observation, Key::RequestId));
        }
        if let Some((request, observation)) = by_id(marks.client_request_id) {
            return Some((request, observation, Key::OtherHeader));
        }
        let trace = marks.traceparent.and_then(trace_of);
        if let Some(request) = trace.and_then(|trace| self.traces.get(trace)) {
            let observation = self.attempt_at(*request, marks.arrived);
            return Some((*request, observation, Key::OtherHeader));
        }
        let request = self.by_prompt(marks.prompt_head?)?;
        let observation = self.attempt_at(request, marks.arrived);
        Some((request, observation, Key::PromptMark))
    }

    fn by_prompt(&self, head: &str) -> Option<usize> {
        let lengths = self.prompt_lengths.iter().rev();
        let mut starts = lengths.filter_map(|length| head.get(..*length));
        starts.find_map(|start| self.prompts.get(start).copied())
    }

    /// The client attempt of `request` that was under way at `arrived`.
    fn attempt_at(&self, request: usize, arrived: Moment) -> usize {
        let range = self.ranges[request].clone();
        let was_sent = |index: &usize| self.evidence.observations[*index].sent <= arrived;
        range.clone().rev().find(was_sent).unwrap_or(range.start)
    }
}
