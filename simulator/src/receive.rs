//! The outermost layer: opens the ledger's entry, reads the body, closes the entry.
//!
//! The body is read here, up to the limit, because every request is booked with its hash,
//! refused ones too; the operations need it whole anyway. A body over the limit is not an
//! answer yet: who is asking is looked at first.
//!
//! A request under way when the simulator is stopped ends here, whatever it was waiting for.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use clock::{Clock, Moment};
use futures::future::{Either, select};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;

use crate::fault;
use crate::ledger::{Arrival, Booking};
use crate::openai::{Refusal, headers};
use crate::simulator::{Live, Shared};
use crate::slashes::AsReceived;

/// A request that has been received, as far as it could be.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) shared: Arc<Shared>,
    /// The configuration at arrival: a change does not touch requests in flight.
    pub(crate) live: Arc<Live>,
    pub(crate) booking: Booking,
    pub(crate) arrived: Moment,
    pub(crate) body: Result<Bytes, Refusal>,
}

/// Books a request from its arrival to the last byte of its answer.
pub(crate) async fn receive(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let received = parts.extensions.remove::<AsReceived>();
    let arrival = Arrival::new(&parts, received.as_ref().map(|AsReceived(path)| path));
    let live = shared.live();
    let up = live.up.clone();
    let guard = shared.ledger.open(arrival, up.clone());
    let (body, bytes) = read(body, &parts.headers, live.config.max_body_bytes.get()).await;
    let booking = guard.booking();
    booking.received(&bytes);
    parts.extensions.insert(Received {
        live,
        arrived: guard.arrived(),
        booking,
        body: body.map(|()| bytes),
        shared: Arc::clone(&shared),
    });
    let is_head = parts.method == Method::HEAD;
    let answering = pin!(next.run(Request::from_parts(parts, Body::empty())));
    let Either::Left((response, _)) = select(answering, pin!(up.cancelled())).await else {
        return fault::failed(io::ErrorKind::ConnectionReset);
    };
    if response.extensions().get::<io::ErrorKind>().is_some() {
        guard.break_off();
        return response;
    }
    let response = timed(response, &shared.clock, guard.arrived());
    let status = response.status().as_u16();
    // Nobody takes the body of an answer to HEAD, which would look like somebody who left.
    let response = if is_head {
        response.map(|_| Body::empty())
    } else {
        response
    };
    response.map(|body| guard.answer(status, body))
}

/// Tells how long the head of an answer took, where OpenAI does: with the version of its API.
fn timed(mut response: Response, clock: &Clock, arrived: Moment) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(headers::OPENAI_VERSION) {
        let took = clock.now().since(arrived).as_millis();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        headers.insert(headers::PROCESSING_MS, took.into());
    }
    response
}

/// Reads a body up to `limit`; returns what was read even if that is not all.
async fn read(mut body: Body, headers: &HeaderMap, limit: u64) -> (Result<(), Refusal>, Bytes) {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(found) = announced.filter(|&announced: &u64| announced > limit) {
        return (Err(Refusal::TooLarge { limit, found }), Bytes::new());
    }
    let mut read = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return (Err(Refusal::Unreadable), join(read, joined));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        // Most bodies come in one piece, which then need not be copied.
        if read.is_empty() && joined.is_empty() {
            read = data;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut read));
            joined.extend_from_slice(&data);
        }
        let found = (read.len() + joined.len()) as u64;
        if found > limit {
            return (Err(Refusal::TooLarge { limit, found }), join(read, joined));
        }
    }
    (Ok(()), join(read, joined))
}

fn join(read: Bytes, joined: BytesMut) -> Bytes {
    if joined.is_empty() {
        read
    } else {
        joined.freeze()
    }
}
