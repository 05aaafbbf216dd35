//! [`RoundRobin`]: each in turn.
//!
//! One atomic counter, so that every request has a turn of its own whatever runs beside it: the
//! numbers of turns never differ by more than one. A counter that is read and then written, as
//! the reference's cache entry, hands one turn to two requests now and then.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Turn;

/// Turns among a fixed number of positions.
#[derive(Debug)]
pub(super) struct RoundRobin {
    turns: AtomicU64,
    positions: usize,
    first: usize,
}

impl RoundRobin {
    /// Turns among `positions`, at least one, of which `first` has the first.
    pub(super) fn new(positions: usize, first: usize) -> Self {
        Self {
            turns: AtomicU64::new(0),
            positions,
            first,
        }
    }

    /// The next turn.
    pub(super) fn next(&self) -> Turn {
        // Relaxed: only the counter itself is shared, nothing is ordered by it.
        let number = self.turns.fetch_add(1, Ordering::Relaxed);
        let within_cycle = usize::try_from(number % self.positions as u64).unwrap_or(0);
        Turn {
            position: (within_cycle + self.first) % self.positions,
            number: Some(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_alternate_from_the_first() {
        let turns = RoundRobin::new(2, 1);
        let order: Vec<_> = (0..5).map(|_| turns.next().position).collect();
        assert_eq!(order, [1, 0, 1, 0, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn turns_differ_by_at_most_one_under_any_concurrency(
            positions in 1..7usize,
            first in 0..7usize,
            takers in proptest::collection::vec(0..200usize, 1..8),
        ) {
            let turns = RoundRobin::new(positions, first % positions);
            let taken = std::thread::scope(|scope| {
                let take = |&n: &usize| {
                    let turns = &turns;
                    scope.spawn(move || (0..n).map(|_| turns.next().position).collect::<Vec<_>>())
                };
                let threads: Vec<_> = takers.iter().map(take).collect();
                threads.into_iter().flat_map(|t| t.join().unwrap()).collect::<Vec<_>>()
            });
            let counts = (0..positions).map(|p| taken.iter().filter(|&&t| t == p).count());
            let (least, most) = counts.fold((usize::MAX, 0), |(l, m), n| (l.min(n), m.max(n)));
            prop_assert!(most - least <= 1, "{most} against {least}");
        }
    }
}
