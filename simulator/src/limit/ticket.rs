//! [`Ticket`]: an admitted request, until its answer has ended.

use std::sync::Arc;

use clock::Clock;

use super::{Admission, Gate};
use crate::config::Provisioned;
use crate::ledger::Booking;

/// What an admitted request holds until its answer has ended, well or not.
///
/// It belongs to whoever makes the answer: into the body of a stream, on the stack of an answer
/// that leaves as a whole. A limiter that corrects its estimate does so when the ticket is
/// dropped, by what was answered until then.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Admission,
    /// Tokens of the answer so far; absent where none was begun.
    answered: Option<u64>,
    correction: Option<Correction>,
}

/// What it takes to correct an estimate.
#[derive(Debug)]
pub(crate) struct Correction {
    pub(crate) gate: Arc<Gate>,
    pub(crate) provisioned: Provisioned,
    pub(crate) estimated: u64,
    /// Tokens of the prompt that are not cached.
    pub(crate) prompt_tokens: u64,
    pub(crate) clock: Clock,
    pub(crate) booking: Booking,
}

impl Ticket {
    pub(crate) fn new(admission: Admission, correction: Option<Correction>) -> Self {
        Self {
            admission,
            answered: None,
            correction,
        }
    }

    /// What answers tell of the limits.
    pub(crate) fn admission(&self) -> Admission {
        self.admission
    }

    /// So many more tokens were generated; 0 for an answer without tokens, as embeddings are.
    pub(crate) fn answered(&mut self, tokens: u64) {
        *self.answered.get_or_insert(0) += tokens;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let (Some(correction), Some(admitted)) = (self.correction.take(), self.admission.at) else {
            return;
        };
        let Correction {
            gate,
            provisioned,
            estimated,
            prompt_tokens,
            clock,
            booking,
        } = correction;
        // Assumed: whoever gets no answer at all is charged nothing in the end.
        let actual = self.answered.map_or(0, |answer| {
            provisioned.input_equivalent(prompt_tokens, answer)
        });
        gate.correct(provisioned, admitted, (estimated, actual), clock.now());
        booking.write(|entry| entry.tokens_charged = actual);
    }
}
