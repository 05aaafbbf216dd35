//! The admin API under `/++/`: configuration, ledger, counters, metrics, clock, reset.
//!
//! Paths and the health text are those of microsoft/aoai-api-simulator. Nothing here is
//! booked, limited or slowed. One list of [`Endpoint`]s gives both what is routed and what
//! `/++/openapi.json` says of it, so that neither can lack what the other has.

mod answers;
mod openapi;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch, post};
use axum::{Json, Router};
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use self::answers::{Clock, Message, Problem, Selection};
use self::openapi::Description;
use crate::config::{ConfigError, Fault};
use crate::ledger::Filter;
use crate::metrics;
use crate::simulator::Shared;

/// Bytes of the ledger that are written before the next are asked for.
const PIECE: usize = 16 * 1_024;

/// One thing that the admin API does.
struct Endpoint {
    method: &'static str,
    /// Below `/++`.
    path: &'static str,
    handler: MethodRouter<Arc<Shared>>,
    description: Description,
}

/// Everything that the admin API does.
fn endpoints() -> Vec<Endpoint> {
    let endpoint = |method, path, handler, description| Endpoint {
        method,
        path,
        handler,
        description,
    };
    vec![
        endpoint("GET", "/config", get(config), openapi::SHOW_CONFIG),
        endpoint("PATCH", "/config", patch(change), openapi::CHANGE_CONFIG),
        endpoint("GET", "/ledger", get(ledger), openapi::LEDGER),
        endpoint("GET", "/counters", get(counters), openapi::COUNTERS),
        endpoint("GET", "/metrics", get(prometheus), openapi::METRICS),
        endpoint("GET", "/clock", get(clock), openapi::CLOCK),
        endpoint("POST", "/reset", post(reset), openapi::RESET),
        endpoint("GET", "/openapi.json", get(document), openapi::DOCUMENT),
    ]
}

/// All routes of the admin API, below `/++`.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    let routed = endpoints()
        .into_iter()
        .fold(Router::new(), |router, endpoint| {
            router.route(endpoint.path, endpoint.handler)
        });
    routed
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
}

/// `GET /`: the server is up.
pub(crate) async fn health() -> Response {
    Json(json!({ "message": "👋 aoai-api-simulator is running" })).into_response()
}

/// `GET /++/config`: the running configuration.
async fn config(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.control().config()).into_response()
}

/// `PATCH /++/config`: merges the body into the running configuration, or says why not.
async fn change(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Value>, JsonRejection>,
) -> Response {
    let patch = match body {
        Ok(Json(patch)) => patch,
        Err(rejection) => return problem(rejection.status(), &rejection.body_text(), &[]),
    };
    if let Some(reason) = lockout(&patch) {
        return unchanged(&[reason]);
    }
    match shared.control().patch(&patch) {
        Ok(()) => config(State(shared)).await,
        Err(reasons) => unchanged(&reasons),
    }
}

/// Why nobody could take `patch` back: it would close this API for good.
fn lockout(patch: &Value) -> Option<ConfigError> {
    if patch["stopped"] == true {
        let message = "a simulator that is stopped by this API could not be started by it again";
        let stopped = ConfigError::new(["stopped"], message);
        return Some(
            stopped.with_help(
                "stop the process, or let faults play \"refused\" with `until` or `flap`",
            ),
        );
    }
    // A list that cannot be read changes nothing, and is told by who reads it.
    let faults = Vec::<Fault>::deserialize(&patch["faults"]).ok()?;
    let index = faults.iter().position(Fault::refuses_for_good)?;
    let message = "connections that are refused for good could not be allowed again by this API";
    let refused = ConfigError::new(["faults", &index.to_string()], message);
    Some(refused.with_help("give it an end: when = { until = \"60s\" }, or `flap`"))
}

fn unchanged(reasons: &[ConfigError]) -> Response {
    let message = "the configuration was not changed";
    problem(StatusCode::BAD_REQUEST, message, reasons)
}

/// `GET /++/ledger`: the entries that the query admits, as JSON lines, written as they are read.
async fn ledger(
    State(shared): State<Arc<Shared>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Response {
    let filter = match filter {
        Ok(Query(filter)) => filter,
        Err(rejection) => return misread(&rejection),
    };
    let mut entries = shared.ledger.select(filter);
    let pieces = std::iter::from_fn(move || {
        let mut lines = Vec::new();
        while lines.len() < PIECE
            && let Some(entry) = entries.next()
        {
            // An entry has neither maps with odd keys nor a serializer of its own that could fail.
            if serde_json::to_writer(&mut lines, &entry).is_ok() {
                lines.push(b'\n');
            }
        }
        (!lines.is_empty()).then_some(Ok::<_, Infallible>(lines))
    });
    let json_lines = HeaderValue::from_static("application/jsonl");
    let body = Body::from_stream(stream::iter(pieces));
    ([(CONTENT_TYPE, json_lines)], body).into_response()
}

/// `GET /++/counters`: what all requests since the last reset add up to.
async fn counters(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.ledger.counters()).into_response()
}

/// `GET /++/metrics`: the counters as text for Prometheus.
async fn prometheus(State(shared): State<Arc<Shared>>) -> Response {
    let text = metrics::text(shared.ledger.counters());
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(CONTENT_TYPE, content_type)], text).into_response()
}

/// `GET /++/clock`: simulated time now, in microseconds and as a date, and how fast it runs.
async fn clock(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.clock.now();
    let reading = Clock {
        now,
        utc: shared.clock.utc(now).to_string(),
        speed: shared.clock.speed(),
        is_paused: shared.clock.is_paused(),
    };
    Json(reading).into_response()
}

/// `POST /++/reset`: forgets what was admitted, what faults counted and what was booked, or one
/// of them.
async fn reset(
    State(shared): State<Arc<Shared>>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Response {
    let only = match selection {
        Ok(Query(Selection { only })) => only,
        Err(rejection) => return misread(&rejection),
    };
    let message = if let Some(memory) = only {
        shared.control().forget(memory);
        format!("{} forgotten", memory.as_str())
    } else {
        shared.control().reset();
        "limits and ledger are empty".to_owned()
    };
    Json(Message { message }).into_response()
}

/// `GET /++/openapi.json`: what this API does.
async fn document() -> Response {
    Json(openapi::document(&endpoints())).into_response()
}

/// Nothing is at this path.
async fn not_found() -> Response {
    let endpoints = endpoints();
    let names = endpoints
        .iter()
        .map(|endpoint| format!("{} /++{}", endpoint.method, endpoint.path));
    let names = names.collect::<Vec<_>>().join(", ");
    let message = format!("no such path; there are {names}");
    problem(StatusCode::NOT_FOUND, &message, &[])
}

/// Something is at this path, for other methods.
pub(crate) async fn wrong_method() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", &[])
}

/// The key is missing or not one of those configured.
pub(crate) fn unauthorized() -> Response {
    // Source: microsoft/aoai-api-simulator.
    let body = json!({ "detail": "Missing or incorrect API Key" });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// A query that cannot be read; the reason names what could have been.
fn misread(rejection: &QueryRejection) -> Response {
    problem(StatusCode::BAD_REQUEST, &rejection.body_text(), &[])
}

fn problem(status: StatusCode, message: &str, reasons: &[ConfigError]) -> Response {
    (status, Json(Problem::new(status, message, reasons))).into_response()
}
