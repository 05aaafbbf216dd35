//! The server: connections in, the gateway behind them, and a bound for whoever sends nonsense.
//!
//! `axum::serve` would do but for three bounds it does not offer: how long a request's head may
//! take, how many headers it has and how large they are. Without them one caller who never
//! finishes a head holds a connection, and its memory, for ever.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use clock::Clock;
use futures::FutureExt;
use futures::future::{Either, select};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};
use tracing::{debug, warn};

use crate::gateway::Gateway;

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a request's head may take, and how long an idle connection is kept: hyper has
    /// one bound for both. In real time, whatever the gateway's own speed, because it is for
    /// peers that have no other.
    pub head_timeout: Duration,
    /// How many headers a request may have; hyper answers 431 to more.
    pub max_headers: usize,
    /// How large a head may be, and what a connection buffers; hyper answers 431 to more, but
    /// looks only after a read, which may bring as much again.
    pub max_head_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            // Longer than clients keep idle connections (reqwest: 90 s): the one who closes
            // first must not be the server, or a request is lost on its way.
            head_timeout: Duration::from_mins(2),
            // SDKs send about twenty.
            max_headers: 100,
            // Assumed: several times what common servers take, because tokens of identity
            // providers are long.
            max_head_bytes: 64 * 1024,
        }
    }
}

/// How long nothing is accepted after the system refused to: it has run out of something.
const RESPITE: Duration = Duration::from_secs(1);

/// Connections that may wait to be accepted, as far as the system lets them: by itself tokio asks for
/// 128, and a burst of more would lose some, whose callers ask again only after a second.
const BACKLOG: u32 = 4_096;

/// Listens on `address`, with room for a burst of connections.
///
/// # Errors
/// When the address is taken, or none of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // Connections that are closing still hold the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `gateway` on `listener` until `stop`, and then until nothing is under way.
///
/// While it drains, newcomers are still accepted, to be told so. Dropped, it breaks off all
/// connections.
pub async fn serve(
    gateway: Gateway,
    listener: TcpListener,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head_timeout)
        .max_headers(bounds.max_headers)
        .max_buf_size(bounds.max_head_bytes);
    let router = gateway.router();
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut drained = pin!(stop.then(|()| gateway.drain()));
    loop {
        // Asked first, so that a flood of newcomers cannot hide the end.
        match select(&mut drained, pin!(accept(&listener))).await {
            Either::Left(((), _)) => break,
            Either::Right(((stream, peer), _)) => {
                let service = TowerToHyperService::new(from(peer, router.clone()));
                let served = http.serve_connection(TokioIo::new(stream), service);
                let served = graceful.watch(served);
                connections.spawn(served.map(|ended| {
                    ended.unwrap_or_else(|error| debug!(%error, "connection broke off"));
                }));
                while connections.try_join_next().is_some() {}
            }
        }
    }
    // Connections in the middle of an answer finish it, idle ones are closed.
    graceful.shutdown().await;
}

/// The gateway for requests that come from `peer`.
fn from(
    peer: SocketAddr,
    gateway: Router,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static {
    gateway.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    })
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                send_at_once(&stream);
                return (stream, peer);
            }
            Err(error) if is_of_the_caller(&error) => debug!(%error, "caller is gone again"),
            Err(error) => {
                warn!(%error, "cannot accept connections");
                let clock = Clock::system();
                clock.sleep_until(clock.now() + RESPITE).await;
            }
        }
    }
}

/// Whether only the connection that was to be accepted is lost.
fn is_of_the_caller(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// Without it each event of a stream could wait for the peer's delayed acknowledgement.
fn send_at_once(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        warn!(%error, "streams may stutter");
    }
}
