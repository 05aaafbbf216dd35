//! `slow_body`: a body that trickles.
//!
//! A piece leaves, the first at once, and the next at the earliest a pause later, however it is
//! cut: a stream's frames come in pieces too. Nothing is asked of the answer before what it has
//! given has left, so that a ledger counts as yielded only what was on its way.

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use clock::{Clock, Moment};
use futures::stream;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;

use crate::config::SlowBodyFault;

/// A body on its way out.
struct Trickle {
    body: Body,
    /// What it has given and was not sent yet.
    left: Bytes,
    /// When the next piece may leave.
    next: Moment,
    slow: SlowBodyFault,
    clock: Clock,
}

/// `response` with its body in pieces; one that knew its length still tells it.
pub(super) fn trickle(response: Response, slow: SlowBodyFault, clock: &Clock) -> Response {
    let length = response.body().size_hint().exact();
    let mut response = response.map(|body| {
        let start = Trickle {
            body,
            left: Bytes::new(),
            next: clock.now(),
            slow,
            clock: clock.clone(),
        };
        Body::from_stream(stream::try_unfold(start, piece))
    });
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
}

async fn piece(mut trickle: Trickle) -> Result<Option<(Bytes, Trickle)>, axum::Error> {
    while trickle.left.is_empty() {
        let Some(frame) = trickle.body.frame().await.transpose()? else {
            return Ok(None);
        };
        trickle.left = frame.into_data().unwrap_or_default();
    }
    let now = trickle.clock.now();
    if trickle.next > now {
        trickle.clock.sleep_until(trickle.next).await;
    }
    trickle.next = trickle.next.max(now) + trickle.slow.every.get();
    let most = usize::try_from(trickle.slow.bytes.get()).unwrap_or(usize::MAX);
    let piece = trickle.left.split_to(most.min(trickle.left.len()));
    Ok(Some((piece, trickle)))
}
