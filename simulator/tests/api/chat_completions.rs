//! Chats in one piece.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use simulator::tokens::Encoding;

use crate::support::{chat, hello, path, post, simulator, unlimited};

#[tokio::test(start_paused = true)]
async fn a_chat_is_answered_in_the_shape_of_azure() {
    let answer = unlimited().send(chat(&hello(3))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    insta::assert_snapshot!(answer.text(), @r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"finish_reason":"length","index":0,"logprobs":null,"message":{"annotations":[],"content":"back him stop","refusal":null,"role":"assistant"}}],"created":1767225600,"id":"chatcmpl-AnFtt3ElukE6oWAwitiigSGzxveJi","model":"gpt-4o-2024-11-20","object":"chat.completion","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}],"system_fingerprint":"fp_4bf360445b","usage":{"completion_tokens":3,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":8,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":11}}"#);
    assert!(answer.text().ends_with("}\n"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_exactly_the_tokens_it_says() {
    let rig = unlimited();
    for (deployment, encoding) in [("chat", Encoding::O200k), ("text", Encoding::Cl100k)] {
        for tokens in [1, 7, 250] {
            let request = post(&path(deployment, "chat/completions"), &hello(tokens));
            let body = rig.send(request).await.json();
            let text = body["choices"][0]["message"]["content"].as_str().unwrap();
            assert_eq!(encoding.count(text) as u64, tokens);
            assert_eq!(body["usage"]["completion_tokens"], tokens);
            assert_eq!(body["choices"][0]["finish_reason"], "length");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn prompts_are_counted_as_the_service_does() {
    let rig = unlimited();
    let count = async |deployment: &str, text: &str| {
        let body = json!({ "messages": [{ "role": "user", "content": text }], "max_tokens": 1 });
        let answer = rig
            .send(post(&path(deployment, "chat/completions"), &body))
            .await;
        answer.json()["usage"]["prompt_tokens"].clone()
    };
    // Source: recordings of the service and of microsoft/aoai-api-simulator.
    assert_eq!(count("text", "What is the meaning of life?").await, 14);
    assert_eq!(count("text", "hi").await, 8);
    assert_eq!(
        count("text", "Tell me a joke about opentelemetry").await,
        15
    );
    assert_eq!(
        count("chat", "Tell me a joke about opentelemetry").await,
        16
    );
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_was_asked_lately_is_cached() {
    let rig = simulator(
        "[deployments]\nchat = { model = \"gpt-4o\" }\nwithout = { model = \"gpt-4o\", prompt_caching = false }\n\
         full = { model = \"gpt-4o\", tokens_per_minute = 1 }\nold = { model = \"gpt-3.5-turbo\" }",
    );
    let known = " the".repeat(1_300);
    let ask = async |deployment: &str, question: &str| {
        let body = json!({
            "messages": [
                { "role": "system", "content": known },
                { "role": "user", "content": question },
            ],
            "max_tokens": 2,
        });
        let answer = rig
            .send(post(&path(deployment, "chat/completions"), &body))
            .await;
        answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"].clone()
    };
    assert_eq!(ask("chat", "who?").await, 0);
    // 1,304 tokens in common: 1,024 and two steps of 128.
    assert_eq!(ask("chat", "what?").await, 1_280);
    assert_eq!(rig.simulator.ledger().entries()[1].cached_tokens, 1_280);
    for deployment in ["without", "old"] {
        assert_eq!(ask(deployment, "who?").await, 0);
        assert_eq!(ask(deployment, "who?").await, 0);
    }
    // Who is refused leaves nothing behind.
    assert_eq!(ask("full", "who?").await, json!(null));
    let refused = rig.simulator.ledger().entries().pop().unwrap();
    assert_eq!((refused.status, refused.cached_tokens), (429, 0));
    rig.clock
        .sleep_until(rig.clock.now() + Duration::from_mins(5))
        .await;
    assert_eq!(ask("chat", "who?").await, 0);
}

#[tokio::test(start_paused = true)]
async fn all_paths_lead_to_the_deployment() {
    let rig = unlimited();
    let mut body = hello(1);
    body["model"] = json!("chat");
    for path in [
        "/openai/deployments/chat/chat/completions?api-version=2024-10-21",
        "/openai/deployments/chat/chat/completions?a=b&api-version=2024-10-21",
        "//openai//deployments/chat/chat/completions?api-version=2024-10-21",
        "/openai/v1/chat/completions",
        "/openai/v1/chat/completions?api-version=preview",
        "/v1/chat/completions",
    ] {
        let answer = rig.send(post(path, &body)).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_eq!(answer.json()["model"], "gpt-4o-2024-11-20");
    }
}

#[tokio::test(start_paused = true)]
async fn azure_filters_content_and_openai_does_not() {
    let rig = unlimited();
    let mut body = hello(1);
    body["model"] = json!("chat");
    let azure = rig
        .send(post("/openai/v1/chat/completions", &body))
        .await
        .json();
    let openai = rig.send(post("/v1/chat/completions", &body)).await.json();
    assert!(azure["prompt_filter_results"].is_array());
    assert!(openai.get("prompt_filter_results").is_none());
    assert!(openai["choices"][0].get("content_filter_results").is_none());
}

#[tokio::test(start_paused = true)]
async fn as_many_choices_are_answered_as_wanted() {
    let mut body = hello(4);
    body["n"] = json!(3);
    let body = unlimited().send(chat(&body)).await.json();
    let choices = body["choices"].as_array().unwrap();
    let indices: Vec<_> = choices
        .iter()
        .map(|choice| choice["index"].clone())
        .collect();
    assert_eq!(indices, [0, 1, 2]);
    assert_ne!(choices[0]["message"], choices[1]["message"]);
    assert_eq!(body["usage"]["completion_tokens"], 12);
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_an_answer_stops_by_itself() {
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    let body = unlimited().send(chat(&body)).await.json();
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let tokens = body["usage"]["completion_tokens"].as_u64().unwrap();
    assert!((1..=1_024).contains(&tokens), "{tokens}");
}

#[tokio::test(start_paused = true)]
async fn the_same_request_with_the_same_seed_gets_the_same_bytes() {
    let send = async |seed: u64, id: &str| {
        let rig = simulator(&format!(
            "seed = {seed}\ndeployments.chat.model = \"gpt-4o\""
        ));
        let mut request = chat(&hello(20));
        request
            .headers_mut()
            .insert("x-request-id", id.parse().unwrap());
        let answer = rig.send(request).await;
        (answer.text(), answer.header("apim-request-id").to_owned())
    };
    assert_eq!(send(1, "a").await, send(1, "a").await);
    assert_ne!(send(1, "a").await.0, send(2, "a").await.0);
    assert_ne!(send(1, "a").await.0, send(1, "b").await.0);
    assert_ne!(send(1, "a").await.1, send(1, "b").await.1);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_is_drawn_anew() {
    let rig = unlimited();
    let send = async || {
        let mut request = chat(&hello(20));
        request
            .headers_mut()
            .insert("x-request-id", "a".parse().unwrap());
        rig.send(request).await.text()
    };
    assert_ne!(send().await, send().await);
}

#[tokio::test(start_paused = true)]
async fn answers_carry_the_headers_of_azure() {
    let rig = simulator("region = \"Sweden Central\"\ndeployments.chat.model = \"gpt-4o\"");
    let mut request = chat(&hello(1));
    request
        .headers_mut()
        .insert("x-ms-client-request-id", "mine".parse().unwrap());
    let answer = rig.send(request).await;
    assert_eq!(answer.header("x-ms-region"), "Sweden Central");
    assert_eq!(answer.header("x-ms-deployment-name"), "chat");
    assert_eq!(answer.header("x-ms-client-request-id"), "mine");
    assert_eq!(answer.header("apim-request-id").len(), 36);
    assert_ne!(
        answer.header("apim-request-id"),
        answer.header("x-request-id")
    );
    assert!(!answer.has("x-ratelimit-remaining-tokens"));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_of_a_million_spaces_is_answered() {
    let body = json!({
        "messages": [{ "role": "user", "content": " ".repeat(1_000_000) }], "max_tokens": 1,
    });
    let answer = unlimited().send(chat(&body)).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_deployment_is_served_where_that_is_allowed() {
    let rig = simulator("allow_undefined_deployments = true");
    let answer = rig.send(chat(&hello(1))).await;
    assert_eq!(answer.json()["model"], "gpt-3.5-turbo-0613");
    assert!(!answer.has("x-ratelimit-remaining-tokens"));
    let body = json!({ "input": "hi" });
    let answer = rig.send(post(&path("any", "embeddings"), &body)).await;
    assert_eq!(answer.json()["model"], "text-embedding-ada-002");
}
