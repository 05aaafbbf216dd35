//! [`Simulator`]: one resource with its deployments, and the handles to it.

use std::sync::Arc;

use axum::Router;
use clock::Clock;
use serde_json::Value;

use crate::config::{ConfigError, SimulatorConfig};
use crate::ledger::Ledger;

/// A simulated resource; cheap to clone, all clones are the same simulator.
#[derive(Clone, Debug)]
pub struct Simulator(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) ledger: Ledger,
}

/// Changes a running simulator; cheap to clone.
#[derive(Clone, Debug)]
pub struct Control(Arc<Shared>);

impl Simulator {
    /// A simulator called `name` that answers by `config` in the time of `clock`.
    pub fn new(name: &str, config: SimulatorConfig, clock: Clock) -> Self {
        let _ = config;
        Self(Arc::new(Shared {
            name: name.to_owned(),
            ledger: Ledger::new(clock.clone()),
            clock,
        }))
    }

    /// The simulator's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The HTTP service.
    pub fn router(&self) -> Router {
        Router::new()
    }

    /// What has reached this simulator.
    pub fn ledger(&self) -> Ledger {
        self.0.ledger.clone()
    }

    /// Reads and changes the configuration while running.
    pub fn control(&self) -> Control {
        Control(Arc::clone(&self.0))
    }
}

impl Control {
    /// The running configuration in its JSON form.
    pub fn config(&self) -> Value {
        Value::Null
    }

    /// Merges `patch` into the running configuration, or changes nothing.
    ///
    /// # Errors
    /// Every reason why the result would not be a valid configuration.
    pub fn patch(&self, patch: &Value) -> Result<(), Vec<ConfigError>> {
        let _ = patch;
        Ok(())
    }

    /// Empties limit windows and the ledger.
    pub fn reset(&self) {
        self.0.ledger.reset();
    }
}
