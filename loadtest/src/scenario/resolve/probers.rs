//! `[probers]`: who measures the backends from outside, with every request it sends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Span;

use super::Resolver;
use super::actions::Action;
use super::class::{class, direct_key};
use super::clients::{Clients, backend_header};
use super::rig::Rig;
use crate::plan::{Api, Class, Operation, Probe, Prober, Target};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::number::Number;
use crate::scenario::reading::Entry;
use crate::scenario::sections::{ClientSection, ProberSection};
use crate::scenario::source::Key;

// Source: genai-gateway toolkit, end_to_end_tests/common/latency.py: one completion of these
// words with `max_tokens` 10 for each backend, read within 30 s, in order to the helper.
const DEFAULT_PROMPT: &str = "Once upon a time";
const DEFAULT_MAX_TOKENS: u32 = 10;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_HELPER: &str = "/helpers/set-preferred-backends";

/// The probers.
#[derive(Debug, Default)]
pub(super) struct Probers {
    /// Those that were understood, in the order of the file.
    pub(super) probers: Vec<Prober>,
    /// Names of all that are written.
    pub(super) written: Vec<String>,
}

impl Probers {
    /// Each as an action that a phase may play; one that was not understood does nothing.
    pub(super) fn as_actions(&self) -> BTreeMap<String, Action> {
        let known = |name: &String| {
            self.probers
                .iter()
                .position(|prober| *prober.name == **name)
        };
        let written = self.written.iter();
        written
            .map(|name| {
                (
                    name.clone(),
                    known(name).map(Action::probes).unwrap_or_default(),
                )
            })
            .collect()
    }
}

impl<'t> Resolver<'_, 't> {
    /// The probers in the order of the file.
    pub(super) fn probers(&mut self, clients: &Clients, rig: &Rig<'t>) -> Probers {
        let mut probers = Probers::default();
        for (key, value) in &self.section("probers") {
            probers.written.push(key.get_ref().to_string());
            if clients.has(key.get_ref()) {
                let message = format!("there is a client class `{}` as well", key.get_ref());
                let twice = Diagnostic::at(key.span(), message);
                self.note(twice.help("gates name both: give each its own name"));
            }
            let entry = Entry::of_section("probers", key, value);
            let before = self.diagnostics.len();
            let Some(section) = self.read::<ProberSection>(&entry) else {
                continue;
            };
            self.check_prober(&section, &entry, rig);
            let subscription = self.prober_subscription(&section, &entry, rig);
            if self.diagnostics.len() == before {
                let prober = prober(key, &section, subscription, rig);
                probers.probers.push(prober);
            }
        }
        probers
    }

    fn check_prober(&mut self, section: &ProberSection, entry: &Entry<'_, 't>, rig: &Rig<'t>) {
        if !rig.has_gateway {
            let message = "a prober reports to a gateway, and this scenario has none";
            self.note(Diagnostic::at(entry.place.clone(), message));
        }
        if section.backends.is_empty() {
            let empty = Diagnostic::at(
                entry.field("backends"),
                "a prober measures at least one backend",
            );
            self.note(empty.help("backends = [\"payg-1\", \"payg-2\"]"));
        }
        if section.samples == Some(0) {
            let none = Diagnostic::at(
                entry.field("samples"),
                "a prober sends at least one request",
            );
            self.note(none.help("leave it out to send one"));
        }
        let is_path = |path: &String| path.starts_with('/');
        if !section.reports_to.as_ref().is_none_or(is_path) {
            let wrong = Diagnostic::at(entry.field("reports_to"), "expected a path");
            self.note(wrong.help(format!("reports_to = \"{DEFAULT_HELPER}\"")));
        }
        for name in &section.backends {
            self.check_probed(name, section, entry, rig);
        }
        for name in section
            .names
            .keys()
            .filter(|name| !section.backends.contains(name))
        {
            let message = format!("the prober does not measure `{name}`");
            let other = Diagnostic::at(entry.field("names"), message);
            let known = section.backends.iter().map(String::as_str);
            self.note(hints::did_you_mean(other, name, known));
        }
    }

    /// A probed backend is a simulator that has the deployment.
    fn check_probed(
        &mut self,
        name: &str,
        section: &ProberSection,
        entry: &Entry<'_, 't>,
        rig: &Rig<'t>,
    ) {
        if !rig.has_simulator(name) && !rig.names.is_empty() {
            let message = format!("there is no simulator `{name}`");
            let unknown = Diagnostic::at(entry.field("backends"), message);
            self.note(rig.which_simulator(unknown, name));
        }
        let wanted = &section.deployment;
        if let Some(config) = rig.simulators.get(name)
            && !config.allow_undefined_deployments
            && !config.deployments.contains_key(wanted)
        {
            let message = format!("the simulator `{name}` has no deployment `{wanted}`");
            let unknown = Diagnostic::at(entry.field("deployment"), message);
            let known = config.deployments.keys().map(String::as_str);
            self.note(hints::did_you_mean(unknown, wanted, known));
        }
    }

    /// The subscription whose key the report presents.
    fn prober_subscription(
        &mut self,
        section: &ProberSection,
        entry: &Entry<'_, 't>,
        rig: &Rig<'t>,
    ) -> Option<String> {
        let gateway = rig.gateway.as_ref()?;
        let Some(name) = &section.subscription else {
            return gateway.first_subscription();
        };
        if gateway.key(name).is_none() {
            let message = format!("the gateway has no subscription `{name}`");
            let unknown = Diagnostic::at(entry.field("subscription"), message);
            let known = gateway.subscriptions();
            let known = known.iter().map(String::as_str);
            self.note(hints::did_you_mean(unknown, name, known));
        }
        Some(name.clone())
    }
}

