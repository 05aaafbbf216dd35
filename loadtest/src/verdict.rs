//! [`Verdict`]: what the judge says of a run, gate by gate.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The judgement of one run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Verdict {
    /// Pass, fail, or a rig that cannot be believed.
    pub outcome: Outcome,
    /// Why there is no verdict on the gateway, one sentence each; empty unless the outcome is
    /// [`Outcome::Invalid`] or [`Outcome::Skipped`].
    pub invalid: Vec<String>,
    /// The scenario's gates in the order of the file.
    pub gates: Vec<GateResult>,
    /// What had to have happened, in the order of the file.
    pub must_observe: Vec<GateResult>,
    /// The books: client, gateway and ledgers agree. Ids start with `books.`.
    pub books: Vec<GateResult>,
    /// How requests were matched across the sources.
    pub join: JoinSummary,
}

/// The three verdicts, a run that was cut short, and one that was not made.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every judged gate holds; exit code 0.
    Pass,
    /// A gate, an observation or the books failed; exit code 99.
    Fail,
    /// The rig cannot be believed, or nothing was judged; exit code 98.
    Invalid,
    /// The run was cancelled; its evidence is partial; exit code 105.
    Cancelled,
    /// The gateway, or a simulator elsewhere, cannot play the scenario: counts neither way.
    Skipped,
}

/// The judgement of one gate.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct GateResult {
    /// Its id, as in the scenario file.
    pub id: String,
    /// Its sentence, as in the scenario file.
    pub sentence: String,
    /// How it was judged.
    pub state: State,
    /// What was observed, as a person reads it: `0.7 %`, `3 requests`, `1.004 s`.
    pub observed: String,
    /// What was declared: `>= 98 %`.
    pub declared: String,
    /// Records the observation was computed from.
    pub samples: u64,
    /// More about a statistical or failed gate: the confidence interval, the p-value.
    pub detail: Option<String>,
    /// The first three requests that offend against the gate, for a failed one.
    pub offenders: Vec<Offender>,
}

/// How a gate was judged.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// The topology does not give its evidence: the reason.
    NotJudged(String),
    /// The scenario turned it off: the reason.
    Off(String),
}

/// A request that speaks against a gate.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Offender {
    /// Number of the logical request.
    pub request: u64,
    /// One line: phase, class, planned time, status, latency.
    pub summary: String,
    /// The attempts behind it, as `payg-1:429 at 12.001 s, payg-1:200 at 13.004 s`.
    pub attempts: Vec<String>,
}

/// How client requests were matched with what gateway and simulators recorded.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct JoinSummary {
    /// Client attempts matched by `x-request-id`.
    pub by_request_id: u64,
    /// Matched by `traceparent` or `x-ms-client-request-id`.
    pub by_other_header: u64,
    /// Matched by the words at the prompt's start.
    pub by_prompt_mark: u64,
    /// Client attempts that no ledger and no log entry matches although one should.
    pub unjoined_client: u64,
    /// Ledger entries of this run that no client attempt matches.
    pub unjoined_ledger: u64,
    /// Gateway log entries of this run that no client attempt matches.
    pub unjoined_gateway: u64,
}

impl GateResult {
    /// How many of `results` the scenario asks for: those that it did not turn off.
    pub fn asked<'a>(results: impl IntoIterator<Item = &'a Self>) -> usize {
        let is_asked = |result: &&Self| !matches!(result.state, State::Off(_));
        results.into_iter().filter(is_asked).count()
    }
}

impl State {
    /// Whether this result makes the run fail.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed)
    }
}

impl Outcome {
    /// The process exit code that stands for this outcome.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::Skipped => 0,
            Self::Fail => 99,
            Self::Invalid => 98,
            Self::Cancelled => 105,
        }
    }
}
