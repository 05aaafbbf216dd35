//! The gateway as a process: a port, and a drain when a signal comes.

use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, bail};
use clock::Clock;
use futures::future::{self, Either};
use gateway_under_test::Gateway;
use gateway_under_test::server::{self, Bounds};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing::{info, warn};

/// How long requests under way may take after a signal: as long as Kubernetes waits by default.
const DRAIN: Duration = Duration::from_secs(30);

/// Listens on `address`.
///
/// # Errors
/// A message for the person who chose the address.
pub(crate) fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    match server::listen(address) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "port {} of {} is taken; choose another with --port",
            address.port(),
            address.ip()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Serves `gateway` until SIGINT or SIGTERM, and then until requests under way have ended.
///
/// A second signal, or half a minute, ends those too.
pub(crate) async fn serve(listener: TcpListener, gateway: Gateway) -> anyhow::Result<()> {
    let address = listener
        .local_addr()
        .context("the listener has no address")?;
    // On stdout, because a program that asked for port 0 reads it.
    writeln!(io::stdout(), "listening on http://{address}").context("cannot write to stdout")?;
    let (stopping, stopped) = oneshot::channel();
    let first = stop_signal()?;
    let stop = async {
        first.await;
        info!("stopping: newcomers are refused, requests under way may end");
        // It fails only when the server has ended by itself.
        stopping.send(()).unwrap_or_default();
    };
    let served = server::serve(gateway, listener, Bounds::default(), stop);
    if let Either::Right(_) = future::select(pin!(served), pin!(give_up(stopped))).await {
        warn!("stopped with requests under way");
    }
    Ok(())
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
