//! `truncated`: a body that ends too early and says it is whole.
//!
//! A content length counts what is there, a stream ends as streams do: nothing on the wire tells
//! a reader, who has to find out from what is missing.

use bytes::Bytes;

use super::{Interruption, Turn};
use crate::config::TruncatedFault;

impl From<TruncatedFault> for Interruption {
    fn from(truncated: TruncatedFault) -> Self {
        Self::After {
            tokens: truncated.after_tokens,
            turn: Turn::Truncate,
        }
    }
}

/// Half of `text`: of a body, or of the first frame of a stream's next part.
pub(crate) fn half(text: String) -> Bytes {
    let end = text.find("\n\n").unwrap_or(text.len());
    let mut half = Bytes::from(text);
    half.truncate(end / 2);
    half
}
