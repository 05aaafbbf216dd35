//! [`Report`]: the document that `report.json` holds and every other output is drawn from.
//!
//! It is a pure function of plan, evidence and verdict: lists in the order of the plan, maps
//! ordered by key, times simulated. Whatever depends on the machine or the day (wall time, host,
//! lags, paths) is in [`RunFacts`](super::RunFacts) instead, so that two virtual runs of one seed
//! give the same bytes. Text, `JUnit` and later pages read this value and nothing else; a report
//! can be drawn again from its file.

use std::collections::BTreeMap;

use clock::{Moment, Speed, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::histogram::Percentiles;
use super::series::Series;
use crate::verdict::Verdict;

/// Version of the document; raised when a field changes its meaning or goes away.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that one run of one scenario tells; all times are simulated.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Report {
    /// Version of this format.
    pub format_version: u32,
    /// What was asked.
    pub scenario: Scenario,
    /// How the traffic was driven.
    pub driver: Driver,
    /// The phases in order.
    pub phases: Vec<PhaseSummary>,
    /// What the judge says.
    pub verdict: Verdict,
    /// How many records each source holds.
    pub counts: Counts,
    /// Traffic by phase and backend, in the order of the plan; rows without traffic are left out.
    pub backends: Vec<BackendTraffic>,
    /// Traffic by phase and client class, in the order of the plan; rows without traffic are left out.
    pub classes: Vec<ClassTraffic>,
    /// Answers over time.
    pub series: Series,
    /// Sums of tokens, as each source counted them.
    pub tokens: TokenTotals,
    /// By which part the closed phases sent fewer requests than the virtual dry run; negative if more.
    pub closed_shortfall: Option<f64>,
    /// Why an earlier run was invalid, if this one is its repeat.
    pub invalid_before: Vec<String>,
}

/// The scenario as it was run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Scenario {
    /// `folder/file`, and `#variant` for a variant.
    pub name: String,
    /// The question, in the author's words.
    pub about: String,
    /// Where the experiment comes from.
    pub source: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Seed of every random draw.
    pub seed: u64,
    /// Simulated seconds per real second, as declared; virtual time does not use it.
    pub speed: Speed,
    /// The date of simulated zero, where the scenario fixes it.
    #[schemars(with = "Option<String>")]
    pub starts_at: Option<Timestamp>,
    /// Name of the gateway's preset or profile; none where clients go straight to a backend.
    pub gateway: Option<String>,
    /// `--set path=value` as given, in order.
    pub overrides: Vec<Override>,
}

/// A value of the scenario that the command line replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Override {
    /// Dotted path in the scenario.
    pub path: String,
    /// The new value as given.
    pub value: String,
}

/// What moved the traffic.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// Real sockets on this machine, at the scenario's speed.
    Sockets,
    /// No sockets: everything in one thread on a paused clock.
    Virtual,
}

/// A phase: when it ran and what it was to send.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct PhaseSummary {
    /// Its name.
    pub name: String,
    /// Its first moment, in microseconds.
    pub start: Moment,
    /// The first moment after it, in microseconds.
    pub end: Moment,
    /// What a presenter says while it runs.
    pub say: Option<String>,
    /// The load model.
    pub load: LoadModel,
    /// Each class with something to do in it, in the order of the plan.
    pub classes: Vec<ClassLoad>,
}

/// The load model of a phase.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadModel {
    /// Users who wait for their answer before they ask again.
    Closed,
    /// Requests at planned moments, whatever the answers do.
    Open,
    /// Nobody sends anything.
    Idle,
}

/// What one class was to do in one phase, and did.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ClassLoad {
    /// Name of the class.
    pub class: String,
    /// Most users at once (closed phases).
    pub peak_users: Option<u32>,
    /// Requests that the schedule holds (open phases).
    pub planned: Option<u64>,
    /// Requests that were sent.
    pub sent: u64,
}

