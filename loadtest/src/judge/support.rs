//! A run written down by hand: what clients, gateway and simulators would have recorded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Moment;

use super::join::trace_id;
use super::{BooksFacts, ClassFacts, Facts, JudgeContext, PhaseFacts, judge_facts};
use crate::driver::support;
use crate::evidence::{Evidence, PhaseWindow, RigHealth, Source};
use crate::gate::{Gate, Names, parse};
use crate::observation::{Observation, Outcome};
use crate::topology::{AccessAttempt, AccessEntry, CredentialKind, LedgerEntry};
use crate::verdict::{GateResult, Verdict};

/// The run id of every hand-written run.
pub(crate) const RUN: &str = "run-7";

/// Seconds of simulated time.
pub(crate) fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A moment so many seconds after zero.
pub(crate) fn at(seconds: f64) -> Moment {
    Moment::ZERO + s(seconds)
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    planned: Duration,
    class: &'static str,
    attempts: Vec<(&'static str, u16)>,
    status: Option<u16>,
    refusal: Option<&'static str>,
    latency: Duration,
    tokens: u64,
    pause: Duration,
}

/// A request planned at this second, answered with 200 by payg-1 half a second later.
pub(crate) fn request(seconds: f64) -> Request {
    Request {
        planned: s(seconds),
        class: "chat",
        attempts: vec![("payg-1", 200)],
        status: None,
        refusal: None,
        latency: s(0.5),
        tokens: 10,
        pause: s(0.1),
    }
}

impl Request {
    pub(crate) fn from(mut self, class: &'static str) -> Self {
        self.class = class;
        self
    }

    /// Its attempts at simulators with their statuses; the last one answers.
    pub(crate) fn over(mut self, attempts: &[(&'static str, u16)]) -> Self {
        self.attempts = attempts.to_vec();
        self
    }

    /// Refused by the gateway itself, without an attempt.
    pub(crate) fn refused(mut self, status: u16, reason: &'static str) -> Self {
        self.attempts.clear();
        self.status = Some(status);
        self.refusal = Some(reason);
        self
    }

    /// Answered by the gateway itself, without an attempt.
    pub(crate) fn answered_by_the_gateway(mut self, status: u16) -> Self {
        self.attempts.clear();
        self.status = Some(status);
        self
    }

    pub(crate) fn taking(mut self, seconds: f64) -> Self {
        self.latency = s(seconds);
        self
    }

    pub(crate) fn charged(mut self, tokens: u64) -> Self {
        self.tokens = tokens;
        self
    }

    /// Time between its attempts.
    pub(crate) fn pausing(mut self, seconds: f64) -> Self {
        self.pause = s(seconds);
        self
    }
}

/// A run: 60 s of `base`, 120 s of `spike`, over ptu-1, payg-1 and payg-2.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) facts: Facts,
    pub(crate) evidence: Evidence,
    pub(crate) context: JudgeContext,
}

impl Run {
    pub(crate) fn new() -> Self {
        let phases = [("base", 0.0, 60.0), ("spike", 60.0, 180.0)];
        let simulators = ["payg-1", "payg-2", "ptu-1"];
        let facts = Facts {
            phases: phases
                .map(|(name, start, end)| PhaseFacts {
                    name: name.to_owned(),
                    start: at(start),
                    end: at(end),
                })
                .to_vec(),
            classes: vec![class("chat", None), class("direct", Some("ptu-1"))],
            simulators: simulators.map(str::to_owned).to_vec(),
            deployments: vec!["gpt".to_owned()],
            has_gateway: true,
            tracks_usage: false,
            models: BTreeMap::new(),
            prices: BTreeMap::new(),
            books: BooksFacts {
                allowed_statuses: vec![200, 429],
                opted_out: BTreeMap::new(),
            },
            gates: vec![],
            must_observe: vec![],
        };
        let timeline = phases.map(|(name, start, end)| PhaseWindow {
            name: Arc::from(name),
            start: at(start),
            end: at(end),
        });
        let evidence = Evidence {
            run_id: RUN.to_owned(),
            timeline: timeline.to_vec(),
            observations: vec![],
            gateway: Source::Given(vec![]),
            usage_events: Source::Given(vec![]),
            metrics: Source::Given(String::new()),
            ledgers: simulators
                .map(|name| (name.to_owned(), Source::Given(vec![])))
                .into(),
            gaps: vec![],
            rig: RigHealth::default(),
        };
        Self {
            facts,
            evidence,
            context: JudgeContext { speed: Some(1.0) },
        }
    }

    /// A run of these requests.
    pub(crate) fn of(requests: impl IntoIterator<Item = Request>) -> Self {
        let mut run = Self::new();
        for request in requests {
            run.send(&request);
        }
        run
    }

    /// A run of requests a second apart, answered by these backends in turn.
    pub(crate) fn served_by(backends: &[&'static str]) -> Self {
        let seconds = (0u32..).map(f64::from);
        let served = backends.iter().zip(seconds);
        Self::of(served.map(|(backend, second)| request(second).over(&[(*backend, 200)])))
    }

    /// Sends a request: all three parties write it down.
    pub(crate) fn send(&mut self, request: &Request) -> &mut Self {
        let number = self.evidence.observations.len() as u64;
        let is_direct = self.facts.class(request.class).unwrap().direct.is_some();
        let status = request
            .status
            .or(request.attempts.last().map(|(_, status)| *status))
            .unwrap();
        for (nth, (simulator, status)) in request.attempts.iter().enumerate() {
            let arrived = request.planned + request.pause * u32::try_from(nth).unwrap();
            let ledger = self.ledger(simulator);
            let entry = booked(ledger.len() as u64, number, *status, arrived, request);
            ledger.push(entry);
        }
        if !is_direct {
            let log = self.log();
            let entry = logged(log.len() as u64, number, status, request);
            log.push(entry);
        }
        let observation = self.observed(number, status, request);
        self.evidence.observations.push(observation);
        self.evidence.rig.sent_closed += 1;
        self
    }

    pub(crate) fn ledger(&mut self, simulator: &str) -> &mut Vec<LedgerEntry> {
        let Some(Source::Given(ledger)) = self.evidence.ledgers.get_mut(simulator) else {
            panic!("no ledger of {simulator}");
        };
        ledger
    }

    pub(crate) fn log(&mut self) -> &mut Vec<AccessEntry> {
        let Source::Given(log) = &mut self.evidence.gateway else {
            panic!("no log");
        };
        log
    }

    pub(crate) fn observation(&mut self, index: usize) -> &mut Observation {
        &mut self.evidence.observations[index]
    }

    pub(crate) fn names(&self) -> Names {
        self.facts.names()
    }

    pub(crate) fn gate(&self, sentence: &str) -> Gate {
        parse("G", sentence, &self.names())
            .unwrap_or_else(|errors| panic!("{sentence}: {errors:?}"))
    }

    /// The judgement of one sentence.
    pub(crate) fn judge(&self, sentence: &str) -> GateResult {
        let mut run = self.clone();
        run.facts.gates = vec![self.gate(sentence)];
        run.verdict().gates.remove(0)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        judge_facts(&self.facts, &self.evidence, self.context)
    }

    /// The judgement of one book.
    pub(crate) fn book(&self, id: &str) -> GateResult {
        let books = self.verdict().books;
        books.into_iter().find(|book| book.id == id).unwrap()
    }

    fn observed(&self, number: u64, status: u16, request: &Request) -> Observation {
        let planned = Moment::ZERO + request.planned;
        let phase = self
            .facts
            .phases
            .iter()
            .find(|p| p.start <= planned && planned < p.end);
        let ended = planned + request.latency;
        let is_answered = status == 200;
        Observation {
            class: Arc::from(request.class),
            phase: Arc::from(phase.unwrap().name.as_str()),
            planned,
            sent: planned,
            headers_at: Some(ended),
            ended,
            outcome: Outcome::Status(status),
            request_id: request_id(number),
            path_and_query: "/api/openai/chat".to_owned(),
            expected_path_and_query: "/openai/chat".to_owned(),
            request_hash: hash("request", number),
            response_hash: Some(hash("answer", number)),
            response_bytes: 100,
            prompt_tokens: is_answered.then_some(4),
            completion_tokens: is_answered.then_some(6),
            ..support::observation(number)
        }
    }
}

fn class(name: &str, direct: Option<&str>) -> ClassFacts {
    ClassFacts {
        name: Arc::from(name),
        operation: "chat_completions".to_owned(),
        deployment: "gpt".to_owned(),
        direct: direct.map(str::to_owned),
        subscription: Some("one".to_owned()),
        credential_hash: Some(super::facts::credential_hash("subscription-key-one")),
    }
}

pub(crate) fn request_id(number: u64) -> String {
    format!("{RUN}-{number}-0")
}

pub(crate) fn traceparent(number: u64) -> String {
    format!("00-{}-00000000000000aa-01", trace_id(RUN, number))
}

fn hash(what: &str, number: u64) -> String {
    format!("{what}-{number}")
}

fn booked(number: u64, of: u64, status: u16, arrived: Duration, request: &Request) -> LedgerEntry {
    let is_answer = status == 200;
    let arrived = Moment::ZERO + arrived;
    LedgerEntry {
        number,
        arrived,
        admitted: None,
        first_byte: Some(arrived),
        ended: Some(arrived),
        method: "POST".to_owned(),
        path_and_query: "/openai/chat".to_owned(),
        operation: Some("chat_completions".to_owned()),
        deployment: Some("gpt".to_owned()),
        served_by: None,
        request_id: Some(request_id(of)),
        client_request_id: None,
        traceparent: None,
        prompt_head: None,
        ordinal: 0,
        credential: CredentialKind::ApiKey,
        credential_hashes: vec!["backend-key-hash".to_owned()],
        request_hash: hash("request", of),
        request_bytes: 100,
        response_hash: Some(hash("answer", of)),
        response_bytes: 100,
        status,
        refusal: (status == 429).then(|| "tokens".to_owned()),
        retry_after_ms: None,
        streamed: false,
        tokens_estimated: request.tokens,
        tokens_charged: if is_answer { request.tokens } else { 0 },
        utilization_per_mille: None,
        prompt_tokens: if is_answer { 4 } else { 0 },
        cached_tokens: 0,
        completion_tokens: if is_answer { 6 } else { 0 },
        tokens_yielded: if is_answer { 6 } else { 0 },
        fault: None,
        aborted_by_client: false,
    }
}

fn logged(number: u64, of: u64, status: u16, request: &Request) -> AccessEntry {
    let arrived = Moment::ZERO + request.planned;
    let attempts = request
        .attempts
        .iter()
        .enumerate()
        .map(|(nth, (backend, status))| {
            let started = arrived + request.pause * u32::try_from(nth).unwrap();
            AccessAttempt {
                backend: (*backend).to_owned(),
                started,
                ended: started,
                status: Some(*status),
                ..AccessAttempt::default()
            }
        });
    AccessEntry {
        number,
        arrived,
        ended: Some(arrived + request.latency),
        method: "POST".to_owned(),
        path_and_query: "/api/openai/chat".to_owned(),
        api: Some("api".to_owned()),
        subscription: Some("one".to_owned()),
        operation: Some("chat_completions".to_owned()),
        deployment: Some("gpt".to_owned()),
        request_id: Some(request_id(of)),
        status,
        backend: request
            .attempts
            .last()
            .map(|(backend, _)| (*backend).to_owned()),
        refusal: request.refusal.map(str::to_owned),
        attempts: attempts.collect(),
        request_bytes: 100,
        response_bytes: 100,
        ..AccessEntry::default()
    }
}
