//! Who is faster: medians, and an order that does not follow every tremor.

use std::time::Duration;

use crate::config::Hysteresis;

/// The time of an answer; `None` if there was none.
pub(super) type Sample = Option<Duration>;

/// The median of `samples`, the lower one if there are two; a failure counts as longer than
/// anything, so that one of three changes nothing and two of three do.
pub(super) fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_unstable_by_key(|sample| (sample.is_none(), *sample));
    let middle = samples.len().saturating_sub(1) / 2;
    samples.get(middle).copied().flatten()
}

/// The positions of `medians`, the fastest first.
///
/// One overtakes another that was before it in the `previous` order only if it is faster by the
/// `hysteresis`; those who did not answer come last.
pub(super) fn rank(
    medians: &[Sample],
    previous: Option<Vec<usize>>,
    hysteresis: Hysteresis,
) -> Vec<usize> {
    let Some(mut order) = previous else {
        let mut order: Vec<usize> = (0..medians.len()).collect();
        order.sort_by_key(|&position| (medians[position].is_none(), medians[position]));
        return order;
    };
    let overtakes = |behind: usize, ahead: usize| match (medians[behind], medians[ahead]) {
        (Some(behind), Some(ahead)) => behind < hysteresis.bound(ahead),
        (behind, ahead) => behind.is_some() && ahead.is_none(),
    };
    // Neighbours change places until none wants to. To be faster by a part is no order (a may
    // overtake c where b separates them), so a sort by comparison would not do.
    while let Some(behind) = (1..order.len()).find(|&i| overtakes(order[i], order[i - 1])) {
        order.swap(behind - 1, behind);
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(times: &[u64]) -> Vec<Sample> {
        let sample = |&ms: &u64| (ms > 0).then(|| Duration::from_millis(ms));
        times.iter().map(sample).collect()
    }

    #[test]
    fn one_outlier_or_failure_of_three_changes_nothing() {
        assert_eq!(median(ms(&[10, 11, 900])), Some(Duration::from_millis(11)));
        assert_eq!(median(ms(&[0, 10, 11])), Some(Duration::from_millis(11)));
        assert_eq!(median(ms(&[0, 10, 0])), None);
        assert_eq!(median(ms(&[20, 10])), Some(Duration::from_millis(10)));
        assert_eq!(median(Vec::new()), None);
    }

    #[test]
    fn the_first_measurement_orders_by_time_and_failures_last() {
        let order = rank(&ms(&[0, 30, 29]), None, Hysteresis::default());
        assert_eq!(order, [2, 1, 0]);
    }

    #[test]
    fn a_fifth_faster_is_not_enough_more_is() {
        let order = |times: &[u64]| rank(&ms(times), Some(vec![0, 1]), Hysteresis::default());
        assert_eq!(order(&[100, 80]), [0, 1]);
        assert_eq!(order(&[100, 79]), [1, 0]);
    }

    #[test]
    fn whoever_answers_overtakes_whoever_does_not() {
        let order = |times: &[u64]| rank(&ms(times), Some(vec![0, 1, 2]), Hysteresis::default());
        assert_eq!(order(&[0, 900, 0]), [1, 0, 2]);
        assert_eq!(order(&[0, 0, 0]), [0, 1, 2]);
    }

    proptest! {
        #[test]
        fn nobody_who_is_faster_by_the_part_is_left_right_behind(
            times in proptest::collection::vec(0..1_000u64, 1..8),
        ) {
            let medians = ms(&times);
            let previous: Vec<usize> = (0..times.len()).collect();
            let hysteresis = Hysteresis::default();
            let order = rank(&medians, Some(previous.clone()), hysteresis);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, previous);
            for pair in order.windows(2) {
                let (ahead, behind) = (medians[pair[0]], medians[pair[1]]);
                prop_assert!(ahead.is_some() || behind.is_none());
                if let (Some(ahead), Some(behind)) = (ahead, behind) {
                    prop_assert!(behind >= hysteresis.bound(ahead));
                }
            }
        }
    }
}
