//! `refused`: nobody listens, by the hour or by turns.
//!
//! It is decided for connections, ahead of all other faults: a caller that is refused has sent
//! no request, so only time can decide. For the same reason it is not booked.

use clock::Moment;

use super::Faults;
use crate::config::Play;

/// Whether connections are taken, and when that may change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Door {
    pub(crate) is_open: bool,
    pub(crate) changes: Option<Moment>,
}

impl Faults {
    /// The door as of `now`.
    pub(crate) fn door(&self, now: Moment) -> Door {
        let refusing = self
            .0
            .iter()
            .filter(|armed| armed.fault.play == Play::Refused);
        let mut door = Door {
            is_open: true,
            changes: None,
        };
        for armed in refusing {
            let (set, when) = (armed.progress().set, &armed.fault.when);
            let elapsed = now.since(set);
            door.is_open &= !when.is_time(elapsed);
            let change = when.next_change(elapsed).map(|change| set + change);
            door.changes = door.changes.into_iter().chain(change).min();
        }
        door
    }
}
