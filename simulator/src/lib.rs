//! A faithful Azure OpenAI / OpenAI, as a library and a server.
//!
//! A [`Simulator`] is one resource with its deployments. It answers chat completions,
//! completions, embeddings and models on the paths of Azure OpenAI (`/openai/deployments/…` with
//! `api-version`, `/openai/v1/…`) and of OpenAI (`/v1/…`), with the bodies, headers, streams and
//! errors of the real service, at the pace and within the limits its configuration says. It
//! books every request in its [`Ledger`], so that a test can compare what a client or a
//! gateway believes with what really arrived.
//!
//! # In a test
//!
//! [`Simulator::start`] gives a [`Server`] on a free port, until it is dropped. The [ledger](Ledger)
//! answers claims such as [`nothing_was_refused`](Ledger::nothing_was_refused) with the requests
//! that contradict them, and [`set`](Simulator::set) changes what runs.
//!
//! ```
//! use simulator::Simulator;
//!
//! let server = Simulator::start("[deployments.gpt-4o]\nmodel = \"gpt-4o\"")?;
//! // … a client calls server.url() with server.key() …
//! server.set("faults = [{ when = { first = 2 }, play = { status = { code = 503 } } }]")?;
//! // … and again …
//! server.ledger().every_request_was_answered()?;
//! server.ledger().nobody_retried_early()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The [router](Simulator::router) is a tower service: on a paused clock, without a socket, an
//! answer of ten seconds takes no time and exactly ten simulated seconds.
//!
//! ```
//! use clock::Clock;
//! use http::{Request, StatusCode};
//! use simulator::Simulator;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let config = r#"
//!     [deployments.gpt-4o]
//!     model = "gpt-4o"
//!     tokens_per_minute = 1_000
//!     latency = { time_to_first_token = "500ms", per_token = "20ms" }
//! "#;
//! let simulator = Simulator::new("ptu-1", config.parse()?, Clock::paused(clock::DEFAULT_ANCHOR));
//!
//! let request = Request::post("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
//!     .header("api-key", "any")
//!     .body(r#"{ "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 26 }"#)?;
//! let answer = simulator.send(request).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//!
//! let entry = &simulator.ledger().entries()[0];
//! assert_eq!((entry.prompt_tokens, entry.completion_tokens), (8, 26));
//! assert_eq!(entry.ended.unwrap().as_micros(), 500_000 + 25 * 20_000);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Three examples grow from here: `start`, `script` and `without_sockets`, in the folder `examples`;
//! the crate's README shows what they print. A server of one's own is [`serve`], at any speed of
//! `Clock::real`.
//!
//! # How it fits together
//!
//! `app` shows all routes and layers. A request passes, in this order: `receive` (opens the
//! ledger's entry, reads the body), `auth`, `surface` (dialect, headers), `exchange` (deployment,
//! version, validation), `fault`, `limit`, `slot`, `generate`, `latency`, `stream`. A refused request
//! never generates. [`config`] is what a
//! simulator is told, `openai` is the wire format, [`tokens`] counts, `seed` keys everything
//! that is drawn, `admin` reads and changes a running simulator under `/++/`, `metrics` writes the
//! ledger's sums for Prometheus, `identity` issues tokens. `serve` is the server on a port, `server`
//! a thread of its own around it.
//!
//! # What is not simulated
//!
//! - Meaning: answers are random words, an echo or what a script says, likelihoods of tokens and
//!   embeddings are made up. A seed repeats an answer where the whole body repeats, whatever else
//!   draws it (temperature, `top_p`, penalties) is read over. Which tool is called is
//!   drawn, and so is JSON: it follows its schema, not the question; `not`, `if` and a few more
//!   keywords of schemas are read over. `functions` and tools that are no functions are refused.
//!   Images are only measured, sounds and files refused; `echo` is read over. A
//!   `service_tier` is told as it was asked for and changes nothing.
//! - Other operations: responses, images, audio, files, batches, assistants.
//! - Content filtering. Limits are exact, where Azure enforces them by many
//!   nodes and roughly; dynamic quota and priority processing, which only ever admit more, are left out.

mod admin;
mod app;
mod auth;
pub mod config;
mod deployment;
mod door;
mod exchange;
mod fault;
mod generate;
mod identity;
mod latency;
mod ledger;
mod limit;
mod metrics;
pub mod model;
mod openai;
mod prompt_cache;
mod receive;
mod routes;
mod seed;
mod serve;
mod server;
mod simulator;
mod slashes;
mod slot;
mod spillover;
mod stream;
mod surface;
pub mod tokens;

pub use self::config::SimulatorConfig;
pub use self::fault::delivered;
pub use self::ledger::{
    Contradiction, Counters, Credential, Entry, Filter, InvalidStatus, Ledger, StatusFilter, Total,
};
pub use self::openai::{Dialect, Operation};
pub use self::serve::{listen, serve};
pub use self::server::{Server, StartError};
pub use self::simulator::{Control, Memory, Simulator};
