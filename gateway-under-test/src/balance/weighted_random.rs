//! [`WeightedRandom`]: one drawn for each request.
//!
//! A number below the sum of weights is drawn and the weights are walked until they cover it, as
//! the toolkit's policy does. The draw belongs to the request, not to a shared generator: a
//! request repeated with the same id and seed goes the same way.

use crate::draw::Draws;

/// A lot in which each position has as many tickets as its weight.
#[derive(Debug)]
pub(super) struct WeightedRandom {
    weights: Vec<u32>,
    total: u64,
}

impl WeightedRandom {
    /// A lot with these weights, or `None` if there is no ticket at all.
    pub(super) fn new(weights: Vec<u32>) -> Option<Self> {
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        (total > 0).then_some(Self { weights, total })
    }

    /// The position that the request with these `draws` wins.
    pub(super) fn draw(&self, draws: Draws) -> usize {
        self.holder(draws.below(self.total, "balance", 0))
    }

    /// Whose ticket it is, counted from 0.
    fn holder(&self, ticket: u64) -> usize {
        let covered = self.weights.iter().scan(0, |sum, &weight| {
            *sum += u64::from(weight);
            Some(*sum)
        });
        covered
            .take_while(|&sum| sum <= ticket)
            .count()
            .min(self.weights.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tickets_are_held_in_the_order_of_the_list() {
        let lot = WeightedRandom::new(vec![2, 0, 1]).unwrap();
        assert_eq!([lot.holder(0), lot.holder(1), lot.holder(2)], [0, 0, 2]);
    }

    #[test]
    fn without_any_weight_there_is_no_lot() {
        assert!(WeightedRandom::new(vec![0, 0]).is_none());
        assert!(WeightedRandom::new(vec![]).is_none());
    }

    #[test]
    fn two_to_one_is_met_within_four_standard_deviations() {
        let lot = WeightedRandom::new(vec![2, 1]).unwrap();
        let won = |n: &u64| lot.draw(Draws::new(42, None, *n)) == 0;
        let first = (0..10_000).filter(won).count();
        // 6666.7 ± 4·sqrt(10000·2/9) = 6666.7 ± 188.6.
        assert!((6_479..=6_855).contains(&first), "{first}");
    }

    proptest! {
        #[test]
        fn each_position_holds_as_many_tickets_as_its_weight(
            weights in proptest::collection::vec(0..9u32, 1..7),
        ) {
            prop_assume!(weights.iter().any(|&w| w > 0));
            let lot = WeightedRandom::new(weights.clone()).unwrap();
            let mut held = vec![0; weights.len()];
            (0..lot.total).for_each(|ticket| held[lot.holder(ticket)] += 1);
            prop_assert_eq!(held, weights);
        }
    }
}
