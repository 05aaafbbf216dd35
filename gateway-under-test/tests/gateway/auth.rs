//! Who may call, and whose credential a backend sees.

use axum::body::Body;
use http::Request;

use crate::support::{Rig, chat, preset_config};

const PATH: &str = "/forward/openai/deployments/gpt/chat/completions?api-version=2024-06-01";

fn rig() -> Rig {
    Rig::healthy(preset_config("request-forwarding/transparent"))
}

fn post() -> http::request::Builder {
    Request::post(PATH)
}

#[tokio::test(start_paused = true)]
async fn without_a_key_nothing_reaches_a_backend() {
    let rig = rig();
    let answer = rig.call(post().body(Body::from("{}")).unwrap()).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("content-type"), "application/json");
    insta::assert_snapshot!(answer.text(), @r#"{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }"#);
    assert!(rig.received().is_empty());
    assert_eq!(rig.log()[0].refusal.as_deref(), Some("missing-key"));
}

#[tokio::test(start_paused = true)]
async fn with_a_wrong_key_nothing_reaches_a_backend() {
    let rig = rig();
    let request = post().header("api-key", "subscription-key-four");
    let answer = rig.call(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 401);
    insta::assert_snapshot!(answer.text(), @r#"{ "statusCode": 401, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription." }"#);
    assert!(rig.received().is_empty());
    assert_eq!(rig.log()[0].refusal.as_deref(), Some("invalid-key"));
    assert_eq!(rig.log()[0].subscription, None);
}

#[tokio::test(start_paused = true)]
async fn either_header_takes_the_key_and_the_log_knows_the_subscription() {
    let rig = rig();
    for (header, key) in [
        ("api-key", "subscription-key-two"),
        ("Ocp-Apim-Subscription-Key", "subscription-key-three"),
    ] {
        let request = post().header(header, key).body(Body::empty()).unwrap();
        assert_eq!(rig.call(request).await.status, 200);
    }
    let subscriptions: Vec<_> = rig.log().into_iter().map(|e| e.subscription).collect();
    assert_eq!(subscriptions, [Some("two".into()), Some("three".into())]);
}

#[tokio::test(start_paused = true)]
async fn a_backend_sees_its_own_credential_and_none_of_the_callers() {
    let rig = rig();
    let mut request = chat(PATH);
    for (name, value) in [
        ("ocp-apim-subscription-key", "subscription-key-one"),
        ("authorization", "Bearer token-of-the-caller"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    rig.call(request).await;
    let headers = rig.received().remove(0).headers;
    assert_eq!(headers["api-key"], "payg-1-key");
    assert_eq!(headers.get_all("api-key").iter().count(), 1);
    assert!(!headers.contains_key("ocp-apim-subscription-key"));
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn a_backend_without_a_credential_is_sent_none() {
    let mut config = preset_config("request-forwarding/transparent");
    config.backends.get_mut("payg-1").unwrap().api_key = None;
    let rig = Rig::healthy(config);
    rig.chat(PATH).await;
    assert!(!rig.received()[0].headers.contains_key("api-key"));
}
