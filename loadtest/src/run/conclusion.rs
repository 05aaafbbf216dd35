//! [`conclude`]: from the evidence of a run to its report.

use std::sync::Arc;

use clock::Moment;
use thiserror::Error;

use crate::driver::{ClientEvidence, DriverError};
use crate::evidence::{Evidence, RigHealth, Source};
use crate::judge::{self, JudgeContext};
use crate::plan::Plan;
use crate::report::{self, Driver, Report};
use crate::topology::{Records, RigError};

/// A run that is over and judged.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// What was played.
    pub plan: Arc<Plan>,
    /// What it left behind.
    pub evidence: Evidence,
    /// How it was judged.
    pub context: JudgeContext,
    /// What is told of it.
    pub report: Report,
}

/// How a run was played, as far as the judge and the report must know.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// What moved the traffic.
    pub driver: Driver,
    /// Requests that the closed phases send in virtual time, if they were played there.
    pub closed_in_virtual_time: Option<u64>,
    /// Why an earlier run was invalid, if this one is its repeat.
    pub invalid_before: Vec<String>,
}

/// A run that left no evidence.
#[derive(Debug, Error)]
pub enum RunError {
    /// The rig could not be set up: invalid, nothing was sent.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// The rig cannot be believed at this speed, with the gate that says so.
    #[error("{0}")]
    TooFast(String),
    /// The driver could not play the plan.
    #[error(transparent)]
    Driver(#[from] DriverError),
    /// The rig of this plan cannot be built on this driver.
    #[error("{0}")]
    Unsuitable(String),
    /// Files, threads, processes.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

impl RunError {
    /// The process exit code that stands for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Rig(_) | Self::TooFast(_) => 98,
            Self::Unsuitable(_) => 2,
            Self::Driver(_) | Self::Internal(_) => 1,
        }
    }
}

/// First part of every `x-request-id` of the plan's runs.
///
/// A function of name and seed, so that draws keyed by request ids are equal on every driver; a
/// ledger that outlives a run is read from the run's first entry on.
pub fn run_id(plan: &Plan) -> Arc<str> {
    let hash = plan
        .name
        .bytes()
        .chain(plan.seed.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Arc::from(format!("r{:08x}", hash >> 32))
}

/// Judges what a run left behind and tells it.
pub fn conclude(plan: Arc<Plan>, evidence: Evidence, circumstances: Circumstances) -> Conclusion {
    let speed = match circumstances.driver {
        Driver::Sockets => Some(plan.speed.as_f64()),
        Driver::Virtual => None,
    };
    let context = JudgeContext { speed };
    let facts = judge::Facts::of(&plan);
    let joined = judge::join::join(&evidence, &facts);
    let verdict = judge::judge_facts(&facts, &evidence, context);
    let shortfall = circumstances
        .closed_in_virtual_time
        .and_then(|expected| shortfall(expected, &evidence));
    let told = report::Facts {
        driver: circumstances.driver,
        closed_shortfall: shortfall,
        invalid_before: circumstances.invalid_before,
    };
    let report = report::build(&plan, &evidence, &joined, &verdict, told);
    Conclusion {
        plan,
        evidence,
        context,
        report,
    }
}

/// The report of a run that is not made, because its parties cannot play the plan.
pub fn skipped(plan: &Plan, why: &str) -> Report {
    let simulators = plan.simulators.keys();
    let evidence = Evidence {
        run_id: run_id(plan).to_string(),
        timeline: Vec::new(),
        observations: Vec::new(),
        gateway: Source::Missing(why.to_owned()),
        usage_events: Source::Missing(why.to_owned()),
        metrics: Source::Missing(why.to_owned()),
        ledgers: simulators
            .map(|name| (name.clone(), Source::Missing(why.to_owned())))
            .collect(),
        gaps: Vec::new(),
        rig: RigHealth::default(),
    };
    let joined = judge::join::join(&evidence, &judge::Facts::of(plan));
    let told = report::Facts {
        // Only there the parties are not all ours.
        driver: Driver::Sockets,
        closed_shortfall: None,
        invalid_before: Vec::new(),
    };
    let verdict = judge::skipped(plan, why);
    report::build(plan, &evidence, &joined, &verdict, told)
}

/// By which part fewer closed requests were sent than in virtual time.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn shortfall(expected: u64, evidence: &Evidence) -> Option<f64> {
    (expected > 0).then(|| 1.0 - evidence.rig.sent_closed as f64 / expected as f64)
}

/// The evidence of all sources, its moments counted from the start of the first phase.
///
/// On sockets the clock runs while users connect, so that phases start a little after its zero;
/// counted from their start, the records of a socket run read like those of a virtual one.
pub(super) fn evidence(plan: &Plan, client: ClientEvidence, records: Records) -> Evidence {
    let origin = client
        .timeline
        .first()
        .map_or(Moment::ZERO, |phase| phase.start);
    let mut evidence = Evidence {
        run_id: run_id(plan).to_string(),
        timeline: client.timeline,
        observations: client.observations,
        gateway: records.gateway,
        usage_events: records.usage_events,
        metrics: records.metrics,
        ledgers: records.ledgers,
        gaps: client.gaps,
        rig: client.rig,
    };
    evidence.count_from(origin);
    evidence
}
