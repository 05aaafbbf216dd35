//! Embeddings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Rig, path, post, simulator, unlimited};

async fn embed(rig: &Rig, body: &Value) -> Value {
    let answer = rig.send(post(&path("embedding", "embeddings"), body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

fn floats(embedding: &Value) -> Vec<f32> {
    let numbers = embedding.as_array().unwrap().iter();
    numbers
        .map(|number| number.to_string().parse().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_text_is_embedded_as_a_unit_vector() {
    let body = embed(
        &unlimited(),
        &json!({ "input": "Tell me a joke about opentelemetry" }),
    )
    .await;
    assert_eq!(body["object"], "list");
    assert_eq!(body["model"], "text-embedding-ada-002");
    // Source: a recording; 34 characters are 8 tokens.
    assert_eq!(
        body["usage"],
        json!({ "prompt_tokens": 8, "total_tokens": 8 })
    );
    let vector = floats(&body["data"][0]["embedding"]);
    assert_eq!(vector.len(), 1_536);
    let length: f32 = vector.iter().map(|x| x * x).sum();
    assert!((length - 1.0).abs() < 1e-4, "{length}");
}

#[tokio::test(start_paused = true)]
async fn equal_texts_have_equal_embeddings_wherever_they_stand() {
    let rig = unlimited();
    let body = embed(&rig, &json!({ "input": ["a", "b", "a"] })).await;
    let vectors: Vec<_> = (0..3).map(|i| &body["data"][i]["embedding"]).collect();
    assert_eq!(vectors[0], vectors[2]);
    assert_ne!(vectors[0], vectors[1]);
    assert_eq!(body["data"][2]["index"], 2);
    let again = embed(&rig, &json!({ "input": "b" })).await;
    assert_eq!(&again["data"][0]["embedding"], vectors[1]);
}

#[tokio::test(start_paused = true)]
async fn base64_holds_the_same_numbers() {
    let rig = unlimited();
    let plain = embed(&rig, &json!({ "input": "a" })).await;
    let encoded = embed(&rig, &json!({ "input": "a", "encoding_format": "base64" })).await;
    let bytes = STANDARD
        .decode(encoded["data"][0]["embedding"].as_str().unwrap())
        .unwrap();
    let decoded: Vec<_> = bytes
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_eq!(decoded, floats(&plain["data"][0]["embedding"]));
}

#[tokio::test(start_paused = true)]
async fn inputs_may_be_tokens() {
    let rig = unlimited();
    let one = embed(&rig, &json!({ "input": [1, 2, 3] })).await;
    assert_eq!(one["usage"]["prompt_tokens"], 3);
    let several = embed(&rig, &json!({ "input": [[1, 2, 3], [4]] })).await;
    assert_eq!(several["usage"]["prompt_tokens"], 4);
    assert_eq!(several["data"][0]["embedding"], one["data"][0]["embedding"]);
}

#[tokio::test(start_paused = true)]
async fn fewer_dimensions_are_for_models_that_have_them() {
    let rig = simulator(
        "[deployments]\nsmall = { model = \"text-embedding-3-small\" }\nada = { model = \"text-embedding-ada-002\" }",
    );
    let size = async |deployment: &str, dimensions: u32| {
        let body = json!({ "input": "a", "dimensions": dimensions });
        let answer = rig.send(post(&path(deployment, "embeddings"), &body)).await;
        answer.json()["data"][0]["embedding"]
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(size("small", 10).await, Some(10));
    assert_eq!(size("small", 1_537).await, None);
    assert_eq!(size("ada", 10).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_size_of_an_embedding_can_be_configured() {
    let rig = simulator(
        "[deployments.embedding]\nmodel = \"text-embedding-ada-002\"\nembedding_size = 4",
    );
    let body = embed(&rig, &json!({ "input": "a" })).await;
    assert_eq!(floats(&body["data"][0]["embedding"]).len(), 4);
}
