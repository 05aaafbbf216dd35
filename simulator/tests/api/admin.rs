//! The admin API.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Rig, chat, hello, simulator, unlimited};

async fn admin(rig: &Rig, method: Method, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    rig.send(request.body(body).unwrap()).await
}

async fn get(rig: &Rig, path: &str) -> Answer {
    admin(rig, Method::GET, path, &Value::Null).await
}

#[tokio::test(start_paused = true)]
async fn health_is_told_without_a_key() {
    let rig = simulator("api_keys = [\"k\"]\ndeployments.chat.model = \"gpt-4o\"");
    let answer = get(&rig, "/").await;
    assert_eq!(
        answer.json(),
        json!({ "message": "👋 aoai-api-simulator is running" })
    );
}

#[tokio::test(start_paused = true)]
async fn the_configuration_is_shown_with_the_keys_of_the_reference() {
    let rig = simulator(
        r#"
        [deployments.chat]
        model = "gpt-3.5-turbo"
        tokens_per_minute = 384
        latency = { per_token = "20ms" }
        "#,
    );
    insta::assert_snapshot!(get(&rig, "/++/config").await.text(), @r#"
    {"region":"East US","seed":0,"allow_undefined_deployments":false,"max_body_bytes":16777216,"latency":{"chat_completions":{"per_request":"0s"},"completions":{"per_request":"0s"},"embeddings":{"per_request":"0s"},"open_ai_embeddings":{"mean":0.0,"std_dev":0.0},"open_ai_completions":{"mean":0.0,"std_dev":0.0},"open_ai_chat_completions":{"mean":0.0,"std_dev":0.0}},"stopped":false,"identity":{"required":false,"token_lifetime":"3600s"},"faults_by_header":false,"deployments":{"chat":{"model":"gpt-3.5-turbo","context_tokens":16385,"limiter":"legacy","tokens_per_minute":384,"latency":{"per_token":"20ms"},"embedding_size":1536,"tool_calls":"when-asked","estimate":"flat-16","rate_limit_headers":["remaining","retry-after","reset"],"refusal_text":"classic"}},"simulator_mode":"generate","allow_undefined_openai_deployments":false,"openai_deployments":{"chat":{"tokens_per_minute":384,"model":{"name":"gpt-3.5-turbo"}}}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_patch_takes_effect_and_is_shown() {
    let rig = unlimited();
    let patch =
        json!({ "deployments": { "chat": { "tokens_per_minute": 10 } }, "region": "North Europe" });
    let answer = admin(&rig, Method::PATCH, "/++/config", &patch).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json()["deployments"]["chat"]["tokens_per_minute"],
        10
    );
    let answer = rig.send(chat(&hello(11))).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("x-ms-region"), "North Europe");
}

#[tokio::test(start_paused = true)]
async fn a_bad_patch_changes_nothing_and_says_why() {
    let rig = unlimited();
    let before = get(&rig, "/++/config").await.text();
    let patch = json!({ "region": "North Europe", "deployments": { "chat": { "model": "gpt-9", "embedding_size": 0 } } });
    let answer = admin(&rig, Method::PATCH, "/++/config", &patch).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"code":"400","message":"the configuration was not changed","reasons":[{"path":"deployments.chat.embedding_size","message":"invalid value: integer `0`, expected a nonzero u32","help":null},{"path":"deployments.chat.model","message":"expected a known model, found `gpt-9`","help":"known models are gpt-3.5-turbo-0613, text-embedding-ada-002, gpt-3.5-turbo, gpt-3.5-turbo-16k, gpt-35-turbo, gpt-35-turbo-16k, gpt-3.5-turbo-instruct, gpt-35-turbo-instruct, davinci-002, babbage-002, gpt-4, gpt-4-32k, gpt-4-turbo, gpt-4o, gpt-4o-mini, gpt-4.1, gpt-4.1-mini, gpt-4.1-nano, gpt-5, gpt-5-mini, gpt-5-nano, gpt-5-chat, gpt-5.1, o1, o1-mini, o3, o3-mini, o4-mini, text-embedding-3-small, text-embedding-3-large, text-embedding-3-medium, text-embedding-3-xlarge, text-embedding-ada-001, whisper"}]}}
    "#);
    assert_eq!(get(&rig, "/++/config").await.text(), before);
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_is_not_json_is_refused() {
    let rig = unlimited();
    let request = Request::patch("/++/config").header("content-type", "application/json");
    let answer = rig.send(request.body(Body::from("{")).unwrap()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["error"]["message"].is_string());
}

