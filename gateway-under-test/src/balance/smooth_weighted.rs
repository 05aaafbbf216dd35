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
    taken: u64,
}

impl SmoothWeighted {
    /// Turns with these weights, or `None` if nobody has any.
    pub(super) fn new(weights: Vec<u32>) -> Option<Self> {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        let has_any = weights.iter().any(|&weight| weight > 0);
        has_any.then(|| {
            let credits = vec![0; weights.len()];
            Self(Mutex::new(Turns {
                weights,
                credits,
                taken: 0,
            }))
        })
    }

    /// The next turn.
    pub(super) fn next(&self) -> Turn {
        self.next_of(|_| true).unwrap_or_default()
    }

    /// The next turn among those that `may` have it, or `None` if nobody with a weight may.
    ///
    /// The others keep what they have gained: the sum of all credits stays 0.
    pub(super) fn next_of(&self, may: impl Fn(usize) -> bool) -> Option<Turn> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next(may)
    }
}

impl Turns {
    /// Of equals the first listed has the turn.
    fn next(&mut self, may: impl Fn(usize) -> bool) -> Option<Turn> {
        let is_eligible = |&position: &usize| self.weights[position] > 0 && may(position);
        let eligible: Vec<usize> = (0..self.weights.len()).filter(is_eligible).collect();
        let mut total = 0;
        for &position in &eligible {
            self.credits[position] += self.weights[position];
            total += self.weights[position];
        }
        let richest = eligible
            .into_iter()
            .rev()
            .max_by_key(|&p| self.credits[p])?;
        self.credits[richest] -= total;
        let number = self.taken;
        self.taken += 1;
        Some(Turn {
            position: richest,
            number: Some(number),
        })
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
