//! `[gates]` and `[must_observe]`: sentences, parsed against the plan's names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::Resolver;
use super::clients::Clients;
use super::phases::Phases;
use super::prices;
use super::rig::Rig;
use crate::gate::{self, Gate, Label, Metric, Names, SentenceError, Tracking};
use crate::plan::Price;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::source::{Table, Value};

/// A sentence as it is written.
const EXAMPLE: &str = "RR-1 = \"requests{status!=200} == 0\"";

impl Resolver<'_, '_> {
    /// The gates and what has to be observed, in the order of the file; `senders` are all who
    /// send requests, by name.
    pub(super) fn gates(
        &mut self,
        phases: &Phases,
        clients: &Clients,
        senders: Vec<String>,
        rig: &Rig<'_>,
        prices: &BTreeMap<String, Price>,
    ) -> (Vec<Gate>, Vec<Gate>) {
        let names = Names {
            phases: phases.written.clone(),
            classes: senders,
            simulators: rig.names.clone(),
            deployments: rig.deployments.iter().cloned().collect(),
            has_gateway: rig.has_gateway,
            subscriptions: subscriptions(clients),
            unpriced: unpriced(rig, prices),
            tracking: self.tracking(rig),
            headers: Some(watched(clients)),
            impossible: self.impossible(clients, rig),
        };
        self.required_section(
            "gates",
            "what has to hold",
            &format!("[gates] with {EXAMPLE}"),
        );
        let is_named = !names.phases.is_empty() && !names.classes.is_empty();
        if !is_named || names.simulators.is_empty() {
            // A section that sentences speak of is missing; it was said, and they cannot be read.
            return (Vec::new(), Vec::new());
        }
        let gates = self.sentences("gates", &names);
        (gates, self.sentences("must_observe", &names))
    }

    /// Metrics that the plan can bring nothing about for, each with the reason.
    fn impossible(&self, clients: &Clients, rig: &Rig<'_>) -> Vec<(Metric, &'static str)> {
        let has_breaker = rig.gateway.as_ref().is_none_or(|gateway| {
            let mut backends = gateway.config.backends.values();
            backends.any(|backend| backend.breaker.is_some())
        });
        let is_reloaded = self.is_reloaded();
        let retries = clients.classes.iter().any(|class| class.retries.is_some());
        let is_whole = clients.classes.len() == clients.written.len();
        let trips = (!has_breaker && !is_reloaded)
            .then_some((Metric::Trips, "no backend of the gateway has a breaker"));
        let early = (!retries && is_whole)
            .then_some((Metric::EarlyClientRetries, "no class of clients retries"));
        let moved =
            (rig.names.len() < 2).then_some((Metric::MovedRequests, "there is only one backend"));
        let gateway = rig.gateway.as_ref();
        let has_prober = gateway.is_none_or(|gateway| !gateway.config.probers.is_empty());
        let probes =
            (!has_prober && !is_reloaded).then_some((Metric::Probes, "the gateway has no prober"));
        let untracked = self.tracking(rig) == Tracking::Off;
        let usage = [Metric::Events, Metric::DroppedEvents];
        let usage = usage.map(|metric| (metric, "the gateway tracks no usage: it has no [usage]"));
        let usage = usage.into_iter().filter(|_| untracked);
        let found = trips.into_iter().chain(early).chain(moved);
        found.chain(probes).chain(usage).collect()
    }

    /// Whether some action changes the gateway's configuration.
    fn is_reloaded(&self) -> bool {
        let actions = self.section("actions");
        actions.values().any(|action| {
            let keys = action.get_ref().as_table();
            keys.is_some_and(|keys| keys.contains_key("gateway"))
        })
    }

    /// What the gateway's usage tracking tells, as its configuration says.
    fn tracking(&self, rig: &Rig<'_>) -> Tracking {
        let Some(gateway) = &rig.gateway else {
            return if rig.has_gateway {
                Tracking::Unknown
            } else {
                Tracking::Off
            };
        };
        if self.is_reloaded() {
            return Tracking::Unknown;
        }
        match &gateway.config.usage {
            None => Tracking::Off,
            Some(usage) => {
                let dimensions = usage.dimensions.iter();
                Tracking::By(dimensions.filter_map(|d| label(&d.to_string())).collect())
            }
        }
    }

