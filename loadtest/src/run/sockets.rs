//! [`on_sockets`]: a plan played on sockets, in this process.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Stopwatch};
use tokio_util::sync::CancellationToken;

use super::conclusion::{Circumstances, Conclusion, RunError, conclude, evidence, run_id};
use super::timers::{TimerWatch, blur, lateness};
use crate::driver::{self, EventSink, Run};
use crate::plan::Plan;
use crate::report::Driver;
use crate::topology::{Ports, ServerRuntime, SocketRig};

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
    let before = lateness().await;
    if let Some(blurred) = blur(plan, before.p99) {
        return Err(RunError::TooFast(blurred));
    }
    let servers = ServerRuntime::start()?;
    let clock = Clock::real(plan.speed, plan.starts_at.unwrap_or_else(clock::now_utc));
    let rig = SocketRig::start(plan, &clock, &servers, Ports::Free).await?;
    let run = Run {
        plan: Arc::clone(plan),
        run_id: run_id(plan),
        clock: clock.clone(),
        endpoints: rig.endpoints(),
        actor: rig.actor(),
        events: options.events.clone(),
        cancel: options.cancel.clone(),
    };
    let watched = TimerWatch::start(&servers);
    let played = driver::attack(run).await;
    let during = watched.stop().await;
    settle().await;
    let records = rig.records().await;
    rig.stop().await;
    let mut client = played?;
    client.rig.timer_p99 = Some(before.p99.max(during.p99));
    client.rig.timer_worst = Some(during.worst);
    client.rig.expected_closed = comparable(plan, &options);
    client.rig.faults.extend(blur(plan, during.p99));
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

/// Requests that the closed phases should send: not where somebody else's latency is in them, nor
/// of a run that is repeated, which is alone and whose failures count.
fn comparable(plan: &Plan, options: &SocketOptions) -> Option<u64> {
    let gateway = plan.gateway.as_ref();
    let is_ours = gateway.is_none_or(|gateway| gateway.profile.is_none());
    let is_first = options.invalid_before.is_empty();
    options
        .closed_in_virtual_time
        .filter(|_| is_ours && is_first)
}

/// A client that has its last byte is ahead of the servers, which still have to drop their bodies.
async fn settle() {
    let clock = Clock::system();
    clock.sleep_until(clock.now() + SETTLE).await;
}
