//! Tokens of a managed identity, from the one who asks to the one who accepts.

use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use simulator::Credential;

use crate::support::{Answer, Rig, chat, hello, simulator};

fn rig(identity: &str) -> Rig {
    simulator(&format!(
        "api_keys = [\"key\"]\nidentity = {identity}\n[deployments.chat]\nmodel = \"gpt-4o\""
    ))
}

async fn ask_for_token(rig: &Rig, query: &str, header: (&str, &str)) -> Answer {
    let request = Request::get(format!("/metadata/identity/oauth2/token?{query}"));
    let request = request.header(header.0, header.1).body(Body::empty());
    rig.send(request.unwrap()).await
}

async fn token(rig: &Rig) -> String {
    let query = "api-version=2018-02-01&resource=https://cognitiveservices.azure.com";
    let answer = ask_for_token(rig, query, ("metadata", "true")).await;
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn chat_with(rig: &Rig, token: &str) -> Answer {
    let mut request = chat(&hello(1));
    request.headers_mut().remove("api-key");
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    rig.send(request).await
}

#[tokio::test(start_paused = true)]
async fn a_token_has_the_shape_of_azures() {
    let rig = rig("{}");
    rig.pass(Duration::from_millis(1_500)).await;
    let query = "resource=https%3A%2F%2Fcognitiveservices.azure.com";
    let mut answer = ask_for_token(&rig, query, ("metadata", "true"))
        .await
        .json();
    answer["access_token"] = "[TOKEN]".into();
    insta::assert_snapshot!(answer, @r#"
    {"access_token":"[TOKEN]","client_id":"00000000-0000-0000-0000-000000000001","expires_in":"3600","expires_on":"1767229202","ext_expires_in":"3600","not_before":"1767225602","resource":"https://cognitiveservices.azure.com","token_type":"Bearer"}
    "#);
    let app_service = ask_for_token(&rig, query, ("x-identity-header", "any")).await;
    assert_eq!(app_service.status, StatusCode::OK);
    assert_eq!(rig.simulator.ledger().entries(), []);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_header_or_resource_is_refused() {
    let rig = rig("{}");
    let texts = [
        ask_for_token(&rig, "resource=x", ("a", "b")).await,
        ask_for_token(&rig, "", ("metadata", "true")).await,
    ];
    let texts = texts.map(|answer| format!("{} {}", answer.status.as_u16(), answer.text()));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    400 {"error":"bad_request_102","error_description":"Required metadata header not specified"}
    400 {"error":"bad_request_102","error_description":"Required query variable 'resource' is missing"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn every_simulator_accepts_the_token_of_another_until_it_expires() {
    let (issuer, other) = (
        rig("{ token_lifetime = \"60s\" }"),
        rig("{ required = true }"),
    );
    let token = token(&issuer).await;
    assert_eq!(chat_with(&other, &token).await.status, StatusCode::OK);
    other.pass(Duration::from_mins(1)).await;
    let late = chat_with(&other, &token).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
    assert!(late.text().contains("or have expired"));
    let entries = other.simulator.ledger().entries();
    assert_eq!(entries[1].refusal.as_deref(), Some("auth"));
    assert_eq!(entries[1].credential, Credential::Bearer);
}

#[tokio::test(start_paused = true)]
async fn keys_are_refused_where_tokens_are_required() {
    let rig = rig("{ required = true }");
    let answer = rig.send(chat(&hello(1))).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"code":"AuthenticationTypeDisabled","message": "Key based authentication is disabled for this resource."}}
    "#);
    assert_eq!(
        chat_with(&rig, "key").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn keys_and_tokens_are_accepted_side_by_side_otherwise() {
    let rig = rig("{}");
    assert_eq!(rig.send(chat(&hello(1))).await.status, StatusCode::OK);
    let token = token(&rig).await;
    assert_eq!(chat_with(&rig, &token).await.status, StatusCode::OK);
    assert_eq!(chat_with(&rig, "key").await.status, StatusCode::OK);
}
