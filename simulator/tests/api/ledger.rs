//! Every request is booked, whatever becomes of it.

use std::time::Duration;

use axum::body::Body;
use clock::Moment;
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;
use simulator::Credential;
use tower::ServiceExt;

use crate::support::{Rig, chat, hello, path, post, simulator, unlimited};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn slow() -> Rig {
    simulator(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        tokens_per_minute = 1_000
        latency = { time_to_first_token = "500ms", per_token = "20ms" }
        "#,
    )
}

#[tokio::test(start_paused = true)]
async fn an_answered_request_is_booked_in_full() {
    let rig = slow();
    let mut request = chat(&hello(10));
    for (name, value) in [
        ("x-request-id", "run-1-0"),
        ("x-ms-client-request-id", "client-1"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("ocp-apim-subscription-key", "leaked"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    rig.pass(MS(100)).await;
    rig.send(request).await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&rig.entry()).unwrap(), @r#"
    {
      "number": 0,
      "arrived": 100000,
      "admitted": 100000,
      "first_byte": 780000,
      "ended": 780000,
      "method": "POST",
      "path_and_query": "/openai/deployments/chat/chat/completions?api-version=2024-10-21",
      "operation": "chat_completions",
      "deployment": "chat",
      "request_id": "run-1-0",
      "client_request_id": "client-1",
      "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "prompt_head": "hi",
      "ordinal": 0,
      "credential": "api-key",
      "credential_hashes": [
        "2c70e12b7a0646f9",
        "60cb0264f067b820"
      ],
      "request_hash": "76db84851b2de07e",
      "request_bytes": 61,
      "response_hash": "5177118543910947",
      "response_bytes": 1137,
      "status": 200,
      "refusal": null,
      "retry_after_ms": null,
      "streamed": false,
      "tokens_estimated": 10,
      "tokens_charged": 10,
      "prompt_tokens": 8,
      "cached_tokens": 0,
      "completion_tokens": 10,
      "tokens_yielded": 10,
      "fault": null,
      "aborted_by_client": false
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn hashes_are_those_of_the_bytes() {
    let rig = unlimited();
    let request = Request::post(path("chat", "chat/completions")).header("api-key", "key");
    rig.send(request.body(Body::from("abc")).unwrap()).await;
    let entry = rig.entry();
    // SHA-256 of "abc" begins ba7816bf 8f01cfea; of "key" 2c70e12b 7a0646f9.
    assert_eq!(entry.request_hash, "ba7816bf8f01cfea");
    assert_eq!(entry.credential_hashes, ["2c70e12b7a0646f9"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_booked_with_its_reason_and_charges_nothing() {
    let rig = slow();
    rig.send(chat(&hello(1_000))).await;
    rig.send(chat(&hello(7))).await;
    let entry = &rig.simulator.ledger().entries()[1];
    assert_eq!(entry.status, 429);
    assert_eq!(entry.refusal.as_deref(), Some("tokens"));
    assert_eq!(entry.tokens_estimated, 7);
    assert_eq!(
        (
            entry.tokens_charged,
            entry.completion_tokens,
            entry.tokens_yielded
        ),
        (0, 0, 0)
    );
    assert_eq!(entry.retry_after_ms, Some(60_000 - 500 - 999 * 20));
    assert!(!entry.aborted_by_client);
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_refusal_has_its_word() {
    let rig = unlimited();
    let no_key = Request::post(path("chat", "chat/completions"))
        .body(Body::empty())
        .unwrap();
    let get = Request::get(path("chat", "chat/completions")).header("api-key", "key");
    for request in [
        no_key,
        get.body(Body::empty()).unwrap(),
        post("/nothing", &json!({})),
        post(&path("none", "chat/completions"), &json!({})),
        post(&path("chat", "embeddings"), &json!({})),
        chat(&json!({})),
        chat(&hello(1_000_000)),
    ] {
        rig.send(request).await;
    }
    let entries = rig.simulator.ledger().entries();
    let words: Vec<_> = entries
        .iter()
        .map(|entry| (entry.status, entry.refusal.as_deref().unwrap()))
        .collect();
    assert_eq!(
        words,
        [
            (401, "auth"),
            (405, "method"),
            (404, "route"),
            (404, "unknown-deployment"),
            (400, "operation"),
            (400, "validation"),
            (400, "context-length"),
        ]
    );
    assert_eq!(entries[0].credential, Credential::None);
    assert_eq!(entries[3].deployment.as_deref(), Some("none"));
    assert!(
        entries
            .iter()
            .all(|entry| entry.ended.is_some() && !entry.aborted_by_client)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_is_booked_as_far_as_it_got() {
    let rig = slow();
    let mut body = hello(10);
    body["stream"] = json!(true);
    let response = rig.simulator.router().oneshot(chat(&body)).await.unwrap();
    let mut stream = response.into_body();
    let mut taken = 0;
    for _ in 0..3 {
        taken += stream
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len() as u64;
    }
    assert_eq!(rig.simulator.ledger().open_count(), 1);
    drop(stream);
    let entry = rig.entry();
    assert!(entry.aborted_by_client && entry.streamed);
    assert_eq!((entry.completion_tokens, entry.tokens_yielded), (10, 3));
    assert_eq!(entry.response_bytes, taken);
    assert_eq!(entry.first_byte, Some(Moment::ZERO + MS(500)));
    assert_eq!(entry.ended, Some(Moment::ZERO + MS(540)));
    assert_eq!(rig.simulator.ledger().open_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_abandoned_while_it_waits_is_booked_without_a_status() {
    let rig = slow();
    let waiting = rig.simulator.router().oneshot(chat(&hello(10)));
    let given_up = rig.clock.timeout_at(Moment::ZERO + MS(100), waiting).await;
    assert!(given_up.is_err());
    let entry = rig.entry();
    assert!(entry.aborted_by_client);
    assert_eq!(
        (entry.status, entry.response_bytes, entry.first_byte),
        (0, 0, None)
    );
    assert_eq!((entry.tokens_charged, entry.tokens_yielded), (10, 0));
    assert_eq!(entry.ended, Some(Moment::ZERO + MS(100)));
}

#[tokio::test(start_paused = true)]
async fn a_request_abandoned_while_its_body_is_sent_is_booked() {
    let rig = unlimited();
    let endless = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = Request::post(path("chat", "chat/completions"))
        .body(endless)
        .unwrap();
    let sending = rig.simulator.router().oneshot(request);
    assert!(
        rig.clock
            .timeout_at(Moment::ZERO + MS(100), sending)
            .await
            .is_err()
    );
    assert!(rig.entry().aborted_by_client);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_reads_is_aborted() {
    let rig = unlimited();
    drop(
        rig.simulator
            .router()
            .oneshot(chat(&hello(10)))
            .await
            .unwrap(),
    );
    let entry = rig.entry();
    assert!(entry.aborted_by_client);
    assert_eq!(
        (entry.status, entry.tokens_yielded, entry.completion_tokens),
        (200, 0, 10)
    );
}

#[tokio::test(start_paused = true)]
async fn a_finished_stream_has_yielded_all_its_tokens() {
    let rig = slow();
    let mut body = hello(10);
    body["stream"] = json!(true);
    rig.send(chat(&body)).await;
    let entry = rig.entry();
    assert!(!entry.aborted_by_client);
    assert_eq!((entry.completion_tokens, entry.tokens_yielded), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn without_ids_the_prompt_tells_requests_apart() {
    let rig = unlimited();
    let body = json!({ "prompt": format!("{}é", "ä".repeat(63)) + "cut", "max_tokens": 1 });
    rig.send(post(&path("text", "completions"), &body)).await;
    assert_eq!(
        rig.entry().prompt_head,
        Some(format!("{}é", "ä".repeat(63)))
    );
}

#[tokio::test(start_paused = true)]
async fn the_path_is_booked_as_it_was_received() {
    let rig = unlimited();
    let path = "//openai//deployments/chat/chat/completions?api-version=2024-10-21&x=%20";
    rig.send(post(path, &hello(1))).await;
    assert_eq!(rig.entry().path_and_query, path);
}

#[tokio::test(start_paused = true)]
async fn neither_health_nor_admin_requests_are_booked() {
    let rig = unlimited();
    for path in ["/", "/++/ledger", "/++/nothing"] {
        rig.send(Request::get(path).body(Body::empty()).unwrap())
            .await;
    }
    assert_eq!(rig.simulator.ledger().entries(), []);
}
