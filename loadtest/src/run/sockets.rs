//! [`on_sockets`]: a plan played on sockets, in this process.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Stopwatch};
use tokio_util::sync::CancellationToken;

use super::conclusion::{Circumstances, Conclusion, RunError, conclude, evidence, run_id};
use crate::driver::{self, EventSink, Run};
use crate::gate;
use crate::plan::Plan;
use crate::report::Driver;
use crate::topology::{Ports, ServerRuntime, SocketRig};

/// Timers asked before a run how late they are: enough for a 99th percentile, done in a third of a second.
const TIMER_SAMPLES: usize = 100;

/// How long after the last answer the servers may take to close their books.
const SETTLE: Duration = Duration::from_millis(200);

/// What a socket run needs beside its plan.
#[derive(Debug)]
pub struct SocketOptions {
    /// Who hears the news of the run.
    pub events: EventSink,
    /// Stops it early; its evidence is kept.
    pub cancel: CancellationToken,
    /// Requests that the closed phases send in virtual time, for comparison.
    pub closed_in_virtual_time: Option<u64>,
    /// Why an earlier run was invalid, if this one is its repeat.
    pub invalid_before: Vec<String>,
}

/// Plays `plan` on sockets and judges it. Gives the conclusion and how long it took, real.
///
/// # Errors
/// [`RunError`] if the rig cannot be set up or cannot be believed at the plan's speed.
pub async fn on_sockets(
    plan: &Arc<Plan>,
    options: SocketOptions,
) -> Result<(Conclusion, Duration), RunError> {
    let watch = Stopwatch::start();
    let timer_p99 = timer_p99().await;
    refuse_speed(plan, timer_p99)?;
    let servers = ServerRuntime::start()?;
    let clock = Clock::real(plan.speed, plan.starts_at.unwrap_or_else(clock::now_utc));
    let rig = SocketRig::start(plan, &clock, &servers, Ports::Free).await?;
    let run = Run {
        plan: Arc::clone(plan),
        run_id: run_id(plan),
        clock: clock.clone(),
        endpoints: rig.endpoints(),
        actor: rig.actor(),
        events: options.events,
        cancel: options.cancel,
    };
    let played = driver::attack(run).await;
    settle().await;
    let records = rig.records().await;
    rig.stop().await;
    let mut client = played?;
    client.rig.timer_p99 = Some(timer_p99);
    let circumstances = Circumstances {
        driver: Driver::Sockets,
        closed_in_virtual_time: options.closed_in_virtual_time,
        invalid_before: options.invalid_before,
    };
    let conclusion = conclude(
        Arc::clone(plan),
        evidence(plan, client, records),
        circumstances,
    );
    Ok((conclusion, watch.elapsed()))
}

/// A client that has its last byte is ahead of the servers, which still have to drop their bodies.
async fn settle() {
    let clock = Clock::system();
    clock.sleep_until(clock.now() + SETTLE).await;
}

/// 99th percentile of how late timers of this machine are now.
async fn timer_p99() -> Duration {
    let overshoots = clock::timer_overshoots(TIMER_SAMPLES).await;
    // The 99th of 100: the last is the maximum.
    overshoots[(overshoots.len() * 99).div_ceil(100) - 1]
}

/// A speed at which timers blur the narrowest timing bound would judge the machine.
fn refuse_speed(plan: &Plan, timer_p99: Duration) -> Result<(), RunError> {
    let Some((gate, bound)) = gate::narrowest_bound(&plan.gates) else {
        return Ok(());
    };
    let blur = timer_p99.mul_f64(plan.speed.as_f64());
    if blur <= bound / 2 {
        return Ok(());
    }
    let slowest = bound.as_secs_f64() / 2.0 / timer_p99.as_secs_f64();
    Err(RunError::TooFast(format!(
        "speed {} is too fast for the gate {gate} here: timers of this machine are up to {timer_p99:.1?} late, \
         which is {blur:.1?} simulated, more than half of its bound of {bound:.1?}; use --speed {:.0} or less",
        plan.speed,
        slowest.floor().max(1.0),
    )))
}
