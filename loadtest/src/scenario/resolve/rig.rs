//! `[simulators]`, `[deployments]` and `[gateway]`: what stands between clients and ledgers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::Resolver;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::document::{lay_table_over, place_of};
use crate::scenario::hints;
use crate::scenario::reading::Entry;
use crate::scenario::source::{Table, Value};
use crate::topology::{
    ConfigError, DeploymentSection, GatewayConfig, GatewayPlan, SimulatorConfigs, SimulatorSection,
    preset,
};

/// What stands between clients and ledgers, as far as it was understood.
#[derive(Debug, Default)]
pub(super) struct Rig<'t> {
    /// The simulators that were understood.
    pub(super) simulators: SimulatorConfigs,
    /// The gateway, if there is one and it was understood.
    pub(super) gateway: Option<GatewayPlan>,
    /// Names of all simulators that are written.
    pub(super) names: Vec<String>,
    /// Names of all deployments that are written.
    pub(super) deployments: BTreeSet<String>,
    /// Whether a gateway is written.
    pub(super) has_gateway: bool,
    /// Whether every simulator was understood.
    pub(super) is_whole: bool,
    /// The gateway's configuration with the places of its values.
    pub(super) gateway_table: Option<Value<'t>>,
}

/// The gateway's configuration as written.
struct GatewayTable<'t> {
    /// Name of the preset.
    preset: Option<String>,
    /// Where the preset is named, or else the section.
    place: Range<usize>,
    /// The preset with the file's keys over it.
    merged: Value<'t>,
    /// The file's keys alone.
    own: Value<'t>,
}

/// The shared deployments: as written, and as read.
struct Shared<'t> {
    written: Value<'t>,
    sections: BTreeMap<String, DeploymentSection>,
}

