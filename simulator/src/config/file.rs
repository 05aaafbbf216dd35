//! [`File`]: the configuration file of the server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{DeploymentSection, SimulatorSection};

/// The configuration file of the server: simulators by name, and deployments they share.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, schemars::JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Simulators, each a resource of its own, on its own port.
    pub simulators: BTreeMap<String, SimulatorSection>,
    /// Deployments that simulators name or are `like`.
    #[serde(default)]
    pub deployments: BTreeMap<String, DeploymentSection>,
}
