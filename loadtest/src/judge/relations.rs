//! Records in relation to each other: in time, or as parties to one resource.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Moment;

use super::case::{Case, PhaseBy, Record};
use super::label::Found;
use super::term::{Reading, Wrong};
use super::words;
use crate::gate::{Filter, Label, Metric, Related, Selection};

/// Of two kinds of records, those of the first that were refused while one of the second was served.
#[derive(Debug)]
struct Inversions {
    /// The records of the first kind that were refused then.
    refused: Vec<Record>,
    /// Records of the first and of the second kind.
    seen: [usize; 2],
}

impl Case<'_> {
    /// What `related` comes to.
    pub(super) fn read_related(&self, related: &Related) -> Reading {
        match related {
            Related::TimeToFirst { matching, within } => self.time_to_first(matching, within),
            Related::LongestGap { matching, within } => self.longest_gap(matching, within),
            Related::Inversions {
                preferred,
                other,
                apart,
                within,
            } => {
                let found = self.inversions([preferred, other], *apart, within);
                found.reading()
            }
            Related::Fairness { label, within } => self.fairness(label, within),
        }
    }

    /// The records that make `related` wrong to this side.
    pub(super) fn related_witnesses(&self, related: &Related, wrong: Wrong) -> Vec<Record> {
        match related {
            Related::TimeToFirst { matching, within } => {
                self.first(matching, within).into_iter().collect()
            }
            Related::LongestGap { matching, within } => {
                self.gap(matching, within).into_iter().flatten().collect()
            }
            Related::Inversions {
                preferred,
                other,
                apart,
                within,
            } if wrong == Wrong::High => {
                let found = self.inversions([preferred, other], *apart, within);
                found.refused
            }
            // What is missing cannot be shown, and nobody is unfair alone.
            Related::Inversions { .. } | Related::Fairness { .. } => vec![],
        }
    }

    /// The records of `within` that match, by arrival.
    fn timed(&self, matching: &Filter, within: &Selection) -> Vec<Record> {
        let mut records = self.counted(within);
        records.retain(|record| self.matches(record, matching));
        records.sort_by_key(|record| record.arrived);
        records
    }

    /// The first record that matches, if one does.
    fn first(&self, matching: &Filter, within: &Selection) -> Option<Record> {
        self.timed(matching, within).into_iter().next()
    }

    /// The time from the start of the selected phase to the first match.
    fn time_to_first(&self, matching: &Filter, within: &Selection) -> Reading {
        let start = match within.phases.first() {
            Some(slice) => self.slice(slice).map(|(start, _)| start),
            None => self.evidence.timeline.first().map(|phase| phase.start),
        };
        let first = self.first(matching, within);
        let reached = first.zip(start);
        Reading {
            value: reached
                .as_ref()
                .map(|(first, start)| micros(first.arrived.since(*start))),
            samples: self.counted(within).len() as u64,
            note: Some(match reached {
                Some((first, _)) => format!("at {}", first.arrived),
                None => format!("never {matching}"),
            }),
        }
    }

    /// The two consecutive matches that are farthest apart.
    fn gap(&self, matching: &Filter, within: &Selection) -> Option<[Record; 2]> {
        let records = self.timed(matching, within);
        let pairs = records.windows(2);
        // Of equal gaps the first, which is the last that `max_by_key` sees from behind.
        let widest = pairs
            .rev()
            .max_by_key(|pair| pair[1].arrived.since(pair[0].arrived))?;
        Some([widest[0].clone(), widest[1].clone()])
    }

    /// The longest time between two consecutive matches.
    fn longest_gap(&self, matching: &Filter, within: &Selection) -> Reading {
        let gap = self.gap(matching, within);
        Reading {
            value: gap
                .as_ref()
                .map(|[before, after]| micros(after.arrived.since(before.arrived))),
            samples: self.counted(within).len() as u64,
            note: Some(match gap {
                Some([before, after]) => format!("from {} to {}", before.arrived, after.arrived),
                None => format!("fewer than two with {matching}"),
            }),
        }
    }

    /// Who was refused while somebody of the other kind was served.
    fn inversions(
        &self,
        [preferred, other]: [&Filter; 2],
        apart: Duration,
        within: &Selection,
    ) -> Inversions {
        let mut refused = self.timed(preferred, within);
        let others = self.timed(other, within);
        let seen = [refused.len(), others.len()];
        let served = others.iter().filter(|r| self.status(r) == Some(200));
        let served: Vec<Moment> = served.map(|record| record.arrived).collect();
        refused.retain(|record| {
            let is_near = has_one_near(&served, record.arrived, apart);
            is_near && self.status(record) == Some(429)
        });
        Inversions { refused, seen }
    }

    /// How evenly the values of `label` share what is selected.
    ///
    /// Who asked and got nothing has a share too: of nothing.
    fn fairness(&self, label: &Label, within: &Selection) -> Reading {
        let records = self.select(within, PhaseBy::Planned);
        let asked = self.asked(label, within);
        let mut parts: BTreeMap<String, f64> = asked.into_iter().map(|who| (who, 0.0)).collect();
        for record in &records {
            // What belongs to nobody is nobody's share.
            if let Some(who) = self.label(record, label).known() {
                *parts.entry(who).or_default() += record.value;
            }
        }
        let shares: Vec<f64> = parts.values().copied().collect();
        let words = parts.iter();
        let words: Vec<_> = words
            .map(|(who, part)| format!("{who} {}", words::plain(*part)))
            .collect();
        Reading {
            value: jain(&shares).filter(|_| shares.len() > 1),
            samples: records.len() as u64,
            note: Some(words.join(", ")),
        }
    }

    /// The values of `label` among all client requests that could have been selected.
    fn asked(&self, label: &Label, within: &Selection) -> Vec<String> {
        if !is_of_asker(label) {
            return vec![];
        }
        let filters = within.filters.iter();
        let filters = filters.filter(|filter| is_of_asker(&filter.label)).cloned();
        let requests = Selection {
            metric: Metric::Requests,
            by: vec![],
            name: None,
            phases: within.phases.clone(),
            filters: filters.collect(),
        };
        let records = self.select(&requests, PhaseBy::Planned);
        let values = records.iter().map(|record| self.label(record, label));
        values.filter_map(Found::known).collect()
    }
}

