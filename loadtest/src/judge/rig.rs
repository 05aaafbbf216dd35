//! Whether the rig itself can be believed.
//!
//! A late generator, a ledger with a gap or a driver that counts differently make every gate's
//! verdict an accident. Such a run is invalid, not failed: it says nothing about the gateway.

use std::time::Duration;

use super::case::Case;
use super::join::Owner;
use crate::topology::LedgerEntry;

/// Part of the planned open requests that must have been sent.
///
/// Below it the offered load was not the one that was asked for; a last request that a
/// cancelled second swallows stays above it in any run of more than a hundred.
const LEAST_SENT: f64 = 0.99;

/// How late, in real time, 99 of 100 open requests may be sent, and 99 of 100 timers may fire.
///
/// Two shared cores were measured at 0.6 to 2 ms. Beyond 20 ms the machine is busy with something
/// else, and the arrival process is no longer the planned one.
const LAG_BUDGET: Duration = Duration::from_millis(20);

/// Part of the closed requests of virtual time that must have been sent where gates fail.
///
/// Users who wait for a busy machine ask less often than the same users in virtual time, and what is
/// counted of them shifts. Not asked of a repeat, which is alone.
const LEAST_CLOSED: f64 = 0.98;

/// How long, in simulated time, the machine may have stood still where gates fail.
const STANDSTILL: Duration = Duration::from_secs(1);

impl Case<'_> {
    /// Why a failure is not to be believed, one sentence each.
    ///
    /// They do not matter to gates that hold: a busy machine makes nothing right by accident.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let rig = &self.evidence.rig;
        let mut doubts = vec![];
        let expected = rig.expected_closed.filter(|_| !rig.is_repeat);
        if let (Some(expected), Some(speed)) = (expected, self.context.speed) {
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 requests")]
            let part = rig.sent_closed as f64 / expected.max(1) as f64;
            if expected > 0 && part < LEAST_CLOSED {
                doubts.push(format!(
                    "The machine was too busy for speed {speed} to believe what failed: its users sent {} requests, in virtual time {expected}.",
                    rig.sent_closed
                ));
            }
        }
        if let (Some(late), Some(speed)) = (rig.timer_worst, self.context.speed) {
            let stood_still = late.mul_f64(speed);
            if stood_still > STANDSTILL {
                doubts.push(format!(
                    "The machine stood still for {} ms, {stood_still:.1?} at speed {speed}, too long to believe what failed.",
                    late.as_millis()
                ));
            }
        }
        doubts
    }

    /// Why the rig cannot be believed, one sentence each.
    pub(crate) fn rig_faults(&self) -> Vec<String> {
        let mut faults = self.evidence.rig.faults.clone();
        faults.extend(self.generator_faults());
        faults.extend(self.ledger_faults());
        faults
    }

    fn generator_faults(&self) -> Vec<String> {
        let rig = &self.evidence.rig;
        let mut faults = vec![];
        let sent = rig.sent_open + rig.sent_closed + rig.sent_again;
        if let Some(counted) = rig.driver_requests.filter(|counted| *counted != sent) {
            faults.push(format!(
                "The driver counted {counted} requests, {sent} were sent."
            ));
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 requests")]
        let part = rig.sent_open as f64 / rig.planned_open.max(1) as f64;
        if rig.planned_open > 0 && part < LEAST_SENT {
            faults.push(format!(
                "The generator sent {} of {} planned requests.",
                rig.sent_open, rig.planned_open
            ));
        }
        let lag = rig.lag_p99.div_f64(self.context.speed.unwrap_or(1.0));
        if lag > LAG_BUDGET {
            faults.push(format!(
                "The generator was late: 99 % of its lags are up to {} ms, {} ms are tolerated.",
                lag.as_millis(),
                LAG_BUDGET.as_millis()
            ));
        }
        if let Some(late) = rig.timer_p99.filter(|late| *late > LAG_BUDGET) {
            faults.push(format!(
                "The machine was busy: 99 % of its timers are up to {} ms late, {} ms are tolerated.",
                late.as_millis(),
                LAG_BUDGET.as_millis()
            ));
        }
        if self.evidence.observations.is_empty() {
            faults.push("No request was sent.".to_owned());
        }
        faults
    }

    fn ledger_faults(&self) -> Vec<String> {
        let mut faults = vec![];
        for (name, owners) in &self.joined.ledgers {
            let ledger = self
                .evidence
                .ledgers
                .get(&**name)
                .and_then(|ledger| ledger.given());
            let entries = ledger.map_or(&[][..], Vec::as_slice);
            let is_gap = |pair: &&[LedgerEntry]| pair[1].number != pair[0].number + 1;
            if let Some([before, after]) = entries.windows(2).find(is_gap) {
                faults.push(format!(
                    "The ledger of {name} has a gap: number {} follows {}.",
                    after.number, before.number
                ));
            }
            let ours = entries
                .iter()
                .zip(owners)
                // A run may end while the gateway's own prober waits for an answer.
                .filter(|(_, owner)| !matches!(owner, Owner::AnotherRun | Owner::Prober));
            let open = ours.filter(|(entry, _)| entry.ended.is_none()).count();
            if open > 0 {
                faults.push(format!(
                    "The ledger of {name} has {open} entries that never ended."
                ));
            }
        }
        faults
    }
}
