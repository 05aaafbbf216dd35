//! Each fault as its caller and the ledger see it, in virtual time.

use std::io::ErrorKind;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use clock::Moment;
use futures::StreamExt;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use simulator::{Entry, delivered};
use tower::ServiceExt;

use crate::support::{Rig, chat, hello, path, post, simulator};

pub(crate) const MS: fn(u64) -> Duration = Duration::from_millis;

/// A simulator whose faults are `faults`, in the words of a file.
pub(crate) fn faulty(faults: &str) -> Rig {
    simulator(&format!(
        r#"
        faults = [{faults}]
        [deployments.chat]
        model = "gpt-4o"
        tokens_per_minute = 10_000
        latency = {{ time_to_first_token = "500ms", per_token = "20ms" }}
        [deployments.embedding]
        model = "text-embedding-ada-002"
        "#
    ))
}

pub(crate) fn streamed(max_tokens: u64) -> Value {
    let mut body = hello(max_tokens);
    body["stream"] = json!(true);
    body
}

/// The answer as its caller gets it, or how the connection failed.
pub(crate) async fn deliver(rig: &Rig, request: Request<Body>) -> Result<Response, ErrorKind> {
    let response = rig.simulator.router().oneshot(request).await.unwrap();
    delivered(response).map_err(|error| error.kind())
}

/// Reads a body until it ends, breaks off, or `deadline` comes: its text, and whether it broke.
pub(crate) async fn read(rig: &Rig, response: Response, deadline: Moment) -> (String, bool) {
    let mut body = response.into_body();
    let mut text = String::new();
    loop {
        match rig.clock.timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                text += std::str::from_utf8(frame.data_ref().unwrap()).unwrap();
            }
            Ok(Some(Err(_))) => return (text, true),
            Ok(None) | Err(_) => return (text, false),
        }
    }
}

/// Events of a stream that carry a token.
pub(crate) fn tokens(text: &str) -> usize {
    let with_content = text.matches("\"delta\":{\"content\":\"").count();
    with_content - text.matches("\"delta\":{\"content\":\"\"").count()
}

/// What a fault does to the books: fault, status, refusal, charge, aborted.
pub(crate) fn booked(entry: &Entry) -> (Option<&str>, u16, Option<&str>, u64, bool) {
    assert!(entry.ended.is_some());
    (
        entry.fault.as_deref(),
        entry.status,
        entry.refusal.as_deref(),
        entry.tokens_charged,
        entry.aborted_by_client,
    )
}

