//! Bodies, paths, queries, headers and methods.

use axum::body::Body;
use bytes::Bytes;
use clock::Moment;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Rig, SMALL, on_paused_clock};
use crate::values::{changed, deep};

/// Bodies that are in order, with every field that changes an answer.
fn bodies() -> Vec<Value> {
    let lines = include_str!("bodies.jsonl").lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Shown as text where one fails.
fn body() -> impl Strategy<Value = Bytes> {
    let text = changed(bodies()).prop_map(String::into_bytes);
    let broken =
        (text, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut bytes, place, byte)| {
            let place = place.index(bytes.len());
            match byte {
                0..64 => bytes.truncate(place),
                _ => bytes[place] = byte,
            }
            bytes
        });
    let bytes = prop_oneof![
        8 => changed(bodies()).prop_map(String::into_bytes),
        2 => broken,
        1 => prop::collection::vec(any::<u8>(), 0..500),
        1 => (1..20_000usize).prop_map(|levels| "[".repeat(levels).into_bytes()),
        1 => Just(vec![b' '; 100_001]),
    ];
    bytes.prop_map(Bytes::from)
}

const OPERATIONS: [&str; 3] = ["chat/completions", "completions", "embeddings"];

fn path() -> impl Strategy<Value = String> {
    let deployment = prop::sample::select(vec![
        "chat",
        "reasoning",
        "text",
        "embedding",
        "nobody",
        "%F0%9F",
        "..",
        "a%2Fb",
    ]);
    let operation = prop::sample::select(OPERATIONS.to_vec());
    let dated = (deployment, operation.clone()).prop_map(|(deployment, operation)| {
        format!("/openai/deployments/{deployment}/{operation}")
    });
    let others = prop::sample::select(vec![
        "/",
        "//",
        "/v1/models",
        "/openai/models",
        "/openai/v1/models/chat",
        "/openai/deployments",
        "/++/",
        "/++/config",
        "/++/reset",
        "/++/ledger",
        "/metadata/identity/oauth2/token",
        "*",
    ]);
    prop_oneof![
        6 => dated,
        2 => operation.clone().prop_map(|operation| format!("/v1/{operation}")),
        2 => operation.prop_map(|operation| format!("/openai/v1/{operation}")),
        1 => others.prop_map(str::to_owned),
        1 => "/[!-~]{0,60}",
        1 => (1..60_000usize).prop_map(|length| "/x".repeat(length / 2 + 1)),
    ]
}

fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("?api-version=2024-10-21".to_owned()),
        1 => Just(String::new()),
        1 => Just("?api-version=".to_owned()),
        1 => Just("?api-version=2024-10-21&api-version=x".to_owned()),
        1 => Just("?since=1&limit=2&status=4xx".to_owned()),
        1 => "\\?[!-~&&[^#]]{0,80}",
        1 => (1..4_000usize).prop_map(|length| format!("?a={}", "%".repeat(length))),
    ]
}

fn header() -> impl Strategy<Value = (String, Bytes)> {
    let names = vec![
        "api-key",
        "authorization",
        "content-type",
        "content-length",
        "x-request-id",
        "x-ms-client-request-id",
        "traceparent",
        "accept",
        "ocp-apim-subscription-key",
        "x-simulator-fault",
        "transfer-encoding",
        "expect",
        "host",
        "metadata",
    ];
    let name = prop_oneof![4 => prop::sample::select(names).prop_map(str::to_owned), 1 => "[a-z][a-z0-9-]{0,30}"];
    let known = vec![
        "",
        "key",
        "Bearer x",
        "Bearer",
        "Basic !",
        "application/json",
        "1000000000",
        "-1",
        "18446744073709551616",
        "text/event-stream",
        "{\"status\":{\"code\":503}}",
        "null",
        "chunked",
    ];
    let value = prop_oneof![
        3 => prop::sample::select(known).prop_map(|value| value.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    (name, value.prop_map(Bytes::from))
}

fn request() -> impl Strategy<Value = (Method, String, Vec<(String, Bytes)>, Bytes)> {
    let odd = vec![
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
    ];
    let method = prop_oneof![6 => Just(Method::POST), 1 => prop::sample::select(odd)];
    let uri = (path(), query()).prop_map(|(path, query)| path + &query);
    (method, uri, prop::collection::vec(header(), 0..8), body())
}

/// The request, unless HTTP has no such thing.
fn built(
    method: &Method,
    uri: &str,
    headers: &[(String, Bytes)],
    body: &Bytes,
) -> Option<Request<Body>> {
    let uri: Uri = uri.parse().ok()?;
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .header("api-key", "key");
    let mut request = request.body(Body::from(body.clone())).ok()?;
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}

proptest! {
    #[test]
    fn a_body_that_is_almost_right_is_answered_in_no_time(body in changed(bodies()), operation in 0..3usize) {
        let request = Request::post(format!("/v1/{}", OPERATIONS[operation])).header("api-key", "key");
        let request = request.body(Body::from(body)).unwrap();
        on_paused_clock(async {
            let rig = Rig::new(SMALL);
            rig.objection(request).await.map_err(TestCaseError::fail)?;
            prop_assert_eq!(rig.now(), Moment::ZERO);
            Ok(())
        })?;
    }

    #[test]
    fn whatever_is_sent_is_answered_and_booked(requests in prop::collection::vec(request(), 1..4)) {
        on_paused_clock(async {
            let rig = Rig::new(SMALL);
            for (method, uri, headers, body) in &requests {
                if let Some(request) = built(method, uri, headers, body) {
                    rig.objection(request).await.map_err(TestCaseError::fail)?;
                }
            }
            prop_assert!(rig.is_controlled().await);
            Ok(())
        })?;
    }

    #[test]
    fn whatever_fault_is_asked_for_the_books_close(wishes in prop::collection::vec(wish(), 1..4), stream in any::<bool>()) {
        on_paused_clock(async {
            let rig = Rig::new(&format!("faults_by_header = true\n{SMALL}"));
            for wish in wishes {
                let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 5, "stream": stream });
                let request = Request::post("/v1/chat/completions").header("api-key", "key");
                if let Ok(request) = request.header("x-simulator-fault", wish).body(Body::from(body.to_string())) {
                    rig.send(request).await;
                }
            }
            let ledger = rig.simulator.ledger();
            prop_assert!(ledger.entries().iter().all(|entry| entry.ended.is_some()));
            prop_assert!(rig.is_controlled().await);
            Ok(())
        })?;
    }
}