/// How many records each source holds of this run; none where the topology does not give the source.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Counts {
    /// Logical requests of the clients.
    pub requests: u64,
    /// Attempts of the clients; more than requests where clients retry.
    pub client_attempts: u64,
    /// Entries of the gateway's access log.
    pub gateway_entries: Option<u64>,
    /// Attempts at backends that those entries list.
    pub gateway_attempts: Option<u64>,
    /// Of the attempts at backends, those that failed on the way and arrived nowhere.
    #[serde(default)]
    pub lost_attempts: u64,
    /// Attempts of the clients that went straight to a simulator, past the gateway.
    #[serde(default)]
    pub direct: u64,
    /// Entries of all simulators' ledgers.
    pub ledger_entries: Option<u64>,
}

/// The traffic of one backend in one phase.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BackendTraffic {
    /// Name of the phase that planned the requests.
    pub phase: String,
    /// Name of the simulator; `gateway` where the gateway itself answered, `nobody` where no answer came.
    pub backend: String,
    /// What clients saw of it.
    pub traffic: Traffic,
    /// Requests that it booked, also those whose answer never reached a client.
    pub attempts: u64,
    /// Those requests by the status it answered.
    pub attempt_statuses: BTreeMap<u16, u64>,
    /// Those that followed an earlier attempt of their request.
    #[serde(default)]
    pub retries: u64,
    /// How often its breaker opened, as the gateway's access log says.
    #[serde(default)]
    pub trips: u64,
}

/// The traffic of one client class in one phase.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ClassTraffic {
    /// Name of the phase that planned the requests.
    pub phase: String,
    /// Name of the class.
    pub class: String,
    /// What its clients saw.
    pub traffic: Traffic,
}

/// What clients saw: a logical request counts once, with its last answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Traffic {
    /// Logical requests.
    pub requests: u64,
    /// Those per simulated minute of the phase.
    pub requests_per_minute: f64,
    /// Requests by the status of their last answer.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests whose last answer was 429.
    pub throttled: u64,
    /// Requests without a complete answer.
    pub transport_errors: u64,
    /// Requests whose client hung up.
    #[serde(default)]
    pub aborted: u64,
    /// From the planned start to the end of the answer, of requests answered 2xx.
    pub latency: Option<Percentiles>,
    /// From the planned start to the first token, of streams.
    pub first_token: Option<Percentiles>,
    /// Between two tokens of a stream.
    pub token_gap: Option<Percentiles>,
    /// `usage.prompt_tokens` that clients received.
    pub prompt_tokens: u64,
    /// `usage.completion_tokens` that clients received.
    pub completion_tokens: u64,
}

/// Sums of tokens over the run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TokenTotals {
    /// What a trace asks for; none unless every planned request names its tokens.
    pub planned: Option<TokenSums>,
    /// What clients read in `usage`.
    pub client: TokenSums,
    /// What the gateway's usage events tell of the same answers; none where there are none.
    #[serde(default)]
    pub usage_events: Option<TokenSums>,
    /// What the ledgers book for requests answered 2xx; none where a ledger is missing.
    pub ledgers: Option<TokenSums>,
}

/// Two sums.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TokenSums {
    /// Tokens of prompts.
    pub prompt: u64,
    /// Tokens of answers.
    pub completion: u64,
}

impl Report {
    /// Simulated length of all phases.
    pub fn end(&self) -> Moment {
        self.phases.last().map_or(Moment::ZERO, |phase| phase.end)
    }

    /// Requests by the status of their last answer, over all phases.
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        let mut sums = BTreeMap::new();
        for row in &self.classes {
            for (status, count) in &row.traffic.statuses {
                *sums.entry(*status).or_default() += count;
            }
        }
        sums
    }

    /// Requests without a complete answer, over all phases.
    pub fn transport_errors(&self) -> u64 {
        let errors = |row: &ClassTraffic| row.traffic.transport_errors;
        self.classes.iter().map(errors).sum()
    }

    /// Requests that open phases planned.
    pub fn planned(&self) -> u64 {
        let loads = self.phases.iter().flat_map(|phase| &phase.classes);
        loads.filter_map(|load| load.planned).sum()
    }
}

impl Traffic {
    /// Requests answered with a status from 200 to 299.
    pub fn succeeded(&self) -> u64 {
        succeeded(&self.statuses)
    }
}

/// Whether `status` stands for success.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// How many of `statuses` stand for success.
pub(super) fn succeeded(statuses: &BTreeMap<u16, u64>) -> u64 {
    statuses.range(200..300).map(|(_, count)| count).sum()
}
