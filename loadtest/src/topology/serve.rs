//! [`ServerRuntime`]: the servers' own threads, apart from the load generator's.

use std::future::Future;

use anyhow::Context;
use tokio::runtime::{Builder, Handle, Runtime};

/// Threads for the servers of a socket rig.
///
/// Generator and system under test in one runtime would take turns on the same threads, and
/// the generator's lag would show up as the gateway's latency.
#[derive(Debug)]
pub struct ServerRuntime(Option<Runtime>);

impl ServerRuntime {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses more threads.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("servers")
            .enable_all()
            .build()
            .context("cannot start the servers' threads")?;
        Ok(Self(Some(runtime)))
    }

    /// A handle to run `serve` loops on.
    ///
    /// # Panics
    /// Never: the threads are there until this value is dropped.
    pub fn handle(&self) -> Handle {
        let runtime = self
            .0
            .as_ref()
            .expect("the runtime is there until this value is dropped");
        runtime.handle().clone()
    }

    /// Runs `future` on the servers' threads and waits for it from the caller's.
    ///
    /// # Errors
    /// When the future panicked.
    pub async fn run<F>(&self, future: F) -> anyhow::Result<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle()
            .spawn(future)
            .await
            .context("a task of the servers broke off")
    }
}

impl Drop for ServerRuntime {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which an async caller must not do.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
