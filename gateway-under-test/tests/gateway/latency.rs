//! Latency routing: an order is set, used, forgotten, or found out.

use std::time::Duration;

use axum::body::Body;
use clock::Moment;
use http::Request;

use crate::support::{Answer, Received, Reply, Rig, preset_config};

async fn set(rig: &Rig, body: &str) -> Answer {
    let request = Request::post("/helpers/set-preferred-backends")
        .header("api-key", "subscription-key-one")
        .body(Body::from(body.to_owned()));
    rig.call(request.unwrap()).await
}

fn by(rig: &Rig) -> Vec<String> {
    rig.received()
        .into_iter()
        .map(|request| request.backend)
        .collect()
}

fn at(seconds: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn the_default_serves_until_an_order_is_set_and_after_it_is_forgotten() {
    let rig = Rig::healthy(preset_config("latency-routing/preferred"));
    let path = "/latency-routing/openai/x";
    assert_eq!(
        rig.chat(path).await.header("x-apim-backend"),
        "payg-backend-1"
    );
    let answer = set(
        &rig,
        r#"{"preferredBackends":["payg-backend-2","payg-backend-1"]}"#,
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        r#"{"message":"preferred backends are set successfully"}"#
    );
    assert_eq!(
        rig.chat(path).await.header("x-apim-backend"),
        "payg-backend-2"
    );
    rig.clock.sleep_until(at(11_999)).await;
    assert_eq!(rig.chat(path).await.header("x-gw-backend"), "payg-2");
    rig.clock.sleep_until(at(12_000)).await;
    assert_eq!(rig.chat(path).await.header("x-gw-backend"), "payg-1");
}

#[tokio::test(start_paused = true)]
async fn the_second_best_serves_every_retry() {
    let rig = Rig::new(preset_config("latency-routing/preferred"), |_| {
        Reply::Full(&[])
    });
    set(&rig, r#"{"preferredBackends":["payg-2","payg-1"]}"#).await;
    let answer = rig.chat("/latency-routing/openai/x").await;
    assert_eq!(
        answer.header("x-gw-attempts"),
        "payg-2:429, payg-1:429, payg-1:429, payg-1:429"
    );
}

#[tokio::test(start_paused = true)]
async fn the_reference_takes_any_order_and_fails_later() {
    let rig = Rig::healthy(preset_config("latency-routing/preferred"));
    assert_eq!(
        set(&rig, r#"{"preferredBackends":["gone"]}"#).await.status,
        200
    );
    let answer = rig.chat("/latency-routing/openai/x").await;
    assert_eq!(answer.status, 500);
    assert_eq!(rig.log()[1].refusal.as_deref(), Some("unknown-backend"));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_none_changes_nothing() {
    let rig = Rig::healthy(preset_config("latency-routing/preferred-fixed"));
    set(&rig, r#"{"preferredBackends":["payg-2"]}"#).await;
    for (body, message) in [
        (
            r#"{"preferredBackends":["payg-1","go\"ne"]}"#,
            r#"{ "statusCode": 400, "message": "unknown backend `go\"ne`; the old order stays" }"#,
        ),
        (
            r#"{"preferredBackends":"payg-1"}"#,
            r#"{ "statusCode": 400, "message": "expected `{\"preferredBackends\": [\"…\"]}` (invalid type: string \"payg-1\", expected a sequence at line 1 column 29)" }"#,
        ),
        (
            "",
            r#"{ "statusCode": 400, "message": "expected `{\"preferredBackends\": [\"…\"]}` (EOF while parsing a value at line 1 column 0)" }"#,
        ),
    ] {
        let answer = set(&rig, body).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (400, message));
        let answer = rig.chat("/latency-routing/openai/x").await;
        assert_eq!(answer.header("x-gw-backend"), "payg-2");
    }
    assert_eq!(
        rig.log()[1].refusal.as_deref(),
        Some("invalid-helper-request")
    );
}

#[tokio::test(start_paused = true)]
async fn a_helper_asks_for_a_key_and_for_a_post() {
    let rig = Rig::healthy(preset_config("latency-routing/preferred"));
    let path = "/helpers/set-preferred-backends";
    let anonymous = Request::post(path).body(Body::empty()).unwrap();
    assert_eq!(rig.call(anonymous).await.status, 401);
    let get = Request::get(path).header("api-key", "subscription-key-one");
    assert_eq!(rig.call(get.body(Body::empty()).unwrap()).await.status, 405);
}

#[tokio::test(start_paused = true)]
async fn an_order_outlives_a_reload() {
    let rig = Rig::healthy(preset_config("latency-routing/preferred"));
    set(&rig, r#"{"preferredBackends":["payg-2"]}"#).await;
    rig.gateway
        .reload(preset_config("latency-routing/preferred"))
        .unwrap();
    let answer = rig.chat("/latency-routing/openai/x").await;
    assert_eq!(answer.header("x-gw-backend"), "payg-2");
}

fn is_probe(request: &Received) -> bool {
    let id = request.headers.get("x-request-id");
    id.is_some_and(|id| id.to_str().unwrap().starts_with("gw-probe-"))
}

/// One backend takes 100 ms; the other 500 ms until the third minute, 20 ms from then on.
fn probing() -> Rig {
    Rig::new(preset_config("latency-routing/probing"), |request| {
        let ms = match request.backend.as_str() {
            "payg-1" => 100,
            _ if request.at < at(180) => 500,
            _ => 20,
        };
        Reply::Late(Duration::from_millis(ms), 200)
    })
}

#[tokio::test(start_paused = true)]
async fn the_gateway_finds_out_who_is_faster() {
    let rig = probing();
    let served = async |seconds| {
        rig.clock.sleep_until(at(seconds)).await;
        let answer = rig.chat("/latency-routing/openai/x").await;
        answer.header("x-gw-backend").to_owned()
    };
    assert_eq!(served(5).await, "payg-1");
    assert_eq!(served(179).await, "payg-1");
    assert_eq!(served(181).await, "payg-2");
}

#[tokio::test(start_paused = true)]
async fn probes_are_three_small_requests_every_ten_seconds() {
    let rig = probing();
    rig.clock.sleep_until(at(9)).await;
    let probes = rig.received();
    assert!(probes.iter().all(is_probe));
    assert_eq!(by(&rig).iter().filter(|name| *name == "payg-2").count(), 3);
    assert_eq!(probes.len(), 6);
    let probe = &probes[0];
    insta::assert_snapshot!(
        format!("{} {}\n{}", probe.method, probe.path_and_query, std::str::from_utf8(&probe.body).unwrap()),
        @r#"
    POST /openai/deployments/gpt-35-turbo-100k-token/completions?api-version=2023-05-15
    {"prompt":"Once upon a time","max_tokens":10}
    "#
    );
    assert_eq!(probe.headers["api-key"], "payg-1-key");
    rig.clock.sleep_until(at(19)).await;
    assert_eq!(rig.received().len(), 12);
    assert_eq!(rig.received()[6].at, at(10));
    assert!(rig.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_does_not_answer_in_time_comes_last() {
    let rig = Rig::new(
        preset_config("latency-routing/probing"),
        |request| match request.backend.as_str() {
            "payg-1" if is_probe(request) => Reply::Silent,
            _ => Reply::Late(Duration::from_secs(1), 200),
        },
    );
    let path = "/latency-routing/openai/x";
    assert_eq!(rig.chat(path).await.header("x-gw-backend"), "payg-1");
    rig.clock.sleep_until(at(7)).await;
    assert_eq!(rig.chat(path).await.header("x-gw-backend"), "payg-2");
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_changes_nothing_does_not_probe_anew() {
    let rig = probing();
    rig.clock.sleep_until(at(5)).await;
    rig.gateway
        .reload(preset_config("latency-routing/probing"))
        .unwrap();
    rig.clock.sleep_until(at(9)).await;
    assert_eq!(rig.received().len(), 6);
    rig.gateway
        .reload(preset_config("latency-routing/preferred"))
        .unwrap();
    rig.clock.sleep_until(at(60)).await;
    assert_eq!(rig.received().len(), 6);
}
