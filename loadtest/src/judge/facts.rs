//! [`Facts`]: what the judge needs to know of a plan.
//!
//! A plan holds prompts, schedules and keys that no judgement needs. Facts are what remains: a
//! report carries them, and with the evidence beside it the verdict can be computed again.
//! Gates are kept as text and parsed anew, so that a report holds sentences, not syntax trees.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clock::Moment;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::gate::{self, Gate, Names};
use crate::observation::Observation;
use crate::plan::{Class, Operation, Plan, Price, Prober, Target};
use crate::topology::GatewayPlan;

/// What the judge needs to know of a plan.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Facts {
    /// The phases in order.
    pub phases: Vec<PhaseFacts>,
    /// The client classes in the order of the file.
    pub classes: Vec<ClassFacts>,
    /// Names of the simulators, in order.
    pub simulators: Vec<String>,
    /// Names of all deployments, in order.
    pub deployments: Vec<String>,
    /// Whether a gateway stands between.
    pub has_gateway: bool,
    /// Whether it tracks usage.
    pub tracks_usage: bool,
    /// The model of each deployment, by simulator.
    pub models: Models,
    /// What tokens cost, by model.
    pub prices: BTreeMap<String, Price>,
    /// What the books allow.
    pub books: BooksFacts,
    /// The gates, in the order of the file.
    pub gates: Vec<Gate>,
    /// What has to have happened, in the order of the file.
    pub must_observe: Vec<Gate>,
}

/// One phase: `start` is inclusive, `end` exclusive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PhaseFacts {
    /// Its name.
    pub name: String,
    /// Its first moment.
    pub start: Moment,
    /// The first moment after it.
    pub end: Moment,
}

/// One client class.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClassFacts {
    /// Its name.
    pub name: Arc<str>,
    /// The operation it calls.
    pub operation: String,
    /// The deployment it names.
    pub deployment: String,
    /// The simulator that it calls directly; none if it calls the gateway.
    pub direct: Option<String>,
    /// The subscription whose key it presents.
    pub subscription: Option<String>,
    /// First 16 hex digits of the SHA-256 of its key.
    pub credential_hash: Option<String>,
}

/// The model of each deployment, by simulator and deployment.
pub type Models = BTreeMap<String, BTreeMap<String, ModelFacts>>;

/// A deployment's model.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ModelFacts {
    /// As the scenario names it.
    pub name: String,
    /// As answers name it: with its version.
    pub version: String,
}

/// What the books allow.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct BooksFacts {
    /// Statuses that clients may see.
    pub allowed_statuses: Vec<u16>,
    /// Checks that the scenario opted out of, by id, with the reason.
    pub opted_out: BTreeMap<String, String>,
}

/// Facts of a report whose gates do not parse any more.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("gate `{id}` is not a sentence of this version: {error}")]
pub struct InvalidFacts {
    /// The gate.
    pub id: String,
    /// What is wrong with it.
    pub error: gate::SentenceError,
}

/// Facts as a report holds them.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Written {
    phases: Vec<PhaseFacts>,
    classes: Vec<ClassFacts>,
    simulators: Vec<String>,
    deployments: Vec<String>,
    has_gateway: bool,
    #[serde(default)]
    tracks_usage: bool,
    #[serde(default)]
    models: Models,
    #[serde(default)]
    prices: BTreeMap<String, Price>,
    books: BooksFacts,
    gates: Vec<WrittenGate>,
    must_observe: Vec<WrittenGate>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct WrittenGate {
    id: String,
    sentence: String,
}

impl Facts {
    /// What the judge needs to know of `plan`.
    pub fn of(plan: &Plan) -> Self {
        let phases = plan.phases.iter().map(|phase| PhaseFacts {
            name: phase.name.to_string(),
            start: phase.start,
            end: phase.end,
        });
        let classes = plan.classes.iter().map(ClassFacts::of);
        let probers = plan.probers.iter().map(ClassFacts::of_prober);
        Self {
            phases: phases.collect(),
            classes: classes.chain(probers).collect(),
            simulators: plan.simulators.keys().cloned().collect(),
            deployments: deployments(plan),
            has_gateway: plan.gateway.is_some(),
            tracks_usage: plan.gateway.as_ref().is_some_and(GatewayPlan::tracks_usage),
            models: models(plan),
            prices: plan.prices.clone(),
            books: BooksFacts {
                allowed_statuses: plan.books.allowed_statuses.clone(),
                opted_out: plan.books.opted_out.clone(),
            },
            gates: plan.gates.clone(),
            must_observe: plan.must_observe.clone(),
        }
    }

    /// The names that sentences may use.
    pub fn names(&self) -> Names {
        let phases = self.phases.iter();
        let phases = phases.map(|phase| (phase.name.clone(), phase.end.since(phase.start)));
        Names {
            phases: phases.collect(),
            classes: self.classes.iter().map(|c| c.name.to_string()).collect(),
            simulators: self.simulators.clone(),
            deployments: self.deployments.clone(),
            has_gateway: self.has_gateway,
            subscriptions: self.subscriptions(),
            ..Names::default()
        }
    }

