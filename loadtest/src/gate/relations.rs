//! [`Related`]: records in relation to each other, in time or as parties to one resource.
//!
//! How soon somebody is served, how long nobody was, who was refused while somebody else was
//! not, and how evenly what there is was shared.

use std::fmt;
use std::time::Duration;

use super::SentenceError;
use super::label::Label;
use super::lexer::TokenKind;
use super::parser::{Parsed, Parser, duration};
use super::sentence::{Filter, FilterValue, Selection, Term};
use super::types::Type;

/// Something measured of records in relation to each other.
#[derive(Clone, Debug, PartialEq)]
pub enum Related {
    /// The time from the start of the phase to the first record that matches.
    TimeToFirst {
        /// What it matches.
        matching: Filter,
        /// Among which records; of one phase, or of the whole run.
        within: Selection,
    },
    /// The longest time between two consecutive records that match.
    LongestGap {
        /// What they match.
        matching: Filter,
        /// Among which records.
        within: Selection,
    },
    /// The number of records of one kind that were answered 429 while one of another kind, near
    /// in time, was answered 200.
    Inversions {
        /// The kind that should have been served.
        preferred: Filter,
        /// The kind that was.
        other: Filter,
        /// How far apart they may have been sent.
        apart: Duration,
        /// Among which records.
        within: Selection,
    },
    /// Jain's index of what each value of a label got: 1 for equal parts, 1/n if one of n got all.
    Fairness {
        /// Whose values.
        label: Label,
        /// Of which records.
        within: Selection,
    },
}

impl Related {
    /// The records that it is computed from.
    pub fn within(&self) -> &Selection {
        match self {
            Self::TimeToFirst { within, .. }
            | Self::LongestGap { within, .. }
            | Self::Inversions { within, .. }
            | Self::Fairness { within, .. } => within,
        }
    }

    /// Selections of which each needs a record for it to have a value.
    pub(super) fn samples(&self) -> Vec<Selection> {
        match self {
            Self::Inversions {
                preferred,
                other,
                within,
                ..
            } => vec![within.with(preferred), within.with(other)],
            _ => vec![self.within().clone()],
        }
    }

    /// The labels that it asks of its records.
    pub(crate) fn labels(&self) -> Vec<&Label> {
        match self {
            Self::TimeToFirst { matching, .. } | Self::LongestGap { matching, .. } => {
                vec![&matching.label]
            }
            Self::Inversions {
                preferred, other, ..
            } => vec![&preferred.label, &other.label],
            Self::Fairness { label, .. } => vec![label],
        }
    }

    /// What it is measured in.
    pub(super) fn kind(&self) -> Type {
        match self {
            Self::TimeToFirst { .. } | Self::LongestGap { .. } => Type::Duration,
            Self::Inversions { .. } => Type::Count,
            Self::Fairness { .. } => Type::Share,
        }
    }
}

impl fmt::Display for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimeToFirst { matching, within } => {
                write!(f, "time to first {matching} in {within}")
            }
            Self::LongestGap { matching, within } => {
                write!(f, "longest gap of {matching} in {within}")
            }
            Self::Inversions {
                preferred,
                other,
                apart,
                within,
            } => {
                let apart = clock::Span::new(*apart);
                write!(
                    f,
                    "inversions of {preferred} over {other} within {apart} in {within}"
                )
            }
            Self::Fairness { label, within } => {
                write!(f, "fairness of {} in {within}", label.name())
            }
        }
    }
}

impl Parser<'_> {
    /// `time to first MATCH in SELECTION`
    pub(super) fn time_to_first(&mut self) -> Parsed<Term> {
        self.advance();
        self.word("to")?;
        self.word("first")?;
        let matching = self.matching()?;
        self.word("in")?;
        let place = self.here();
        let within = self.counted_selection()?;
        self.check_label(&matching.label, &within);
        if within.phases.len() > 1 {
            let message = "the time counts from the start of one phase, not of several";
            return Err(SentenceError::new(place.start..self.last_end(), message));
        }
        Ok(related(Related::TimeToFirst { matching, within }))
    }

    /// `longest gap of MATCH in SELECTION`, from `of` on.
    pub(super) fn longest_gap(&mut self) -> Parsed<Term> {
        self.word("of")?;
        let matching = self.matching()?;
        self.word("in")?;
        let within = self.counted_selection()?;
        self.check_label(&matching.label, &within);
        Ok(related(Related::LongestGap { matching, within }))
    }

    /// `inversions of MATCH over MATCH within DURATION in SELECTION`
    pub(super) fn inversions(&mut self) -> Parsed<Term> {
        let start = self.here().start;
        self.advance();
        self.word("of")?;
        let preferred = self.matching()?;
        self.word("over")?;
        let other = self.matching()?;
        if preferred.is_same_as(&other) {
            let range = start..self.last_end();
            let message = "nobody can be preferred to themselves: the two kinds are the same";
            return Err(SentenceError::new(range, message));
        }
        self.word("within")?;
        let TokenKind::Micros(micros) = self.kind() else {
            return Err(self.expected("how far apart they may be, such as `1s`"));
        };
        self.advance();
        self.word("in")?;
        let within = self.counted_selection()?;
        for label in [&preferred.label, &other.label, &Label::Status] {
            self.check_label(label, &within);
        }
        let apart = duration(micros);
        Ok(related(Related::Inversions {
            preferred,
            other,
            apart,
            within,
        }))
    }

    /// `fairness of LABEL in SELECTION`
    pub(super) fn fairness(&mut self) -> Parsed<Term> {
        self.advance();
        self.word("of")?;
        let place = self.here();
        let label = self.label()?;
        self.word("in")?;
        let within = self.counted_selection()?;
        self.check_label(&label, &within);
        if let Some(only) = self.only_value(&label, &within) {
            let message = format!("there is only one `{}` to be fair to: {only}", label.name());
            return Err(SentenceError::new(place, message));
        }
        Ok(related(Related::Fairness { label, within }))
    }

    /// The value of `label` that all records of `within` have, if that is known beforehand.
    fn only_value(&self, label: &Label, within: &Selection) -> Option<String> {
        let mut filters = within.filters.iter().filter(|f| f.label == *label);
        let chosen = filters.find(|filter| !filter.is_excluding && filter.values.len() == 1);
        if let Some(chosen) = chosen {
            return Some(chosen.values[0].to_string());
        }
        let known = match label {
            Label::Class => &self.names.classes,
            Label::Subscription => &self.names.subscriptions,
            _ => return None,
        };
        match known.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}

fn related(related: Related) -> Term {
    Term::Related(Box::new(related))
}

impl Filter {
    /// Whether both want the same values of the same label, in whatever order.
    fn is_same_as(&self, other: &Self) -> bool {
        let all_in = |some: &[FilterValue], others: &[FilterValue]| {
            some.iter().all(|value| others.contains(value))
        };
        self.label == other.label
            && self.is_excluding == other.is_excluding
            && all_in(&self.values, &other.values)
            && all_in(&other.values, &self.values)
    }
}

impl Selection {
    /// Those of its records that `filter` wants too.
    fn with(&self, filter: &Filter) -> Self {
        let mut narrower = self.clone();
        narrower.filters.push(filter.clone());
        narrower
    }
}
