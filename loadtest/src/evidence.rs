//! [`Evidence`]: everything a run leaves behind for the judge.
//!
//! Sources that know nothing of each other: the clients' observations, the gateway's access log,
//! its usage events and metrics page, the simulators' ledgers, and the health of the rig itself. The judge is a pure function
//! of this value and the plan, so a verdict can be computed again from the files of a past run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Moment;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::observation::Observation;
use crate::topology::{AccessEntry, LedgerEntry, UsageEvent};

/// What one run left behind.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// First part of every `x-request-id` of this run; entries of other runs are ignored.
    pub run_id: String,
    /// When each phase ran.
    pub timeline: Vec<PhaseWindow>,
    /// Client attempts, ordered by `(request, attempt)`.
    pub observations: Vec<Observation>,
    /// The gateway's access log, in order of arrival.
    pub gateway: Source<Vec<AccessEntry>>,
    /// The gateway's usage events, in the order in which answers ended.
    pub usage_events: Source<Vec<UsageEvent>>,
    /// The gateway's metrics page as it was after the run.
    pub metrics: Source<String>,
    /// Each simulator's ledger, in order of arrival, by simulator name.
    pub ledgers: BTreeMap<String, Source<Vec<LedgerEntry>>>,
    /// Gaps between content events of streams, measured by the client.
    pub gaps: Vec<GapHistogram>,
    /// Requests planned and sent, lags, and what else says whether the rig itself kept up.
    pub rig: RigHealth,
}

/// When a phase ran: `start` is inclusive, `end` exclusive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PhaseWindow {
    /// The phase's name.
    pub name: Arc<str>,
    /// Its first moment.
    pub start: Moment,
    /// The first moment after it.
    pub end: Moment,
}

/// Evidence that a topology gives, or the reason why it cannot.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source<T> {
    /// The evidence.
    Given(T),
    /// Why there is none; gates that need it are not judged.
    Missing(String),
}

impl<T> Default for Source<T> {
    /// Evidence that files of an earlier version do not have.
    fn default() -> Self {
        Self::Missing("it was not recorded".to_owned())
    }
}

impl Evidence {
    /// Counts every moment from `origin` instead of the clock's zero; what was earlier is at zero.
    pub fn count_from(&mut self, origin: Moment) {
        let shift = |at: &mut Moment| *at = Moment::ZERO + at.since(origin);
        for phase in &mut self.timeline {
            [&mut phase.start, &mut phase.end]
                .into_iter()
                .for_each(shift);
        }
        for seen in &mut self.observations {
            [&mut seen.planned, &mut seen.sent, &mut seen.ended]
                .into_iter()
                .for_each(shift);
            let optional = [
                &mut seen.headers_at,
                &mut seen.first_token_at,
                &mut seen.last_token_at,
            ];
            optional.into_iter().flatten().for_each(shift);
        }
        if let Source::Given(log) = &mut self.gateway {
            for entry in log {
                shift(&mut entry.arrived);
                [&mut entry.first_byte, &mut entry.ended]
                    .into_iter()
                    .flatten()
                    .for_each(shift);
                for attempt in &mut entry.attempts {
                    [&mut attempt.started, &mut attempt.ended]
                        .into_iter()
                        .for_each(shift);
                }
            }
        }
        if let Source::Given(events) = &mut self.usage_events {
            for event in events {
                shift(&mut event.at);
            }
        }
        for ledger in self.ledgers.values_mut() {
            let Source::Given(entries) = ledger else {
                continue;
            };
            for entry in entries {
                shift(&mut entry.arrived);
                [&mut entry.admitted, &mut entry.first_byte, &mut entry.ended]
                    .into_iter()
                    .flatten()
                    .for_each(shift);
            }
        }
    }
}

impl<T> Source<T> {
    /// The evidence, if given.
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Given(evidence) => Some(evidence),
            Self::Missing(_) => None,
        }
    }
}

/// Gaps between content events of one phase and class, by the backend that the gateway claimed.
///
/// Kept as a histogram from the start: a run may stream millions of tokens.
#[derive(Clone, Debug)]
pub struct GapHistogram {
    /// Name of the phase.
    pub phase: Arc<str>,
    /// Name of the client class.
    pub class: Arc<str>,
    /// The backend claimed by header, if any.
    pub backend: Option<String>,
    /// Gaps in simulated microseconds.
    pub micros: Histogram<u64>,
}

/// Whether the rig itself can be believed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct RigHealth {
    /// Requests of open phases that the plan scheduled.
    pub planned_open: u64,
    /// Requests of open phases that were sent.
    pub sent_open: u64,
    /// Requests of closed phases that were sent.
    pub sent_closed: u64,
    /// As many as they send in virtual time, where nobody's latency but ours is in them.
    #[serde(default)]
    pub expected_closed: Option<u64>,
    /// Client attempts after the first of a request.
    #[serde(default)]
    pub sent_again: u64,
    /// `sent - planned` of open requests, simulated: 50th percentile.
    pub lag_p50: Duration,
    /// The same, 99th percentile.
    pub lag_p99: Duration,
    /// The same, worst.
    pub lag_max: Duration,
    /// 99th percentile of real timers' lateness on this machine, before the run or during it, whichever
    /// is worse; none in virtual time.
    pub timer_p99: Option<Duration>,
    /// The latest of them during the run; none in virtual time.
    #[serde(default)]
    pub timer_worst: Option<Duration>,
    /// Requests that the load driver itself counted, the cross-check of ours; none in virtual time.
    pub driver_requests: Option<u64>,
    /// Whether it repeats an invalid run, alone: then its failures count.
    #[serde(default)]
    pub is_repeat: bool,
    /// Whether the run was cancelled before its end.
    pub cancelled: bool,
    /// Anything else that makes the evidence unusable, each a full sentence.
    pub faults: Vec<String>,
}
