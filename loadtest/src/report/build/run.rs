//! [`Run`]: plan, evidence and join side by side, and what can be asked of the three.

use std::collections::BTreeSet;

use super::super::document::{Counts, TokenSums, TokenTotals, is_success};
use super::super::histogram::Cell;
use super::super::series::Answer;
use super::{GATEWAY, NOBODY, UNKNOWN};
use crate::evidence::Evidence;
use crate::judge::join::{Joined, JoinedRequest, Owner};
use crate::observation::{Observation, Outcome};
use crate::plan::{Load, Plan, Target};
use crate::topology::{AccessEntry, LedgerEntry};

/// What there is to count.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) plan: &'a Plan,
    pub(super) evidence: &'a Evidence,
    pub(super) joined: &'a Joined,
}

/// A logical request with its place in the tables.
pub(super) struct Answered<'a> {
    pub(super) phase: usize,
    pub(super) class: usize,
    pub(super) backend: &'a str,
    pub(super) first: &'a Observation,
    pub(super) last: &'a Observation,
    pub(super) request: &'a JoinedRequest,
}

impl<'a> Run<'a> {
    /// The logical requests, in order; one of a phase or class that the plan lacks is left out.
    pub(super) fn answers(self) -> impl Iterator<Item = Answered<'a>> + Clone {
        let requests = self.joined.requests.iter();
        requests.filter_map(move |request| self.answer(request))
    }

    fn answer(self, request: &'a JoinedRequest) -> Option<Answered<'a>> {
        let observations = self
            .evidence
            .observations
            .get(request.observations.clone())?;
        let (first, last) = (observations.first()?, observations.last()?);
        Some(Answered {
            phase: self.phase(&last.phase)?,
            class: self.class(&last.class)?,
            backend: self.backend(request, last),
            first,
            last,
            request,
        })
    }

    pub(super) fn phase(self, name: &str) -> Option<usize> {
        let mut phases = self.plan.phases.iter();
        phases.position(|phase| *phase.name == *name)
    }

    pub(super) fn class(self, name: &str) -> Option<usize> {
        let mut classes = self.plan.classes.iter();
        classes.position(|class| *class.name == *name)
    }

    /// Who answered: by the ledgers; where no ledger books it, by who else can have.
    fn backend(self, request: &'a JoinedRequest, last: &Observation) -> &'a str {
        if let Some(backend) = &request.backend {
            return backend;
        }
        if last.status().is_none() {
            return NOBODY;
        }
        let target = self.plan.class(&last.class).map(|class| &class.target);
        let mut ledgers = self.evidence.ledgers.values();
        match target {
            Some(Target::Simulator(name)) => name,
            Some(Target::Gateway { .. }) if ledgers.any(|l| l.given().is_some()) => GATEWAY,
            Some(Target::Gateway { .. }) | None => UNKNOWN,
        }
    }

    /// The ledger entries behind `request`.
    pub(super) fn entries(
        self,
        request: &'a JoinedRequest,
    ) -> impl Iterator<Item = (&'a str, &'a LedgerEntry)> {
        request.attempts.iter().filter_map(move |attempt| {
            let ledger = self.evidence.ledgers.get(&*attempt.simulator)?.given()?;
            Some((&*attempt.simulator, ledger.get(attempt.entry)?))
        })
    }

    /// The ledger entry of the answer that its client got.
    fn serving(self, request: &JoinedRequest) -> Option<&'a LedgerEntry> {
        let attempt = request.attempts.get(request.serving?)?;
        let ledger = self.evidence.ledgers.get(&*attempt.simulator)?.given()?;
        ledger.get(attempt.entry)
    }

    /// The entries of `request` in the gateway's access log.
    pub(super) fn logged(
        self,
        request: &'a JoinedRequest,
    ) -> impl Iterator<Item = &'a AccessEntry> + Clone {
        let log = self.evidence.gateway.given().map_or(&[][..], Vec::as_slice);
        request.gateway.iter().filter_map(move |at| log.get(*at))
    }

    fn is_direct(self, seen: &Observation) -> bool {
        let target = self.plan.class(&seen.class).map(|class| &class.target);
        seen.direct.is_some() || matches!(target, Some(Target::Simulator(_)))
    }

    fn has_every_ledger(self) -> bool {
        let mut ledgers = self.evidence.ledgers.values();
        ledgers.all(|ledger| ledger.given().is_some())
    }

    pub(super) fn counts(self) -> Counts {
        let Joined {
            requests, summary, ..
        } = self.joined;
        let logged = requests.iter().flat_map(|request| self.logged(request));
        let booked: usize = requests.iter().map(|request| request.attempts.len()).sum();
        let log = self.evidence.gateway.given();
        let tried = || logged.clone().flat_map(|entry| &entry.attempts);
        let unanswered = tried().filter(|attempt| attempt.status.is_none()).count();
        let direct = self.evidence.observations.iter();
        let direct = direct.filter(|seen| self.is_direct(seen)).count();
        // An attempt without an answer may be booked or not; at most so many are not.
        let lost = (tried().count() + direct).saturating_sub(booked);
        Counts {
            requests: requests.len() as u64,
            client_attempts: self.evidence.observations.len() as u64,
            gateway_entries: log.map(|_| logged.clone().count() as u64 + summary.unjoined_gateway),
            gateway_attempts: log.map(|_| tried().count() as u64),
            lost_attempts: lost.min(unanswered) as u64,
            direct: direct as u64,
            ledger_entries: self
                .has_every_ledger()
                .then_some(booked as u64 + summary.unjoined_ledger),
        }
    }

    pub(super) fn tokens(self) -> TokenTotals {
        let answers = self.answers().filter(Answered::has_ended);
        let served = answers
            .clone()
            .filter_map(|answer| self.serving(answer.request));
        let served = served.filter(|entry| is_success(entry.status));
        let booked = served.map(|entry| TokenSums {
            prompt: entry.prompt_tokens,
            completion: entry.completion_tokens,
        });
        let observed = answers.map(|answer| TokenSums {
            prompt: answer.last.prompt_tokens.unwrap_or(0),
            completion: answer.last.completion_tokens.unwrap_or(0),
        });
        TokenTotals {
            planned: planned_tokens(self.plan),
            client: observed.sum(),
            usage_events: self.usage_told(),
            ledgers: self.has_every_ledger().then(|| booked.sum()),
        }
    }
}

