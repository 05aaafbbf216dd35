//! The sections of a scenario file, each as close to what the author wrote as possible.
//!
//! Sections are read one by one, so that all mistakes of a file show at once. `like` and
//! variants are applied before, on the bare tables; here every key is final.

mod client;
mod prober;

use std::collections::BTreeMap;

use clock::{Span, Speed, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use self::client::{
    ApiName, ClientSection, EncodingFormat, KeyHeader, OperationName, RetriesName,
};
pub(super) use self::prober::ProberSection;

use super::number;
use super::rate::RateSection;
use crate::plan::Price;
use crate::topology::{DeploymentSection, SimulatorSection};

/// Checks of the books that a scenario may leave out, as their ids without `books.`.
pub(super) const BOOKS: [&str; 8] = [
    "requests",
    "attempts",
    "tokens",
    "usage",
    "transport",
    "server_errors",
    "statuses",
    "backend_claims",
];

/// A whole scenario file: the schema that editors use.
#[derive(JsonSchema)]
#[schemars(title = "Scenario", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the whole exists for its schema; the sections are read one by one"
)]
pub(super) struct Document {
    /// Version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    format: Option<u32>,
    /// The question this experiment answers, in one or two sentences.
    about: String,
    /// Where the experiment comes from.
    source: Option<String>,
    /// Words to find it by.
    tags: Option<Vec<String>>,
    /// Seed of every random draw; 0 by default.
    seed: Option<u64>,
    /// Simulated seconds per real second on sockets, from 0.001 to 1000; 1 by default.
    #[schemars(with = "Option<f64>", range(min = 0.001, max = 1000))]
    speed: Option<Speed>,
    /// The date of simulated zero; by default 2026-01-01T00:00:00Z in virtual time and now on sockets.
    #[schemars(with = "Option<String>")]
    starts_at: Option<Timestamp>,
    /// The simulators by name; a gateway knows them as its backends.
    simulators: BTreeMap<String, SimulatorSection>,
    /// Deployments that several simulators share.
    deployments: Option<BTreeMap<String, DeploymentSection>>,
    /// The gateway between clients and simulators; leave it out to call a simulator directly.
    gateway: Option<GatewaySection>,
    /// Client classes by name.
    clients: BTreeMap<String, ClientSection>,
    /// The phases of the run.
    phases: PhasesSection,
    /// Changes of the rig by name, played by a phase's `do`.
    actions: Option<BTreeMap<String, ActionSection>>,
    /// Who measures the backends from outside, by name; played by a phase's `do`.
    probers: Option<BTreeMap<String, ProberSection>>,
    /// What the books allow.
    books: Option<BooksSection>,
    /// What tokens cost, by model, for gates on `cost`; in one currency.
    prices: Option<BTreeMap<String, Price>>,
    /// What has to have happened, as sentences by id.
    must_observe: Option<BTreeMap<String, String>>,
    /// What has to hold, as sentences by id.
    gates: BTreeMap<String, String>,
    /// Fragments of this schema laid over the rest; each runs as an experiment of its own.
    variants: Option<BTreeMap<String, serde_json::Value>>,
}

/// The keys at the top of the file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: Option<u32>,
    pub(super) about: Option<String>,
    pub(super) source: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    #[expect(
        dead_code,
        reason = "read from the bare table, which every part needs it from"
    )]
    seed: Option<u64>,
    pub(super) speed: Option<Speed>,
    #[schemars(with = "Option<String>")]
    pub(super) starts_at: Option<Timestamp>,
}

/// The gateway: a preset of ours, with anything of its configuration laid over it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "exists for the schema; the gateway reads its own configuration"
)]
pub(super) struct GatewaySection {
    /// Name of a shipped configuration; `aoai-gateway preset list` names them all.
    preset: Option<String>,
    /// Seed of its random draws; the scenario's by default.
    seed: Option<u64>,
    /// The header that tells a caller's address; absent: that of the connection.
    client_ip_header: Option<String>,
    /// What callers may use, by name, over the preset's.
    products: Option<BTreeMap<String, serde_json::Value>>,
    /// Who may call, by name, over the preset's.
    subscriptions: Option<BTreeMap<String, serde_json::Value>>,
    /// The simulators it knows, by name, over the preset's.
    backends: Option<BTreeMap<String, serde_json::Value>>,
    /// Its APIs and their policies, by name, over the preset's; another `balance` or `prioritize` policy replaces the one before.
    apis: Option<BTreeMap<String, serde_json::Value>>,
    /// Its helper operations, by name, over the preset's.
    helpers: Option<BTreeMap<String, serde_json::Value>>,
    /// Its own probers, by name, over the preset's.
    probers: Option<BTreeMap<String, serde_json::Value>>,
    /// How it tells who used how much.
    usage: Option<BTreeMap<String, serde_json::Value>>,
}

