//! [`drawn_class()`]: whose request the user of a mix makes next.
//!
//! Drawn by user and number of its request, never in the order in which requests start: a user
//! sends the same classes in the same order on any driver and at any speed, however long its
//! answers take.

use rand::RngExt;

use crate::plan::Draw;

/// The class of request `number` (from 0) of user `user`, by index in the plan.
///
/// `weights` are not negative, and one at least is above 0.
pub fn drawn_class(seed: u64, weights: &[f64], user: u32, number: u32) -> usize {
    let draw = Draw {
        seed,
        purpose: "mix",
        class: "",
        ordinal: u64::from(user) << 32 | u64::from(number),
    };
    let mut rest = draw.rng().random::<f64>() * weights.iter().sum::<f64>();
    let drawn = weights.iter().position(|weight| {
        rest -= weight;
        rest < 0.0
    });
    // Rounding may leave a little after the last.
    drawn.unwrap_or_else(|| {
        weights
            .iter()
            .rposition(|weight| *weight > 0.0)
            .unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_drawn_in_proportion_to_their_weights_and_never_without_one() {
        let mut drawn = [0; 3];
        for user in 0..6 {
            for number in 0..1_000 {
                drawn[drawn_class(42, &[3.0, 0.0, 1.0], user, number)] += 1;
            }
        }
        // 6 000 draws: four standard deviations of a binomial with p = 1/4 are 134.
        assert_eq!(drawn[1], 0);
        assert!((1_366..=1_634).contains(&drawn[2]), "{drawn:?}");
    }

    #[test]
    fn each_user_has_an_order_of_its_own_and_keeps_it() {
        let order = |user| -> Vec<usize> {
            let numbers = 0..20;
            numbers
                .map(|number| drawn_class(42, &[1.0, 1.0], user, number))
                .collect()
        };
        assert_eq!(order(0), order(0));
        assert_ne!(order(0), order(1));
    }
}
