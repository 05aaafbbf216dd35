//! How late timers are here, before and during a run on sockets.
//!
//! A machine that is busy with something else wakes sleepers late. Times a rig has measured there
//! are the machine's, multiplied by the speed: a run that cannot tell apart what its gates tell apart
//! is refused before it starts, and not believed where the machine became busy meanwhile.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::gate;
use crate::plan::Plan;
use crate::topology::ServerRuntime;

/// Timers asked before a run: enough for a 99th percentile, done in a third of a second.
const SAMPLES_BEFORE: usize = 100;

/// Length of each of them.
const PROBE_BEFORE: Duration = Duration::from_millis(3);

/// Length of those asked during a run: a hundred a second for each of thirty scenarios side by side
/// cost little of a core.
const PROBE_DURING: Duration = Duration::from_millis(10);

/// 99th percentile of how late timers of this machine are now.
pub(super) async fn timer_p99() -> Duration {
    p99(clock::timer_overshoots(PROBE_BEFORE, SAMPLES_BEFORE).await)
}

/// Asks timers how late they are, on the threads of the servers, until it is stopped.
#[derive(Debug)]
pub(super) struct TimerWatch {
    stop: CancellationToken,
    overshoots: JoinHandle<Vec<Duration>>,
}

impl TimerWatch {
    pub(super) fn start(servers: &ServerRuntime) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let overshoots = servers.handle().spawn(async move {
            let mut overshoots = vec![];
            while !stopped.is_cancelled() {
                overshoots.extend(clock::timer_overshoots(PROBE_DURING, 1).await);
            }
            overshoots
        });
        Self { stop, overshoots }
    }

    /// The 99th percentile of all of them.
    pub(super) async fn stop(self) -> Duration {
        self.stop.cancel();
        let overshoots = self.overshoots.await;
        p99(overshoots.expect("the servers' threads outlive the watch, which cannot panic"))
    }
}

/// Why times cannot be told apart finely enough for the plan's gates, where timers are late by so much.
pub(super) fn blur(plan: &Plan, timer_p99: Duration) -> Option<String> {
    let (gate, bound) = gate::narrowest_bound(&plan.gates)?;
    let blur = timer_p99.mul_f64(plan.speed.as_f64());
    if blur <= bound / 2 {
        return None;
    }
    let slowest = bound.as_secs_f64() / 2.0 / timer_p99.as_secs_f64();
    Some(format!(
        "speed {} is too fast for the gate {gate} here: timers of this machine are up to {timer_p99:.1?} late, \
         which is {blur:.1?} simulated, more than half of its bound of {bound:.1?}; use --speed {:.0} or less",
        plan.speed,
        slowest.floor().max(1.0),
    ))
}

/// The 99th percentile, by nearest rank; nothing of nothing.
fn p99(mut overshoots: Vec<Duration>) -> Duration {
    overshoots.sort_unstable();
    let rank = (overshoots.len() * 99).div_ceil(100);
    let index = rank.saturating_sub(1);
    overshoots.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_timers_may_be_late() {
        let mut overshoots = vec![Duration::from_millis(1); 99];
        overshoots.push(Duration::from_secs(1));
        assert_eq!(p99(overshoots), Duration::from_millis(1));
        assert_eq!(p99(vec![Duration::from_secs(1)]), Duration::from_secs(1));
        assert_eq!(p99(vec![]), Duration::ZERO);
    }
}
