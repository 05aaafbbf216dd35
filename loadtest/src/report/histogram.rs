//! [`Recorder`]: histograms of what clients measured, by phase, class, backend and metric.
//!
//! Filled by the judge's side after the join and not by the drivers, because only then the
//! serving backend is known. Percentiles of a larger group come from merged histograms, never
//! from averaged percentiles.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured of a request, in simulated microseconds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Metric {
    /// From the planned start to the end of the answer.
    Latency,
    /// From the planned start to the first token.
    FirstToken,
    /// From one token to the next.
    TokenGap,
}

/// Where a measurement belongs; ordered as the plan orders phases and classes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cell {
    /// Index of the phase in the plan.
    pub phase: usize,
    /// Index of the class in the plan.
    pub class: usize,
    /// The serving backend.
    pub backend: String,
}

/// Histograms by cell and metric.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    cells: BTreeMap<(Cell, Metric), Measured>,
}

/// A histogram and its exact extremes.
///
/// The histogram alone names the upper edge of a bucket: a constant 500 ms would read as
/// 500.223 ms. Percentiles are clamped to the extremes, so constants stay what they are.
#[derive(Clone, Debug)]
pub struct Measured {
    micros: Histogram<u64>,
    min: u64,
    max: u64,
}

/// A distribution of simulated times in microseconds.
///
/// Percentile q is named by nearest rank: the smallest recorded value that at least q % of the
/// samples do not exceed. Values are known to three significant digits; the largest is exact.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Percentiles {
    /// Samples.
    pub count: u64,
    /// 50th percentile.
    pub p50_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// The largest.
    pub max_us: u64,
}

impl Recorder {
    /// Records one value.
    pub fn record(&mut self, cell: Cell, metric: Metric, micros: u64) {
        self.cells.entry((cell, metric)).or_default().record(micros);
    }

    /// Adds a histogram that was measured elsewhere.
    pub fn add(&mut self, cell: Cell, metric: Metric, micros: &Histogram<u64>) {
        self.cells.entry((cell, metric)).or_default().add(micros);
    }

    /// The distribution of `metric` over every cell that `belongs`; none without samples.
    pub fn percentiles(
        &self,
        metric: Metric,
        belongs: impl Fn(&Cell) -> bool,
    ) -> Option<Percentiles> {
        let mut merged = Measured::default();
        for ((cell, of), measured) in &self.cells {
            if *of == metric && belongs(cell) {
                merged.merge(measured);
            }
        }
        merged.percentiles()
    }
}

impl Default for Measured {
    fn default() -> Self {
        // Three significant digits; it grows with its largest value, up to 2^63 µs.
        let micros = Histogram::new(3).expect("3 is a legal number of digits");
        Self {
            micros,
            min: u64::MAX,
            max: 0,
        }
    }
}

impl Measured {
    fn record(&mut self, micros: u64) {
        // `saturating_record` would clamp to the range of a histogram that has not grown yet.
        let grown = self.micros.record(micros);
        debug_assert!(grown.is_ok(), "an auto-resizing histogram takes any value");
        self.min = self.min.min(micros);
        self.max = self.max.max(micros);
    }

    fn add(&mut self, micros: &Histogram<u64>) {
        if micros.is_empty() {
            return;
        }
        let grown = self.micros.add(micros);
        debug_assert!(grown.is_ok(), "an auto-resizing histogram takes any value");
        self.min = self.min.min(micros.min());
        self.max = self.max.max(micros.max());
    }

    fn merge(&mut self, other: &Self) {
        let grown = self.micros.add(&other.micros);
        debug_assert!(grown.is_ok(), "an auto-resizing histogram takes any value");
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    fn percentiles(&self) -> Option<Percentiles> {
        if self.micros.is_empty() {
            return None;
        }
        let at = |q| self.micros.value_at_quantile(q).clamp(self.min, self.max);
        Some(Percentiles {
            count: self.micros.len(),
            p50_us: at(0.50),
            p95_us: at(0.95),
            p99_us: at(0.99),
            max_us: self.max,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(phase: usize, backend: &str) -> Cell {
        Cell {
            phase,
            class: 0,
            backend: backend.to_owned(),
        }
    }

    fn everywhere(_: &Cell) -> bool {
        true
    }

    #[test]
    fn a_constant_is_reported_exactly() {
        let mut recorder = Recorder::default();
        for _ in 0..100 {
            recorder.record(cell(0, "ptu-1"), Metric::Latency, 500_000);
        }
        let measured = recorder.percentiles(Metric::Latency, everywhere);
        let exact = Percentiles {
            count: 100,
            p50_us: 500_000,
            p95_us: 500_000,
            p99_us: 500_000,
            max_us: 500_000,
        };
        assert_eq!(measured, Some(exact));
    }

    #[test]
    fn percentiles_are_named_by_nearest_rank() {
        let mut recorder = Recorder::default();
        for micros in 1..=200 {
            recorder.record(cell(0, "ptu-1"), Metric::FirstToken, micros);
        }
        let measured = recorder.percentiles(Metric::FirstToken, everywhere);
        let ranks = measured.map(|p| [p.p50_us, p.p95_us, p.p99_us, p.max_us]);
        assert_eq!(ranks, Some([100, 190, 198, 200]));
    }

    #[test]
    fn groups_are_merged_and_not_averaged() {
        let mut recorder = Recorder::default();
        for _ in 0..99 {
            recorder.record(cell(0, "ptu-1"), Metric::Latency, 10);
        }
        recorder.record(cell(1, "payg-1"), Metric::Latency, 1_000);
        let all = recorder.percentiles(Metric::Latency, everywhere);
        let base = recorder.percentiles(Metric::Latency, |cell| cell.phase == 0);
        assert_eq!(
            all.map(|p| (p.count, p.p99_us, p.max_us)),
            Some((100, 10, 1_000))
        );
        assert_eq!(base.map(|p| (p.count, p.max_us)), Some((99, 10)));
    }

    #[test]
    fn nothing_recorded_is_no_distribution() {
        let recorder = Recorder::default();
        assert_eq!(recorder.percentiles(Metric::TokenGap, everywhere), None);
    }

    proptest! {
        #[test]
        fn percentiles_are_nearest_ranks_to_three_digits(mut values in prop::collection::vec(0u64..10_000_000_000, 1..50)) {
            let mut recorder = Recorder::default();
            for value in &values {
                recorder.record(cell(0, "b"), Metric::Latency, *value);
            }
            values.sort_unstable();
            let p = recorder.percentiles(Metric::Latency, everywhere).unwrap();
            for (measured, percent) in [(p.p50_us, 50), (p.p95_us, 95), (p.p99_us, 99)] {
                let exact = values[(values.len() * percent).div_ceil(100).max(1) - 1];
                prop_assert!(measured.abs_diff(exact) <= exact / 1_000 + 1, "p{percent}: {measured} for {exact}");
            }
        }

        #[test]
        fn percentiles_never_leave_the_range_of_their_samples(values in prop::collection::vec(0u64..10_000_000_000, 1..50)) {
            let mut recorder = Recorder::default();
            for value in &values {
                recorder.record(cell(0, "b"), Metric::Latency, *value);
            }
            let p = recorder.percentiles(Metric::Latency, everywhere).unwrap();
            prop_assert!(*values.iter().min().unwrap() <= p.p50_us);
            prop_assert!(p.p50_us <= p.p95_us && p.p95_us <= p.p99_us && p.p99_us <= p.max_us);
            prop_assert_eq!(p.max_us, *values.iter().max().unwrap());
        }
    }
}
