//! Matches a pattern against a sequence, whole, in time proportional to its length.
//!
//! The pattern becomes a little machine that is in several states at once (Thompson's
//! construction), because backtracking takes exponential time on patterns like `(a*)*b`, and a
//! sequence may be a hundred thousand requests long.

use super::label::Found;
use crate::gate::{Pattern, PatternItem};

/// One record of a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) value: Found<'a>,
    pub(crate) status: Option<u16>,
}

/// Where a sequence left the pattern.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mismatch {
    /// Index of the first record that no continuation permits; the length if records are missing.
    pub(crate) at: usize,
    /// What could have stood there; empty if nothing more was expected.
    pub(crate) expected: Vec<String>,
}

/// A pattern, ready to match.
#[derive(Debug)]
pub(crate) struct Machine<'a> {
    steps: Vec<Step<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Item(&'a PatternItem),
    Fork(usize, usize),
    Goto(usize),
    Done,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(pattern: &'a Pattern) -> Self {
        let mut machine = Self { steps: vec![] };
        machine.add(pattern);
        machine.steps.push(Step::Done);
        machine
    }

    /// Whether the whole of `sequence` matches, or where it stops to.
    pub(crate) fn matches<'i>(
        &self,
        sequence: impl IntoIterator<Item = Item<'i>>,
    ) -> Result<(), Mismatch> {
        let mut at = 0;
        let mut states = self.closure(vec![0]);
        for item in sequence {
            let next = states.iter().filter_map(|state| match self.steps[*state] {
                Step::Item(expected) if permits(expected, item) => Some(state + 1),
                Step::Item(_) | Step::Fork(..) | Step::Goto(_) | Step::Done => None,
            });
            let next = self.closure(next.collect());
            if next.is_empty() {
                return Err(self.mismatch(at, &states));
            }
            states = next;
            at += 1;
        }
        let is_done = |state: &usize| matches!(self.steps[*state], Step::Done);
        if states.iter().any(is_done) {
            Ok(())
        } else {
            Err(self.mismatch(at, &states))
        }
    }

    fn mismatch(&self, at: usize, states: &[usize]) -> Mismatch {
        let mut expected = vec![];
        for state in states {
            if let Step::Item(item) = self.steps[*state] {
                let item = item.to_string();
                if !expected.contains(&item) {
                    expected.push(item);
                }
            }
        }
        Mismatch { at, expected }
    }

    /// The states that `from` stands for: forks followed, each state once.
    fn closure(&self, mut from: Vec<usize>) -> Vec<usize> {
        let mut is_seen = vec![false; self.steps.len()];
        let mut states = vec![];
        from.reverse();
        while let Some(state) = from.pop() {
            if std::mem::replace(&mut is_seen[state], true) {
                continue;
            }
            match self.steps[state] {
                Step::Fork(first, second) => from.extend([second, first]),
                Step::Goto(target) => from.push(target),
                Step::Item(_) | Step::Done => states.push(state),
            }
        }
        states
    }

    fn add(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::Item(item) => self.steps.push(Step::Item(item)),
            Pattern::Sequence(parts) => parts.iter().for_each(|part| self.add(part)),
            Pattern::Alternatives(parts) => self.add_alternatives(parts),
            Pattern::Repeated { pattern, min, max } => {
                (0..*min).for_each(|_| self.add(pattern));
                match max {
                    None => self.add_loop(pattern),
                    Some(max) => (*min..*max).for_each(|_| self.add_optional(pattern)),
                }
            }
        }
    }

    fn add_alternatives(&mut self, parts: &'a [Pattern]) {
        let mut ends = vec![];
        for (index, part) in parts.iter().enumerate() {
            let fork = self.steps.len();
            let is_last = index + 1 == parts.len();
            if !is_last {
                self.steps.push(Step::Done);
            }
            self.add(part);
            if !is_last {
                ends.push(self.steps.len());
                self.steps.push(Step::Done);
                self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
            }
        }
        for end in ends {
            self.steps[end] = Step::Goto(self.steps.len());
        }
    }

    fn add_loop(&mut self, pattern: &'a Pattern) {
        let fork = self.steps.len();
        self.steps.push(Step::Done);
        self.add(pattern);
        self.steps.push(Step::Goto(fork));
        self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
    }

    fn add_optional(&mut self, pattern: &'a Pattern) {
        let fork = self.steps.len();
        self.steps.push(Step::Done);
        self.add(pattern);
        self.steps[fork] = Step::Fork(fork + 1, self.steps.len());
    }
}

fn permits(expected: &PatternItem, item: Item<'_>) -> bool {
    let value = expected.value.as_ref();
    value.is_none_or(|value| item.value.is(value))
        && expected
            .status
            .is_none_or(|status| item.status == Some(status))
}