impl Rig<'_> {
    /// Notes in `diagnostic` which simulator may have been meant by `name`.
    pub(super) fn which_simulator(&self, diagnostic: Diagnostic, name: &str) -> Diagnostic {
        hints::did_you_mean(diagnostic, name, self.names.iter().map(String::as_str))
    }

    /// Whether a simulator of this name is written.
    pub(super) fn has_simulator(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

impl<'t> Resolver<'_, 't> {
    /// Simulators and gateway.
    pub(super) fn rig(&mut self) -> Rig<'t> {
        let before = self.diagnostics.len();
        let shared = self.shared_deployments();
        let section = self.required_section(
            "simulators",
            "the backends",
            "[simulators.payg-1] with deployments = { gpt-4o = { model = \"gpt-4o\" } }",
        );
        let mut rig = Rig {
            names: section
                .keys()
                .map(|key| key.get_ref().to_string())
                .collect(),
            deployments: written_deployments(&section, &shared),
            has_gateway: self.document.contains_key("gateway"),
            ..Rig::default()
        };
        rig.simulators = self.simulators(&section, &shared);
        rig.is_whole = self.diagnostics.len() == before;
        self.gateway(&mut rig);
        rig
    }

    fn shared_deployments(&mut self) -> Shared<'t> {
        let tables = self.section("deployments");
        let mut sections = BTreeMap::new();
        for (key, value) in &tables {
            let name = key.get_ref().to_string();
            match self.read::<DeploymentSection>(&Entry::of_section("deployments", key, value)) {
                Some(deployment) => {
                    sections.insert(name, deployment);
                }
                None => sections.extend(stand_ins(&name, value)),
            }
        }
        Shared {
            written: Spanned::new(0..0, DeValue::Table(tables)),
            sections,
        }
    }

    /// The simulators by name, each resolved against the shared deployments.
    fn simulators(&mut self, section: &Table<'t>, shared: &Shared<'t>) -> SimulatorConfigs {
        let mut configs = SimulatorConfigs::new();
        for (key, value) in section {
            let entry = Entry::of_section("simulators", key, value);
            let Some(mut simulator) = self.read::<SimulatorSection>(&entry) else {
                continue;
            };
            let name = key.get_ref().to_string();
            simulator.seed = simulator.seed.or_else(|| Some(self.seed()));
            match simulator.resolve(&name, &shared.sections) {
                Ok(config) => {
                    configs.insert(name, config);
                }
                Err(errors) => {
                    for error in errors {
                        self.note_simulator_error(error, &entry, shared);
                    }
                }
            }
        }
        configs
    }

    /// A simulator's mistake at its place: in its own table or in the shared deployments.
    fn note_simulator_error(
        &mut self,
        error: ConfigError,
        own: &Entry<'_, 't>,
        shared: &Shared<'t>,
    ) {
        let place = match error.path.split_first() {
            Some((first, rest)) if first == "^deployments" => {
                place_of(&shared.written, own.place.clone(), rest)
            }
            _ => place_of(own.value, own.place.clone(), &error.path),
        };
        let help = error.help.map(|help| {
            let nearest = hints::nearest_of_list(&error.message, &help);
            nearest.unwrap_or(help)
        });
        self.note(Diagnostic::at(place, error.message).maybe_help(help));
    }

    /// The gateway: `--gateway`'s, or the file's preset with its overrides; none without `[gateway]`.
    fn gateway(&mut self, rig: &mut Rig<'t>) {
        let Some(table) = self.gateway_table() else {
            return;
        };
        let entry = Entry {
            path: vec!["gateway"],
            place: table.place,
            value: &table.merged,
            own: Some(&table.own),
        };
        let Some(mut config) = self.read::<GatewayConfig>(&entry) else {
            return;
        };
        if config.seed == 0 {
            config.seed = self.seed();
        }
        let name = table
            .preset
            .unwrap_or_else(|| "the scenario's own".to_owned());
        let plan = GatewayPlan::ours(name, config);
        let mistakes = plan.mistakes();
        if mistakes.is_empty() {
            self.check_backends(&plan.config, rig, &entry);
        }
        for error in mistakes {
            let place = place_of(&table.own, entry.place.clone(), &error.path);
            self.note(Diagnostic::at(place, error.message).maybe_help(error.help));
        }
        rig.gateway = Some(match &self.options.gateway {
            Some(profile) => plan.replaced_by(profile.clone()),
            None => plan,
        });
        rig.gateway_table = Some(table.merged);
    }

    fn gateway_table(&mut self) -> Option<GatewayTable<'t>> {
        let span = self.document.get("gateway")?.span();
        if self.is_broken("gateway") {
            return None;
        }
        let mut own = self.section("gateway");
        let preset = own.remove("preset");
        let place = preset
            .as_ref()
            .map_or_else(|| self.section_place("gateway"), Spanned::span);
        let (preset, mut merged) = match preset {
            None => (None, Table::new()),
            Some(value) => {
                let Some(name) = value.get_ref().as_str() else {
                    let wrong = "expected the name of a preset in quotes";
                    self.note(Diagnostic::at(place, wrong));
                    return None;
                };
                (Some(name.to_owned()), self.preset_table(name, &place)?)
            }
        };
        lay_table_over(&mut merged, own.clone(), &mut self.diagnostics);
        Some(GatewayTable {
            preset,
            place,
            merged: Spanned::new(span.clone(), DeValue::Table(merged)),
            own: Spanned::new(span, DeValue::Table(own)),
        })
    }

    fn preset_table(&mut self, name: &str, place: &Range<usize>) -> Option<Table<'t>> {
        let Some(text) = preset::text(name) else {
            let missing = Diagnostic::at(place.clone(), format!("there is no preset `{name}`"));
            self.note(hints::did_you_mean(missing, name, preset::names()));
            return None;
        };
        // Shipped presets are valid; a test of the gateway parses each of them.
        self.sources.parse(&format!("preset {name}"), text).ok()
    }

    /// Each backend of the gateway must be a simulator of the scenario, by name.
    fn check_backends(&mut self, config: &GatewayConfig, rig: &Rig<'t>, gateway: &Entry<'_, 't>) {
        let own = gateway.own.and_then(|own| own.get_ref().get("backends"));
        let own = own.and_then(|backends| backends.get_ref().as_table());
        for name in GatewayPlan::backends_in_use(config) {
            // Without any simulator it was said that they are missing.
            if rig.has_simulator(&name) || rig.names.is_empty() {
                continue;
            }
            let written = own.and_then(|backends| backends.get_key_value(name.as_str()));
            let place = written.map_or_else(|| gateway.place.clone(), |(key, _)| key.span());
            let message = format!("the gateway's backend `{name}` needs a simulator of that name");
            self.note(Diagnostic::at(place, message).help(format!("add [simulators.{name}]")));
        }
    }
}

/// What takes the place of a shared deployment that was not understood, so that whoever names
/// it is not wrong as well; no plan comes of it. A name with an unquoted dot stands for its whole.
fn stand_ins(name: &str, written: &Value<'_>) -> Vec<(String, DeploymentSection)> {
    let stand_in = DeploymentSection {
        model: Some("gpt-3.5-turbo".to_owned()),
        ..DeploymentSection::default()
    };
    let parts = written.get_ref().as_table().into_iter().flatten();
    let dotted = parts
        .filter(|(_, part)| part.get_ref().is_table())
        .map(|(part, _)| format!("{name}.{}", part.get_ref()));
    let names = std::iter::once(name.to_owned()).chain(dotted);
    names.map(|name| (name, stand_in.clone())).collect()
}

fn written_deployments(simulators: &Table<'_>, shared: &Shared<'_>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = shared.sections.keys().cloned().collect();
    for deployments in simulators
        .values()
        .filter_map(|simulator| simulator.get_ref().get("deployments"))
    {
        let own = deployments.get_ref().as_table().into_iter().flatten();
        names.extend(own.map(|(key, _)| key.get_ref().to_string()));
    }
    names
}