/// A fault as a request asks for it, or almost.
fn wish() -> impl Strategy<Value = String> {
    let plays = vec![
        json!({ "status": { "code": 429, "headers": { "x-a": "b" }, "body": "x", "retry_after": "1s", "retry_after_style": "ms" } }),
        json!({ "delay": "1s" }),
        json!("silence"),
        json!("reset"),
        json!({ "cut": { "after_tokens": 2 } }),
        json!({ "stall": { "after_tokens": 2, "time": "1s" } }),
        json!({ "slow_headers": "1s" }),
        json!({ "truncated": { "after_tokens": 2 } }),
        json!({ "malformed": { "after_tokens": 2, "frame": "data: {" } }),
        json!({ "error": { "after_tokens": 2, "message": "m", "kind": "k", "code": "c" } }),
        json!({ "duplicate": { "after_tokens": 2 } }),
        json!("no_usage"),
        json!("no_done"),
        json!({ "content_type": "text/plain" }),
        json!({ "slow_body": { "bytes": 3, "every": "1ms" } }),
    ];
    let short = vec![
        "cut; after_tokens=3",
        "delay=2s",
        "silence",
        "status;code=503",
        "=",
        ";;",
        "cut;after_tokens",
    ];
    prop_oneof![
        6 => changed(plays),
        1 => prop::sample::select(short).prop_map(str::to_owned),
        1 => "[ -~]{0,40}",
    ]
}

/// The status of the answer to a chat, and what it says.
fn chat(body: &str) -> (u16, String) {
    let request = Request::post("/v1/chat/completions").header("api-key", "key");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    on_paused_clock(async {
        let answer = Rig::new(SMALL).simulator.send(request).await.unwrap();
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        (answer.status().as_u16(), text)
    })
}

#[test]
fn numbers_beyond_any_reason_are_refused_before_anything_is_made() {
    for field in [
        "\"n\": 1000000000",
        "\"n\": -1",
        "\"n\": 1e999",
        "\"max_tokens\": -5",
        "\"max_tokens\": 99999999999999999999",
        "\"max_completion_tokens\": 9223372036854775808",
        "\"max_tokens\": 18446744073709551615",
    ] {
        let body =
            format!(r#"{{"model":"chat","messages":[{{"role":"user","content":"hi"}}],{field}}}"#);
        let (status, text) = chat(&body);
        assert_eq!(status, 400, "{field}: {text}");
    }
}

#[test]
fn ten_million_dimensions_are_refused() {
    let request = Request::post("/v1/embeddings").header("api-key", "key");
    let body = json!({ "model": "embedding", "input": "a", "dimensions": 10_000_000 });
    let request = request.body(Body::from(body.to_string())).unwrap();
    let status = on_paused_clock(async {
        Rig::new(SMALL)
            .simulator
            .send(request)
            .await
            .unwrap()
            .status()
    });
    assert_eq!(status, 400);
}

#[test]
fn a_body_a_hundred_thousand_levels_deep_is_refused() {
    let (status, _) = chat(&"[".repeat(99_000));
    assert_eq!(status, 400);
    let body = json!({ "model": "chat", "messages": deep(100) }).to_string();
    assert_eq!(chat(&body).0, 400);
}

#[test]
fn every_body_that_others_are_made_of_is_answered() {
    for body in bodies() {
        let operation = match body["model"].as_str().unwrap() {
            "text" => "completions",
            "embedding" => "embeddings",
            _ => "chat/completions",
        };
        let request = Request::post(format!("/v1/{operation}")).header("api-key", "key");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let answer = on_paused_clock(async { Rig::new(SMALL).simulator.send(request).await });
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{body}: {:?}", answer.body());
    }
}
