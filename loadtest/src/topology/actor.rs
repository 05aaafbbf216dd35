//! [`Actor`]: does a plan's timed actions on the running rig.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use gateway_under_test::GatewayConfig;
use simulator::Control;

use super::ONE_POLICY;
use super::ours::Ours;
use super::remote::RemoteSimulator;
use crate::driver::Act;
use crate::plan::TimedAction;

/// Why an action on somebody else's gateway fails; a scenario with one is refused before.
const NOT_OURS: &str = "the gateway is not ours: it cannot be changed while it runs";

/// How a simulator is changed while it runs.
#[derive(Debug)]
pub(super) enum Handle {
    /// In this process.
    Local(Control),
    /// Elsewhere, through its admin API.
    Remote(RemoteSimulator),
}

/// Changes simulators and gateway of one rig.
#[derive(Debug)]
pub(super) struct Actor {
    simulators: BTreeMap<String, Handle>,
    /// Our gateway, and what it runs now.
    gateway: Option<(Ours, Mutex<GatewayConfig>)>,
}

impl From<Control> for Handle {
    fn from(control: Control) -> Self {
        Self::Local(control)
    }
}

impl Actor {
    /// Acts on these.
    pub(super) fn new(simulators: BTreeMap<String, Handle>, gateway: Option<&Ours>) -> Self {
        let running = |ours: &Ours| (ours.clone(), Mutex::new(ours.config.clone()));
        Self {
            simulators,
            gateway: gateway.map(running),
        }
    }

    async fn change_simulator(&self, name: &str, patch: &serde_json::Value) -> Result<(), String> {
        match self.simulators.get(name) {
            Some(Handle::Local(control)) => {
                control.patch(patch).map_err(|errors| sentence(&errors))
            }
            Some(Handle::Remote(remote)) => remote
                .patch(patch)
                .await
                .map_err(|error| format!("{error:#}")),
            None => Err(format!("there is no simulator `{name}`")),
        }
    }

    fn change_gateway(&self, patch: &serde_json::Value) -> Result<(), String> {
        let Some((ours, running)) = &self.gateway else {
            return Err(NOT_OURS.to_owned());
        };
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut document = serde_json::to_value(&*running).map_err(|error| error.to_string())?;
        merge(&mut document, patch);
        let config: GatewayConfig =
            serde_json::from_value(document).map_err(|error| error.to_string())?;
        *running = ours.reload(config)?;
        Ok(())
    }
}

#[async_trait]
impl Act for Actor {
    async fn act(&self, action: &TimedAction) -> Result<(), String> {
        let failed = |error: String| format!("the action `{}` failed: {error}", action.name);
        for (name, patch) in &action.simulators {
            self.change_simulator(name, patch).await.map_err(failed)?;
        }
        if let Some(patch) = &action.gateway {
            self.change_gateway(patch).map_err(failed)?;
        }
        match &self.gateway {
            // It drains from now on; when it is done can be seen in its log.
            Some((ours, _)) if action.drains => drop(ours.gateway.drain()),
            None if action.drains => return Err(failed(NOT_OURS.to_owned())),
            _ => {}
        }
        Ok(())
    }
}

/// All mistakes of a configuration in one sentence.
pub(super) fn sentence<E: std::fmt::Display>(errors: &[E]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// JSON merge patch, as RFC 7396 has it, except that another policy replaces the [one
/// before](ONE_POLICY).
pub(super) fn merge(document: &mut serde_json::Value, patch: &serde_json::Value) {
    let serde_json::Value::Object(changes) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = serde_json::Value::Object(serde_json::Map::new());
    }
    if let Some(object) = document.as_object_mut() {
        for (key, change) in changes {
            if change.is_null() {
                object.remove(key);
            } else if ONE_POLICY.contains(&key.as_str())
                && names_another_policy(object.get(key), change)
            {
                object.insert(key.clone(), change.clone());
            } else {
                merge(
                    object
                        .entry(key.as_str())
                        .or_insert(serde_json::Value::Null),
                    change,
                );
            }
        }
    }
}

fn names_another_policy(present: Option<&serde_json::Value>, change: &serde_json::Value) -> bool {
    let present = present.and_then(serde_json::Value::as_object);
    let tables = present.zip(change.as_object());
    !tables
        .is_some_and(|(present, change)| change.keys().any(|policy| present.contains_key(policy)))
}
