//! How many requests a deployment works on at once, and how it slows down.

use std::time::Duration;

use clock::Moment;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::support::{Answer, Rig, chat, hello, path, post, simulator};

/// Answers of ten tokens take a second.
fn slm(rest: &str) -> Rig {
    simulator(&format!(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        latency = {{ per_token = "100ms" }}
        {rest}
        "#
    ))
}

/// A request under way; gives the status and when its answer ended.
fn send(rig: &Rig, body: Value) -> JoinHandle<(Answer, Duration)> {
    let rig = rig.clone();
    tokio::spawn(async move {
        let answer = rig.send(chat(&body)).await;
        (answer, rig.clock.now().since(Moment::ZERO))
    })
}

fn stream(tokens: u64) -> Value {
    let mut body = hello(tokens);
    body["stream"] = json!(true);
    body
}

const S: fn(u64) -> Duration = Duration::from_secs;

#[tokio::test(start_paused = true)]
async fn with_one_slot_answers_come_one_after_the_other() {
    let rig = slm("concurrency = { slots = 1 }");
    let requests = [hello(10), stream(10), hello(10)].map(|body| send(&rig, body));
    for (request, ended) in requests.into_iter().zip(1..) {
        assert_eq!(request.await.unwrap().1, S(ended));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_without_a_charge() {
    for (status, expected) in [
        (429, StatusCode::TOO_MANY_REQUESTS),
        (503, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let rig = slm(&format!(
            "tokens_per_minute = 20\nrequests_per_minute = 600\nconcurrency = {{ slots = 1, queue = 1, status_when_full = {status} }}"
        ));
        let requests = [(); 3].map(|()| send(&rig, hello(10)));
        let [first, second, third] = requests;
        assert_eq!(third.await.unwrap().0.status, expected);
        assert_eq!(first.await.unwrap().0.status, StatusCode::OK);
        assert_eq!(second.await.unwrap().0.status, StatusCode::OK);
        let refused = &rig.simulator.ledger().entries()[2];
        assert_eq!(refused.refusal.as_deref(), Some("queue-full"));
        assert_eq!((refused.tokens_charged, refused.admitted), (0, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_limiter_takes_no_slot() {
    let rig = slm("tokens_per_minute = 10\nconcurrency = { slots = 1, queue = 1 }");
    let first = send(&rig, hello(10));
    rig.pass(Duration::from_millis(1)).await;
    for _ in 0..3 {
        let refused = rig.send(chat(&hello(10))).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let entries = rig.simulator.ledger().entries();
    assert!(
        entries[1..]
            .iter()
            .all(|e| e.refusal.as_deref() == Some("tokens"))
    );
    assert_eq!(first.await.unwrap().1, S(1));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_makes_room_whether_it_waited_or_was_answered() {
    let rig = slm("concurrency = { slots = 1 }");
    let [first, second, third] = [(); 3].map(|()| send(&rig, stream(10)));
    rig.pass(Duration::from_millis(450)).await;
    second.abort();
    first.abort();
    // Its second starts where the first one left.
    assert_eq!(third.await.unwrap().1, Duration::from_millis(1_450));
}

#[tokio::test(start_paused = true)]
async fn the_slot_is_kept_until_the_last_byte_is_taken() {
    let rig = slm("concurrency = { slots = 1 }");
    let answered = rig.simulator.router().oneshot(chat(&hello(10))).await;
    let second = send(&rig, hello(10));
    rig.pass(S(4)).await;
    let body = answered.unwrap().into_body();
    drop(body.collect().await.unwrap());
    assert_eq!(second.await.unwrap().1, S(6));
}

#[tokio::test(start_paused = true)]
async fn answers_slow_each_other_down_and_speed_up_again() {
    let load = "{ per_token = \"100ms\", load = { in_flight = 2, factor = 3.0 } }";
    for body in [hello(10), stream(10)] {
        let rig = simulator(&format!(
            "[deployments.chat]\nmodel = \"gpt-4o\"\nlatency = {load}"
        ));
        let first = send(&rig, body.clone());
        rig.pass(Duration::from_millis(450)).await;
        let second = send(&rig, body);
        // Four tokens alone, the fifth was under way, five at three times the time: 0.5 + 1.5 s.
        assert_eq!(first.await.unwrap().1, S(2));
        // Five tokens beside the first by 1.95 s, the sixth begun beside it by 2.25 s, four alone.
        assert_eq!(second.await.unwrap().1, Duration::from_millis(2_650));
    }
}

#[tokio::test(start_paused = true)]
async fn prompts_and_profiles_take_their_time() {
    let rig = simulator(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        latency = { profile = "gpt-4.1", time_to_first_token = "1s", per_prompt_token = "10ms" }
        [deployments.embedding]
        model = "text-embedding-3-small"
        latency = { per_request = "100ms", per_prompt_token = "10ms" }
        "#,
    );
    // Eight tokens of prompt, nine gaps of 12 ms.
    rig.send(chat(&hello(10))).await;
    assert_eq!(
        rig.clock.now().since(Moment::ZERO).as_millis(),
        1_000 + 80 + 108
    );
    let request = post(&path("embedding", "embeddings"), &json!({ "input": "a" }));
    rig.send(request).await;
    let entry = rig.simulator.ledger().entries().remove(1);
    assert_eq!(entry.ended.unwrap().since(entry.arrived).as_millis(), 110);
}

#[tokio::test(start_paused = true)]
async fn tokens_of_the_prompt_that_are_cached_take_no_time() {
    let rig = simulator(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        latency = { per_token = "0ms", per_prompt_token = "1ms" }
        "#,
    );
    let content = " hello".repeat(2_000);
    let body = json!({ "messages": [{ "role": "user", "content": content }], "max_tokens": 1 });
    for is_known in [false, true] {
        let answer = rig.send(chat(&body)).await.json();
        let usage = &answer["usage"];
        let cached = usage["prompt_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap();
        assert_eq!(cached > 0, is_known);
        let uncached = usage["prompt_tokens"].as_u64().unwrap() - cached;
        let entry = rig.simulator.ledger().entries().pop().unwrap();
        let took = entry.ended.unwrap().since(entry.arrived);
        assert_eq!(took, Duration::from_millis(uncached));
    }
}
