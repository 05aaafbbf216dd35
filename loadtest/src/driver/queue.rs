//! [`Queue`]: the schedule of an open phase, shared by its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::plan::{Arrival, Load, Plan};

/// The schedule of an open phase, taken from by its workers in order.
#[derive(Debug)]
pub(super) struct Queue {
    /// Index of the phase.
    pub(super) phase: usize,
    /// How many workers serve it.
    pub(super) workers: u32,
    arrivals: Arc<[Arrival]>,
    /// The ordinal of each arrival among all of its class.
    ordinals: Vec<u64>,
    next: AtomicUsize,
}

impl Queue {
    /// The next arrival and its ordinal, or none when all are taken.
    pub(super) fn next(&self) -> Option<(Arrival, u64)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Some((*self.arrivals.get(index)?, self.ordinals[index]))
    }
}

/// The open phases' queues; counts in `ordinals` the requests of each class.
pub(super) fn queues(plan: &Plan, ordinals: &mut [u64]) -> Vec<Queue> {
    let mut ordinal = |arrival: &Arrival| {
        let next = &mut ordinals[arrival.class];
        *next += 1;
        *next - 1
    };
    let phases = plan.phases.iter().enumerate();
    phases
        .filter_map(|(phase, described)| match &described.load {
            Load::Open { arrivals, workers } => Some(Queue {
                phase,
                workers: *workers,
                arrivals: arrivals.clone(),
                ordinals: arrivals.iter().map(&mut ordinal).collect(),
                next: AtomicUsize::new(0),
            }),
            Load::Closed(_) | Load::Mixed { .. } | Load::Notebook { .. } | Load::Idle => None,
        })
        .collect()
}
