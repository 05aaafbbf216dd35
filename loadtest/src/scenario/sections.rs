//! The sections of a scenario file, each as close to what the author wrote as possible.
//!
//! Sections are read one by one, so that all mistakes of a file show at once. `like` and
//! variants are applied before, on the bare tables; here every key is final.

use std::collections::BTreeMap;

use clock::{Span, Speed, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::number::{self, Number, Pause};
use super::rate::RateSection;
use crate::topology::{DeploymentSection, SimulatorSection};

/// Checks of the books that a scenario may leave out, as their ids without `books.`.
pub(super) const BOOKS: [&str; 7] = [
    "requests",
    "attempts",
    "tokens",
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
    /// What the books allow.
    books: Option<BooksSection>,
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
    /// Who may call, by name, over the preset's.
    subscriptions: Option<BTreeMap<String, serde_json::Value>>,
    /// The simulators it knows, by name, over the preset's.
    backends: Option<BTreeMap<String, serde_json::Value>>,
    /// Its APIs and their policies, by name, over the preset's.
    apis: Option<BTreeMap<String, serde_json::Value>>,
}

/// A client class.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientSection {
    /// Name of a class to start from; keys given here replace that class's.
    #[serde(default)]
    #[expect(dead_code, reason = "applied on the bare tables, kept for the schema")]
    like: Option<String>,
    /// The operation it calls.
    pub(super) operation: OperationName,
    /// The deployment it names.
    pub(super) deployment: String,
    /// URL shape: `azure` (dated, the default), `azure-v1` or `openai`.
    #[serde(default)]
    pub(super) api: ApiName,
    /// The dated API's version; "2024-10-21" by default.
    pub(super) api_version: Option<String>,
    /// Name of a simulator to call directly, instead of the gateway.
    pub(super) to: Option<String>,
    /// Name of the gateway's API to call, where it has several.
    pub(super) gateway_api: Option<String>,
    /// A fixed prompt.
    pub(super) prompt: Option<String>,
    /// Tokens of a generated prompt's content.
    pub(super) prompt_tokens: Option<Number>,
    /// Characters of a generated prompt.
    pub(super) input_characters: Option<Number>,
    /// `max_tokens` of each request; left out by default.
    pub(super) max_tokens: Option<Number>,
    /// Whether answers are streamed.
    #[serde(default)]
    pub(super) stream: bool,
    /// Whether a stream asks for its usage.
    #[serde(default)]
    pub(super) include_usage: bool,
    /// Encoding of embeddings: `float` (the default) or `base64`.
    #[serde(default)]
    pub(super) encoding_format: EncodingFormat,
    /// Headers added to every request.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Name of the gateway's subscription whose key it presents; the first one by default.
    pub(super) subscription: Option<String>,
    /// A key to present as it is, instead of a subscription's; "" presents none.
    pub(super) key: Option<String>,
    /// The header that carries the key.
    #[serde(default)]
    pub(super) key_header: KeyHeader,
    /// Pause of a user between an answer and the next request; none by default.
    pub(super) think_time: Option<Pause>,
    /// How long it waits for a complete answer; "120s" by default.
    #[serde(default, deserialize_with = "number::duration")]
    pub(super) timeout: Option<Span>,
    /// Whether generated prompts start with words that encode the request's number; true by default.
    pub(super) marks_prompts: Option<bool>,
}

/// The operation a class calls.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OperationName {
    ChatCompletions,
    Completions,
    Embeddings,
}

/// URL shapes.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub(super) enum ApiName {
    #[default]
    #[serde(rename = "azure")]
    Azure,
    #[serde(rename = "azure-v1")]
    AzureV1,
    #[serde(rename = "openai")]
    OpenAi,
}

/// Encoding of embeddings.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

/// Headers that carry a key.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KeyHeader {
    #[default]
    ApiKey,
    OcpApimSubscriptionKey,
    Authorization,
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
    /// How long it runs; a trace may leave it out to run to its end.
    #[serde(default, deserialize_with = "number::duration")]
    pub(super) run_for: Option<Span>,
    /// Closed model: users by class.
    pub(super) users: Option<BTreeMap<String, u32>>,
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
    /// Actions by the time after the phase's start: `{ "0s" = "swap" }`.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "checked here, read with its places from the bare table"
    )]
    r#do: BTreeMap<Span, String>,
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
