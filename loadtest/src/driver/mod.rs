//! Plays a plan: sends its requests at its moments and keeps what the clients saw.
//!
//! Two drivers run the same user loops over the same [`Transport`](crate::client::Transport)
//! trait: [`attack()`] on sockets, where goose is the pool of users and the HTTP client, and
//! [`virtual_time()`] without sockets on tokio's paused clock. Load model, schedule and
//! measurements are ours in both.
//!
//! A run's phases start when every user is ready, not when the clock's zero was: a driver adds
//! that origin to the plan's moments, and [`ClientEvidence::timeline`] says when each phase ran.

mod attack;
mod conductor;
mod prober;
mod queue;
mod recorder;
mod run;
mod stage;
#[cfg(test)]
pub(crate) mod support;
#[cfg(test)]
mod tests;
mod user;
mod virtual_time;

pub use self::attack::attack;
pub use self::run::{Act, ClientEvidence, DriverError, Endpoint, Endpoints, EventSink, Run};
pub use self::virtual_time::virtual_time;
pub use tokio_util::sync::CancellationToken;