/// The phases.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "exists for the schema; entries are read one by one"
)]
pub(super) struct PhasesSection {
    /// How fast users join and leave at a change; all at once by default.
    ramp_users_per_second: Option<f64>,
    /// The phases in order.
    play: Vec<PhaseSection>,
}

/// One phase.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PhaseSection {
    /// Its name, unique in the file.
    pub(super) name: String,
    /// How long it runs; a trace may leave it out to run to its end, a notebook to take a second for each request beside its gap.
    #[serde(default, deserialize_with = "number::duration")]
    pub(super) run_for: Option<Span>,
    /// Closed model: users by class.
    pub(super) users: Option<BTreeMap<String, u32>>,
    /// Closed model: users who belong to no class, and how often each class is drawn for their requests.
    pub(super) mix: Option<MixSection>,
    /// Notebook: each user makes exactly so many requests, one after the other.
    #[schemars(range(min = 1))]
    pub(super) iterations: Option<u32>,
    /// Notebook: pause of a user after each answer, in place of its think time; none by default.
    #[serde(default, deserialize_with = "number::duration")]
    pub(super) gap: Option<Span>,
    /// Open model: requests per second by class.
    pub(super) requests_per_second: Option<BTreeMap<String, RateSection>>,
    /// Open model: how arrivals are spread; "constant" by default.
    pub(super) arrivals: Option<ArrivalsSection>,
    /// Open model: arrivals and lengths from a trace file.
    pub(super) trace: Option<TraceSection>,
    /// Open model: requests in flight at once before the generator itself queues; 256 by default.
    pub(super) workers: Option<u32>,
    /// What a presenter says while it runs.
    pub(super) say: Option<String>,
    /// Actions and probers by the time after the phase's start: `{ "0s" = "swap" }`.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "checked here, read with its places from the bare table"
    )]
    r#do: BTreeMap<Span, String>,
}

/// Users whose requests are of several classes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MixSection {
    /// How many they are.
    #[schemars(range(min = 1))]
    pub(super) users: u32,
    /// How often each class is drawn, in proportion: `{ one = 3, two = 1 }`.
    #[schemars(extend(
        "minProperties" = 1,
        "additionalProperties" = { "type": "number", "exclusiveMinimum": 0 }
    ))]
    pub(super) weights: BTreeMap<String, f64>,
}

/// How arrivals are spread.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ArrivalsSection {
    /// Evenly.
    Constant,
    /// As independent users arrive, with exactly the planned number of requests.
    Poisson,
    /// Bursty below 1, regular above: gamma-distributed gaps of this shape.
    Gamma(f64),
}

/// A trace to replay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TraceSection {
    /// CSV file with the columns `TIMESTAMP`, `ContextTokens` and `GeneratedTokens`, relative to the scenario file.
    pub(super) file: String,
    /// Class whose requests the rows become.
    pub(super) class: String,
    /// Rows to replay at most.
    pub(super) rows: Option<usize>,
}

/// A change of the rig: a fragment of this same schema.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "exists for the schema; the fragment is handed on as written"
)]
pub(super) struct ActionSection {
    /// Changes by simulator.
    simulators: Option<BTreeMap<String, SimulatorSection>>,
    /// Changes of the gateway's configuration.
    gateway: Option<GatewaySection>,
    /// Whether the gateway finishes what it has and refuses what is new from then on.
    drain: Option<bool>,
}

/// What the books allow.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BooksSection {
    /// Statuses that clients may see; [200] by default.
    pub(super) statuses: Option<Vec<u16>>,
    /// Checks to leave out, each with its reason: `{ server_errors = "this scenario provokes them" }`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": BOOKS }))]
    pub(super) opt_out: BTreeMap<String, String>,
}
