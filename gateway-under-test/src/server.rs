//! Listening and stopping: a port, the router behind it, and a drain when a signal comes.

use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::serve::ListenerExt;
use clock::Clock;
use futures::future::{self, Either};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{info, warn};

/// How long requests under way may take after a signal: as long as Kubernetes waits by default.
const DRAIN: Duration = Duration::from_secs(30);

/// Listens on `address`.
///
/// # Errors
/// A message for the person who chose the address.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "port {} of {} is taken; choose another with --port",
            address.port(),
            address.ip()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Serves `router` until SIGINT or SIGTERM, and then until requests under way have ended.
///
/// A second signal, or half a minute, ends those too.
pub(crate) async fn serve(listener: TcpListener, router: Router) -> anyhow::Result<()> {
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    // On stdout, because a program that asked for port 0 reads it.
    writeln!(io::stdout(), "listening on http://{address}").context("cannot write to stdout")?;
    let (stopping, stopped) = oneshot::channel();
    let first = stop_signal()?;
    let stop = async {
        first.await;
        info!("stopping: no new connections, requests under way may end");
        // It fails only when the server has ended by itself.
        stopping.send(()).unwrap_or_default();
    };
    let server = axum::serve(listener.tap_io(send_at_once), router).with_graceful_shutdown(stop);
    match future::select(pin!(server.into_future()), pin!(give_up(stopped))).await {
        Either::Left((ended, _)) => ended.context("cannot serve"),
        Either::Right(((), _)) => {
            warn!("stopped with requests under way");
            Ok(())
        }
    }
}

/// Ready when, after the stop began, a second signal came or the drain took too long.
async fn give_up(stopped: oneshot::Receiver<()>) {
    if stopped.await.is_err() {
        return future::pending().await;
    }
    let Ok(second) = stop_signal() else { return };
    // People and orchestrators wait in real time, whatever the gateway's own speed.
    let clock = Clock::system();
    let deadline = clock.now() + DRAIN;
    // Either way it is over.
    clock.timeout_at(deadline, second).await.unwrap_or_default();
}

/// The next SIGINT or SIGTERM from now on.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let context = "cannot listen for signals";
    let mut interrupt = signal(SignalKind::interrupt()).context(context)?;
    let mut terminate = signal(SignalKind::terminate()).context(context)?;
    Ok(async move {
        future::select(pin!(interrupt.recv()), pin!(terminate.recv())).await;
    })
}

/// Without it each event of a stream could wait for the peer's delayed acknowledgement.
fn send_at_once(stream: &mut TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        warn!(%error, "streams may stutter");
    }
}
