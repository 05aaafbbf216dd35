//! The gateway's own routes: is it up, what has it done, what time is it, and why.
//!
//! They need no key: like an admin port, they are for whoever runs the gateway, and tell names
//! and numbers only.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::access_log::Decision;
use crate::gateway::Gateway;
use crate::metrics;

/// All of them.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new()
        .route("/health", get(tell_health))
        .route("/metrics", get(tell_metrics))
        .route("/++/clock", get(tell_time))
        .route("/++/trace/{id}", get(tell_trace))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// 503 while it drains, so that a load balancer in front sends its requests elsewhere.
async fn tell_health(State(gateway): State<Gateway>) -> (StatusCode, Json<Health>) {
    let (code, status) = if gateway.traffic().is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "up")
    };
    (code, Json(Health { status }))
}

async fn tell_metrics(State(gateway): State<Gateway>) -> Response {
    let content_type = [(CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (content_type, gateway.metrics_text()).into_response()
}

/// What time it is here: whoever merges this gateway's log with others aligns them by it.
#[derive(Serialize)]
struct Time {
    now_us: clock::Moment,
    utc: String,
    speed: clock::Speed,
}

async fn tell_time(State(gateway): State<Gateway>) -> Json<Time> {
    let clock = gateway.clock();
    let now = clock.now();
    Json(Time {
        now_us: now,
        utc: clock.utc(now).to_string(),
        speed: clock.speed(),
    })
}

/// What was decided for the request `id`, so far if it is under way; 404 if nobody asked for it
/// when it was sent, or if it is so long ago that the access log has dropped it.
async fn tell_trace(
    State(gateway): State<Gateway>,
    Path(id): Path<u64>,
) -> Result<Json<Vec<Decision>>, StatusCode> {
    let entry = gateway.access_log().get(id);
    let trace = entry.map(|entry| entry.trace).unwrap_or_default();
    if trace.is_empty() {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(trace))
}
