//! `cut`: a body that breaks off.
//!
//! The connection is closed without the body's end. It is not reset: a reset would throw away
//! what has been sent and not yet been read.

use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use super::{Interruption, Turn};
use crate::config::CutFault;

impl From<CutFault> for Interruption {
    fn from(cut: CutFault) -> Self {
        Self::After {
            tokens: cut.after_tokens,
            turn: Turn::Cut,
        }
    }
}

/// The end of a body that is cut; what was sent before it has left.
pub(crate) async fn break_off() -> io::Error {
    // A server that gets the last bytes and the error in one go drops both.
    tokio::task::yield_now().await;
    io::ErrorKind::ConnectionReset.into()
}

/// Half of `body`.
pub(super) fn whole(body: String) -> Body {
    let mut half = Bytes::from(body);
    half.truncate(half.len() / 2);
    // Whoever reads on after the error must come to an end.
    let parts = stream::unfold(Some(Some(half)), async |left| match left? {
        Some(half) => Some((Ok(half), Some(None))),
        None => Some((Err(break_off().await), None)),
    });
    Body::from_stream(parts)
}
