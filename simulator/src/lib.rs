//! stub
mod admin;
mod app;
mod auth;
pub mod config;
mod deployment;
mod exchange;
mod generate;
mod latency;
mod ledger;
mod limit;
pub mod model;
mod openai;
mod receive;
mod routes;
mod seed;
mod serve;
mod simulator;
mod slashes;
mod stream;
pub mod tokens;

pub use self::config::SimulatorConfig;
pub use self::ledger::{Credential, Entry, Ledger};
pub use self::openai::Operation;
pub use self::serve::serve;
pub use self::simulator::{Control, Simulator};
