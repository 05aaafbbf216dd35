//! The outermost layer: opens the ledger's entry, reads the body, closes the entry.
//!
//! The body is read here, up to the limit, because every request is booked with its hash,
//! refused ones too; the operations need it whole anyway. A body over the limit is not an
//! answer yet: who is asking is looked at first.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use clock::Moment;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;

use crate::ledger::{Arrival, Booking};
use crate::openai::Refusal;
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
    let guard = shared.ledger.open(arrival);
    let live = shared.live();
    let (body, bytes) = read(body, &parts.headers, live.config.max_body_bytes.get()).await;
    let booking = guard.booking();
    booking.received(&bytes);
    parts.extensions.insert(Received {
        live,
        arrived: guard.arrived(),
        booking,
        body: body.map(|()| bytes),
        shared,
    });
    let response = next.run(Request::from_parts(parts, Body::empty())).await;
    let status = response.status().as_u16();
    response.map(|body| guard.answer(status, body))
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
