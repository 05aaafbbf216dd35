//! `slow_headers`: an answer whose head starts to arrive long before it is complete.
//!
//! A caller that waits for the first byte is content early; one that waits for the head is not.
//! Without sockets there are no bytes of a head, and the answer is late by as much.

use std::time::Duration;

use crate::exchange::Exchange;

/// Holds the head back for `time`.
pub(super) async fn hold(exchange: &Exchange, time: Duration) {
    if let Some(line) = &exchange.line {
        line.begin_head();
    }
    let now = exchange.received.shared.clock.now();
    exchange.wait(now + time).await;
}
