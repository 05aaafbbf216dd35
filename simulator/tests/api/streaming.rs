//! Streams: frames, their order, and when each leaves.

use std::time::Duration;

use clock::Moment;
use serde_json::{Value, json};

use crate::support::{chat, events, hello, path, post, simulator, unlimited};

fn streamed(max_tokens: u64) -> Value {
    let mut body = hello(max_tokens);
    body["stream"] = json!(true);
    body
}

#[tokio::test(start_paused = true)]
async fn a_chat_streams_filter_role_tokens_finish_and_done() {
    let answer = unlimited().send(chat(&streamed(3))).await;
    assert_eq!(
        answer.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    let events = answer.events();
    let (done, frames) = events.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let frames: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_str(frame).unwrap())
        .collect();
    assert_eq!(frames[0]["choices"], json!([]));
    assert_eq!(frames[0]["prompt_filter_results"][0]["prompt_index"], 0);
    let deltas: Vec<_> = frames[1..]
        .iter()
        .map(|frame| &frame["choices"][0]["delta"])
        .collect();
    assert_eq!(deltas[0]["role"], "assistant");
    let words: Vec<_> = deltas[1..4]
        .iter()
        .map(|delta| delta["content"].as_str().unwrap())
        .collect();
    assert!(!words[0].starts_with(' ') && words[1].starts_with(' ') && words[2].starts_with(' '));
    assert_eq!(*deltas[4], json!({}));
    assert_eq!(frames[5]["choices"][0]["finish_reason"], "length");
    assert!(frames.iter().all(|frame| frame.get("usage").is_none()));
    let id = &frames[1]["id"];
    assert!(frames[1..].iter().all(|frame| frame["id"] == *id));
}

#[tokio::test(start_paused = true)]
async fn usage_comes_last_where_it_is_wanted() {
    let mut body = streamed(2);
    body["stream_options"] = json!({ "include_usage": true });
    let events = unlimited().send(chat(&body)).await.events();
    let frames: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|frame| serde_json::from_str(frame).unwrap())
        .collect();
    let (last, others) = frames.split_last().unwrap();
    assert!(others[1..].iter().all(|frame| frame["usage"].is_null()));
    assert!(others[1..].iter().all(|frame| frame.get("usage").is_some()));
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["prompt_tokens"], 8);
    assert_eq!(last["usage"]["completion_tokens"], 2);
    assert_eq!(last["usage"]["total_tokens"], 10);
}

#[tokio::test(start_paused = true)]
async fn a_stream_says_what_the_whole_answer_says() {
    let send = async |body: &Value| {
        let mut request = chat(body);
        request
            .headers_mut()
            .insert("x-request-id", "same".parse().unwrap());
        unlimited().send(request).await
    };
    let whole = send(&hello(30)).await.json();
    let events = send(&streamed(30)).await.events();
    let frames = events[..events.len() - 1]
        .iter()
        .map(|event| -> Value { serde_json::from_str(event).unwrap() });
    let text: String = frames
        .filter_map(|frame| Some(frame["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(text, whole["choices"][0]["message"]["content"]);
}

#[tokio::test(start_paused = true)]
async fn completions_stream_too() {
    let body = json!({ "prompt": ["a", "b"], "max_tokens": 2, "stream": true });
    let answer = unlimited()
        .send(post(&path("text", "completions"), &body))
        .await;
    let events = answer.events();
    assert_eq!(events.last().unwrap(), "[DONE]");
    let indices: Vec<Value> = events[1..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str::<Value>(event).unwrap()["choices"][0].clone())
        .map(|choice| json!([choice["index"], choice["finish_reason"]]))
        .collect();
    assert_eq!(
        json!(indices),
        json!([
            [0, null],
            [1, null],
            [0, null],
            [0, "length"],
            [1, null],
            [1, "length"]
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn openai_streams_without_the_filter_frame() {
    let mut body = streamed(1);
    body["model"] = json!("chat");
    let events = unlimited()
        .send(post("/v1/chat/completions", &body))
        .await
        .events();
    let first: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(first["choices"][0]["delta"]["role"], "assistant");
}

#[tokio::test(start_paused = true)]
async fn each_token_leaves_exactly_at_its_deadline() {
    let rig = simulator(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        latency = { time_to_first_token = "500ms", per_token = "20ms" }
        "#,
    );
    rig.pass(Duration::from_secs(1)).await;
    let frames = rig.frames(chat(&streamed(4))).await;
    let moments: Vec<_> = frames
        .iter()
        .map(|(at, _)| at.since(Moment::ZERO).as_millis())
        .collect();
    assert_eq!(moments, [1_500, 1_520, 1_540, 1_560]);
    let sizes: Vec<_> = frames.iter().map(|(_, text)| events(text).len()).collect();
    // Filter, role and first token; second; third; fourth, finish and done.
    assert_eq!(sizes, [3, 1, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_what_is_due_at_once_and_the_rest_in_time() {
    let rig =
        simulator("[deployments.chat]\nmodel = \"gpt-4o\"\nlatency = { per_token = \"10ms\" }");
    let response = tower::ServiceExt::oneshot(rig.simulator.router(), chat(&streamed(10)))
        .await
        .unwrap();
    let mut body = response.into_body();
    // The reader is away while the first five tokens become due.
    rig.pass(Duration::from_millis(50)).await;
    let mut arrivals = Vec::new();
    while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
        let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
        arrivals.push((
            rig.clock.now().since(Moment::ZERO).as_millis(),
            events(&text).len(),
        ));
    }
    // Filter, role and five tokens; four tokens one by one; the last with finish and done.
    assert_eq!(
        arrivals,
        [(50, 7), (60, 1), (70, 1), (80, 1), (90, 1), (100, 3)]
    );
}
