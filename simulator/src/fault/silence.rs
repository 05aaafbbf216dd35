//! `silence`: a request that is accepted and never answered.

use std::future::pending;

/// Ends when the caller leaves, or the simulator is stopped.
pub(super) async fn forever() {
    pending::<()>().await;
}
