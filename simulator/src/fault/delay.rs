//! `delay`: a request that takes its time to arrive.
//!
//! The limiter and the answer's latency see it only then, as if a network had held it back. So
//! a caller who gives up meanwhile is not charged.

use std::time::Duration;

use crate::exchange::Exchange;

/// Waits for `time`, and moves the start of the answer by it.
pub(super) async fn wait(exchange: &mut Exchange, time: Duration) {
    exchange.start += time;
    exchange.wait(exchange.start).await;
}
