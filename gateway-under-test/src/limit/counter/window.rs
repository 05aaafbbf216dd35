//! [`Window`]: what was used in the time just past, exactly.
//!
//! A use counts until it is as old as the window is long. Each entry carries the running total,
//! so that sums are differences, and the entry that has to leave before there is room is found
//! by bisection: counting takes amortised constant time, a refusal O(log n). A fixed window
//! would forget everything at once at its end; the reference's run shows a use of 55 still
//! counted 46 s later, in the next minute.

use std::collections::VecDeque;
use std::time::Duration;

use clock::Moment;

/// What was used in the time just past, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Window {
    uses: VecDeque<Use>,
    /// Sum of all that has left the window.
    forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    at: Moment,
    /// Sum of all uses up to and including this one.
    total: u64,
}

impl Window {
    /// What was used in the time `length` before `now`.
    pub(crate) fn used(&mut self, length: Duration, now: Moment) -> u64 {
        while let Some(oldest) = self.uses.front() {
            if oldest.at + length > now {
                break;
            }
            self.forgotten = oldest.total;
            self.uses.pop_front();
        }
        self.total() - self.forgotten
    }

    /// Counts a use of `amount` at `now`.
    pub(crate) fn count(&mut self, amount: u64, now: Moment) {
        if amount == 0 {
            return;
        }
        // Callers read the clock before they get the lock; entries must stay in order.
        let at = self.uses.back().map_or(now, |last| now.max(last.at));
        let total = self.total().saturating_add(amount);
        self.uses.push_back(Use { at, total });
    }

    /// How long after `now` uses of at most `most` are left in a window of this `length`, if no more
    /// are added.
    ///
    /// Never longer than the window, also for a caller who read the clock before somebody else's use
    /// was counted.
    pub(crate) fn wait(&self, most: u64, length: Duration, now: Moment) -> Duration {
        self.free_at(most, length).since(now).min(length)
    }

    /// When uses of at most `most` are left in a window of this `length`, if no more are added.
    pub(super) fn free_at(&self, most: u64, length: Duration) -> Moment {
        // What must have been forgotten by then; the use that brings the total there is the last
        // that has to leave.
        let surplus = self.total().saturating_sub(most);
        if surplus <= self.forgotten {
            return Moment::ZERO;
        }
        let leaving = self.uses.partition_point(|used| used.total < surplus);
        let last = self.uses.get(leaving);
        last.map_or(Moment::ZERO, |last| last.at + length)
    }

    fn total(&self) -> u64 {
        self.uses.back().map_or(self.forgotten, |last| last.total)
    }
}