#[tokio::test(start_paused = true)]
async fn the_ledger_is_told_as_json_lines_from_a_number_on() {
    let rig = unlimited();
    for _ in 0..3 {
        rig.send(chat(&hello(1))).await;
    }
    let numbers = async |path: &str| -> Vec<u64> {
        let text = get(&rig, path).await.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<simulator::Entry>(line).unwrap());
        lines.map(|entry| entry.number).collect()
    };
    assert_eq!(numbers("/++/ledger").await, [0, 1, 2]);
    assert_eq!(numbers("/++/ledger?since=2").await, [2]);
    assert_eq!(
        get(&rig, "/++/ledger?since=x").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_told_in_simulated_time() {
    let rig = unlimited();
    rig.pass(Duration::from_millis(1_500)).await;
    let clock = get(&rig, "/++/clock").await.json();
    assert_eq!(clock["now"], 1_500_000);
    assert_eq!(clock["utc"], "2026-01-01T00:00:01.5Z");
    assert_eq!(clock["is_paused"], true);
}

#[tokio::test(start_paused = true)]
async fn a_reset_empties_the_ledger() {
    let rig = unlimited();
    rig.send(chat(&hello(1))).await;
    assert_eq!(
        admin(&rig, Method::POST, "/++/reset", &Value::Null)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(rig.simulator.ledger().entries(), []);
}

#[tokio::test(start_paused = true)]
async fn a_configured_key_protects_the_admin_api() {
    let rig = simulator("api_keys = [\"k\"]\ndeployments.chat.model = \"gpt-4o\"");
    for path in ["/++/config", "/++/ledger", "/++/clock", "/++/nothing"] {
        let answer = get(&rig, path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(
            answer.text(),
            r#"{"detail":"Missing or incorrect API Key"}"#
        );
        let request = Request::get(path)
            .header("api-key", "k")
            .body(Body::empty())
            .unwrap();
        assert_ne!(
            rig.send(request).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_admin_requests_get_json_errors() {
    let rig = unlimited();
    let answer = admin(&rig, Method::POST, "/", &Value::Null).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.json()["error"]["message"].is_string());
    assert_eq!(get(&rig, "/++/nothing").await.status, StatusCode::NOT_FOUND);
    let answer = admin(&rig, Method::DELETE, "/++/config", &Value::Null).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.json()["error"]["message"].is_string());
}

#[tokio::test(start_paused = true)]
async fn nobody_stops_the_simulator_that_could_not_start_it_again() {
    let rig = unlimited();
    let stopped = json!({ "stopped": true });
    let answer = admin(&rig, Method::PATCH, "/++/config", &stopped).await;
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"code":"400","message":"the configuration was not changed","reasons":[{"path":"stopped","message":"a simulator that is stopped by this API could not be started by it again","help":"stop the process, or let faults play \"refused\" with `until` or `flap`"}]}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn nobody_refuses_connections_for_good_who_could_not_allow_them_again() {
    let rig = unlimited();
    let delayed = json!({ "play": { "delay": "1s" } });
    let refused = |when: Value| json!({ "faults": [delayed, { "when": when, "play": "refused" }] });
    let for_good = refused(json!({ "from": "5s" }));
    let answer = admin(&rig, Method::PATCH, "/++/config", &for_good).await;
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"code":"400","message":"the configuration was not changed","reasons":[{"path":"faults.1","message":"connections that are refused for good could not be allowed again by this API","help":"give it an end: when = { until = \"60s\" }, or `flap`"}]}}
    "#);
    for passing in [
        json!({ "from": "5s", "until": "60s" }),
        json!({ "flap": { "down": "5s", "up": "5s" } }),
    ] {
        let answer = admin(&rig, Method::PATCH, "/++/config", &refused(passing)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
}
