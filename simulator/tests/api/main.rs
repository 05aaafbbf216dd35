//! The simulator from outside: requests in, bytes and books out.
#![expect(
    clippy::unwrap_used,
    reason = "the whole crate is a test; clippy only sees that of the functions marked so"
)]

mod admin;
mod any_schedule;
mod broken_sockets;
mod chat_completions;
mod completions;
mod concurrency;
mod content;
mod counters;
mod embeddings;
mod errors;
mod faults;
mod golden;
mod identity;
mod latency;
mod ledger;
mod library;
mod limiters;
mod odd_answers;
mod openapi;
mod rate_limit;
mod schema;
mod sockets;
mod streaming;
mod structure;
mod structure_errors;
mod support;
mod surface;
