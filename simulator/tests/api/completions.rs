//! Completions in one piece.

use http::StatusCode;
use serde_json::{Value, json};
use simulator::tokens::{Encoding, words};

use crate::support::{Answer, path, post, simulator, unlimited};

async fn complete(body: &Value) -> Answer {
    unlimited()
        .send(post(&path("text", "completions"), body))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_completion_is_answered_in_the_shape_of_azure() {
    let answer = complete(&json!({ "prompt": "one two three", "max_tokens": 5 })).await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["object"], "text_completion");
    assert!(body["id"].as_str().unwrap().starts_with("cmpl-"));
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    let text = body["choices"][0]["text"].as_str().unwrap();
    assert_eq!(Encoding::Cl100k.count(text), 5);
    let usage = json!({ "prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8 });
    assert_eq!(body["usage"], usage);
}

#[tokio::test(start_paused = true)]
async fn prompts_may_be_texts_or_tokens_one_or_several() {
    for (prompt, tokens, choices) in [
        (json!("one two"), 2, 1),
        (json!(["one two", "three"]), 3, 2),
        (json!([1, 2, 3]), 3, 1),
        (json!([[1, 2], [3]]), 3, 2),
    ] {
        let body = complete(&json!({ "prompt": prompt, "max_tokens": 1 }))
            .await
            .json();
        assert_eq!(body["usage"]["prompt_tokens"], tokens, "{prompt}");
        assert_eq!(
            body["choices"].as_array().unwrap().len(),
            choices,
            "{prompt}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_trace_of_long_prompts_fits_into_sixteen_thousand_tokens() {
    let rig = unlimited();
    let prompt: Vec<_> = words().iter().copied().cycle().take(15_000).collect();
    let body = json!({ "prompt": prompt.join(" "), "max_tokens": 1_385 });
    let fits = rig
        .send(post(&path("text", "completions"), &body))
        .await
        .json();
    assert_eq!(fits["usage"]["prompt_tokens"], 15_000);
    assert_eq!(fits["usage"]["completion_tokens"], 1_385);
    let body = json!({ "prompt": prompt.join(" "), "max_tokens": 1_386 });
    let answer = rig.send(post(&path("text", "completions"), &body)).await;
    insta::assert_snapshot!(answer.text(), @r#"{"error":{"message":"This model's maximum context length is 16385 tokens, however you requested 16386 tokens (15000 in your prompt; 1386 for the completion). Please reduce your prompt; or completion length.","type":"invalid_request_error","param":null,"code":null}}"#);
}

#[tokio::test(start_paused = true)]
async fn the_context_window_can_be_configured() {
    let rig = simulator(
        "[deployments.text]\nmodel = \"gpt-3.5-turbo-instruct\"\ncontext_tokens = 16_385",
    );
    let body = json!({ "prompt": "one", "max_tokens": 16_384 });
    let answer = rig.send(post(&path("text", "completions"), &body)).await;
    assert_eq!(answer.json()["usage"]["completion_tokens"], 16_384);
}
