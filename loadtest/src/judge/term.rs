//! What each measured thing comes to, and which requests push it up or down.

use clock::Moment;

use super::case::{Case, PhaseBy, Record};
use super::consecutive::{Stretch, among, longest_run, longest_stretch};
use super::label::Found;
use super::words;
use crate::gate::{Extreme, Filter, Label, Metric, Selection, Statistic, Term};

/// What a term comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Its value; none without samples.
    pub(crate) value: Option<f64>,
    /// Records that it was computed from.
    pub(crate) samples: u64,
    /// More about it: where its window starts, what was counted.
    pub(crate) note: Option<String>,
}

/// To which side a value is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrong {
    /// It is too high.
    High,
    /// It is too low.
    Low,
}

impl Wrong {
    /// The other side.
    pub(crate) fn opposite(self) -> Self {
        match self {
            Self::High => Self::Low,
            Self::Low => Self::High,
        }
    }
}

impl Case<'_> {
    /// What `term` comes to; durations in simulated microseconds.
    pub(crate) fn read(&self, term: &Term) -> Reading {
        if let Some(model) = self.unpriced(term.selection()) {
            return Reading {
                value: None,
                samples: 1,
                note: Some(format!("tokens of the model `{model}`, which has no price")),
            };
        }
        match term {
            Term::Total(selection) => self.total(selection),
            Term::Statistic(statistic, selection) => self.statistic(*statistic, selection),
            Term::Window {
                extreme,
                length,
                of,
            } => {
                let windows = self.windows(*extreme, *length, of);
                Reading {
                    value: windows.best.map(|window| window.total),
                    samples: windows.samples,
                    note: windows
                        .best
                        .map(|window| format!("window from {}", window.start)),
                }
            }
            Term::Share { matching, within } => self.share(matching, within),
            Term::Among {
                extreme,
                matching,
                length,
                within,
            } => {
                let matches = self.matching(matching, within);
                stretch(among(&matches, *length, *extreme), matches.len())
            }
            Term::LongestRun {
                is_timed: true,
                matching,
                within,
            } => self.longest_stretch(matching, within),
            Term::LongestRun {
                matching, within, ..
            } => {
                let matches = self.matching(matching, within);
                let run = (!matches.is_empty()).then(|| longest_run(&matches));
                stretch(run, matches.len())
            }
            Term::Fit {
                label,
                weights,
                within,
            } => self.fit(label, weights, within),
            Term::Related(related) => self.read_related(related),
        }
    }

    /// Requests that make `term` wrong to this side, in no particular order.
    ///
    /// `bound` is what it should not have passed, where that is one number.
    pub(crate) fn witnesses(&self, term: &Term, wrong: Wrong, bound: Option<f64>) -> Vec<usize> {
        let records = match (term, wrong) {
            (Term::Total(selection), Wrong::High) => {
                let mut records = self.select(selection, PhaseBy::Planned);
                records.retain(|record| record.value > 0.0);
                records
            }
            // What is missing cannot be shown.
            (Term::Total(_) | Term::LongestRun { .. }, Wrong::Low) | (Term::Fit { .. }, _) => {
                vec![]
            }
            (Term::Related(related), _) => self.related_witnesses(related, wrong),
            (Term::Statistic(_, selection), _) => self.outliers(selection, wrong, bound),
            (
                Term::Window {
                    extreme: Extreme::Most,
                    length,
                    of,
                },
                Wrong::High,
            ) => self.windows(Extreme::Most, *length, of).records,
            (Term::Window { .. }, _) => vec![],
            (Term::Share { matching, within }, _) => {
                let mut records = self.counted(within);
                records.retain(|record| self.matches(record, matching) == (wrong == Wrong::High));
                records
            }
            (
                Term::Among {
                    extreme,
                    matching,
                    length,
                    within,
                },
                _,
            ) => {
                let best = among(&self.matching(matching, within), *length, *extreme);
                let mut records = self.stretch_of(within, best);
                records.retain(|record| self.matches(record, matching) == (wrong == Wrong::High));
                records
            }
            (
                Term::LongestRun {
                    is_timed,
                    matching,
                    within,
                },
                Wrong::High,
            ) => {
                let matches = self.matching(matching, within);
                let run = if *is_timed {
                    longest_stretch(&matches, &self.moments(within)).0
                } else {
                    longest_run(&matches)
                };
                self.stretch_of(within, Some(run))
            }
        };
        records
            .into_iter()
            .filter_map(|record| record.request)
            .collect()
    }

    fn total(&self, selection: &Selection) -> Reading {
        let records = self.select(selection, PhaseBy::Planned);
        Reading {
            value: Some(records.iter().fold(0.0, |sum, record| sum + record.value)),
            samples: records.len() as u64,
            note: None,
        }
    }

    /// Records that count: of `changed_requests`, those that were changed.
    pub(super) fn counted(&self, selection: &Selection) -> Vec<Record> {
        let mut records = self.select(selection, PhaseBy::Planned);
        records.retain(|record| record.value > 0.0);
        records
    }

    fn matching(&self, matching: &Filter, within: &Selection) -> Vec<bool> {
        let records = self.sequence(within);
        records
            .iter()
            .map(|record| self.matches(record, matching))
            .collect()
    }

    /// When each record of a sequence arrived.
    fn moments(&self, within: &Selection) -> Vec<Moment> {
        let records = self.sequence(within);
        records.iter().map(|record| record.arrived).collect()
    }

    fn longest_stretch(&self, matching: &Filter, within: &Selection) -> Reading {
        let matches = self.matching(matching, within);
        let (run, lasted) = longest_stretch(&matches, &self.moments(within));
        let reading = stretch((!matches.is_empty()).then_some(run), matches.len());
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 microseconds")]
        let micros = lasted.as_micros() as f64;
        Reading {
            value: reading.value.map(|_| micros),
            ..reading
        }
    }

    fn stretch_of(&self, within: &Selection, stretch: Option<Stretch>) -> Vec<Record> {
        let Some(Stretch { start, length, .. }) = stretch else {
            return vec![];
        };
        self.sequence(within).drain(start..start + length).collect()
    }

    fn share(&self, matching: &Filter, within: &Selection) -> Reading {
        let records = self.counted(within);
        let hits = records
            .iter()
            .filter(|record| self.matches(record, matching))
            .count();
        let value = ratio(hits, records.len());
        Reading {
            value,
            samples: records.len() as u64,
            note: Some(format!("{hits} of {}", records.len())),
        }
    }

    fn statistic(&self, statistic: Statistic, selection: &Selection) -> Reading {
        let values = if selection.metric == Metric::InterTokenGap {
            self.gaps(selection)
        } else {
            let records = self.select(selection, PhaseBy::Planned);
            let mut values: Vec<_> = records.iter().map(|record| (record.value, 1)).collect();
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            values
        };
        Reading {
            value: statistic.of(&values),
            samples: values.iter().map(|(_, count)| count).sum(),
            note: None,
        }
    }

    /// Gaps between tokens with how often each occurred, in order.
    fn gaps(&self, selection: &Selection) -> Vec<(f64, u64)> {
        let mut values = vec![];
        for gaps in &self.evidence.gaps {
            let is_in = |phase: &str| selection.phases.iter().any(|slice| slice.phase == phase);
            let is_wanted = selection.filters.iter().all(|filter| {
                let found = match filter.label {
                    Label::Class => Some(&*gaps.class),
                    _ => gaps.backend.as_deref(),
                };
                Found::from(found).passes(filter)
            });
            if is_wanted && (selection.phases.is_empty() || is_in(&gaps.phase)) {
                let recorded = gaps.micros.iter_recorded();
                #[expect(clippy::cast_precision_loss, reason = "microseconds of one gap")]
                let recorded = recorded.map(|v| (v.value_iterated_to() as f64, v.count_at_value()));
                values.extend(recorded);
            }
        }
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        values
    }

    /// Records beyond `bound`, or the three most extreme ones.
    fn outliers(&self, selection: &Selection, wrong: Wrong, bound: Option<f64>) -> Vec<Record> {
        let mut records = self.select(selection, PhaseBy::Planned);
        records.sort_by(|a, b| a.value.total_cmp(&b.value));
        if wrong == Wrong::High {
            records.reverse();
        }
        let is_beyond = |record: &Record| match (wrong, bound) {
            (_, None) => true,
            (Wrong::High, Some(bound)) => record.value > bound,
            (Wrong::Low, Some(bound)) => record.value < bound,
        };
        records.retain(is_beyond);
        if bound.is_none() {
            records.truncate(3);
        }
        records
    }
}

