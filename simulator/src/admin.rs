//! The admin API under `/++/`: configuration, ledger, clock, reset.
//!
//! Paths and the health text are those of microsoft/aoai-api-simulator. Nothing here is
//! booked, limited or slowed.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{ConfigError, Fault};
use crate::simulator::Shared;

/// `GET /`: the server is up.
pub(crate) async fn health() -> Response {
    Json(json!({ "message": "👋 aoai-api-simulator is running" })).into_response()
}

/// `GET /++/config`: the running configuration.
pub(crate) async fn config(State(shared): State<Arc<Shared>>) -> Response {
    Json(shared.control().config()).into_response()
}

/// `PATCH /++/config`: merges the body into the running configuration, or says why not.
pub(crate) async fn patch(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<Value>, JsonRejection>,
) -> Response {
    let patch = match body {
        Ok(Json(patch)) => patch,
        Err(rejection) => return error(rejection.status(), &rejection.body_text(), &[]),
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
    error(
        StatusCode::BAD_REQUEST,
        "the configuration was not changed",
        reasons,
    )
}

/// Where to begin.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Since {
    #[serde(default)]
    since: u64,
}

/// `GET /++/ledger?since=N`: entries from number N on, as JSON lines.
pub(crate) async fn ledger(
    State(shared): State<Arc<Shared>>,
    since: Result<Query<Since>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let since = match since {
        Ok(Query(Since { since })) => since,
        Err(rejection) => return error(StatusCode::BAD_REQUEST, &rejection.body_text(), &[]),
    };
    let mut lines = Vec::new();
    for entry in shared.ledger.since(since) {
        // An entry has neither maps with odd keys nor a serializer of its own that could fail.
        if serde_json::to_writer(&mut lines, &entry).is_ok() {
            lines.push(b'\n');
        }
    }
    let json_lines = HeaderValue::from_static("application/jsonl");
    ([(CONTENT_TYPE, json_lines)], lines).into_response()
}

/// `GET /++/clock`: simulated time now, in microseconds and as a date, and how fast it runs.
pub(crate) async fn clock(State(shared): State<Arc<Shared>>) -> Response {
    let now = shared.clock.now();
    Json(json!({
        "now": now,
        "utc": shared.clock.utc(now).to_string(),
        "speed": shared.clock.speed(),
        "is_paused": shared.clock.is_paused(),
    }))
    .into_response()
}

/// `POST /++/reset`: empties limit windows and the ledger.
pub(crate) async fn reset(State(shared): State<Arc<Shared>>) -> Response {
    shared.control().reset();
    Json(json!({ "message": "limits and ledger are empty" })).into_response()
}

/// Nothing is at this path.
pub(crate) async fn not_found() -> Response {
    let paths = "GET and PATCH /++/config, GET /++/ledger, GET /++/clock, POST /++/reset";
    let message = format!("no such path; there are {paths}");
    error(StatusCode::NOT_FOUND, &message, &[])
}

/// Something is at this path, for other methods.
pub(crate) async fn wrong_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", &[])
}

/// The key is missing or not one of those configured.
pub(crate) fn unauthorized() -> Response {
    // Source: microsoft/aoai-api-simulator.
    let body = json!({ "detail": "Missing or incorrect API Key" });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

fn error(status: StatusCode, message: &str, reasons: &[ConfigError]) -> Response {
    let reasons: Vec<_> = reasons
        .iter()
        .map(|reason| json!({ "path": reason.path.join("."), "message": reason.message, "help": reason.help }))
        .collect();
    let body =
        json!({ "error": { "code": status.as_str(), "message": message, "reasons": reasons } });
    (status, Json(body)).into_response()
}
