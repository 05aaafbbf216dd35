//! `[actions]`: fragments of the schema that phases play at their moments.

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, ValueDeserializer};

use super::Resolver;
use super::phases::{Cue, Timed};
use super::probers::Probers;
use super::rig::Rig;
use crate::plan::TimedAction;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::document::{lay_over, place_of};
use crate::scenario::hints;
use crate::scenario::reading::Entry;
use crate::scenario::source::{Key, Value};
use crate::topology::{
    Fault, GatewayConfig, GatewayPlan, SimulatorConfig, SimulatorSection, patched,
};

/// What an action may change.
const TARGETS: [&str; 3] = ["simulators", "gateway", "drain"];

/// An action as written: merge patches by target.
#[derive(Clone, Debug, Default)]
pub(super) struct Action {
    simulators: Vec<(String, serde_json::Value)>,
    gateway: Option<serde_json::Value>,
    drains: bool,
    /// Index of the prober that it is.
    prober: Option<usize>,
}

impl Action {
    /// The action that lets the prober of this index measure.
    pub(super) fn probes(prober: usize) -> Self {
        Self {
            prober: Some(prober),
            ..Self::default()
        }
    }

    /// The action at the moment of a phase's cue.
    fn at(&self, phase: &Timed, cue: &Cue) -> TimedAction {
        TimedAction {
            at: phase.phase.start + cue.after,
            phase: phase.phase.name.clone(),
            name: cue.name.clone(),
            simulators: self.simulators.clone(),
            gateway: self.gateway.clone(),
            drains: self.drains,
            prober: self.prober,
        }
    }
}

impl<'t> Resolver<'_, 't> {
    /// Every action and every prober of every phase, in order of time.
    pub(super) fn actions(
        &mut self,
        phases: &[Timed],
        probers: &Probers,
        rig: &Rig<'t>,
    ) -> Vec<TimedAction> {
        let mut known = probers.as_actions();
        for (key, value) in &self.section("actions") {
            let action = self.action(key, value, rig);
            if known.insert(key.get_ref().to_string(), action).is_some() {
                let message = format!("there is a prober `{}` as well", key.get_ref());
                let twice = Diagnostic::at(key.span(), message);
                self.note(twice.help("`do` names both: give each its own name"));
            }
        }
        let mut timed = Vec::new();
        for phase in phases {
            for cue in &phase.actions {
                match known.get(&cue.name) {
                    Some(action) => timed.push(action.at(phase, cue)),
                    None => self.unknown_action(cue, known.keys()),
                }
            }
        }
        timed.sort_by_key(|action| action.at);
        timed
    }

    fn unknown_action<'k>(&mut self, cue: &Cue, known: impl Iterator<Item = &'k String>) {
        let message = format!("there is no action `{}`", cue.name);
        let unknown = Diagnostic::at(cue.place.clone(), message);
        let known = known.map(String::as_str);
        self.note(hints::did_you_mean(unknown, &cue.name, known));
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
                "drain" => action.drains = self.drains(key, change, rig),
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
                && self.stays_reachable(&entry)
                && self.fits(config, &entry)
            {
                changes.push((name, json(patch)));
            }
        }
        changes
    }

    /// Whether the simulator can be told more after the patch; notes why not.
    fn stays_reachable(&mut self, patch: &Entry<'_, 't>) -> bool {
        let name = patch.path.last().copied().unwrap_or_default();
        let places = self.options.gateway.as_ref();
        let place = places.and_then(|profile| profile.backends.get(name));
        if place.is_none_or(|place| place.url.is_none()) {
            return true;
        }
        let changes = patch.value.get_ref();
        let (field, what) = if changes.get("stopped").is_some() {
            ("stopped", "be stopped")
        } else if changes.get("faults").is_some_and(refuse_for_good) {
            ("faults", "refuse connections without `until` or `flap`")
        } else {
            return true;
        };
        let message = format!("the simulator `{name}` runs elsewhere: it cannot {what} from here");
        self.note(Diagnostic::at(patch.field(field), message).unplayable());
        false
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

    /// Whether the action drains the gateway.
    fn drains(&mut self, key: &Key<'t>, drain: &Value<'t>, rig: &Rig<'t>) -> bool {
        let Some(drain) = drain.get_ref().as_bool() else {
            let wrong = Diagnostic::at(drain.span(), "expected `true` for `drain`");
            self.note(wrong.help("drain = true"));
            return false;
        };
        drain && self.may_change_gateway(key, rig)
    }

    /// Whether there is a gateway that is ours; notes why not.
    fn may_change_gateway(&mut self, key: &Key<'t>, rig: &Rig<'t>) -> bool {
        let at = |message: &str| Diagnostic::at(key.span(), message);
        let why_not = match &self.options.gateway {
            _ if !rig.has_gateway => at("this scenario has no gateway to change"),
            Some(profile) => at(&format!(
                "the gateway {} is not ours: no action changes it while it runs",
                profile.name
            ))
            .unplayable(),
            None => return true,
        };
        self.note(why_not);
        false
    }

    /// A merge patch of the gateway's configuration, tried on it.
    fn gateway_change(
        &mut self,
        key: &Key<'t>,
        change: &Value<'t>,
        rig: &Rig<'t>,
    ) -> Option<serde_json::Value> {
        if !self.may_change_gateway(key, rig) {
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

/// Whether one of these faults would keep whoever set it from taking it back.
fn refuse_for_good(faults: &Value<'_>) -> bool {
    let faults = Vec::<Fault>::deserialize(json(faults));
    faults.is_ok_and(|faults| faults.iter().any(Fault::refuses_for_good))
}

/// The fragment as JSON, as the runtime control of both servers takes it.
fn json(value: &Spanned<DeValue<'_>>) -> serde_json::Value {
    // Only a number beyond 64 bits fails here; null is refused by whoever reads the key.
    serde_json::Value::deserialize(ValueDeserializer::from(value.clone())).unwrap_or_default()
}
