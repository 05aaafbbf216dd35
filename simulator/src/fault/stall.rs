//! `stall`: a body that stands still, for a time or for ever.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::Clock;
use futures::stream;

use super::{Interruption, Turn};
use crate::config::StallFault;

impl From<StallFault> for Interruption {
    fn from(stall: StallFault) -> Self {
        Self::After {
            tokens: stall.after_tokens,
            turn: Turn::Stall(stall.time.map(clock::Span::get)),
        }
    }
}

/// `body` with a pause of `time` in the middle.
pub(super) fn whole(body: String, time: Option<Duration>, clock: Clock) -> Body {
    let mut first = Bytes::from(body);
    let second = first.split_off(first.len() / 2);
    let halves = [(None, first), (Some(time), second)];
    let parts = stream::unfold((halves.into_iter(), clock), async |(mut halves, clock)| {
        let (pause, half) = halves.next()?;
        match pause {
            None => {}
            Some(None) => pending().await,
            Some(Some(time)) => clock.sleep_until(clock.now() + time).await,
        }
        Some((Ok::<_, Infallible>(half), (halves, clock)))
    });
    Body::from_stream(parts)
}
