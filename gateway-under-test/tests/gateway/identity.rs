//! A gateway that calls backends in its own name.

use std::time::Duration;

use gateway_under_test::GatewayConfig;

use crate::support::{Received, Reply, Rig, api_config, chat};

const TOKEN: &str = r#"{"access_token":"t","expires_in":"3600","token_type":"Bearer"}"#;

fn config(identity: &str) -> GatewayConfig {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    let identity = toml::from_str(identity).unwrap();
    config.backends.get_mut("payg-1").unwrap().identity = Some(identity);
    config
}

fn asks_for_a_token(request: &Received) -> bool {
    request.path_and_query.starts_with("/metadata/")
}

#[tokio::test(start_paused = true)]
async fn a_backend_sees_the_gateways_token_and_nothing_of_the_callers() {
    let rig = Rig::new(config(""), |request| {
        if asks_for_a_token(request) {
            return Reply::Says(200, TOKEN);
        }
        Reply::Status(200)
    });
    for _ in 0..3 {
        let mut request = chat("/api/openai/x");
        let own = "Bearer of-the-caller".parse().unwrap();
        request.headers_mut().insert("authorization", own);
        assert_eq!(rig.call(request).await.status, 200);
    }
    let received = rig.received();
    let paths: Vec<_> = received.iter().map(|r| r.path_and_query.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://cognitiveservices.azure.com",
            "/openai/x",
            "/openai/x",
            "/openai/x",
        ]
    );
    for request in &received[1..] {
        assert_eq!(request.headers["authorization"], "Bearer t");
        assert_eq!(request.headers.get("api-key"), None);
    }
    assert_eq!(received[0].headers.get("authorization"), None);
}

#[tokio::test(start_paused = true)]
async fn tokens_may_be_issued_elsewhere_and_for_something_else() {
    let rig = Rig::new(
        config("token_url = \"http://imds/token\"\nresource = \"https://ai.azure.com\""),
        |request| match request.backend.as_str() {
            "imds" => Reply::Says(200, TOKEN),
            _ => Reply::Status(200),
        },
    );
    assert_eq!(rig.chat("/api/openai/x").await.status, 200);
    let asked = &rig.received()[0];
    assert_eq!(
        (asked.backend.as_str(), asked.path_and_query.as_str()),
        (
            "imds",
            "/token?api-version=2018-02-01&resource=https://ai.azure.com"
        )
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_token_a_request_ends_in_the_gateway() {
    let rig = Rig::new(config(""), |_| Reply::Status(503));
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(answer.status, 500);
    assert!(answer.text().starts_with(
        r#"{ "statusCode": 500, "message": "Internal server error", "activityId": ""#
    ));
    let entry = rig.log().remove(0);
    assert_eq!(entry.refusal.as_deref(), Some("identity-error"));
    assert_eq!(entry.attempts, []);
    assert!(rig.received().iter().all(asks_for_a_token));
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_token() {
    let rig = Rig::new(config(""), |request| {
        if asks_for_a_token(request) {
            return Reply::Says(200, TOKEN);
        }
        Reply::Late(Duration::from_secs(1), 200)
    });
    rig.chat("/api/openai/x").await;
    rig.gateway.reload(config("")).unwrap();
    rig.chat("/api/openai/x").await;
    let tokens = rig
        .received()
        .iter()
        .filter(|r| asks_for_a_token(r))
        .count();
    assert_eq!(tokens, 1);
}
