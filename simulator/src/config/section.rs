//! [`SimulatorSection`]: one simulator as written.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU64;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{DeploymentSection, Fault, IdentitySection, OperationLatencySections};
use crate::openai::Dialect;

/// A simulator as written: one resource with its region, keys and deployments.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table with the simulator's keys"
)]
pub struct SimulatorSection {
    /// Address and port of a server; the next free port from `--port` by default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "address")]
    #[schemars(with = "Option<String>")]
    pub listen: Option<SocketAddr>,
    /// Whose paths are served: `azure` (`/openai/…`) or `openai` (`/v1/…`); by default both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Azure region, told in `x-ms-region`; `East US` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Keys that are accepted; without one any key is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_keys: Vec<String>,
    /// Seed of everything drawn here; 0 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether an unknown deployment name is served, without limits; false by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_undefined_deployments: Option<bool>,
    /// Largest request body in bytes; 16 MiB by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<NonZeroU64>,
    /// Latencies by operation, for deployments that state none; zero by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<OperationLatencySections>,
    /// Whether it is down: connections are refused, requests in flight are reset; false by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<bool>,
    /// Tokens instead of keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentitySection>,
    /// What goes wrong; of several that hold, the first is played. A patch replaces the whole list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Whether a request may ask for a fault, in its header `x-simulator-fault`; false by default:
    /// the header is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults_by_header: Option<bool>,
    /// The deployments: names of shared ones, or a table.
    pub deployments: DeploymentList,
}

/// The deployments of a simulator.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DeploymentList {
    /// Names of shared `[deployments.NAME]` tables.
    Names(Vec<String>),
    /// Deployments by name.
    Table(BTreeMap<String, DeploymentSection>),
}

impl Default for DeploymentList {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl<'de> Deserialize<'de> for DeploymentList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DeploymentListVisitor)
    }
}

struct DeploymentListVisitor;

impl<'de> Visitor<'de> for DeploymentListVisitor {
    type Value = DeploymentList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of shared deployments such as [\"a\", \"b\"] or a table of deployments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<DeploymentList, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(names)).map(DeploymentList::Names)
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<DeploymentList, A::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(table)).map(DeploymentList::Table)
    }
}

impl JsonSchema for DeploymentList {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeploymentList".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Names of shared [deployments.NAME] tables, or deployments by name.",
            "oneOf": [
                { "type": "array", "items": { "type": "string" } },
                { "type": "object", "additionalProperties": generator.subschema_for::<DeploymentSection>() },
            ],
        })
    }
}

/// Reads an address and says how one is written when it is not.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| {
        serde::de::Error::custom(format!(
            "expected an address and port such as `127.0.0.1:8001`, found `{text}`"
        ))
    })
}