    fn sentences(&mut self, section: &str, names: &Names) -> Vec<Gate> {
        let mut gates = Vec::new();
        for (key, value) in self.section(section) {
            let id = key.get_ref().as_ref();
            let Some(text) = self.sentence(id, &value) else {
                continue;
            };
            match gate::parse(id, &text, names) {
                Ok(gate) => gates.push(gate),
                Err(_) if hints::strayed(id).is_some() => {
                    let strayed = format!("`{id}` is no gate, but a key of the whole file");
                    self.note(Diagnostic::at(key.span(), strayed).maybe_help(hints::strayed(id)));
                }
                Err(errors) => self
                    .diagnostics
                    .extend(errors.into_iter().map(|e| placed(e, &value, &text))),
            }
        }
        gates
    }

    fn sentence(&mut self, id: &str, value: &Value<'_>) -> Option<String> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text.to_string());
        }
        let found = hints::kind_of(value.get_ref());
        let message = format!("expected a sentence in quotes for `{id}`, found {found}");
        let diagnostic = Diagnostic::at(value.span(), message);
        let help = hints::strayed(id).unwrap_or_else(|| EXAMPLE.replace("RR-1", id));
        self.note(diagnostic.help(help));
        None
    }
}

/// Headers that some class watches.
fn watched(clients: &Clients) -> Vec<String> {
    let classes = clients.classes.iter();
    classes
        .flat_map(|class| class.watched_headers.iter().cloned())
        .collect()
}

/// The label of a dimension of usage; none of one that sentences do not know.
fn label(dimension: &str) -> Option<Label> {
    match dimension.strip_prefix("header ") {
        Some(name) => Label::named(&format!("header.{name}")),
        None => Label::named(dimension),
    }
}

/// The subscriptions whose keys classes present; none where a class was not understood.
fn subscriptions(clients: &Clients) -> Vec<String> {
    if clients.classes.len() < clients.written.len() {
        return Vec::new();
    }
    let named = clients
        .classes
        .iter()
        .filter_map(|c| c.subscription.clone());
    named.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Models of deployments that have no price.
fn unpriced(rig: &Rig<'_>, prices: &BTreeMap<String, Price>) -> Vec<String> {
    let models = prices::models(rig).into_iter();
    let unpriced = models.filter(|model| !prices.contains_key(*model));
    unpriced.map(str::to_owned).collect()
}

/// What is wrong with the gate `id` of `document`, at its place.
pub(in crate::scenario) fn refused_gate(
    document: &Table<'_>,
    id: &str,
    error: &SentenceError,
) -> Diagnostic {
    let sections = ["gates", "must_observe"].into_iter();
    let mut found = sections.filter_map(|section| document.get(section)?.get_ref().get(id));
    match found.next() {
        Some(value) => placed(
            error.clone(),
            value,
            value.get_ref().as_str().unwrap_or_default(),
        ),
        None => Diagnostic::of_file(format!("{id}: {}", error.message)),
    }
}

/// The mistake at its place in the file: inside the quotes, where the sentence is written plainly.
fn placed(error: SentenceError, value: &Value<'_>, text: &str) -> Diagnostic {
    let span = within(value, text, &error.range);
    // Next to what was probably meant, the list of everything that exists is noise.
    let is_slip = error
        .help
        .as_ref()
        .is_some_and(|help| help.starts_with("did you mean"));
    let message = match error.message.split_once(", expected ") {
        Some((slip, _)) if is_slip => slip.to_owned(),
        _ => error.message,
    };
    Diagnostic::at(span, message).maybe_help(error.help)
}

fn within(value: &Spanned<DeValue<'_>>, text: &str, range: &Range<usize>) -> Range<usize> {
    let span = value.span();
    // A sentence with escapes is longer in the file than in memory: point at all of it.
    let is_plain = span.len() == text.len() + 2;
    if is_plain {
        span.start + 1 + range.start..span.start + 1 + range.end
    } else {
        span
    }
}
