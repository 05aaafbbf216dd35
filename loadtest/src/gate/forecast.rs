//! [`Forecast`]: what the plan will send, as far as gates depend on it.

use std::time::Duration;

use super::label::Label;
use super::metric::Records;
use super::sentence::{Filter, FilterValue, PhaseSlice, Selection};

/// What the plan will send: exactly for open phases, by a virtual dry run for closed ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// The phases in order. Without any, nothing is known and nothing refused for its numbers.
    pub phases: Vec<PhaseForecast>,
}

/// What one phase will send.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseForecast {
    /// The phase's name.
    pub name: String,
    /// Its length.
    pub length: Duration,
    /// What each class will send in it; a class that is missing sends nothing.
    pub classes: Vec<ClassForecast>,
}

/// What one class will send in one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassForecast {
    /// The class's name.
    pub class: String,
    /// Logical requests.
    pub requests: u64,
    /// Whether the number is fixed by a schedule, not merely expected.
    pub is_exact: bool,
}

/// Requests that a selection can count on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    pub(super) requests: u64,
    pub(super) is_exact: bool,
}

impl Forecast {
    /// Requests of the phases and classes in `selection`; none if nothing is known.
    pub(super) fn expected(&self, selection: &Selection) -> Option<Expected> {
        if self.phases.is_empty() {
            return None;
        }
        let mut requests = 0.0;
        let mut is_exact = true;
        for phase in &self.phases {
            let part = phase.part_of(selection);
            if part <= 0.0 {
                continue;
            }
            let classes = phase.classes.iter();
            for class in classes.filter(|class| selects_class(selection, &class.class)) {
                #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 requests")]
                let planned = class.requests as f64;
                requests += planned * part;
                is_exact &= class.is_exact && part >= 1.0;
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of parts of whole, positive numbers"
        )]
        let requests = requests.round() as u64;
        Some(Expected { requests, is_exact })
    }

    /// The most records of `selection` that the plan can bring about, where that is certain.
    ///
    /// Attempts and log entries are not: a wrong gateway may double them.
    pub(super) fn most(&self, selection: &Selection) -> Option<u64> {
        let whole = Selection {
            phases: selection.phases.iter().map(PhaseSlice::whole).collect(),
            ..selection.clone()
        };
        let expected = self.expected(&whole)?;
        let is_requests = selection.records() == [Records::Requests];
        (is_requests && expected.is_exact).then_some(expected.requests)
    }
}

impl PhaseForecast {
    /// Which part of the phase `selection` covers, from 0 to 1.
    fn part_of(&self, selection: &Selection) -> f64 {
        if selection.phases.is_empty() {
            return 1.0;
        }
        let slices = selection.phases.iter().filter(|s| s.phase == self.name);
        let covered: Duration = slices.map(|slice| slice.length(self.length)).sum();
        (covered.as_secs_f64() / self.length.as_secs_f64().max(1e-6)).min(1.0)
    }
}

impl PhaseSlice {
    /// Its length in a phase of this length.
    pub(crate) fn length(&self, phase: Duration) -> Duration {
        let to = self.to.unwrap_or(phase).min(phase);
        to.saturating_sub(self.from.unwrap_or_default())
    }

    fn whole(&self) -> Self {
        Self {
            phase: self.phase.clone(),
            from: None,
            to: None,
        }
    }
}

fn selects_class(selection: &Selection, class: &str) -> bool {
    let filters = selection.filters.iter();
    let mut classes = filters.filter(|filter| filter.label == Label::Class);
    classes.all(
        |Filter {
             values,
             is_excluding,
             ..
         }| {
            let is_named = values.contains(&FilterValue::Word(class.to_owned()));
            is_named != *is_excluding
        },
    )
}
