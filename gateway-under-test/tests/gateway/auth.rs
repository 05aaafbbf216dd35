//! Who may call, and whose credential a backend sees.

use axum::body::Body;
use gateway_under_test::GatewayConfig;
use gateway_under_test::access_log::Entry;
use http::Request;

use crate::support::{Answer, Rig, api_config, chat, preset_config};

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

/// A gateway of two APIs: `one` is of no product, `two` of one that has `api` only, `three` of one
/// that has both, and `four` is switched off.
fn with_products() -> GatewayConfig {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    let text = r#"
        client_ip_header = "x-forwarded-for"
        products.small = { apis = ["api"] }
        products.large = {}
        subscriptions.two = { key = "subscription-key-two", product = "small" }
        subscriptions.three = { key = "subscription-key-three", product = "large" }
        subscriptions.four = { key = "subscription-key-four", product = "large", enabled = false }
        apis.other = { prefix = "/other", balance = { single = "payg-1" } }
    "#;
    let more = GatewayConfig::parse("test.toml", text).unwrap();
    config.subscriptions.extend(more.subscriptions);
    config.apis.extend(more.apis);
    GatewayConfig {
        products: more.products,
        client_ip_header: more.client_ip_header,
        ..config
    }
}

async fn call(rig: &Rig, subscription: &str, path: &str) -> Answer {
    let request = Request::post(path).header("api-key", format!("subscription-key-{subscription}"));
    rig.call(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_product_opens_its_apis_and_no_other() {
    let rig = Rig::healthy(with_products());
    let mut statuses = Vec::new();
    for subscription in ["one", "two", "three"] {
        for path in ["/api/x", "/other/x"] {
            statuses.push(call(&rig, subscription, path).await.status.as_u16());
        }
    }
    assert_eq!(statuses, [200, 200, 200, 401, 200, 200]);
    let whose = |entry: Entry| (entry.product, entry.refusal);
    let whose: Vec<_> = rig.log().into_iter().map(whose).collect();
    assert_eq!(whose[0], (None, None));
    assert_eq!(whose[2], (Some("small".into()), None));
    assert_eq!(
        whose[3],
        (Some("small".into()), Some("not-entitled".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn who_may_not_call_is_told_no_more_than_a_stranger_but_the_log_knows() {
    let rig = Rig::healthy(with_products());
    let stranger = call(&rig, "ten", "/other/x").await;
    for subscription in ["two", "four"] {
        let answer = call(&rig, subscription, "/other/x").await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.body, stranger.body);
    }
    let who = |entry: &Entry| (entry.subscription.clone(), entry.refusal.clone());
    assert_eq!(who(&rig.log()[0]), (None, Some("invalid-key".into())));
    let disabled = (Some("four".into()), Some("disabled-key".into()));
    assert_eq!(who(&rig.log()[2]), disabled);
    assert!(rig.received().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_reload_disables_stops_at_once_and_others_do_not() {
    let rig = Rig::healthy(with_products());
    assert_eq!(call(&rig, "three", "/api/x").await.status, 200);
    let mut config = with_products();
    config.subscriptions.get_mut("three").unwrap().enabled = false;
    rig.gateway.reload(config).unwrap();
    assert_eq!(call(&rig, "three", "/api/x").await.status, 401);
    assert_eq!(call(&rig, "two", "/api/x").await.status, 200);
    rig.gateway.reload(with_products()).unwrap();
    assert_eq!(call(&rig, "three", "/api/x").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_log_knows_where_callers_call_from() {
    let rig = Rig::healthy(with_products());
    let mut forwarded = chat("/api/x");
    let by = "203.0.113.7, 10.0.0.1".parse().unwrap();
    forwarded.headers_mut().insert("x-forwarded-for", by);
    rig.call(forwarded).await;
    rig.chat("/api/x").await;
    let from: Vec<_> = rig.log().into_iter().map(|entry| entry.client_ip).collect();
    assert_eq!(from, [Some("203.0.113.7".into()), Some("127.0.0.1".into())]);
}
