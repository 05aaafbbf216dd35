//! Simulated time for the simulator, the gateway and the load test.
//!
//! Everything a scenario writes (windows, cool-downs, latencies, think times) and everything on
//! the wire (`Retry-After`, reset headers) is in *simulated* time. A [`Clock`] maps it onto the
//! machine: at [`Speed`] 20 a simulated minute passes in three seconds; on a paused tokio clock
//! ten simulated minutes pass as fast as the machine can compute them.
//!
//! This crate is the only place that names `tokio::time` or reads the machine's clock. Real and
//! simulated instants differ in type ([`Moment`] is simulated, nothing else leaves this crate),
//! because mixed up they compile, are right at speed 1 and wrong at every other.
//!
//! ```
//! use std::time::Duration;
//! use clock::{Clock, Moment};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let clock = Clock::paused(clock::DEFAULT_ANCHOR);
//! clock.sleep_until(Moment::ZERO + Duration::from_mins(10)).await;
//! assert_eq!(clock.now(), Moment::from_micros(600_000_000)); // exact, and instantly
//! assert_eq!(clock.utc(clock.now()).to_string(), "2026-01-01T00:10:00Z");
//! # });
//! ```

mod clock;
mod moment;
mod span;
mod speed;
mod wall;

pub use self::clock::{Clock, DEFAULT_ANCHOR, Elapsed, now_utc};
pub use self::moment::Moment;
pub use self::span::{InvalidSpan, Span};
pub use self::speed::{InvalidSpeed, Speed};
pub use self::wall::{Stopwatch, timer_overshoots};
pub use jiff::Timestamp;
