//! A faithful Azure OpenAI / OpenAI, as a library and a server.

pub mod config;
mod latency;
mod ledger;
mod limit;
pub mod model;
pub mod openai;
mod seed;
mod simulator;
pub mod tokens;

pub use self::config::SimulatorConfig;
pub use self::ledger::{Credential, Entry, Ledger};
pub use self::simulator::{Control, Simulator};
