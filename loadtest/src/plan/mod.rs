//! [`Plan`]: what will run, resolved and validated.
//!
//! A scenario file says what its author wrote ([`scenario`](crate::scenario)); the plan says what
//! will happen: every preset, `like` and variant applied, every name looked up, every time and
//! every number of users fixed. Drivers and judge read the plan and never the file.

mod class;
mod load;
mod patience;
mod prober;
mod quantity;

pub use self::class::{Api, Class, Credential, Operation, Prompt, Target};
pub use self::load::{Activity, Arrival, Crowd, Load, Phase, Ramp, TimedAction};
pub use self::patience::{HangUp, Retries, RetryStyle};
pub use self::prober::{Probe, Prober};
pub use self::quantity::{Draw, Quantity};

use std::collections::BTreeMap;

use clock::{Moment, Speed, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::gate::Gate;
use crate::topology::{GatewayPlan, SimulatorConfig};

/// One experiment, ready to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `folder/file` without the extension, and `#variant` for a variant: `prioritization/cycle#tracking`.
    pub name: String,
    /// The question, in the author's words.
    pub about: String,
    /// Where the experiment comes from.
    pub source: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Seed of every random draw.
    pub seed: u64,
    /// Simulated seconds per real second on sockets.
    pub speed: Speed,
    /// The date of simulated zero; none means the driver's default.
    pub starts_at: Option<Timestamp>,
    /// The simulators by name.
    pub simulators: BTreeMap<String, SimulatorConfig>,
    /// The gateway between, or none where clients go straight to a simulator.
    pub gateway: Option<GatewayPlan>,
    /// The client classes, in the order of the file.
    pub classes: Vec<Class>,
    /// The phases in order; each starts when the one before ends.
    pub phases: Vec<Phase>,
    /// Who measures the backends when an action says so, in the order of the file.
    pub probers: Vec<Prober>,
    /// Actions in order of time.
    pub actions: Vec<TimedAction>,
    /// What the books allow.
    pub books: BooksPlan,
    /// What tokens cost, by model.
    pub prices: BTreeMap<String, Price>,
    /// The gates, in the order of the file.
    pub gates: Vec<Gate>,
    /// What has to have happened, in the order of the file.
    pub must_observe: Vec<Gate>,
    /// `--set path=value` as given, in order; part of the report.
    pub overrides: Vec<(String, String)>,
}

/// What the tokens of a model cost, in whatever currency the scenario thinks in.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of a million tokens of prompts; not below 0.
    pub prompt_per_million: f64,
    /// Of a million tokens of completions; not below 0.
    pub completion_per_million: f64,
}

/// What the books allow in this scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct BooksPlan {
    /// Statuses that clients may see.
    pub allowed_statuses: Vec<u16>,
    /// Checks that the scenario opted out of, by id (`books.transport`), with its reason.
    pub opted_out: BTreeMap<String, String>,
}

impl Plan {
    /// The moment at which the last phase ends; answers may still be in flight then.
    pub fn end(&self) -> Moment {
        self.phases.last().map_or(Moment::ZERO, |phase| phase.end)
    }

    /// The class called `name`.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|class| *class.name == *name)
    }

    /// Requests that the open phases schedule.
    pub fn planned_open(&self) -> u64 {
        self.phases.iter().map(|phase| phase.load.scheduled()).sum()
    }

    /// Whether some phase replays a trace.
    pub fn replays_a_trace(&self) -> bool {
        self.phases.iter().any(|phase| match &phase.load {
            Load::Open { arrivals, .. } => arrivals
                .iter()
                .any(|arrival| arrival.prompt_tokens.is_some()),
            Load::Closed(_) | Load::Mixed { .. } | Load::Notebook { .. } | Load::Idle => false,
        })
    }

    /// The phase that holds `moment`, if the plan has not ended.
    pub fn phase_at(&self, moment: Moment) -> Option<&Phase> {
        self.phases
            .iter()
            .find(|phase| phase.start <= moment && moment < phase.end)
    }

    /// Name of the run's folder under `--out`: `/` stays, `#` becomes a folder.
    pub fn folder(&self) -> String {
        self.name.replace('#', "/")
    }
}
