//! `duplicate`: a frame that comes twice.

use super::{Interruption, Touch};
use crate::config::DuplicateFault;

impl From<DuplicateFault> for Interruption {
    fn from(duplicate: DuplicateFault) -> Self {
        Self::Touch(Touch::Duplicate(duplicate.after_tokens.get()))
    }
}

/// Repeats the frame that starts at byte `from`; returns whether there is one.
pub(super) fn frame(out: &mut String, from: usize) -> bool {
    let Some(length) = out[from..].find("\n\n") else {
        return false;
    };
    let end = from + length + 2;
    let again = out[from..end].to_owned();
    out.insert_str(end, &again);
    true
}
