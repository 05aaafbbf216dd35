//! The smallest gateway that has the behaviours we test gateways for.
//!
//! It stands before several Azure OpenAI backends as API Management does in Microsoft's sample
//! gateways: it knows its callers by key, chooses a backend, retries elsewhere, and passes bytes
//! through as they come. Each policy is a file, pure at heart and configured in TOML; shipped
//! [presets](preset) carry the numbers of the reference. It is *not* a product: a feature is in
//! it because a scenario tests it.
//!
//! The modules follow the path of a request: `routing` finds the API, `auth` the subscription,
//! `limit` says whether there is room for it, `balance` the backend, whose `breaker` may keep it
//! out, `retry` repeats what `forward` does once, over an [`upstream`] that may be the network or
//! a router of simulators in the same thread. [`usage`] reads what the answer came to. The
//! [access log](AccessLog) books every request from its arrival to the end of its answer, and
//! [`bill`] sums up who used how much.
//!
//! ```
//! use axum::body::Body;
//! use axum::{Router, routing::post};
//! use clock::Clock;
//! use gateway_under_test::{Gateway, GatewayConfig, preset};
//! use http::Request;
//! use tower::ServiceExt;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let mut config: GatewayConfig = preset::table("load-balancing/simple").unwrap().try_into()?;
//! for (name, backend) in &mut config.backends {
//!     backend.url = Some(format!("http://{name}"));
//! }
//! let backends = Router::new().route("/openai/ping", post(async || "pong"));
//! let gateway = Gateway::new(config, Clock::paused(clock::DEFAULT_ANCHOR), backends).unwrap();
//!
//! let request = Request::post("/round-robin-simple/openai/ping")
//!     .header("api-key", "subscription-key-one")
//!     .body(Body::empty())?;
//! let response = gateway.router().oneshot(request).await?;
//! assert_eq!(response.headers()["x-gw-attempts"], "payg-2:200");
//! assert_eq!(gateway.access_log().entries()[0].subscription.as_deref(), Some("one"));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```

pub mod access_log;
mod admin;
mod app;
mod auth;
mod backend;
mod balance;
pub mod bill;
mod breaker;
mod client_ip;
pub mod config;
mod drain;
mod draw;
mod forward;
mod gateway;
mod headers;
mod helper;
mod identity;
mod limit;
mod metrics;
mod outcome;
mod peek;
pub mod preset;
mod prioritize;
mod prober;
mod refusal;
mod retry;
mod retry_after;
mod routing;
pub mod server;
pub mod upstream;
pub mod usage;

pub use self::access_log::AccessLog;
pub use self::config::{ConfigError, GatewayConfig};
pub use self::gateway::Gateway;
