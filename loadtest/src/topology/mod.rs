//! What stands between the clients and the ledgers; the only importer of simulator and gateway.
//!
//! A plan says which simulators and which gateway there are; a rig is them, running. Three
//! kinds, told apart only here:
//!
//! - in process without sockets, on a paused clock ([`VirtualRig`]),
//! - in process on sockets of loopback ([`SocketRig`]),
//! - the same with somebody else's gateway, by URL or started by a command, and, where a
//!   profile says so, with simulators that run elsewhere ([`Profile`]).
//!
//! Each declares which evidence it gives; what it cannot give is named with its reason, so that
//! gates which need it are listed as not judged instead of passing.

mod actor;
mod command;
mod foreign;
mod gateway_plan;
mod ours;
mod page;
mod profile;
mod remote;
mod serve;
mod socket_rig;
mod usage;
mod virtual_rig;

pub use self::gateway_plan::GatewayPlan;
pub use self::profile::{BackendProfile, Profile, ProfileError};
pub use self::serve::ServerRuntime;
pub use self::socket_rig::{Ports, RigError, SocketRig};
pub use self::usage::UsageEvent;
pub use self::virtual_rig::{VirtualRig, Wrap};

pub use gateway_under_test::access_log::{
    Attempt as AccessAttempt, Decision as AccessDecision, Entry as AccessEntry,
};
pub use gateway_under_test::usage::Usage as AccessUsage;
pub use gateway_under_test::{GatewayConfig, preset};
pub use simulator::SimulatorConfig;
pub use simulator::config::{ConfigError, DeploymentSection, Fault, Limiter, SimulatorSection};
pub use simulator::{Credential as CredentialKind, Entry as LedgerEntry};

use std::collections::BTreeMap;

use crate::evidence::Source;

/// Keys of a gateway's configuration that name a policy by their only key: laid over each other
/// two of them would be none, so the later one replaces the one before.
pub const ONE_POLICY: [&str; 2] = ["balance", "prioritize"];

/// The simulators of a plan, by name.
pub type SimulatorConfigs = BTreeMap<String, SimulatorConfig>;

/// What gateway and simulators recorded of a run.
#[derive(Clone, Debug)]
pub struct Records {
    /// The gateway's access log.
    pub gateway: Source<Vec<AccessEntry>>,
    /// Its usage events.
    pub usage_events: Source<Vec<UsageEvent>>,
    /// Its metrics page.
    pub metrics: Source<String>,
    /// Each simulator's ledger.
    pub ledgers: BTreeMap<String, Source<Vec<LedgerEntry>>>,
}

/// What a scenario without a gateway has of one.
fn no_gateway<T>() -> Source<T> {
    Source::Missing("the scenario has no gateway".to_owned())
}

/// `config` with a JSON merge patch laid over it, as its runtime control would have it.
///
/// # Errors
/// Every reason why the result would not be a valid configuration.
pub fn patched(
    config: &SimulatorConfig,
    patch: &serde_json::Value,
) -> Result<SimulatorConfig, Vec<ConfigError>> {
    let mistake = |message: String| vec![ConfigError::new(Vec::<String>::new(), message)];
    let mut document = serde_json::to_value(config).map_err(|error| mistake(error.to_string()))?;
    actor::merge(&mut document, patch);
    let section: SimulatorSection =
        serde_json::from_value(document).map_err(|error| mistake(error.to_string()))?;
    section.resolve("", &BTreeMap::new())
}
