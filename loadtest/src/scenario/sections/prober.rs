//! `[probers.NAME]` as written.

use std::collections::BTreeMap;

use clock::Span;
use schemars::JsonSchema;
use serde::Deserialize;

use super::OperationName;
use crate::scenario::number;

/// A client that measures the backends and reports their order to a helper of the gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ProberSection {
    /// The operation it calls.
    pub(in crate::scenario) operation: OperationName,
    /// The deployment it names.
    pub(in crate::scenario) deployment: String,
    /// The simulators it measures; equally fast ones keep this order.
    pub(in crate::scenario) backends: Vec<String>,
    /// Its prompt; "Once upon a time" by default.
    pub(in crate::scenario) prompt: Option<String>,
    /// `max_tokens` of each request; 10 by default.
    pub(in crate::scenario) max_tokens: Option<u32>,
    /// How long it waits for a complete answer, after which the backend sorts last; "30s" by default.
    #[serde(default, deserialize_with = "number::duration")]
    pub(in crate::scenario) timeout: Option<Span>,
    /// Requests to each backend, of which the median counts; 1 by default.
    #[schemars(range(min = 1))]
    pub(in crate::scenario) samples: Option<u32>,
    /// Path of the gateway's helper; "/helpers/set-preferred-backends" by default.
    pub(in crate::scenario) reports_to: Option<String>,
    /// What the report calls a backend; the simulator's name by default.
    #[serde(default)]
    pub(in crate::scenario) names: BTreeMap<String, String>,
    /// Name of the gateway's subscription whose key the report presents; the first one by default.
    pub(in crate::scenario) subscription: Option<String>,
}