impl Inversions {
    fn reading(&self) -> Reading {
        let [preferred, other] = self.seen;
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
        let refused = self.refused.len() as f64;
        Reading {
            value: (preferred > 0 && other > 0).then_some(refused),
            samples: (preferred + other) as u64,
            note: Some(format!("of {preferred} against {other}")),
        }
    }
}

/// Whether who asks decides the label, whatever becomes of the request.
fn is_of_asker(label: &Label) -> bool {
    matches!(
        label,
        Label::Class
            | Label::User
            | Label::Subscription
            | Label::Product
            | Label::Operation
            | Label::Deployment
            | Label::Streamed
    )
}

/// Whether one of `moments`, which are in order, is no farther than `apart` from `at`.
fn has_one_near(moments: &[Moment], at: Moment, apart: Duration) -> bool {
    let first = moments.partition_point(|moment| *moment + apart < at);
    moments.get(first).is_some_and(|near| *near <= at + apart)
}

/// Jain's fairness index of these parts; none if there is nothing to share.
// Source: Jain, Chiu, Hawe, "A Quantitative Measure of Fairness and Discrimination" (1984):
// (Σx)² / (n · Σx²).
#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 parties")]
fn jain(parts: &[f64]) -> Option<f64> {
    let sum: f64 = parts.iter().sum();
    let squares: f64 = parts.iter().map(|part| part * part).sum();
    (squares > 0.0).then(|| (sum * sum / (parts.len() as f64 * squares)).min(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 microseconds")]
fn micros(length: Duration) -> f64 {
    length.as_micros() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_who_gets_all_of_four_is_a_quarter_fair() {
        assert_eq!(jain(&[8.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!(jain(&[3.0, 3.0]), Some(1.0));
        // (1 + 3)² / (2 · (1 + 9))
        assert_eq!(jain(&[1.0, 3.0]), Some(0.8));
        assert_eq!(jain(&[0.0, 0.0]), None);
    }

    proptest! {
        #[test]
        fn fairness_lies_between_one_nth_and_one_whatever_the_unit(
            parts in proptest::collection::vec(0u32..1_000, 1..20),
        ) {
            prop_assume!(parts.iter().any(|part| *part > 0));
            let ones: Vec<f64> = parts.iter().map(|part| f64::from(*part)).collect();
            let scaled: Vec<f64> = ones.iter().map(|part| part * 8.0).collect();
            let fairness = jain(&ones).unwrap();
            let least = 1.0 / f64::from(u32::try_from(parts.len()).unwrap());
            prop_assert!((least - 1e-12..=1.0).contains(&fairness));
            // A power of two scales without rounding.
            prop_assert_eq!(jain(&scaled), Some(fairness));
        }

        #[test]
        fn somebody_is_near_exactly_if_one_of_all_is(
            mut moments in proptest::collection::vec(0u64..100, 0..20),
            at in 0u64..100,
            apart in 0u64..20,
        ) {
            moments.sort_unstable();
            let near = moments.iter().any(|moment| moment.abs_diff(at) <= apart);
            let moments: Vec<_> = moments.into_iter().map(Moment::from_micros).collect();
            let found = has_one_near(&moments, Moment::from_micros(at), Duration::from_micros(apart));
            prop_assert_eq!(found, near);
        }
    }
}
