//! Serves a simulator on a TCP port, and acts out what goes wrong with connections.
//!
//! `axum::serve` would do but for that: it can neither refuse connections for a while, nor
//! leave a request without an answer, nor break off what is under way.

mod line;
mod port;
mod wire;

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use clock::{Clock, Moment};
use futures::FutureExt;
use futures::future::{Either, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) use self::line::Line;
use self::port::Port;
pub use self::port::listen;
use self::wire::Wire;
use crate::Simulator;
use crate::fault::delivered;
use crate::simulator::Shared;

/// Serves `simulator` on `listener` until `shutdown`, then finishes the requests in flight.
///
/// What a fault or `stopped` says of connections is acted out:
///
/// - *Refused*: the port is given up, but not to others, so that the system refuses. Idle
///   connections are closed and those at work are closed after their answer; then the port
///   listens again.
/// - *Stopped*: the same, and requests in flight end at once: reset where no answer has begun,
///   with a body that breaks off where one has.
/// - *Reset*: the request's connection is reset.
///
/// A request that crosses such an end on its way, on a connection that was idle a moment ago,
/// finds it reset before it arrives: it is not booked, as with any server that goes down.
/// Dropped, the future breaks off all connections.
///
/// # Errors
/// When the listener has no address, or another program took the port while it was given up.
pub async fn serve(
    listener: TcpListener,
    simulator: Simulator,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (shared, router) = (simulator.shared(), simulator.router());
    let mut port = Port::new(listener)?;
    let mut shutdown = pin!(shutdown);
    let mut connections = JoinSet::new();
    // Cancelled when those connected now are to leave.
    let mut welcome = CancellationToken::new();
    loop {
        let mut changed = pin!(shared.changed.notified());
        // From before the look at the door, so that no change is missed.
        changed.as_mut().enable();
        let live = shared.live();
        let door = live.door(shared.clock.now());
        if door.is_open {
            port.open()?;
        } else if port.close() {
            welcome.cancel();
            welcome = CancellationToken::new();
        }
        let turn = pin!(reached(&shared.clock, door.changes));
        let moved = pin!(select(changed, turn));
        let accepted = pin!(port.accept());
        match select(shutdown.as_mut(), select(moved, accepted)).await {
            Either::Left(((), _)) => break,
            Either::Right((Either::Left(_), _)) => {}
            Either::Right((Either::Right((stream, _)), _)) => {
                let guest = Guest {
                    router: router.clone(),
                    welcome: welcome.clone(),
                    up: live.up.clone(),
                };
                connections.spawn(guest.converse(stream));
                while connections.try_join_next().is_some() {}
            }
        }
    }
    drop(port);
    welcome.cancel();
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Waits for `moment`, for ever where there is none.
async fn reached(clock: &Clock, moment: Option<Moment>) {
    match moment {
        Some(moment) => clock.sleep_until(moment).await,
        None => pending().await,
    }
}

/// What a connection needs.
struct Guest {
    router: Router,
    /// Cancelled when it is to leave after what is under way.
    welcome: CancellationToken,
    /// Cancelled when it is to leave at once.
    up: CancellationToken,
}

impl Guest {
    /// Answers requests until either side leaves.
    async fn converse(self, stream: TcpStream) {
        let line = Arc::new(Line::default());
        let wire = Wire::new(stream, Arc::clone(&line));
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&line));
            let answer = self.router.clone().oneshot(request.map(Body::new));
            let line = &line;
            answer.map(|answer| {
                let answer = delivered(answer.unwrap_or_else(|never| match never {}));
                answer.inspect_err(|_| line.reset())
            })
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(wire), service);
        let mut connection = pin!(connection);
        let leaving = pin!(self.welcome.cancelled());
        // How it ended is in the ledger, where it concerned a request.
        if let Either::Right(_) = select(connection.as_mut(), leaving).await {
            connection.as_mut().graceful_shutdown();
            select(connection, pin!(self.up.cancelled())).await;
        }
    }
}

impl Simulator {
    fn shared(&self) -> &Shared {
        &self.0
    }
}
