//! The gateway as its callers and backends see it: no sockets, a paused clock, backends that
//! answer as each test says. Only `sockets.rs` and `server.rs` use the network.

#![cfg(test)]

mod access_log;
mod affinity;
mod auth;
mod balance;
mod bodies;
mod books;
mod failures;
mod forwarding;
mod hostile;
mod identity;
mod latency;
mod life;
mod limits;
mod model;
mod order;
mod pools;
mod priority;
mod rates;
mod reload;
mod retry;
mod server;
mod sinks;
mod sockets;
mod support;
mod token_books;
mod token_ledger;
mod usage;
