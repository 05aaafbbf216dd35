//! Prioritisation: calls of low priority yield to those of high priority before a deployment is
//! full, so that its last part is there for who cannot wait.
//!
//! Two policies of the reference, each with a pure heart: [`Counts`](counts) of what the gateway
//! has let through, and the [`Memory`](memory) of what backends said. They are the last limit of
//! an API, after those of the caller's own: what is refused there takes nothing from anybody.

mod calculating;
mod cost;
mod counts;
mod deployments;
mod memory;
mod priority;
mod refused;
mod tracking;

use self::calculating::Calculating;
use self::priority::Priority;
use self::tracking::Tracking;
use crate::config::{ConfigError, PrioritizeConfig};
use crate::limit::{Place, Policy, State};

/// The policy of `config`; `previous` is what its predecessor of the same kind left.
pub(crate) fn policy(
    config: &PrioritizeConfig,
    place: Place<'_>,
    previous: Option<State>,
    errors: &mut Vec<ConfigError>,
) -> Box<dyn Policy> {
    match config {
        PrioritizeConfig::TokenCalculating(config) => {
            Box::new(Calculating::new(config, place, previous, errors))
        }
        PrioritizeConfig::TokenTracking(config) => {
            Box::new(Tracking::new(config, place, previous, errors))
        }
    }
}

#[cfg(test)]
mod tests;
