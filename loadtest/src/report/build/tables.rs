//! [`Tables`]: tallies and histograms by phase, class and backend, and sums over them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::document::{
    BackendTraffic, ClassLoad, ClassTraffic, LoadModel, PhaseSummary, Traffic, is_success,
};
use super::super::histogram::{Cell, Metric, Recorder};
use super::super::number;
use super::run::{Answered, Run};
use super::{GATEWAY, NOBODY, UNKNOWN, rank};
use crate::evidence::GapHistogram;
use crate::observation::Outcome;
use crate::plan::{Class, Crowd, Load, Phase, Plan, Target};

/// Tallies and histograms by cell, and what each backend booked by phase.
#[derive(Default)]
pub(super) struct Tables {
    tallies: BTreeMap<Cell, Traffic>,
    measured: Recorder,
    booked: BTreeMap<(usize, String), Booked>,
}

/// What was booked of one backend in one phase.
#[derive(Clone, Default)]
struct Booked {
    statuses: BTreeMap<u16, u64>,
    retries: u64,
    trips: u64,
}

impl Tables {
    pub(super) fn fill(run: &Run<'_>) -> Self {
        let mut tables = Self::default();
        for answer in run.answers() {
            tables.tally(&answer);
            tables.measure(&answer);
            for (ordinal, (simulator, entry)) in run.entries(answer.request).enumerate() {
                let booked = tables.booked_of(answer.phase, simulator);
                *booked.statuses.entry(entry.status).or_default() += 1;
                booked.retries += u64::from(ordinal > 0);
            }
            let logged = run.logged(answer.request);
            for attempt in logged.flat_map(|entry| &entry.attempts) {
                tables.booked_of(answer.phase, &attempt.backend).trips +=
                    u64::from(attempt.tripped);
            }
        }
        for gaps in &run.evidence.gaps {
            tables.measure_gaps(*run, gaps);
        }
        tables
    }

    fn booked_of(&mut self, phase: usize, backend: &str) -> &mut Booked {
        self.booked.entry((phase, backend.to_owned())).or_default()
    }

    fn tally(&mut self, answer: &Answered<'_>) {
        let tally = self.tallies.entry(answer.cell()).or_default();
        tally.requests += 1;
        match answer.last.outcome {
            Outcome::Status(status) => *tally.statuses.entry(status).or_default() += 1,
            Outcome::TransportError(_) => tally.transport_errors += 1,
        }
        tally.aborted += u64::from(answer.last.aborted);
        tally.prompt_tokens += answer.last.prompt_tokens.unwrap_or(0);
        tally.completion_tokens += answer.last.completion_tokens.unwrap_or(0);
    }

    fn measure(&mut self, answer: &Answered<'_>) {
        let Answered { first, last, .. } = answer;
        let since_planned = |moment: clock::Moment| moment.as_micros() - first.planned.as_micros();
        if matches!(last.outcome, Outcome::Status(status) if is_success(status)) {
            let latency = since_planned(last.ended.max(first.planned));
            self.measured
                .record(answer.cell(), Metric::Latency, latency);
        }
        if let Some(token) = last.first_token_at {
            let wait = since_planned(token.max(first.planned));
            self.measured
                .record(answer.cell(), Metric::FirstToken, wait);
        }
    }

    /// Gaps come with the backend that the gateway claims; without one, a direct target is known.
    fn measure_gaps(&mut self, run: Run<'_>, gaps: &GapHistogram) {
        let (Some(phase), Some(class)) = (run.phase(&gaps.phase), run.class(&gaps.class)) else {
            return;
        };
        let target = match &run.plan.classes[class].target {
            Target::Simulator(name) => name,
            Target::Gateway { .. } => UNKNOWN,
        };
        let cell = Cell {
            phase,
            class,
            backend: gaps.backend.as_deref().unwrap_or(target).to_owned(),
        };
        self.measured.add(cell, Metric::TokenGap, &gaps.micros);
    }

    /// The traffic of every cell of `phase` that `belongs`.
    fn traffic(&self, phase: (usize, &Phase), belongs: impl Fn(&Cell) -> bool) -> Traffic {
        let (index, phase) = phase;
        let within = |cell: &Cell| cell.phase == index && belongs(cell);
        let mut sum = Traffic::default();
        for (_, tally) in self.tallies.iter().filter(|(cell, _)| within(cell)) {
            add(&mut sum, tally);
        }
        let window = phase.end.since(phase.start);
        sum.requests_per_minute = number::per_minute(sum.requests, window);
        sum.throttled = sum.statuses.get(&429).copied().unwrap_or(0);
        sum.latency = self.measured.percentiles(Metric::Latency, within);
        sum.first_token = self.measured.percentiles(Metric::FirstToken, within);
        sum.token_gap = self.measured.percentiles(Metric::TokenGap, within);
        sum
    }

