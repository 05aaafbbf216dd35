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

/// How late timers were, in real time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Lateness {
    /// 99 of 100 were not later.
    pub(super) p99: Duration,
    /// None was later.
    pub(super) worst: Duration,
}

/// How late timers of this machine are now.
pub(super) async fn lateness() -> Lateness {
    Lateness::of(clock::timer_overshoots(PROBE_BEFORE, SAMPLES_BEFORE).await)
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

    /// How late all of them were.
    pub(super) async fn stop(self) -> Lateness {
        self.stop.cancel();
        let overshoots = self.overshoots.await;
        Lateness::of(
            overshoots.expect("the servers' threads outlive the watch, which cannot panic"),
        )
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

impl Lateness {
    /// Percentiles are by nearest rank; nothing is late of nothing.
    fn of(mut overshoots: Vec<Duration>) -> Self {
        overshoots.sort_unstable();
        let rank = (overshoots.len() * 99).div_ceil(100);
        let at = |index: usize| overshoots.get(index).copied().unwrap_or_default();
        Self {
            p99: at(rank.saturating_sub(1)),
            worst: at(overshoots.len().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_timers_may_be_late() {
        let mut overshoots = vec![Duration::from_millis(1); 99];
        overshoots.push(Duration::from_secs(1));
        let lateness = Lateness::of(overshoots);
        assert_eq!(lateness.p99, Duration::from_millis(1));
        assert_eq!(lateness.worst, Duration::from_secs(1));
        let one = Lateness::of(vec![Duration::from_secs(1)]);
        assert_eq!((one.p99, one.worst), (lateness.worst, lateness.worst));
        assert_eq!(Lateness::of(vec![]), Lateness::default());
    }
}
