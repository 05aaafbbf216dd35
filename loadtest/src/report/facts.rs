//! [`RunFacts`]: what is true of this one run on this one machine; the content of `run.json`.
//!
//! Everything that two runs of the same seed may differ in lives here, so that it can differ
//! nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::document::FORMAT_VERSION;
use crate::evidence::RigHealth;

/// The circumstances of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RunFacts {
    /// Version of this format, that of the report beside it.
    pub format_version: u32,
    /// When it started, by the machine's clock.
    pub started_at: Timestamp,
    /// How long it took, real.
    pub wall: Span,
    /// Name of the machine.
    pub host: String,
    /// Scenarios that ran at the same time at most.
    pub jobs: usize,
    /// The command line, program first.
    pub command_line: Vec<String>,
    /// Versions by name of program or library.
    pub versions: BTreeMap<String, String>,
    /// Whether the rig itself kept up.
    pub rig: RigFacts,
}

/// The rig's health with readable times; see [`RigHealth`].
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct RigFacts {
    /// Requests of open phases that the plan scheduled.
    pub planned_open: u64,
    /// Requests of open phases that were sent.
    pub sent_open: u64,
    /// Requests of closed phases that were sent.
    pub sent_closed: u64,
    /// How late open requests were sent, simulated: 50th percentile.
    pub lag_p50: Span,
    /// The same, 99th percentile.
    pub lag_p99: Span,
    /// The same, worst.
    pub lag_max: Span,
    /// 99th percentile of real timers' lateness here; none in virtual time.
    pub timer_p99: Option<Span>,
    /// The latest of them during the run; none in virtual time.
    #[serde(default)]
    pub timer_worst: Option<Span>,
    /// Requests that the load driver itself counted; none in virtual time.
    pub driver_requests: Option<u64>,
    /// What makes the evidence unusable, each a full sentence.
    pub faults: Vec<String>,
}

/// Who ran it, and with which words; the edge of the program knows.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Invocation {
    /// When it started.
    pub started_at: Timestamp,
    /// Name of the machine.
    pub host: String,
    /// Scenarios that run at the same time at most.
    pub jobs: usize,
    /// The command line, program first.
    pub command_line: Vec<String>,
    /// Versions by name of program or library.
    pub versions: BTreeMap<String, String>,
}

impl RunFacts {
    /// The facts of a run that took `wall` of real time.
    pub fn new(invocation: Invocation, wall: Duration, rig: &RigHealth) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            started_at: invocation.started_at,
            wall: Span::new(wall),
            host: invocation.host,
            jobs: invocation.jobs,
            command_line: invocation.command_line,
            versions: invocation.versions,
            rig: RigFacts::from(rig),
        }
    }
}

impl From<&RigHealth> for RigFacts {
    fn from(rig: &RigHealth) -> Self {
        Self {
            planned_open: rig.planned_open,
            sent_open: rig.sent_open,
            sent_closed: rig.sent_closed,
            lag_p50: Span::new(rig.lag_p50),
            lag_p99: Span::new(rig.lag_p99),
            lag_max: Span::new(rig.lag_max),
            timer_p99: rig.timer_p99.map(Span::new),
            timer_worst: rig.timer_worst.map(Span::new),
            driver_requests: rig.driver_requests,
            faults: rig.faults.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_their_unit() {
        let rig = RigHealth {
            lag_p99: Duration::from_millis(3),
            timer_p99: Some(Duration::from_micros(1_100)),
            ..RigHealth::default()
        };
        let json = serde_json::to_value(RigFacts::from(&rig)).unwrap();
        assert_eq!(json["lag_p99"], "3ms");
        assert_eq!(json["timer_p99"], "1100us");
        assert_eq!(
            serde_json::from_value::<RigFacts>(json).unwrap(),
            RigFacts::from(&rig)
        );
    }
}