fn prober(
    name: &Key<'_>,
    section: &ProberSection,
    subscription: Option<String>,
    rig: &Rig<'_>,
) -> Prober {
    let probe = |backend: &String| Probe {
        id: section.names.get(backend).unwrap_or(backend).clone(),
        class: probe(name, section, backend, rig),
    };
    Prober {
        name: Arc::from(name.get_ref().as_ref()),
        probes: section.backends.iter().map(probe).collect(),
        samples: section.samples.unwrap_or(1),
        report: report(name, section, subscription, rig),
    }
}

/// The request to one backend, straight to its simulator.
fn probe(name: &Key<'_>, section: &ProberSection, backend: &str, rig: &Rig<'_>) -> Class {
    let prompt = section.prompt.clone();
    let client = ClientSection {
        operation: section.operation,
        deployment: section.deployment.clone(),
        to: Some(backend.to_owned()),
        prompt: Some(prompt.unwrap_or_else(|| DEFAULT_PROMPT.to_owned())),
        max_tokens: Some(Number::constant(
            section.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
        )),
        timeout: Some(section.timeout.unwrap_or(Span::new(DEFAULT_TIMEOUT))),
        ..ClientSection::default()
    };
    let key = direct_key(&client, &rig.simulators);
    let target = Target::Simulator(backend.to_owned());
    class(
        name.get_ref(),
        client,
        target,
        None,
        key,
        backend_header(None),
    )
}

/// The request to the gateway's helper; its body is the order that was measured.
fn report(
    name: &Key<'_>,
    section: &ProberSection,
    subscription: Option<String>,
    rig: &Rig<'_>,
) -> Class {
    let gateway = rig.gateway.as_ref();
    let key = subscription.as_ref().zip(gateway);
    let key = key.and_then(|(name, gateway)| gateway.key(name));
    let target = Target::Gateway {
        prefix: String::new(),
    };
    let path = section.reports_to.as_deref().unwrap_or(DEFAULT_HELPER);
    let class = class(
        name.get_ref(),
        ClientSection::default(),
        target,
        subscription,
        key.unwrap_or_default(),
        backend_header(gateway),
    );
    Class {
        operation: Operation::Helper,
        api: Api::Path(path.to_owned()),
        deployment: section.deployment.clone(),
        ..class
    }
}
