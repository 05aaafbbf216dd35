//! A small simulator on a paused clock, and what must hold of every answer.

use std::time::Duration;

use axum::body::Body;
use clock::{Clock, Moment};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use simulator::{Simulator, delivered};
use tower::ServiceExt;

/// Statuses that the documentation of the simulator or of Azure names.
const STATUSES: [u16; 12] = [200, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 431];

/// Simulated time that no answer may take: without latency, faults and queues it takes none.
const PATIENCE: Duration = Duration::from_hours(1);

/// Frames that no answer may have: far more than the tokens of all choices.
const FRAMES: usize = 1_000_000;

/// Small windows keep the longest answers short.
pub(crate) const SMALL: &str = r#"
    max_body_bytes = 100_000
    [deployments]
    chat = { model = "gpt-4o", context_tokens = 400, tokens_per_minute = 1_000_000, requests_per_minute = 100_000 }
    reasoning = { model = "o3-mini", context_tokens = 400 }
    text = { model = "gpt-35-turbo-instruct", context_tokens = 400 }
    embedding = { model = "text-embedding-3-small", context_tokens = 400 }
"#;

/// What came of a request.
pub(crate) enum Outcome {
    /// A status, headers and a whole body.
    Answered(StatusCode, HeaderMap, Vec<u8>),
    /// The connection was refused or broke.
    Broken,
    /// It took too long, or had too many frames.
    Endless,
}

/// A simulator without a socket, and its clock.
pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    clock: Clock,
}

/// Runs `future` on a paused clock.
pub(crate) fn on_paused_clock<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

impl Rig {
    pub(crate) fn new(toml: &str) -> Self {
        let clock = Clock::paused(clock::DEFAULT_ANCHOR);
        let simulator = Simulator::new("sim", toml.parse().unwrap(), clock.clone());
        Self { simulator, clock }
    }

    /// Sends a request and takes the answer to its end, if there is one.
    pub(crate) async fn send(&self, request: Request<Body>) -> Outcome {
        let asking = async {
            let answer = self.simulator.router().oneshot(request).await;
            let Ok(answer) = delivered(answer.unwrap()) else {
                return Outcome::Broken;
            };
            let (head, mut body) = answer.into_parts();
            let mut bytes = Vec::new();
            for _ in 0..FRAMES {
                match body.frame().await {
                    None => return Outcome::Answered(head.status, head.headers, bytes),
                    Some(Err(_)) => return Outcome::Broken,
                    Some(Ok(frame)) => bytes.extend(frame.into_data().unwrap_or_default()),
                }
            }
            Outcome::Endless
        };
        let deadline = self.clock.now() + PATIENCE;
        let outcome = self.clock.timeout_at(deadline, asking).await;
        outcome.unwrap_or(Outcome::Endless)
    }

    /// What is wrong with the answer to `request`, with the books or with the admin API after it.
    pub(crate) async fn objection(&self, request: Request<Body>) -> Result<(), String> {
        let is_head = request.method() == Method::HEAD;
        let Outcome::Answered(status, headers, bytes) = self.send(request).await else {
            return Err("no answer, though nothing is configured to go wrong".to_owned());
        };
        let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
        if !STATUSES.contains(&status.as_u16()) {
            return Err(format!("status {status}: {text}"));
        }
        let is_json = headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/json");
        let parses = || serde_json::from_str::<Value>(&text).is_ok();
        if !is_head && (status != StatusCode::OK && text.is_empty() || is_json && !parses()) {
            return Err(format!("status {status} with the body `{text}`"));
        }
        let is_stream = headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/event-stream");
        if is_stream && !text.ends_with("data: [DONE]\n\n") {
            return Err("a stream without an end".to_owned());
        }
        self.books()
    }

    /// What is wrong with the books.
    pub(crate) fn books(&self) -> Result<(), String> {
        let ledger = self.simulator.ledger();
        let claim = ledger.every_request_was_answered();
        claim.map_err(|contradiction| contradiction.to_string())?;
        let entries = ledger.entries();
        let requests: u64 = ledger
            .counters()
            .totals
            .iter()
            .map(|total| total.requests)
            .sum();
        if requests != entries.len() as u64 {
            return Err(format!("{} entries but {requests} counted", entries.len()));
        }
        let gap = entries
            .iter()
            .zip(0..)
            .find(|(entry, number)| entry.number != *number);
        gap.map_or(Ok(()), |(entry, _)| {
            Err(format!("a gap before {}", entry.number))
        })
    }

    /// Whether the admin API answers as ever.
    pub(crate) async fn is_controlled(&self) -> bool {
        for path in ["config", "ledger", "counters", "metrics", "clock"] {
            let request = Request::get(format!("/++/{path}"))
                .body(Body::empty())
                .unwrap();
            match self.send(request).await {
                Outcome::Answered(StatusCode::OK, ..) => {}
                _ => return false,
            }
        }
        true
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }
}
