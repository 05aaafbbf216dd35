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
        events: options.events,
        cancel: options.cancel,
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
    client.rig.expected_closed = comparable(plan, options.closed_in_virtual_time);
    client.rig.is_repeat = !options.invalid_before.is_empty();
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

/// Requests that the closed phases should send, unless somebody else's latency is in them.
fn comparable(plan: &Plan, closed_in_virtual_time: Option<u64>) -> Option<u64> {
    let gateway = plan.gateway.as_ref();
    let is_ours = gateway.is_none_or(|gateway| gateway.profile.is_none());
    closed_in_virtual_time.filter(|_| is_ours)
}

/// A client that has its last byte is ahead of the servers, which still have to drop their bodies.
async fn settle() {
    let clock = Clock::system();
    clock.sleep_until(clock.now() + SETTLE).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::support;
    use crate::topology::{GatewayConfig, GatewayPlan, Profile};

    #[test]
    fn users_are_counted_where_only_their_machine_can_make_them_late() {
        assert_eq!(comparable(&support::plan(), Some(7)), Some(7));
        let gateway = GatewayPlan::ours("a".to_owned(), GatewayConfig::default());
        let foreign = Plan {
            gateway: Some(gateway.replaced_by(Profile::default())),
            ..support::plan()
        };
        assert_eq!(comparable(&foreign, Some(7)), None);
    }
}
