//! The outermost layer: whether anybody is let in at all.
//!
//! On a socket the listener refuses; a service that is called without one refuses here, before
//! anything is booked, so that both give the same observations. It is asked on sockets too, for
//! the request that comes on a connection taken a moment before.

use std::io::ErrorKind;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::fault;
use crate::simulator::Shared;

/// Lets requests pass while connections are taken.
pub(crate) async fn pass(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    if shared.live().door(shared.clock.now()).is_open {
        next.run(request).await
    } else {
        fault::failed(ErrorKind::ConnectionRefused)
    }
}