impl Statistic {
    /// This statistic of values with their multiplicity, which are in order; none without values.
    ///
    /// A percentile is the value of rank `ceil(p · n / 100)` (nearest rank): always a value that
    /// was observed, and never an average of two.
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 values")]
    fn of(self, values: &[(f64, u64)]) -> Option<f64> {
        let samples: u64 = values.iter().map(|(_, count)| count).sum();
        let (first, last) = (values.first()?.0, values.last()?.0);
        match self {
            Self::Min => Some(first),
            Self::Max => Some(last),
            Self::Mean | Self::Sum => {
                let sum: f64 = values
                    .iter()
                    .map(|(value, count)| value * *count as f64)
                    .sum();
                let is_mean = self == Self::Mean;
                Some(if is_mean { sum / samples as f64 } else { sum })
            }
            Self::Percentile(percent) => {
                // 99.9 % of 1000 is rank 999, though the product is a little more in floating point.
                let rank = (percent * samples as f64 / 100.0 - 1e-9).ceil().max(1.0);
                let mut below = 0;
                let reaches = |(_, count): &&(f64, u64)| {
                    below += count;
                    below as f64 >= rank
                };
                Some(
                    values
                        .iter()
                        .find(reaches)
                        .map_or(last, |(value, _)| *value),
                )
            }
        }
    }
}

fn stretch(found: Option<Stretch>, samples: usize) -> Reading {
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
    let value = found.map(|stretch| stretch.matching as f64);
    let ordinal = found.filter(|stretch| stretch.length > 0);
    Reading {
        value,
        samples: samples as u64,
        note: ordinal.map(|s| {
            format!(
                "{} from number {} on",
                words::count(s.length, "record"),
                s.start + 1
            )
        }),
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
