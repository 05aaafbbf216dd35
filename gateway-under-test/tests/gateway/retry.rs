//! Spilling over: from the PTU to PAYG, when and how often.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use clock::{Clock, DEFAULT_ANCHOR, Moment};
use futures::{StreamExt, stream};
use gateway_under_test::Gateway;
use http::{Request, Response, StatusCode};
use tower::{ServiceExt, service_fn};

use crate::support::{Reply, Rig, api_config, chat, preset_config};

const PATH: &str = "/retry-with-payg/openai/deployments/gpt/chat/completions";

fn preset(decide: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Rig {
    let config = preset_config("manage-spikes-with-payg/retry");
    Rig::new(config, move |request| decide(&request.backend))
}

/// A full PTU before a healthy PAYG.
fn spilling() -> Rig {
    preset(|backend| match backend {
        "ptu-1" => Reply::Full(&[("retry-after", "30")]),
        _ => Reply::Status(200),
    })
}

#[tokio::test(start_paused = true)]
async fn while_the_ptu_has_room_payg_sees_nothing() {
    let rig = preset(|_| Reply::Status(200));
    let answer = rig.chat(PATH).await;
    assert_eq!(answer.header("x-gw-attempts"), "ptu-1:200");
    assert_eq!(answer.header("x-apim-backend"), "ptu-backend-1");
    assert_eq!(rig.clock.now(), Moment::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_spilled_request_pays_exactly_one_second() {
    let rig = spilling();
    let answer = rig.chat(PATH).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "payg-1 says 200");
    assert_eq!(answer.header("x-gw-attempts"), "ptu-1:429, payg-1:200");
    assert_eq!(answer.header("x-gw-backend"), "payg-1");
    assert_eq!(answer.header("x-apim-backend"), "payg-backend-1");
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_ptu_is_asked_first_every_time() {
    let rig = spilling();
    for _ in 0..3 {
        rig.chat(PATH).await;
    }
    let asked: Vec<_> = rig.received().into_iter().map(|r| r.backend).collect();
    let pattern = ["ptu-1", "payg-1"];
    assert_eq!(asked, [pattern, pattern, pattern].concat());
}

#[tokio::test(start_paused = true)]
async fn both_attempts_get_the_same_request_but_for_the_credential() {
    let rig = spilling();
    rig.chat(&format!("{PATH}?api-version=2024-06-01")).await;
    let [ptu, payg] = rig.received().try_into().unwrap();
    assert_eq!(ptu.body, r#"{"messages":[]}"#);
    assert_eq!(ptu.body, payg.body);
    assert_eq!(ptu.path_and_query, payg.path_and_query);
    assert_eq!(ptu.headers["api-key"], "ptu-1-key");
    assert_eq!(payg.headers["api-key"], "payg-1-key");
    assert_eq!(payg.headers["host"], "payg-1");
}

#[tokio::test(start_paused = true)]
async fn four_refusals_pass_the_last_one_on() {
    let rig = preset(|_| Reply::Full(&[("retry-after", "7")]));
    let answer = rig.chat(PATH).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.text(), "payg-1 says 429");
    assert_eq!(answer.header("retry-after"), "7");
    let attempts = "ptu-1:429, payg-1:429, payg-1:429, payg-1:429";
    assert_eq!(answer.header("x-gw-attempts"), attempts);
    assert_eq!(answer.header("x-gw-backend"), "payg-1");
    // The error path of API Management leaves it out.
    assert_eq!(answer.header("x-apim-backend"), "");
    assert_eq!(rig.log()[0].retry_after_ms, Some(7_000));
}

#[tokio::test(start_paused = true)]
async fn the_waits_are_those_of_the_formula() {
    let rig = preset(|_| Reply::Full(&[]));
    rig.chat(PATH).await;
    let at: Vec<_> = rig.received().iter().map(|r| r.at).collect();
    let waits: Vec<_> = at
        .windows(2)
        .map(|w| w[1].since(w[0]).as_millis())
        .collect();
    assert_eq!(waits[0], 1_000);
    assert!((2_600..=3_400).contains(&waits[1]), "{waits:?}");
    assert!((5_800..=8_200).contains(&waits[2]), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn only_a_429_spills() {
    for status in [400, 404, 500, 503] {
        let rig = preset(move |_| Reply::Status(status));
        let answer = rig.chat(PATH).await;
        assert_eq!(answer.status, StatusCode::from_u16(status).unwrap());
        assert_eq!(answer.header("x-gw-attempts"), format!("ptu-1:{status}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_error_does_not_spill_unless_the_policy_says_so() {
    let decide = |backend: &str| match backend {
        "ptu-1" => Reply::Fails(ErrorKind::ConnectionRefused),
        _ => Reply::Status(200),
    };
    let answer = preset(decide).chat(PATH).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("x-gw-attempts"), "ptu-1:refused");

    let mut config = preset_config("manage-spikes-with-payg/retry");
    let api = config.apis.get_mut("retry-with-payg").unwrap();
    let on = &mut api.retry.as_mut().unwrap().on;
    on.push(gateway_under_test::config::Condition::Transport);
    let rig = Rig::new(config, move |request| decide(&request.backend));
    let answer = rig.chat(PATH).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-gw-attempts"), "ptu-1:refused, payg-1:200");
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_the_whole_timeout_up_to_its_headers() {
    let rig = preset(|_| Reply::Silent);
    let answer = rig.chat(PATH).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("x-gw-attempts"), "ptu-1:timeout");
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_mins(2));
}

#[tokio::test(start_paused = true)]
async fn a_body_may_take_longer_than_the_timeout() {
    let rig = preset(|_| Reply::Stream(Duration::from_mins(2), &["a", "b"]));
    let answer = rig.chat(PATH).await;
    assert_eq!(answer.text(), "ab");
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_mins(4));
}

#[tokio::test(start_paused = true)]
async fn a_slow_refusal_delays_the_retry_by_what_it_took() {
    let rig = preset(|backend| match backend {
        "ptu-1" => Reply::Late(Duration::from_secs(5), 429),
        _ => Reply::Status(200),
    });
    rig.chat(PATH).await;
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn without_another_backend_retries_stay_on_the_first() {
    let config = api_config(
        "balance = { single = \"ptu-1\" }\n\
         retry = { on = [429, 503], count = 2, interval = \"500ms\", first_fast_retry = true }",
    );
    let rig = Rig::new(config, |_| Reply::Status(503));
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(
        answer.header("x-gw-attempts"),
        "ptu-1:503, ptu-1:503, ptu-1:503"
    );
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_retried_is_read_to_its_end() {
    let is_read = Arc::new(AtomicBool::new(false));
    let seen = is_read.clone();
    // Read to the end, the backend books a refusal; dropped, it would book a caller who left.
    let backends = service_fn(move |request: Request<Body>| {
        let is_read = is_read.clone();
        let end = stream::once(async move {
            is_read.store(true, Ordering::Relaxed);
            "}"
        });
        let body = stream::iter(["{"]).chain(end).map(Ok::<_, Infallible>);
        let is_ptu = request.uri().host() == Some("ptu-1");
        let response = Response::builder().status(if is_ptu { 429 } else { 200 });
        let body = if is_ptu {
            Body::from_stream(body)
        } else {
            Body::empty()
        };
        async move { Ok::<_, Infallible>(response.body(body).unwrap()) }
    });
    let config = preset_config("manage-spikes-with-payg/retry");
    let gateway = Gateway::new(config, Clock::paused(DEFAULT_ANCHOR), backends).unwrap();
    let response = gateway.router().oneshot(chat(PATH)).await.unwrap();
    assert_eq!(response.headers()["x-gw-attempts"], "ptu-1:429, payg-1:200");
    assert!(seen.load(Ordering::Relaxed));
}

/// An API before a full PTU and a healthy PAYG backend in a pool, whose retry has these keys.
fn pooled(retry: &str) -> Rig {
    let config = api_config(&format!(
        "balance.pool.members = {{ ptu-1 = {{}}, payg-1 = {{ priority = 2 }} }}\n\
         retry = {{ on = [429, \"500-599\"], count = 3, interval = \"1s\", {retry} }}",
    ));
    Rig::new(config, |request| match request.backend.as_str() {
        "ptu-1" => Reply::Full(&[("retry-after", "4")]),
        _ => Reply::Status(200),
    })
}

#[tokio::test(start_paused = true)]
async fn without_a_breaker_picking_again_finds_the_same_backend() {
    let rig = pooled("repick = true");
    let answer = rig.chat("/api/openai/x").await;
    let attempts = "ptu-1:429, ptu-1:429, ptu-1:429, ptu-1:429";
    assert_eq!(answer.header("x-gw-attempts"), attempts);
}

#[tokio::test(start_paused = true)]
async fn a_retry_may_wait_for_as_long_as_it_is_asked_to() {
    let rig = pooled("honours_retry_after = true, deadline = \"1m\"");
    rig.chat("/api/openai/x").await;
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn no_retry_starts_after_the_deadline() {
    let rig = pooled("honours_retry_after = true, deadline = \"8s\"");
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(answer.status, 429);
    assert_eq!(rig.received().len(), 3);
    // The answer is passed on at once, not when the next retry would have been due.
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_secs(8));
}

#[tokio::test(start_paused = true)]
async fn retries_of_all_requests_together_stay_within_the_budget() {
    let budget = "budget = { percent = 20, at_least = 3, within = \"10s\" }";
    let rig = pooled(budget);
    let calls = (0..40).map(|_| rig.chat("/api/openai/x"));
    futures::future::join_all(calls).await;
    // Forty requests may retry eight times, whoever they are.
    assert_eq!(rig.received().len(), 48);
}

/// One backend behind a breaker that its first failure opens for `trip`, under this retry.
fn behind_a_breaker(trip: &str, retry: &str) -> Rig {
    let mut config = api_config(&format!(
        "balance.single = \"ptu-1\"\nretry = {{ {retry} }}"
    ));
    let breaker = format!("{{ on = [500], count = 1, interval = \"1m\", trip = \"{trip}\" }}");
    let file = format!("backends.x.breaker = {breaker}");
    let mut other = gateway_under_test::GatewayConfig::parse("breaker.toml", &file).unwrap();
    let breaker = other.backends.remove("x").unwrap().breaker;
    config.backends.get_mut("ptu-1").unwrap().breaker = breaker;
    Rig::new(config, |_| Reply::Status(500))
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_find_the_breaker_open_is_not_made() {
    let rig = behind_a_breaker("5s", "on = [500], count = 2, interval = \"1s\"");
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("x-gw-source"), "backend");
    assert_eq!(rig.clock.now(), Moment::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_will_find_it_closed_is_made() {
    let rig = behind_a_breaker("1s", "on = [500], count = 2, interval = \"1s\"");
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(
        answer.header("x-gw-attempts"),
        "ptu-1:500, ptu-1:500, ptu-1:500"
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_may_be_waited_for() {
    let retry = "on = [\"exhausted\"], count = 5, interval = \"2s\"";
    let rig = behind_a_breaker("5s", retry);
    rig.chat("/api/openai/x").await;
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(answer.status, 500);
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_may_be_evaded() {
    let retry = "on = [500, \"exhausted\"], count = 1, interval = \"0s\", to = \"payg-1\"";
    let rig = behind_a_breaker("5s", retry);
    rig.chat("/api/openai/x").await;
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(answer.header("x-gw-attempts"), "payg-1:500");
}
