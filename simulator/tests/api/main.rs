//! The simulator from outside: requests in, bytes and books out.

mod admin;
mod chat_completions;
mod completions;
mod embeddings;
mod errors;
mod latency;
mod ledger;
mod rate_limit;
mod sockets;
mod streaming;
mod support;
