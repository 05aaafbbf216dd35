//! The windows of a term: which stretches of time they may lie in, and which one counts.

use std::time::Duration;

use clock::Moment;

use super::case::{Case, PhaseBy, Record};
use super::window::{Window, emptiest, fullest};
use crate::gate::{Extreme, Selection};

/// Windows of one term: the extreme one and what it holds.
#[derive(Debug)]
pub(super) struct Windows {
    /// The window that counts; none if no window fits.
    pub(super) best: Option<Window>,
    /// Records in all windows.
    pub(super) samples: u64,
    /// What the window that counts holds.
    pub(super) records: Vec<Record>,
}

impl Windows {
    fn is_beaten_by(&self, other: &Window, extreme: Extreme) -> bool {
        self.best.is_none_or(|best| match extreme {
            Extreme::Most => other.total > best.total,
            Extreme::Fewest => other.total < best.total,
        })
    }
}

impl Case<'_> {
    /// The extreme window of `of`, over all the stretches of time that it selects.
    pub(super) fn windows(&self, extreme: Extreme, length: Duration, of: &Selection) -> Windows {
        let records = self.select(of, PhaseBy::Arrival);
        let mut windows = Windows {
            best: None,
            samples: records.len() as u64,
            records: vec![],
        };
        let last = records.iter().map(|record| record.arrived).max();
        for (from, to) in self.stretches(of, extreme, last) {
            let mut inside: Vec<_> = records
                .iter()
                .filter(|record| from <= record.arrived && record.arrived < to)
                .collect();
            inside.sort_by_key(|record| record.arrived);
            let arrivals: Vec<_> = inside.iter().map(|r| (r.arrived, r.value)).collect();
            let empty = Window {
                start: from,
                total: 0.0,
            };
            let found = match extreme {
                Extreme::Most => fullest(&arrivals, length).or(Some(empty)),
                Extreme::Fewest => emptiest(&arrivals, length, from, to),
            };
            let Some(found) = found.filter(|found| windows.is_beaten_by(found, extreme)) else {
                continue;
            };
            windows.best = Some(found);
            let is_held =
                |r: &&&Record| found.start <= r.arrived && r.arrived < found.start + length;
            windows.records = inside
                .iter()
                .filter(is_held)
                .map(|r| (*r).clone())
                .collect();
        }
        windows
    }

    /// The stretches of time that `selection` covers; the whole run where it names no phase.
    fn stretches(
        &self,
        selection: &Selection,
        extreme: Extreme,
        last_arrival: Option<Moment>,
    ) -> Vec<(Moment, Moment)> {
        if !selection.phases.is_empty() {
            let slices = selection.phases.iter();
            return slices.filter_map(|slice| self.slice(slice)).collect();
        }
        let timeline = &self.evidence.timeline;
        let (Some(first), Some(last)) = (timeline.first(), timeline.last()) else {
            return vec![];
        };
        // The last requests end after the last phase; a fullest window may lie there.
        let drained = last_arrival.map(|last| last + Duration::from_micros(1));
        let drained = drained.filter(|drained| *drained > last.end);
        let drained = drained.filter(|_| extreme == Extreme::Most);
        vec![(first.start, drained.unwrap_or(last.end))]
    }
}
