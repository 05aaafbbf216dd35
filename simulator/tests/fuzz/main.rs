//! Whatever is sent: no panic, no hang, no answer without a status that is documented and a body
//! that says what is wrong, and books that close.
//!
//! Each property runs 256 cases with the other tests, and more by `just fuzz 100_000`. A mistake
//! that is found leaves a test in words where it belongs: a seed says nothing once a strategy
//! has changed.
#![expect(
    clippy::unwrap_used,
    reason = "the whole crate is a test; clippy only sees that of the functions marked so"
)]

mod configuration;
mod requests;
mod sockets;
mod support;
mod values;
