//! `[actions]`: fragments of the schema that phases play at their moments.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::Resolver;
use super::phases::Timed;
use super::rig::Rig;
use crate::plan::TimedAction;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::document::{lay_over, place_of};
use crate::scenario::hints;
use crate::scenario::reading::Entry;
use crate::scenario::source::{Key, Value};
use crate::topology::{GatewayConfig, GatewayPlan, SimulatorConfig, SimulatorSection, patched};

/// What an action may change.
const TARGETS: [&str; 2] = ["simulators", "gateway"];

/// An action as written: merge patches by target.
#[derive(Clone, Debug, Default)]
struct Action {
    simulators: Vec<(String, serde_json::Value)>,
    gateway: Option<serde_json::Value>,
}

impl<'t> Resolver<'_, 't> {
    /// Every action of every phase, in order of time.
    pub(super) fn actions(&mut self, phases: &[Timed], rig: &Rig<'t>) -> Vec<TimedAction> {
        let mut known = BTreeMap::new();
        for (key, value) in &self.section("actions") {
            let action = self.action(key, value, rig);
            known.insert(key.get_ref().to_string(), action);
        }
        let mut timed = Vec::new();
        for phase in phases {
            for cue in &phase.actions {
                let Some(action) = known.get(&cue.name) else {
                    let message = format!("there is no action `{}`", cue.name);
                    let unknown = Diagnostic::at(cue.place.clone(), message);
                    let known = known.keys().map(String::as_str);
                    self.note(hints::did_you_mean(unknown, &cue.name, known));
                    continue;
                };
                timed.push(TimedAction {
                    at: phase.phase.start + cue.after,
                    phase: phase.phase.name.clone(),
                    name: cue.name.clone(),
                    simulators: action.simulators.clone(),
                    gateway: action.gateway.clone(),
                });
            }
        }
        timed.sort_by_key(|action| action.at);
        timed
    }

    fn action(&mut self, name: &Key<'t>, value: &Value<'t>, rig: &Rig<'t>) -> Action {
        let mut action = Action::default();
        let Some(table) = value.get_ref().as_table() else {
            let name = name.get_ref();
            let wrong = format!("expected a table [actions.{name}]");
            let help = hints::strayed(name)
                .unwrap_or_else(|| format!("[actions.{name}.simulators.payg-1.deployments.NAME]"));
            self.note(Diagnostic::at(value.span(), wrong).help(help));
            return action;
        };
        for (key, change) in table {
            match key.get_ref().as_ref() {
                "simulators" => action.simulators = self.simulator_changes(change, rig),
                "gateway" => action.gateway = self.gateway_change(key, change, rig),
                other => {
                    let message = format!("an action cannot change `{other}`");
                    let unknown = Diagnostic::at(key.span(), message);
                    self.note(match hints::strayed(other) {
                        Some(help) => unknown.help(help),
                        None => hints::did_you_mean(unknown, other, TARGETS),
                    });
                }
            }
        }
        action
    }

    /// Merge patches by simulator, each tried on its simulator's configuration.
    fn simulator_changes(
        &mut self,
        change: &Value<'t>,
        rig: &Rig<'t>,
    ) -> Vec<(String, serde_json::Value)> {
        let mut changes = Vec::new();
        for (key, patch) in change.get_ref().as_table().into_iter().flatten() {
            let name = key.get_ref().to_string();
            if !rig.has_simulator(&name) {
                let unknown = Diagnostic::at(key.span(), format!("there is no simulator `{name}`"));
                self.note(rig.which_simulator(unknown, &name));
                continue;
            }
            let entry = Entry::of_section("simulators", key, patch);
            if self.read::<SimulatorSection>(&entry).is_none() {
                continue;
            }
            // A simulator that was not understood has been told already.
            if let Some(config) = rig.simulators.get(&name)
                && self.fits(config, &entry)
            {
                changes.push((name, json(patch)));
            }
        }
        changes
    }

    /// Whether a simulator with `config` takes the patch; notes why not.
    fn fits(&mut self, config: &SimulatorConfig, patch: &Entry<'_, 't>) -> bool {
        let before = self.diagnostics.len();
        let deployments = patch.value.get_ref().get("deployments");
        let deployments = deployments.and_then(|deployments| deployments.get_ref().as_table());
        for key in deployments.into_iter().flat_map(toml::de::DeTable::keys) {
            let name = key.get_ref().as_ref();
            if !config.deployments.contains_key(name) {
                let message = format!("the simulator has no deployment `{name}`");
                let known = config.deployments.keys().map(String::as_str);
                let unknown = Diagnostic::at(key.span(), message);
                self.note(hints::did_you_mean(unknown, name, known));
            }
        }
        if self.diagnostics.len() == before
            && let Err(errors) = patched(config, &json(patch.value))
        {
            for error in errors {
                let place = place_of(patch.value, patch.place.clone(), &error.path);
                self.note(Diagnostic::at(place, error.message).maybe_help(error.help));
            }
        }
        self.diagnostics.len() == before
    }

    /// A merge patch of the gateway's configuration, tried on it.
    fn gateway_change(
        &mut self,
        key: &Key<'t>,
        change: &Value<'t>,
        rig: &Rig<'t>,
    ) -> Option<serde_json::Value> {
        if !rig.has_gateway {
            let message = "this scenario has no gateway to change";
            self.note(Diagnostic::at(key.span(), message));
            return None;
        }
        let mut merged = rig.gateway_table.clone()?;
        lay_over(&mut merged, change.clone(), &mut self.diagnostics);
        let entry = Entry {
            path: vec!["gateway"],
            place: key.span(),
            value: &merged,
            own: Some(change),
        };
        let config = self.read::<GatewayConfig>(&entry)?;
        for error in GatewayPlan::ours(String::new(), config).mistakes() {
            let place = place_of(change, key.span(), &error.path);
            self.note(Diagnostic::at(place, error.message).maybe_help(error.help));
        }
        Some(json(change))
    }
}

/// The fragment as JSON, as the runtime control of both servers takes it.
fn json(value: &Spanned<DeValue<'_>>) -> serde_json::Value {
    // Only a number beyond 64 bits fails here; null is refused by whoever reads the key.
    serde_json::Value::deserialize(ValueDeserializer::from(value.clone())).unwrap_or_default()
}
