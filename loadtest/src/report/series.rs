//! [`Series`]: answers over simulated time, by backend and status.
//!
//! Kept as columns of counts and not as a list of moments: a chart reads a row at a time, and ten
//! hours of a scenario must not make a report that no browser opens.

use std::collections::BTreeMap;

use clock::Moment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most buckets of a series: more than any chart has columns.
pub const MOST_BUCKETS: u64 = 600;

/// Widths of a bucket in seconds that people can read off an axis.
const WIDTHS: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];

/// Answers by backend and status, counted in buckets of equal length.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Series {
    /// Simulated seconds per bucket.
    pub bucket_s: u64,
    /// How many buckets there are; the first starts at zero.
    pub buckets: u64,
    /// One row per backend and status, ordered by both.
    pub rows: Vec<SeriesRow>,
}

/// The answers of one backend with one status.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct SeriesRow {
    /// Name of the simulator, `gateway` or `nobody`.
    pub backend: String,
    /// The status; 0 where no complete answer came.
    pub status: u16,
    /// Answers that ended within each bucket.
    pub counts: Vec<u64>,
}

/// An answer as the series counts it.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// When it ended.
    pub at: Moment,
    /// Who gave it.
    pub backend: &'a str,
    /// Its status; 0 where no complete answer came.
    pub status: u16,
}

impl Series {
    /// Counts `answers` in at most [`MOST_BUCKETS`] buckets that reach at least to `end`.
    pub fn count<'a>(end: Moment, answers: impl Iterator<Item = Answer<'a>> + Clone) -> Self {
        let last = answers.clone().map(|answer| answer.at).max();
        let length_s = seconds(end).max(last.map_or(0, seconds_begun));
        let width_s = width(length_s);
        let buckets = length_s.div_ceil(width_s);
        let mut rows: BTreeMap<(&str, u16), Vec<u64>> = BTreeMap::new();
        for answer in answers {
            let counts = rows
                .entry((answer.backend, answer.status))
                .or_insert_with(|| vec![0; index(buckets)]);
            counts[index(answer.at.as_micros() / 1_000_000 / width_s)] += 1;
        }
        Self {
            bucket_s: width_s,
            buckets,
            rows: rows.into_iter().map(SeriesRow::from).collect(),
        }
    }

    /// Answers per bucket of every row that `belongs`.
    pub fn sum(&self, belongs: impl Fn(&SeriesRow) -> bool) -> Vec<u64> {
        let mut sums = vec![0; index(self.buckets)];
        for row in self.rows.iter().filter(|row| belongs(row)) {
            for (sum, count) in sums.iter_mut().zip(&row.counts) {
                *sum += count;
            }
        }
        sums
    }
}

impl From<((&str, u16), Vec<u64>)> for SeriesRow {
    fn from(((backend, status), counts): ((&str, u16), Vec<u64>)) -> Self {
        Self {
            backend: backend.to_owned(),
            status,
            counts,
        }
    }
}

/// Seconds until `end`, rounded up.
fn seconds(end: Moment) -> u64 {
    end.as_micros().div_ceil(1_000_000)
}

/// Seconds that have begun at `at`: an answer at exactly 2 s belongs to the third.
fn seconds_begun(at: Moment) -> u64 {
    at.as_micros() / 1_000_000 + 1
}

/// The narrowest readable width that keeps `seconds` within [`MOST_BUCKETS`].
fn width(seconds: u64) -> u64 {
    let least = seconds.div_ceil(MOST_BUCKETS).max(1);
    let readable = WIDTHS.into_iter().find(|width| *width >= least);
    // Beyond three weeks: whole hours.
    readable.unwrap_or_else(|| least.next_multiple_of(3_600))
}

fn index(count: u64) -> usize {
    usize::try_from(count).expect("at most 600 buckets")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: u64, backend: &str, status: u16) -> Answer<'_> {
        Answer {
            at: Moment::from_micros(micros),
            backend,
            status,
        }
    }

    #[test]
    fn an_answer_belongs_to_the_second_that_it_ends_in() {
        let answers = [
            at(0, "a", 200),
            at(999_999, "a", 200),
            at(1_000_000, "a", 200),
            at(1_000_000, "b", 429),
        ];
        let series = Series::count(Moment::from_micros(3_000_000), answers.into_iter());
        assert_eq!((series.bucket_s, series.buckets), (1, 3));
        assert_eq!(series.rows[0].counts, [2, 1, 0]);
        assert_eq!(series.rows[1].counts, [0, 1, 0]);
        assert_eq!(series.sum(|_| true), [2, 2, 0]);
    }

    #[test]
    fn answers_after_the_last_phase_are_kept() {
        let series = Series::count(
            Moment::from_micros(1_000_000),
            [at(5_000_000, "a", 200)].into_iter(),
        );
        assert_eq!(series.rows[0].counts, [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn long_runs_are_counted_in_wider_buckets() {
        assert_eq!(width(600), 1);
        assert_eq!(width(601), 2);
        assert_eq!(width(3_600), 10);
        // A day of 600 buckets needs 144 s; the next readable width is five minutes.
        assert_eq!(width(86_400), 300);
    }

    proptest! {
        #[test]
        fn every_answer_is_counted_once(times in prop::collection::vec(0u64..10_000_000_000_000, 0..40)) {
            let answers = times.iter().map(|micros| at(*micros, "a", 200));
            let series = Series::count(Moment::ZERO, answers);
            prop_assert!(series.buckets <= MOST_BUCKETS);
            prop_assert_eq!(series.sum(|_| true).iter().sum::<u64>(), times.len() as u64);
        }
    }
}
