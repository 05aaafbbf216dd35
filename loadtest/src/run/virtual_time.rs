//! [`in_virtual_time`]: a plan played in this thread, as fast as it can be computed.

use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use clock::{Clock, DEFAULT_ANCHOR};
use tokio_util::sync::CancellationToken;

use super::conclusion::{Circumstances, Conclusion, RunError, conclude, evidence, run_id};
use crate::driver::{self, EventSink, Run};
use crate::evidence::Evidence;
use crate::plan::Plan;
use crate::report::Driver;
use crate::topology::{VirtualRig, Wrap};

/// Changes evidence before it is judged, for tests that need a gateway's log to be wrong.
pub type Tamper = Arc<dyn Fn(&mut Evidence) + Send + Sync>;

/// What makes a run wrong on purpose; nothing by default.
#[derive(Clone, Default)]
pub struct Alterations {
    /// Stands between the gateway and its backends.
    pub wrap: Option<Wrap>,
    /// Stands between the evidence and the judge.
    pub tamper: Option<Tamper>,
}

impl fmt::Debug for Alterations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alterations")
            .field("wrap", &self.wrap.is_some())
            .field("tamper", &self.tamper.is_some())
            .finish()
    }
}

/// Plays `plan` on a paused clock in this thread and judges it.
///
/// Must not be called from within a tokio runtime: it has one of its own, whose time it pauses.
///
/// # Errors
/// [`RunError`] if the plan cannot be played in virtual time.
pub fn in_virtual_time(
    plan: &Arc<Plan>,
    events: EventSink,
    alterations: &Alterations,
) -> Result<Conclusion, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("cannot start the virtual clock")?;
    let mut evidence = runtime.block_on(play(plan, events, alterations))?;
    if let Some(tamper) = &alterations.tamper {
        tamper(&mut evidence);
    }
    let circumstances = Circumstances {
        driver: Driver::Virtual,
        closed_in_virtual_time: None,
        invalid_before: Vec::new(),
    };
    Ok(conclude(Arc::clone(plan), evidence, circumstances))
}

async fn play(
    plan: &Arc<Plan>,
    events: EventSink,
    alterations: &Alterations,
) -> Result<Evidence, RunError> {
    let clock = Clock::paused(plan.starts_at.unwrap_or(DEFAULT_ANCHOR));
    let rig =
        VirtualRig::new(plan, &clock, alterations.wrap.as_ref()).map_err(RunError::Unsuitable)?;
    let run = Run {
        plan: Arc::clone(plan),
        run_id: run_id(plan),
        clock,
        endpoints: rig.endpoints(),
        actor: rig.actor(),
        events,
        cancel: CancellationToken::new(),
    };
    let client = driver::virtual_time(run).await?;
    Ok(evidence(plan, client, rig.records().await))
}
