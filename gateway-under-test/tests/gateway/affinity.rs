//! Session affinity: who has been served once comes back to the same backend.

use axum::body::Body;
use gateway_under_test::GatewayConfig;
use http::Request;

use crate::support::{Answer, Reply, Rig, chat, preset_config};

const PATH: &str = "/session-awareness/openai/responses";

async fn with_cookie(rig: &Rig, cookie: &str) -> Answer {
    let mut request: Request<Body> = chat(PATH);
    request
        .headers_mut()
        .insert("cookie", cookie.parse().unwrap());
    rig.call(request).await
}

fn pair(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_its_cookie_stays_others_take_turns() {
    let rig = Rig::healthy(preset_config("labs/session-awareness"));
    let first = rig.chat(PATH).await;
    assert!(
        first
            .header("set-cookie")
            .ends_with("; Path=/session-awareness; HttpOnly")
    );
    let cookie = pair(&first);
    for _ in 0..3 {
        let answer = with_cookie(&rig, &cookie).await;
        assert_eq!(answer.header("x-gw-backend"), first.header("x-gw-backend"));
        assert_eq!(answer.header("set-cookie"), "");
        rig.chat(PATH).await;
    }
    let served = rig.received().into_iter().map(|request| request.backend);
    let turns: Vec<_> = served.collect();
    assert_eq!(
        turns,
        [
            "foundry1", "foundry1", "foundry2", "foundry1", "foundry1", "foundry1", "foundry2"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_made_up_cookie_is_replaced() {
    let rig = Rig::healthy(preset_config("labs/session-awareness"));
    let answer = with_cookie(&rig, "APIM-Backend-Affinity=foundry2").await;
    assert_eq!(answer.header("x-gw-backend"), "foundry1");
    assert_eq!(pair(&answer), pair(&rig_with_one_request().await));
}

async fn rig_with_one_request() -> Answer {
    let rig = Rig::healthy(preset_config("labs/session-awareness"));
    rig.chat(PATH).await
}

fn breaking() -> GatewayConfig {
    let mut config = preset_config("labs/session-awareness");
    let breaker = toml::from_str("on = [500]\ncount = 1\ninterval = \"10s\"\ntrip = \"60s\"");
    config.backends.get_mut("foundry1").unwrap().breaker = Some(breaker.unwrap());
    config
}

#[tokio::test(start_paused = true)]
async fn a_caller_whose_backend_is_out_moves_and_stays_there() {
    let rig = Rig::new(breaking(), |request| match request.backend.as_str() {
        "foundry1" => Reply::Status(500),
        _ => Reply::Status(200),
    });
    let cookie = pair(&rig.chat(PATH).await);
    let moved = with_cookie(&rig, &cookie).await;
    assert_eq!(moved.header("x-gw-backend"), "foundry2");
    assert_ne!(pair(&moved), cookie);
    let next = with_cookie(&rig, &pair(&moved)).await;
    assert_eq!(next.header("x-gw-backend"), "foundry2");
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_affinity_sets_no_cookie() {
    let rig = Rig::healthy(preset_config("labs/session-awareness-without-affinity"));
    assert_eq!(rig.chat(PATH).await.header("set-cookie"), "");
    assert_eq!(rig.chat(PATH).await.header("x-gw-backend"), "foundry2");
}
