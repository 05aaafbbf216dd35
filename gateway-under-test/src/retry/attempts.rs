//! The attempts of one request: forward, decide, wait, again.

use std::sync::Arc;

use axum::body::Body;
use clock::{Clock, Moment};
use http::Response;
use http_body_util::BodyExt;
use tracing::{debug, warn};

use crate::access_log::OpenEntry;
use crate::backend::Backend;
use crate::draw::Draws;
use crate::forward::{Failure, Outbound, forward};
use crate::gateway::Gateway;
use crate::routing::Api;

/// What is read of a response that nobody will see: enough for any refusal.
const DISCARDED_BYTES: usize = 64 * 1024;

/// Tries `outbound` on the backend the API's balancer chooses, and again while its retry policy
/// says so; returns the last outcome and the backend it came from.
pub(crate) async fn attempt<'a>(
    gateway: &Gateway,
    api: &'a Api,
    mut outbound: Outbound,
    draws: Draws,
    entry: &OpenEntry,
) -> (Result<Response<Body>, Failure>, &'a Arc<Backend>) {
    let clock = gateway.clock();
    let (mut backend, turn) = api.balancer.choose(draws);
    entry.chosen(turn);
    let mut made = 0;
    loop {
        let started = clock.now();
        let deadline = started + api.forward_timeout;
        entry.attempt_started(&backend.name, started);
        let outcome = forward(gateway.upstream(), clock, &mut outbound, backend, deadline).await;
        let ended = clock.now();
        let status = outcome.as_ref().map(Response::status).map_err(|&f| f);
        entry.attempt_ended(status, ended);
        if let Err(failure) = status {
            warn!(backend = backend.name, %failure, "backend gave no answer");
        }
        let wait = api.retry.as_ref().and_then(|r| r.wait(made, status, draws));
        let (Some(wait), Some(retry)) = (wait, &api.retry) else {
            return (outcome, backend);
        };
        debug!(backend = backend.name, ?status, ?wait, "attempt is retried");
        discard(outcome.ok(), clock, ended + wait).await;
        clock.sleep_until(ended + wait).await;
        backend = retry.to().unwrap_or(backend);
        made += 1;
    }
}

/// Reads the rest of a refusal, so that its connection can be used again and its backend sees
/// nobody hang up; at most a little, and not past `deadline`, when the next attempt is due.
async fn discard(response: Option<Response<Body>>, clock: &Clock, deadline: Moment) {
    let Some(response) = response else { return };
    let mut body = response.into_body();
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
            if bytes > DISCARDED_BYTES {
                break;
            }
        }
    };
    // A body that takes longer is dropped, which is all that is lost.
    clock.timeout_at(deadline, read).await.unwrap_or_default();
}
