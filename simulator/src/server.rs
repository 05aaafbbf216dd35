//! [`Server`]: a simulator on a port of its own, for as long as somebody holds it.
//!
//! It has a thread and a runtime of its own. Spawned on its caller's runtime, it would stand still
//! while a test blocks, and be there after it was dropped until that runtime came round to it.
//! This way it is the same in a plain `#[test]` and on a runtime of either flavour, and when the
//! drop returns its port is free.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use clock::Clock;
use serde_json::json;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::config::Diagnostics;
use crate::{Simulator, listen, serve};

/// Accepted where none is configured, since any key is.
const ANY_KEY: &str = "any";

/// A simulator on a port of its own, and everything that a [`Simulator`] is asked.
///
/// Dropped, it stops as `stopped` does: requests in flight end at once and are booked so, and
/// the port is free.
#[derive(Debug)]
pub struct Server {
    simulator: Simulator,
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Why a simulator did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] Diagnostics),
    /// The port or the thread was not to be had.
    #[error("cannot serve: {0}")]
    Serve(#[from] io::Error),
}

impl Simulator {
    /// Starts a simulator by its configuration, in real time: what a file has below
    /// `[simulators.NAME]`.
    ///
    /// It listens where `listen` says, by default on a free port of this machine.
    ///
    /// # Errors
    /// Every mistake in the configuration with its line, or why there is no port.
    ///
    /// # Examples
    /// ```
    /// # use simulator::Simulator;
    /// let server = Simulator::start("[deployments.gpt-4o]\nmodel = \"gpt-4o\"")?;
    /// assert!(server.url().starts_with("http://127.0.0.1:"));
    /// # Ok::<_, simulator::StartError>(())
    /// ```
    pub fn start(toml: &str) -> Result<Server, StartError> {
        let simulator = Self::new("simulator", toml.parse()?, Clock::system());
        Ok(simulator.listen()?)
    }

    /// Serves this simulator, with the clock it has, until the server is dropped.
    ///
    /// A paused clock does not go with sockets: for that there is [`router`](Self::router).
    ///
    /// # Errors
    /// When the address is taken.
    pub fn listen(&self) -> io::Result<Server> {
        let configured = self.0.live().config.listen;
        let address = configured.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into());
        let stop = CancellationToken::new();
        let (simulator, stopped) = (self.clone(), stop.clone());
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name(self.name().to_owned());
        let thread = thread.spawn(move || run(address, &tell, simulator, stopped))?;
        let Ok(address) = told.recv() else {
            let ended = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            return Err(ended.expect_err("whoever listens has told where"));
        };
        Ok(Server {
            simulator: self.clone(),
            address,
            stop,
            thread: Some(thread),
        })
    }
}

/// Listens on `address`, tells where that is, and serves until `stop`.
fn run(
    address: SocketAddr,
    tell: &mpsc::Sender<SocketAddr>,
    simulator: Simulator,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(async {
        let listener = listen(address)?;
        // Nobody listens any more where the caller has died.
        let _ = tell.send(listener.local_addr()?);
        serve(listener, simulator, stop.cancelled_owned()).await
    })
}

impl Server {
    /// Where it listens, such as `http://127.0.0.1:40123`: the endpoint of Azure clients; those of
    /// OpenAI want `/v1` behind it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A key that it accepts.
    pub fn key(&self) -> String {
        let keys = &self.simulator.0.live().config.api_keys;
        keys.first()
            .map_or_else(|| ANY_KEY.to_owned(), String::clone)
    }
}

impl Deref for Server {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Should what runs not be a configuration any more, nobody is to be waited for all the same.
        drop(self.control().patch(&json!({ "stopped": true })));
        self.simulator.0.live().up.cancel();
        self.stop.cancel();
        let Some(thread) = self.thread.take() else {
            return;
        };
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the server ended before it was dropped"),
            Err(_) => tracing::error!("the server panicked"),
        }
    }
}