    /// The subscriptions whose keys clients present.
    fn subscriptions(&self) -> Vec<String> {
        let named = self.classes.iter().filter_map(|c| c.subscription.clone());
        named.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What tokens of the model `name` cost.
    pub fn price(&self, name: &str) -> Option<Price> {
        self.prices.get(name).copied()
    }

    /// The model of this deployment of this simulator.
    pub fn model_of(&self, simulator: &str, deployment: &str) -> Option<&str> {
        Some(&self.models.get(simulator)?.get(deployment)?.name)
    }

    /// The model of this deployment, whichever simulator has it.
    pub fn model_somewhere(&self, deployment: &str) -> Option<&str> {
        let mut found = self
            .models
            .values()
            .filter_map(|known| known.get(deployment));
        found.next().map(|model| model.name.as_str())
    }

    /// The name of the model that answers call `version`; itself if no deployment has it.
    pub fn model_named<'a>(&'a self, version: &'a str) -> &'a str {
        let mut known = self.models.values().flat_map(BTreeMap::values);
        let model = known.find(|model| model.version == version);
        model.map_or(version, |model| &model.name)
    }

    /// The class called `name`.
    pub fn class(&self, name: &str) -> Option<&ClassFacts> {
        self.classes.iter().find(|class| *class.name == *name)
    }

    /// The simulator that `observation` was sent to directly; none if it went to the gateway.
    pub fn direct<'a>(&'a self, observation: &'a Observation) -> Option<&'a str> {
        let of_class = || self.class(&observation.class)?.direct.as_deref();
        observation.direct.as_deref().or_else(of_class)
    }

    /// The phase called `name`.
    pub fn phase(&self, name: &str) -> Option<&PhaseFacts> {
        self.phases.iter().find(|phase| phase.name == name)
    }
}

/// The model of each deployment of each simulator.
fn models(plan: &Plan) -> Models {
    let simulators = plan.simulators.iter().map(|(name, simulator)| {
        let deployments = simulator.deployments.iter().map(|(deployment, config)| {
            let model = ModelFacts {
                name: config.model.name.to_owned(),
                version: config.model.version.to_owned(),
            };
            (deployment.clone(), model)
        });
        (name.clone(), deployments.collect())
    });
    simulators.collect()
}

/// Every deployment that a simulator has or a class names.
fn deployments(plan: &Plan) -> Vec<String> {
    let called = plan.classes.iter().map(|class| class.deployment.clone());
    let mut names: BTreeSet<String> = called.collect();
    for simulator in plan.simulators.values() {
        let config = serde_json::to_value(simulator).unwrap_or_default();
        let defined = config.get("deployments").and_then(|d| d.as_object());
        names.extend(defined.into_iter().flat_map(|d| d.keys().cloned()));
    }
    names.into_iter().collect()
}

impl ClassFacts {
    /// What the judge needs to know of `class`.
    pub fn of(class: &Class) -> Self {
        let credential = class.credential.as_ref();
        Self {
            name: Arc::clone(&class.name),
            operation: class.operation.name().to_owned(),
            deployment: class.deployment.clone(),
            direct: match &class.target {
                Target::Gateway { .. } => None,
                Target::Simulator(name) => Some(name.clone()),
            },
            subscription: class.subscription.clone(),
            credential_hash: credential.map(|credential| credential_hash(&credential.value)),
        }
    }
}

impl ClassFacts {
    /// What the judge needs to know of `prober`: what it reports with, and what it probes.
    fn of_prober(prober: &Prober) -> Self {
        let first = prober.probes.first();
        let operation = first.map_or(Operation::Helper, |probe| probe.class.operation);
        Self {
            operation: operation.name().to_owned(),
            ..Self::of(&prober.report)
        }
    }
}

/// How ledgers write a credential: 16 hex digits of the SHA-256 of the bare key.
pub(crate) fn credential_hash(value: &str) -> String {
    let bare = value.strip_prefix("Bearer ").unwrap_or(value);
    let digest = Sha256::digest(bare.as_bytes());
    let first = digest
        .iter()
        .take(8)
        .fold(0u64, |hash, byte| (hash << 8) | u64::from(*byte));
    format!("{first:016x}")
}

impl From<Facts> for Written {
    fn from(facts: Facts) -> Self {
        let written = |gates: Vec<Gate>| {
            let gates = gates.into_iter();
            let gates = gates.map(|Gate { id, text, .. }| WrittenGate { id, sentence: text });
            gates.collect()
        };
        Self {
            phases: facts.phases,
            classes: facts.classes,
            simulators: facts.simulators,
            deployments: facts.deployments,
            has_gateway: facts.has_gateway,
            tracks_usage: facts.tracks_usage,
            models: facts.models,
            prices: facts.prices,
            books: facts.books,
            gates: written(facts.gates),
            must_observe: written(facts.must_observe),
        }
    }
}

impl TryFrom<Written> for Facts {
    type Error = InvalidFacts;

    fn try_from(written: Written) -> Result<Self, InvalidFacts> {
        let mut facts = Self {
            phases: written.phases,
            classes: written.classes,
            simulators: written.simulators,
            deployments: written.deployments,
            has_gateway: written.has_gateway,
            tracks_usage: written.tracks_usage,
            models: written.models,
            prices: written.prices,
            books: written.books,
            gates: vec![],
            must_observe: vec![],
        };
        let names = facts.names();
        facts.gates = parsed(&written.gates, &names)?;
        facts.must_observe = parsed(&written.must_observe, &names)?;
        Ok(facts)
    }
}

fn parsed(gates: &[WrittenGate], names: &Names) -> Result<Vec<Gate>, InvalidFacts> {
    let parse = |WrittenGate { id, sentence }: &WrittenGate| {
        gate::parse(id, sentence, names).map_err(|mut errors| InvalidFacts {
            id: id.clone(),
            error: errors.remove(0),
        })
    };
    gates.iter().map(parse).collect()
}
