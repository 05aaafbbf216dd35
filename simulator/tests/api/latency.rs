//! Answers in one piece come when their last token is due.

use std::time::Duration;

use clock::Moment;
use serde_json::{Value, json};

use crate::support::{Rig, chat, hello, path, post, simulator};

fn with_latency(latency: &str) -> Rig {
    simulator(&format!(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        latency = {latency}
        [deployments.embedding]
        model = "text-embedding-ada-002"
        latency = {latency}
        "#
    ))
}

/// How long a chat of ten tokens and an embedding take, in milliseconds.
async fn took(rig: &Rig) -> (u128, u128) {
    let before = rig.clock.now();
    rig.send(chat(&hello(10))).await;
    let between = rig.clock.now();
    rig.send(post(
        &path("embedding", "embeddings"),
        &json!({ "input": "a" }),
    ))
    .await;
    let after = rig.clock.now();
    (
        between.since(before).as_millis(),
        after.since(between).as_millis(),
    )
}

#[tokio::test(start_paused = true)]
async fn an_answer_takes_its_first_token_and_the_gaps_between_the_others() {
    let rig = with_latency(r#"{ time_to_first_token = "500ms", per_token = "20ms" }"#);
    assert_eq!(took(&rig).await, (500 + 9 * 20, 500));
}

#[tokio::test(start_paused = true)]
async fn per_token_alone_counts_every_token() {
    let rig = with_latency(r#"{ per_token = "20ms" }"#);
    assert_eq!(took(&rig).await, (200, 0));
}

#[tokio::test(start_paused = true)]
async fn per_request_counts_once() {
    let rig = with_latency(r#"{ per_request = "700ms" }"#);
    assert_eq!(took(&rig).await, (700, 700));
}

#[tokio::test(start_paused = true)]
async fn a_drawn_latency_follows_from_the_requests_id() {
    let latency = r#"{ per_request = { log_normal = { median = "500ms", sigma = 0.3 } } }"#;
    let took = async |id: &str| {
        let rig = with_latency(latency);
        let mut request = chat(&hello(1));
        request
            .headers_mut()
            .insert("x-request-id", id.parse().unwrap());
        rig.send(request).await;
        rig.clock.now().since(Moment::ZERO)
    };
    assert_eq!(took("a").await, took("a").await);
    assert_ne!(took("a").await, took("b").await);
    assert!((200..1_250).contains(&took("a").await.as_millis()));
}

#[tokio::test(start_paused = true)]
async fn a_simulators_latency_is_for_deployments_without_their_own() {
    let rig = simulator(
        r#"
        [latency]
        chat_completions = { per_token = "10ms" }
        embeddings = { per_request = "100ms" }
        [deployments]
        chat = { model = "gpt-4o" }
        embedding = { model = "text-embedding-ada-002", latency = { per_request = "1s" } }
        "#,
    );
    assert_eq!(took(&rig).await, (100, 1_000));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_takes_no_time() {
    let rig = with_latency(r#"{ per_request = "700ms" }"#);
    rig.send(chat(&json!({}))).await;
    assert_eq!(rig.clock.now(), Moment::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_change_leaves_requests_in_flight_as_they_began() {
    let rig = with_latency(r#"{ per_request = "700ms" }"#);
    let in_flight = tokio::spawn({
        let rig = rig.clone();
        async move {
            rig.send(chat(&hello(1))).await;
            rig.clock.now().since(Moment::ZERO)
        }
    });
    rig.pass(Duration::from_millis(100)).await;
    let patch: Value = json!({ "deployments": { "chat": { "latency": { "per_request": "0s" } } } });
    rig.simulator.control().patch(&patch).unwrap();
    rig.send(chat(&hello(1))).await;
    assert_eq!(
        rig.clock.now().since(Moment::ZERO),
        Duration::from_millis(100)
    );
    assert_eq!(in_flight.await.unwrap(), Duration::from_millis(700));
}
