//! A simulator on a paused clock, and requests in the words of the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use clock::{Clock, Moment};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use simulator::config::SimulatorSection;
use simulator::{Entry, Simulator};
use tower::ServiceExt;

/// The query that the dated paths of Azure require.
pub(crate) const VERSION: &str = "api-version=2024-10-21";

/// A simulator without a socket, and its clock.
#[derive(Clone)]
pub(crate) struct Rig {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Clock,
}

/// An answer, taken to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

/// A simulator as a file would describe it.
pub(crate) fn simulator(toml: &str) -> Rig {
    let section: SimulatorSection = toml::from_str(toml).unwrap();
    let config = section.resolve("sim", &BTreeMap::new()).unwrap();
    let clock = Clock::paused(clock::DEFAULT_ANCHOR);
    Rig {
        simulator: Simulator::new("sim", config, clock.clone()),
        clock,
    }
}

/// A simulator with one unlimited deployment of each kind.
pub(crate) fn unlimited() -> Rig {
    simulator(
        r#"
        [deployments]
        chat = { model = "gpt-4o" }
        text = { model = "gpt-35-turbo-16k" }
        embedding = { model = "text-embedding-ada-002" }
        "#,
    )
}

/// A request with a key.
pub(crate) fn post(path: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("api-key", "key");
    request.body(Body::from(body.to_string())).unwrap()
}

/// A chat on the deployment `chat`.
pub(crate) fn chat(body: &Value) -> Request<Body> {
    post(&path("chat", "chat/completions"), body)
}

/// A dated path of Azure.
pub(crate) fn path(deployment: &str, operation: &str) -> String {
    format!("/openai/deployments/{deployment}/{operation}?{VERSION}")
}

/// A chat of one message that wants `max_tokens`.
pub(crate) fn hello(max_tokens: u64) -> Value {
    json!({ "messages": [{ "role": "user", "content": "hi" }], "max_tokens": max_tokens })
}

impl Rig {
    /// Sends a request and takes the answer to its end.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.simulator.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }

    /// Sends a request and returns each frame of the answer with the moment it came.
    pub(crate) async fn frames(&self, request: Request<Body>) -> Vec<(Moment, String)> {
        let response = self.simulator.router().oneshot(request).await.unwrap();
        let mut body = response.into_body();
        let mut frames = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            let text = String::from_utf8(data.to_vec()).unwrap();
            frames.push((self.clock.now(), text));
        }
        frames
    }

    /// The only entry of the ledger.
    #[track_caller]
    pub(crate) fn entry(&self) -> Entry {
        let mut entries = self.simulator.ledger().entries();
        assert_eq!(entries.len(), 1);
        entries.remove(0)
    }

    /// Lets `duration` pass.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.clock.sleep_until(self.clock.now() + duration).await;
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.to_vec()).unwrap()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self
            .headers
            .get(name)
            .unwrap_or_else(|| panic!("no header `{name}`"));
        value.to_str().unwrap()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// The data of each event of a stream.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<String> {
        events(&self.text())
    }
}

/// The data of each event in `text`, which must consist of whole events.
#[track_caller]
pub(crate) fn events(text: &str) -> Vec<String> {
    let events = text
        .strip_suffix("\n\n")
        .expect("a stream ends with an empty line");
    let data = events
        .split("\n\n")
        .map(|event| event.strip_prefix("data: ").unwrap());
    data.map(str::to_owned).collect()
}
