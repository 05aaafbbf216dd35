//! [`Ticket`]: an admitted request, until its answer has ended.

use super::Admission;

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
}

impl Ticket {
    pub(super) fn new(admission: Admission) -> Self {
        Self {
            admission,
            answered: None,
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