    pub(super) fn backends(&self, run: &Run<'_>) -> Vec<BackendTraffic> {
        let mut names: BTreeSet<&str> = [GATEWAY, UNKNOWN, NOBODY].into();
        names.extend(run.plan.simulators.keys().map(String::as_str));
        names.extend(run.evidence.ledgers.keys().map(String::as_str));
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by_key(|name| rank(name));
        let mut rows = Vec::new();
        for (at, phase) in run.plan.phases.iter().enumerate() {
            for name in &names {
                let row = self.backend((at, phase), name);
                let is_idle = row.traffic.requests + row.attempts + row.trips == 0;
                rows.extend((!is_idle).then_some(row));
            }
        }
        rows
    }

    fn backend(&self, phase: (usize, &Phase), name: &str) -> BackendTraffic {
        let booked = self.booked.get(&(phase.0, name.to_owned()));
        let booked = booked.cloned().unwrap_or_default();
        BackendTraffic {
            phase: phase.1.name.to_string(),
            backend: name.to_owned(),
            traffic: self.traffic(phase, |cell| cell.backend == name),
            attempts: booked.statuses.values().sum(),
            attempt_statuses: booked.statuses,
            retries: booked.retries,
            trips: booked.trips,
        }
    }

    pub(super) fn classes(&self, plan: &Plan) -> Vec<ClassTraffic> {
        let mut rows = Vec::new();
        for phase in plan.phases.iter().enumerate() {
            for (index, class) in plan.classes.iter().enumerate() {
                let traffic = self.traffic(phase, |cell| cell.class == index);
                let row = ClassTraffic {
                    phase: phase.1.name.to_string(),
                    class: class.name.to_string(),
                    traffic,
                };
                rows.extend((row.traffic.requests > 0).then_some(row));
            }
        }
        rows
    }

    pub(super) fn phases(&self, plan: &Plan) -> Vec<PhaseSummary> {
        let phases = plan.phases.iter().enumerate();
        let summary = |(at, phase): (usize, &Phase)| PhaseSummary {
            name: phase.name.to_string(),
            start: phase.start,
            end: phase.end,
            say: phase.say.clone(),
            load: load_model(&phase.load),
            classes: self.loads(plan, (at, phase)),
        };
        phases.map(summary).collect()
    }

    fn loads(&self, plan: &Plan, phase: (usize, &Phase)) -> Vec<ClassLoad> {
        let classes = plan.classes.iter().enumerate();
        let load = |(index, class): (usize, &Class)| {
            let (peak_users, planned) = wanted(&phase.1.load, index);
            let sent = self.sent(phase.0, index);
            let is_idle = peak_users.unwrap_or(0) == 0 && planned.unwrap_or(0) == 0 && sent == 0;
            (!is_idle).then(|| ClassLoad {
                class: class.name.to_string(),
                peak_users,
                planned,
                sent,
            })
        };
        classes.filter_map(load).collect()
    }

    fn sent(&self, phase: usize, class: usize) -> u64 {
        let cells = self.tallies.iter();
        let ours = cells.filter(|(cell, _)| cell.phase == phase && cell.class == class);
        ours.map(|(_, tally)| tally.requests).sum()
    }
}

fn add(sum: &mut Traffic, tally: &Traffic) {
    sum.requests += tally.requests;
    sum.transport_errors += tally.transport_errors;
    sum.aborted += tally.aborted;
    sum.prompt_tokens += tally.prompt_tokens;
    sum.completion_tokens += tally.completion_tokens;
    for (status, count) in &tally.statuses {
        *sum.statuses.entry(*status).or_default() += count;
    }
}

fn load_model(load: &Load) -> LoadModel {
    match load {
        Load::Closed(_) | Load::Mixed { .. } | Load::Notebook { .. } => LoadModel::Closed,
        Load::Open { .. } => LoadModel::Open,
        Load::Idle => LoadModel::Idle,
    }
}

/// Users at most, or requests planned, of the class at `class`; those of a mix are no class's.
fn wanted(load: &Load, class: usize) -> (Option<u32>, Option<u64>) {
    let users = load.most_users(Crowd::Class(class));
    match load {
        Load::Closed(_) => (Some(users), None),
        Load::Notebook { .. } => (Some(users), load.exact(class)),
        Load::Open { .. } => (None, load.exact(class)),
        Load::Mixed { .. } | Load::Idle => (None, None),
    }
}
