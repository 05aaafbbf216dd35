//! [`build`]: folds plan, evidence and verdict into the report.
//!
//! One pass over the logical requests fills tallies and histograms by phase, class and backend;
//! every table is a sum over some of those cells. A logical request counts once, with the last of
//! its client attempts; attempts of the gateway are counted on the backend's side, from ledgers.

mod run;
mod tables;
#[cfg(test)]
mod tests;

use super::document::{Driver, FORMAT_VERSION, Override, Report, Scenario};
use super::series::Series;
use crate::evidence::Evidence;
use crate::judge::join::Joined;
use crate::plan::Plan;
use crate::verdict::Verdict;

use self::run::Run;
use self::tables::Tables;

/// Stands for a backend where the gateway itself answered.
pub const GATEWAY: &str = "gateway";

/// Stands for a backend where no complete answer came.
pub const NOBODY: &str = "nobody";

/// Stands for a backend where no ledger tells which one it was.
pub const UNKNOWN: &str = "unknown";

/// What the caller knows beside plan and evidence.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What moved the traffic.
    pub driver: Driver,
    /// By which part the closed phases sent fewer requests than the virtual dry run.
    pub closed_shortfall: Option<f64>,
    /// Why an earlier run was invalid, if this one is its repeat.
    pub invalid_before: Vec<String>,
}

/// Builds the report of a run: a pure function, equal bytes for equal arguments.
pub fn build(
    plan: &Plan,
    evidence: &Evidence,
    joined: &Joined,
    verdict: &Verdict,
    facts: Facts,
) -> Report {
    let run = Run {
        plan,
        evidence,
        joined,
    };
    let tables = Tables::fill(&run);
    Report {
        format_version: FORMAT_VERSION,
        scenario: scenario(plan),
        driver: facts.driver,
        phases: tables.phases(plan),
        verdict: verdict.clone(),
        counts: run.counts(),
        backends: tables.backends(&run),
        classes: tables.classes(plan),
        series: Series::count(plan.end(), run.answers().map(|answer| answer.point())),
        tokens: run.tokens(),
        closed_shortfall: facts.closed_shortfall,
        invalid_before: facts.invalid_before,
    }
}

/// Where `backend` stands in lists: simulators by name, then what stands for one.
pub(super) fn rank(backend: &str) -> (usize, &str) {
    let place = [GATEWAY, UNKNOWN, NOBODY]
        .iter()
        .position(|stand_in| *stand_in == backend);
    (place.map_or(0, |place| place + 1), backend)
}

fn scenario(plan: &Plan) -> Scenario {
    let overrides = plan.overrides.iter().map(|(path, value)| Override {
        path: path.clone(),
        value: value.clone(),
    });
    Scenario {
        name: plan.name.clone(),
        about: plan.about.clone(),
        source: plan.source.clone(),
        tags: plan.tags.clone(),
        seed: plan.seed,
        speed: plan.speed,
        starts_at: plan.starts_at,
        gateway: plan.gateway.as_ref().map(|gateway| gateway.name.clone()),
        overrides: overrides.collect(),
    }
}
