//! [`SmoothWeighted`]: each in turn, heavier ones more often, never in a clump.
//!
//! The algorithm is nginx's: at each turn everybody gains its weight, the one with most is
//! chosen and pays the sum of all weights. Over one cycle each has exactly its weight in turns,
//! spread as evenly as the weights allow: 5, 1, 1 gives `a a b a c a a`, not `a a a a a b c`.
// Source: https://github.com/nginx/nginx/commit/52327e0627f4 (read 2026-08): "on each peer
// selection we increase current_weight of each eligible peer by its weight, select peer with
// greatest current_weight and reduce its current_weight by total number of weight points".

use std::sync::{Mutex, PoisonError};

use super::Turn;

/// Turns in proportion to weights.
#[derive(Debug)]
pub(super) struct SmoothWeighted(Mutex<Turns>);

#[derive(Clone, Debug)]
struct Turns {
    weights: Vec<i64>,
    /// What each has gained and not yet paid; the sum is 0 between turns.
    credits: Vec<i64>,
    total: i64,
    taken: u64,
}

impl SmoothWeighted {
    /// Turns with these weights, or `None` if nobody has any.
    pub(super) fn new(weights: Vec<u32>) -> Option<Self> {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        let total = weights.iter().sum();
        (total > 0).then(|| {
            let credits = vec![0; weights.len()];
            Self(Mutex::new(Turns {
                weights,
                credits,
                total,
                taken: 0,
            }))
        })
    }

    /// The next turn.
    pub(super) fn next(&self) -> Turn {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

impl Turns {
    /// Of equals the first listed has the turn.
    fn next(&mut self) -> Turn {
        for (credit, weight) in self.credits.iter_mut().zip(&self.weights) {
            *credit += weight;
        }
        let eligible = (0..self.credits.len()).filter(|&position| self.weights[position] > 0);
        let richest = eligible
            .rev()
            .max_by_key(|&position| self.credits[position])
            .unwrap_or_default();
        self.credits[richest] -= self.total;
        let number = self.taken;
        self.taken += 1;
        Turn {
            position: richest,
            number: Some(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(weights: &[u32], n: usize) -> Vec<usize> {
        let policy = SmoothWeighted::new(weights.to_vec()).unwrap();
        (0..n).map(|_| policy.next().position).collect()
    }

    #[test]
    fn five_one_one_is_spread_as_its_authors_describe() {
        assert_eq!(turns(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn any_three_consecutive_turns_of_two_to_one_are_two_and_one() {
        for window in turns(&[2, 1], 300).windows(3) {
            assert_eq!(window.iter().filter(|&&p| p == 0).count(), 2, "{window:?}");
        }
    }

    #[test]
    fn without_any_weight_there_are_no_turns() {
        assert!(SmoothWeighted::new(vec![0, 0]).is_none());
        assert!(SmoothWeighted::new(vec![]).is_none());
    }

    proptest! {
        #[test]
        fn a_cycle_gives_each_exactly_its_weight(
            weights in proptest::collection::vec(0..9u32, 1..7),
            cycles in 1..4usize,
        ) {
            let total: u32 = weights.iter().sum();
            prop_assume!(total > 0);
            let taken = turns(&weights, total as usize * cycles);
            for cycle in taken.chunks(total as usize) {
                for (position, &weight) in weights.iter().enumerate() {
                    let count = cycle.iter().filter(|&&p| p == position).count();
                    prop_assert_eq!(count, weight as usize);
                }
            }
        }
    }
}
