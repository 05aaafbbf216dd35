//! `fit of … to …`: the χ² test of what was drawn against declared weights.

use super::case::Case;
use super::term::Reading;
use crate::gate::statistics::chi_square_p;
use crate::gate::{FilterValue, Label, Selection};

impl Case<'_> {
    /// The p-value of the values of `label`; a value without a declared weight forbids any fit.
    pub(super) fn fit(
        &self,
        label: &Label,
        weights: &[(FilterValue, f64)],
        within: &Selection,
    ) -> Reading {
        let records = self.counted(within);
        let mut counts = vec![0usize; weights.len()];
        let mut strangers = 0;
        for record in &records {
            let found = self.label(record, label);
            match weights.iter().position(|(value, _)| found.is(value)) {
                Some(index) => counts[index] += 1,
                None => strangers += 1,
            }
        }
        let value = (!records.is_empty()).then(|| p_value(weights, &counts, strangers));
        let counted = weights.iter().zip(&counts);
        let mut words: Vec<_> = counted
            .map(|((value, _), n)| format!("{value} {n}"))
            .collect();
        if strangers > 0 {
            words.push(format!("others {strangers}"));
        }
        Reading {
            value,
            samples: records.len() as u64,
            note: Some(words.join(", ")),
        }
    }
}

/// The p-value of the χ² test; nothing may fall where the weight is zero.
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
fn p_value(weights: &[(FilterValue, f64)], counts: &[usize], strangers: usize) -> f64 {
    let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let samples = counts.iter().sum::<usize>() as f64;
    let is_forbidden =
        |((_, weight), count): (&(FilterValue, f64), &usize)| *weight <= 0.0 && *count > 0;
    if strangers > 0 || total <= 0.0 || weights.iter().zip(counts).any(is_forbidden) {
        return 0.0;
    }
    let mut statistic = 0.0;
    let mut categories = 0u32;
    for ((_, weight), count) in weights.iter().zip(counts) {
        if *weight > 0.0 {
            let expected = samples * weight / total;
            statistic += (*count as f64 - expected).powi(2) / expected;
            categories += 1;
        }
    }
    chi_square_p(statistic, categories.saturating_sub(1))
}
