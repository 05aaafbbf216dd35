//! `malformed`: a frame between others that nobody can read.
//!
//! A stream goes on after it, so that a reader who skips what it does not understand still gets
//! the whole answer.

use super::{Interruption, Turn};
use crate::config::MalformedFault;

/// A frame that breaks off in the middle of its JSON.
const HALF_A_FRAME: &str = r#"data: {"choices":[{"delta":{"content":"#;

impl From<MalformedFault> for Interruption {
    fn from(malformed: MalformedFault) -> Self {
        let frame = malformed.frame.as_deref().unwrap_or(HALF_A_FRAME);
        Self::After {
            tokens: malformed.after_tokens,
            turn: Turn::Insert(format!("{frame}\n\n")),
        }
    }
}

/// `frame`, and then the body: no JSON.
pub(super) fn whole(frame: String, body: &str) -> String {
    frame + body
}