impl Run<'_> {
    /// What the usage events tell of requests whose last answer ended, where usage is tracked.
    fn usage_told(self) -> Option<TokenSums> {
        let gateway = self.plan.gateway.as_ref();
        gateway.filter(|gateway| gateway.tracks_usage())?;
        let ended: BTreeSet<usize> = self
            .answers()
            .filter(Answered::has_ended)
            .map(|answer| answer.request.observations.end - 1)
            .collect();
        let events = self.evidence.usage_events.given()?;
        let told = self.joined.events.iter().zip(events);
        let told = told.filter(|(owner, _)| {
            matches!(owner, Owner::Request { observation, .. } if ended.contains(observation))
        });
        let sums = told.map(|(_, event)| TokenSums {
            prompt: event.prompt_tokens,
            completion: event.completion_tokens,
        });
        Some(sums.sum())
    }
}

impl Answered<'_> {
    /// Whether it came to its end; who hangs up, or is cut off, is never told the usage.
    fn has_ended(&self) -> bool {
        matches!(self.last.outcome, Outcome::Status(_)) && !self.last.aborted
    }
}

impl std::iter::Sum for TokenSums {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::default(), |a, b| Self {
            prompt: a.prompt + b.prompt,
            completion: a.completion + b.completion,
        })
    }
}

/// The tokens that a trace asks for, if every request of the plan comes from one.
fn planned_tokens(plan: &Plan) -> Option<TokenSums> {
    let mut sums = Vec::new();
    for phase in &plan.phases {
        match &phase.load {
            Load::Closed(_) | Load::Mixed { .. } | Load::Notebook { .. } => return None,
            Load::Idle => {}
            Load::Open { arrivals, .. } => {
                for arrival in arrivals.iter() {
                    sums.push(TokenSums {
                        prompt: arrival.prompt_tokens?.into(),
                        completion: arrival.max_tokens?.into(),
                    });
                }
            }
        }
    }
    (!sums.is_empty()).then(|| sums.into_iter().sum())
}

impl<'a> Answered<'a> {
    pub(super) fn cell(&self) -> Cell {
        Cell {
            phase: self.phase,
            class: self.class,
            backend: self.backend.to_owned(),
        }
    }

    pub(super) fn point(&self) -> Answer<'a> {
        let status = match self.last.outcome {
            Outcome::Status(status) => status,
            Outcome::TransportError(_) => 0,
        };
        Answer {
            at: self.last.ended,
            backend: self.backend,
            status,
        }
    }
}