#[tokio::test(start_paused = true)]
async fn a_status_answers_at_once_with_the_services_words_and_charges_nothing() {
    let rig = faulty(r"{ when = { first = 1 }, play = { status = { code = 503 } } }");
    let answer = rig.send(chat(&hello(10))).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.has("retry-after") && answer.has("apim-request-id"));
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"code":"ServiceUnavailable","message":"The service is temporarily unable to process your request. Please try again later."}}
    "#);
    let entry = rig.entry();
    assert_eq!(
        booked(&entry),
        (Some("status"), 503, Some("fault"), 0, false)
    );
    assert_eq!((entry.ended, entry.admitted), (Some(Moment::ZERO), None));
    let next = rig.send(chat(&hello(1_000))).await;
    assert_eq!(next.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_promised_in_the_style_that_is_asked_for() {
    let rig = faulty("");
    let mut told = Vec::new();
    for style in ["seconds", "ms", "seconds-and-ms", "http-date"] {
        let status = json!({ "code": 429, "retry_after": "6500ms", "retry_after_style": style });
        let patch = json!({ "faults": [{ "play": { "status": status } }] });
        rig.simulator.control().patch(&patch).unwrap();
        let answer = rig.send(chat(&hello(1))).await;
        let headers = ["retry-after", "retry-after-ms"].map(|name| {
            let value = answer.headers.get(name)?;
            Some(value.to_str().unwrap().to_owned())
        });
        told.push(headers);
        assert!(answer.text().contains("Try again in 7 seconds."));
    }
    let told: Vec<_> = told
        .iter()
        .map(|headers| {
            headers
                .each_ref()
                .map(|header| header.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ["7", "-"],
            ["-", "6500"],
            ["7", "6500"],
            ["Thu, 01 Jan 2026 00:00:07 GMT", "-"],
        ]
    );
    let entries = rig.simulator.ledger().entries();
    assert!(
        entries
            .iter()
            .all(|entry| entry.retry_after_ms == Some(6_500))
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_a_header_of_its_own_is_booked_as_a_promise() {
    let rig = faulty("");
    let mut booked = Vec::new();
    for headers in [
        json!({ "Retry-After": "7" }),
        json!({ "retry-after": "7", "retry-after-ms": "6500" }),
        json!({ "retry-after": "soon" }),
    ] {
        let status = json!({ "code": 429, "retry_after": "2s", "headers": headers });
        let patch = json!({ "faults": [{ "play": { "status": status } }] });
        rig.simulator.control().patch(&patch).unwrap();
        rig.send(chat(&hello(1))).await;
        booked.extend(rig.simulator.ledger().entries().pop());
    }
    let booked: Vec<_> = booked.iter().map(|entry| entry.retry_after_ms).collect();
    // What cannot be read as a number promises nothing; `retry_after` does.
    assert_eq!(booked, [Some(7_000), Some(6_500), Some(2_000)]);
}

#[tokio::test(start_paused = true)]
async fn a_status_may_bring_its_own_headers_and_body() {
    let rig = faulty(
        r#"{ play = { status = { code = 429, headers = { x-ratelimit-reset-tokens = "55", content-type = "text/html" }, body = "<p>" } } }"#,
    );
    let answer = rig.send(chat(&hello(1))).await;
    assert_eq!(answer.header("x-ratelimit-reset-tokens"), "55");
    assert_eq!(answer.header("content-type"), "text/html");
    assert_eq!(answer.text(), "<p>");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_request_is_answered_as_if_it_had_come_later() {
    let rig = faulty(r#"{ play = { delay = "2s" } }"#);
    rig.send(chat(&hello(2))).await;
    let entry = rig.entry();
    assert_eq!(booked(&entry), (Some("delay"), 200, None, 2, false));
    assert_eq!(entry.admitted, Some(Moment::ZERO + MS(2_000)));
    assert_eq!(entry.ended, Some(Moment::ZERO + MS(2_520)));
}

#[tokio::test(start_paused = true)]
async fn silence_lasts_until_the_caller_leaves() {
    let rig = faulty(r#"{ play = "silence" }"#);
    let deadline = Moment::ZERO + MS(30_000);
    let silent = rig
        .clock
        .timeout_at(deadline, deliver(&rig, chat(&hello(2))))
        .await;
    assert!(silent.is_err());
    let entry = rig.entry();
    assert_eq!(booked(&entry), (Some("silence"), 0, None, 0, true));
    assert_eq!(entry.ended, Some(deadline));
}

#[tokio::test(start_paused = true)]
async fn a_reset_comes_before_any_byte_and_is_nobodys_abort() {
    let rig = faulty(r#"{ when = { attempts = [0] }, play = "reset" }"#);
    let ask = || {
        let mut request = chat(&hello(2));
        request
            .headers_mut()
            .insert("x-request-id", "run-1-0".parse().unwrap());
        request
    };
    let broken = deliver(&rig, ask()).await.unwrap_err();
    assert_eq!(broken, ErrorKind::ConnectionReset);
    assert_eq!(booked(&rig.entry()), (Some("reset"), 0, None, 0, false));
    // The next attempt of the same request is another one.
    assert_eq!(deliver(&rig, ask()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_has_sent_its_tokens_and_is_charged_in_full() {
    let rig = faulty(r"{ play = { cut = { after_tokens = 3 } } }");
    let response = deliver(&rig, chat(&streamed(10))).await.unwrap();
    let (text, is_broken) = read(&rig, response, Moment::FAR_FUTURE).await;
    assert!(is_broken);
    assert_eq!(tokens(&text), 3);
    assert!(text.ends_with("\n\n") && !text.contains("[DONE]"));
    let entry = rig.entry();
    assert_eq!(booked(&entry), (Some("cut"), 200, None, 10, false));
    assert_eq!((entry.completion_tokens, entry.tokens_yielded), (10, 3));
    assert_eq!(entry.ended, Some(Moment::ZERO + MS(540)));
    assert_eq!(entry.response_bytes, text.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_cut_before_the_first_token_leaves_the_head_alone() {
    let rig = faulty(r"{ play = { cut = { after_tokens = 0 } } }");
    let response = deliver(&rig, chat(&streamed(10))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (text, is_broken) = read(&rig, response, Moment::FAR_FUTURE).await;
    assert_eq!((text.as_str(), is_broken), ("", true));
}

#[tokio::test(start_paused = true)]
async fn of_a_cut_body_that_is_no_stream_half_arrives() {
    let rig = faulty(r"{ play = { cut = { after_tokens = 3 } } }");
    let embed = post(&path("embedding", "embeddings"), &json!({ "input": "hi" }));
    for request in [chat(&hello(10)), embed] {
        let response = deliver(&rig, request).await.unwrap();
        let mut parts = response.into_body().into_data_stream();
        let half = parts.next().await.unwrap().unwrap();
        assert!(half.starts_with(b"{") && !half.trim_ascii_end().ends_with(b"}"));
        assert!(parts.next().await.unwrap().is_err());
        assert!(parts.next().await.is_none());
    }
    for entry in rig.simulator.ledger().entries() {
        assert_eq!((entry.status, entry.fault.as_deref()), (200, Some("cut")));
        assert_eq!((entry.tokens_yielded, entry.aborted_by_client), (0, false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_goes_on_after_its_time() {
    let rig = faulty(r#"{ play = { stall = { after_tokens = 3, time = "60s" } } }"#);
    let frames = rig.frames(chat(&streamed(5))).await;
    let at: Vec<_> = frames
        .iter()
        .map(|(at, _)| at.as_micros() / 1_000)
        .collect();
    assert_eq!(at, [500, 520, 540, 60_560, 60_580]);
    assert!(frames[4].1.contains("[DONE]"));
    assert_eq!(booked(&rig.entry()), (Some("stall"), 200, None, 5, false));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stalls_for_ever_ends_when_the_caller_leaves() {
    let rig = faulty(r"{ play = { stall = { after_tokens = 3 } } }");
    let response = deliver(&rig, chat(&streamed(5))).await.unwrap();
    let deadline = Moment::ZERO + MS(90_000);
    let (text, is_broken) = read(&rig, response, deadline).await;
    assert_eq!((tokens(&text), is_broken), (3, false));
    let entry = rig.entry();
    assert_eq!(booked(&entry), (Some("stall"), 200, None, 5, true));
    assert_eq!((entry.tokens_yielded, entry.ended), (3, Some(deadline)));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_stream_stalls_in_the_middle() {
    let rig = faulty(r#"{ play = { stall = { after_tokens = 3, time = "60s" } } }"#);
    let frames = rig.frames(chat(&hello(2))).await;
    let at: Vec<_> = frames
        .iter()
        .map(|(at, _)| at.as_micros() / 1_000)
        .collect();
    assert_eq!(at, [520, 60_520]);
    let whole: String = frames.into_iter().map(|(_, text)| text).collect();
    assert!(serde_json::from_str::<Value>(&whole).is_ok());
    assert_eq!(rig.entry().tokens_yielded, 2);
}

#[tokio::test(start_paused = true)]
async fn slow_headers_make_the_answer_late_by_as_much() {
    let rig = faulty(r#"{ play = { slow_headers = "3s" } }"#);
    deliver(&rig, chat(&hello(2))).await.unwrap();
    assert_eq!(rig.clock.now(), Moment::ZERO + MS(3_520));
    let entry = rig.entry();
    assert_eq!(
        (entry.fault.as_deref(), entry.tokens_charged),
        (Some("slow_headers"), 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_not_booked() {
    let rig = faulty(r#"{ when = { from = "1s", until = "2s" }, play = "refused" }"#);
    let mut outcomes = Vec::new();
    for number in 1..=5 {
        let outcome = deliver(&rig, chat(&hello(1))).await;
        outcomes.push(
            outcome
                .map(|response| response.status().as_u16())
                .map_err(drop),
        );
        rig.clock.sleep_until(Moment::ZERO + MS(500) * number).await;
    }
    assert_eq!(outcomes, [Ok(200), Ok(200), Err(()), Err(()), Ok(200)]);
    assert_eq!(rig.simulator.ledger().entries().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_routed_or_read_meets_no_fault() {
    let rig = faulty(r#"{ play = "silence" }"#);
    let wrong = chat(&json!({ "messages": [] }));
    for request in [wrong, post(&path("none", "embeddings"), &json!({}))] {
        rig.send(request).await;
    }
    let entries = rig.simulator.ledger().entries();
    assert!(entries.iter().all(|entry| entry.fault.is_none()));
}

#[tokio::test(start_paused = true)]
async fn conditions_pick_deployment_operation_and_header() {
    let rig = faulty(
        r#"{ when = { operation = "embeddings" }, play = { status = { code = 500 } } },
           { when = { deployment = "chat", header = { x-fault = "1" } }, play = { status = { code = 502 } } }"#,
    );
    let embed = || post(&path("embedding", "embeddings"), &json!({ "input": "hi" }));
    let mut marked = chat(&hello(1));
    marked.headers_mut().insert("x-fault", "1".parse().unwrap());
    let mut statuses = Vec::new();
    for request in [embed(), marked, chat(&hello(1))] {
        statuses.push(rig.send(request).await.status.as_u16());
    }
    assert_eq!(statuses, [500, 502, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_simulator_resets_what_is_in_flight_and_refuses_the_rest() {
    let rig = faulty("");
    let waiting = tokio::spawn({
        let rig = rig.clone();
        async move { deliver(&rig, chat(&hello(100))).await.err() }
    });
    let streaming = tokio::spawn({
        let rig = rig.clone();
        async move {
            let response = deliver(&rig, chat(&streamed(100))).await.unwrap();
            read(&rig, response, Moment::FAR_FUTURE).await
        }
    });
    rig.pass(MS(530)).await;
    let control = rig.simulator.control();
    control.patch(&json!({ "stopped": true })).unwrap();
    assert_eq!(waiting.await.unwrap(), Some(ErrorKind::ConnectionReset));
    let (text, is_broken) = streaming.await.unwrap();
    assert_eq!((tokens(&text), is_broken), (2, true));
    let refused = deliver(&rig, chat(&hello(1))).await.unwrap_err();
    assert_eq!(refused, ErrorKind::ConnectionRefused);
    let entries = rig.simulator.ledger().entries();
    let books: Vec<_> = entries.iter().map(booked).collect();
    assert_eq!(
        books,
        [
            (Some("stopped"), 0, None, 100, false),
            (Some("stopped"), 200, None, 100, false),
        ]
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry.ended == Some(Moment::ZERO + MS(530)))
    );
    control.patch(&json!({ "stopped": false })).unwrap();
    assert_eq!(
        deliver(&rig, chat(&hello(1))).await.unwrap().status(),
        StatusCode::OK
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_request_is_booked_with_its_status_and_as_nobodys_abort() {
    let rig = faulty("");
    let head = Request::head(path("chat", "chat/completions")).header("api-key", "key");
    let response = deliver(&rig, head.body(Body::empty()).unwrap())
        .await
        .unwrap();
    drop(response);
    assert_eq!(booked(&rig.entry()), (None, 405, Some("method"), 0, false));
}
