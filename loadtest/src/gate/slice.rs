//! Slices: the phases of a selection, or parts of them.

use std::time::Duration;

use super::SentenceError;
use super::lexer::TokenKind;
use super::metric::{Metric, Records};
use super::parser::{Parsed, Parser, duration};
use super::sentence::{PhaseSlice, Selection};
use super::suggest::unknown;

impl Parser<'_> {
    pub(super) fn phases(&mut self, selection: &mut Selection) -> Parsed<()> {
        let is_excluding = self.sign()?;
        let start = self.here().start;
        let mut slices = vec![];
        loop {
            slices.push(self.phase_slice(selection.metric)?);
            if !self.eat_symbol("|") {
                break;
            }
        }
        let place = start..self.last_end();
        if !is_excluding {
            selection.phases.extend(slices);
            return Ok(());
        }
        if slices.iter().any(|s| s.from.is_some() || s.to.is_some()) {
            return Err(SentenceError::new(
                place,
                "only whole phases can be excluded",
            ));
        }
        let is_excluded = |name: &str| slices.iter().any(|slice| slice.phase == name);
        let others = self.names.phases.iter().map(|(name, _)| name);
        let others = others
            .filter(|name| !is_excluded(name))
            .map(|name| whole_phase(name));
        selection.phases.extend(others);
        if selection.phases.is_empty() {
            return Err(SentenceError::new(place, "no other phase is left"));
        }
        Ok(())
    }

    fn phase_slice(&mut self, metric: Metric) -> Parsed<PhaseSlice> {
        let phase = self.name()?;
        let place = self.last();
        let length = self.names.phases.iter().find(|(name, _)| *name == phase);
        let length = length.map(|(_, length)| *length);
        if length.is_none() {
            let known: Vec<_> = self
                .names
                .phases
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            let error = unknown("phase", &phase, &known, place);
            self.report(error);
        }
        let start = self.here().start;
        if !self.eat_symbol("[") {
            return Ok(whole_phase(&phase));
        }
        let from = self.slice_end();
        self.symbol("..")?;
        let to = self.slice_end();
        self.symbol("]")?;
        let slice = PhaseSlice { phase, from, to };
        let place = start..self.last_end();
        if metric.row().records == Records::Gaps {
            let message = "gaps between tokens are kept per phase, not per moment";
            self.report(SentenceError::new(place, message));
        } else if let Some(message) = length.and_then(|length| misplaced(&slice, length)) {
            self.report(SentenceError::new(place, message));
        }
        Ok(slice)
    }

    fn slice_end(&mut self) -> Option<Duration> {
        let TokenKind::Micros(micros) = self.kind() else {
            return None;
        };
        self.advance();
        Some(duration(micros))
    }
}

fn whole_phase(name: &str) -> PhaseSlice {
    PhaseSlice {
        phase: name.to_owned(),
        from: None,
        to: None,
    }
}

/// Why `slice` is no part of a phase of this length.
fn misplaced(slice: &PhaseSlice, length: Duration) -> Option<String> {
    let from = slice.from.unwrap_or_default();
    let to = slice.to.unwrap_or(length);
    let length_text = clock::Span::new(length);
    if from >= length || to > length {
        let phase = &slice.phase;
        return Some(format!(
            "the slice lies outside `{phase}`, which is {length_text} long"
        ));
    }
    (from >= to).then(|| "the slice ends before it starts".to_owned())
}
