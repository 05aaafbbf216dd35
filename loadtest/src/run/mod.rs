//! Runs: a plan becomes evidence, the evidence a verdict, the verdict a report.
//!
//! [`in_virtual_time`] plays a plan in this thread, [`on_sockets`] in this process; goose leaves
//! global state behind, so a socket run of many happens in child processes, one per scenario
//! ([`parent`] starts them, [`child`] is what runs inside). All of them end in the same
//! [`conclude`].

pub mod child;
mod conclusion;
pub mod forecast;
pub mod output;
pub mod parent;
mod sockets;
mod timers;
mod virtual_time;

pub use self::conclusion::{Circumstances, Conclusion, RunError, conclude, run_id, skipped};
pub use self::sockets::{SocketOptions, on_sockets};
pub use self::virtual_time::{Alterations, Tamper, in_virtual_time};
