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
}

impl WeightedRandom {
    /// A lot with these weights, or `None` if there is no ticket at all.
    pub(super) fn new(weights: Vec<u32>) -> Option<Self> {
        weights
            .iter()
            .any(|&weight| weight > 0)
            .then_some(Self { weights })
    }

    /// The position that wins for an attempt, the `index`-th of the request with these `draws`.
    pub(super) fn draw(&self, draws: Draws, index: u32) -> usize {
        self.draw_of(|_| true, draws, index).unwrap_or_default()
    }

    /// The same among those that `may` win, or `None` if they have no ticket.
    pub(super) fn draw_of(
        &self,
        may: impl Fn(usize) -> bool,
        draws: Draws,
        index: u32,
    ) -> Option<usize> {
        let weight = |(position, &weight)| if may(position) { weight } else { 0 };
        let weights: Vec<u32> = self.weights.iter().enumerate().map(weight).collect();
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        (total > 0).then(|| holder(&weights, draws.below(total, "balance", index)))
    }
}

/// Whose ticket it is, counted from 0.
fn holder(weights: &[u32], ticket: u64) -> usize {
    let covered = weights.iter().scan(0, |sum, &weight| {
        *sum += u64::from(weight);
        Some(*sum)
    });
    covered.take_while(|&sum| sum <= ticket).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tickets_are_held_in_the_order_of_the_list() {
        assert_eq!(
            [0, 1, 2].map(|ticket| holder(&[2, 0, 1], ticket)),
            [0, 0, 2]
        );
    }

    #[test]
    fn without_any_weight_there_is_no_lot() {
        assert!(WeightedRandom::new(vec![0, 0]).is_none());
        assert!(WeightedRandom::new(vec![]).is_none());
    }

    #[test]
    fn two_to_one_is_met_within_four_standard_deviations() {
        let lot = WeightedRandom::new(vec![2, 1]).unwrap();
        let won = |n: &u64| lot.draw(Draws::new(42, None, *n), 0) == 0;
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
            let mut held = vec![0; weights.len()];
            let tickets = 0..weights.iter().copied().map(u64::from).sum();
            tickets.for_each(|ticket| held[holder(&weights, ticket)] += 1);
            prop_assert_eq!(held, weights);
        }
    }
}
