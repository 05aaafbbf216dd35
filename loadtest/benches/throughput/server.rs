//! [`Server`]: a router on a port and a thread of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use anyhow::Context;
use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A running server; dropping it stops it.
///
/// One thread each: a server with more threads than the others would win by that alone.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves what `router` makes on the server's own runtime, on a free port.
    pub(crate) fn start(
        router: impl FnOnce() -> anyhow::Result<Router> + Send + 'static,
    ) -> anyhow::Result<Self> {
        let runtime = single_threaded()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let router = runtime.block_on(async { router() })?;
        let thread = std::thread::spawn(move || {
            let serving = async move {
                let listener = listener.tap_io(|stream| {
                    // A socket that refuses the option is slower, not wrong.
                    let _ = stream.set_nodelay(true);
                });
                tokio::spawn(async move { axum::serve(listener, router).await });
                // A sender that is gone means to stop, too.
                let _ = stopped.await;
            };
            runtime.block_on(serving);
        });
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has been heard of already.
            let _ = thread.join();
        }
    }
}

/// A runtime on the thread that enters it.
pub(crate) fn single_threaded() -> anyhow::Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime")
}
