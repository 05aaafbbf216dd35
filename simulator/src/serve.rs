//! Serves a simulator over a listener.

use std::future::Future;
use std::io;

use axum::serve::Listener;

use crate::Simulator;

/// Serves `simulator` over `listener` until `shutdown`, then finishes the requests in flight.
///
/// Any listener will do: TCP, a Unix socket, one that speaks TLS, one that acts out faults.
///
/// # Errors
/// None of today's listeners fail once they are bound; the signature is axum's.
pub async fn serve<L>(
    listener: L,
    simulator: Simulator,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    axum::serve(listener, simulator.router())
        .with_graceful_shutdown(shutdown)
        .await
}
