//! Model routing: by the path, else by the body.

use axum::body::Body;
use http::Request;

use crate::support::{Answer, Rig, preset_config};

const CHAT: &str = "/model-routing/openai/v1/chat/completions";

async fn post(rig: &Rig, path: &str, body: &str) -> Answer {
    let request = Request::post(path).header("api-key", "subscription-key-one");
    rig.call(request.body(Body::from(body.to_owned())).unwrap())
        .await
}

fn rig() -> Rig {
    Rig::healthy(preset_config("labs/model-routing"))
}

fn of(model: &str) -> String {
    format!("/model-routing/openai/deployments/{model}/chat/completions")
}

#[tokio::test(start_paused = true)]
async fn path_and_body_name_the_model_and_the_path_wins() {
    let rig = rig();
    for (path, body, backend) in [
        (of("gpt-4.1"), "{}", "foundry1"),
        (of("gpt-4.1-mini"), r#"{"model":"gpt-4.1"}"#, "foundry2"),
        (of("DeepSeek-R1"), "no json", "foundry3"),
        (
            CHAT.to_owned(),
            r#"{"messages":[],"model":"gpt-4.1"}"#,
            "foundry1",
        ),
        (CHAT.to_owned(), r#"{"model":"gpt-\u0035"}"#, "foundry3"),
        (
            "/model-routing/openai/v1/responses".to_owned(),
            r#"{"model":"gpt-4.1-nano"}"#,
            "foundry2",
        ),
    ] {
        let answer = post(&rig, &path, body).await;
        assert_eq!(answer.header("x-gw-backend"), backend, "{path} {body}");
        assert_eq!(rig.received().last().unwrap().body, body);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_denied_or_unknown_costs_no_call() {
    let rig = rig();
    for (path, body, status, text, reason) in [
        (
            of("gpt-4o-mini"),
            "",
            403,
            r#"{"error":"Model 'gpt-4o-mini' is not permitted."}"#,
            "model-denied",
        ),
        (
            CHAT.to_owned(),
            r#"{"model":"gpt-4o"}"#,
            403,
            r#"{"error":"Model 'gpt-4o' is not permitted."}"#,
            "model-denied",
        ),
        (
            of("GPT-4.1"),
            "",
            400,
            r#"{"error":"Model 'GPT-4.1' is not supported."}"#,
            "model-unknown",
        ),
        (
            CHAT.to_owned(),
            r#"{"model":"a\"b"}"#,
            400,
            r#"{"error":"Model 'a\"b' is not supported."}"#,
            "model-unknown",
        ),
        (
            CHAT.to_owned(),
            r#"{"model":7}"#,
            400,
            r#"{"error":"The request names no model."}"#,
            "model-unknown",
        ),
        (
            CHAT.to_owned(),
            "no json",
            400,
            r#"{"error":"The request names no model."}"#,
            "model-unknown",
        ),
        (
            CHAT.to_owned(),
            "",
            400,
            r#"{"error":"The request names no model."}"#,
            "model-unknown",
        ),
    ] {
        let answer = post(&rig, &path, body).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, text));
        assert_eq!(rig.log().last().unwrap().refusal.as_deref(), Some(reason));
    }
    assert_eq!(rig.received().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn several_backends_of_a_route_take_turns() {
    let mut config = preset_config("labs/model-routing");
    let api = toml::from_str(
        r#"
        prefix = "/model-routing"
        balance.by_model.routes = [
            { models = ["a*"], backends = ["foundry1", "foundry2"] },
            { models = ["*"], backends = ["foundry3"] },
        ]
        "#,
    );
    config.apis.insert("model-routing".to_owned(), api.unwrap());
    let rig = Rig::healthy(config);
    let mut served = Vec::new();
    for model in ["a1", "b", "a2", "a3", "b"] {
        let answer = post(&rig, &of(model), "").await;
        served.push(answer.header("x-gw-backend").to_owned());
    }
    assert_eq!(
        served,
        ["foundry1", "foundry3", "foundry2", "foundry1", "foundry3"]
    );
}
