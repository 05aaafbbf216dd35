//! Health, metrics, the trace of a request's way, and the end of it all.

use std::time::Duration;

use axum::body::Body;
use clock::Moment;
use futures::FutureExt;
use gateway_under_test::access_log::Decision;
use http::Request;
use http_body_util::BodyExt;

use crate::support::{Answer, Reply, Rig, chat, preset_config};

const PATH: &str = "/forward/openai/deployments/gpt/chat/completions";

async fn get(rig: &Rig, path: &str) -> Answer {
    rig.call(Request::get(path).body(Body::empty()).unwrap())
        .await
}

fn streaming() -> Rig {
    let config = preset_config("request-forwarding/transparent");
    Rig::new(config, |_| {
        Reply::Stream(Duration::from_secs(1), &["data: a\n\n", "data: b\n\n"])
    })
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_up_until_it_drains() {
    let rig = streaming();
    let health = get(&rig, "/health").await;
    assert_eq!(
        (health.status.as_u16(), health.text()),
        (200, r#"{"status":"up"}"#)
    );
    rig.gateway.drain().await;
    let health = get(&rig, "/health").await;
    assert_eq!(
        (health.status.as_u16(), health.text()),
        (503, r#"{"status":"draining"}"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_last_byte_and_refuses_newcomers() {
    let rig = streaming();
    let mut stream = rig.send(chat(PATH)).await.into_body();
    let mut drained = Box::pin(rig.gateway.drain());

    let newcomer = rig.chat(PATH).await;
    assert_eq!(newcomer.status, 503);
    assert_eq!(newcomer.header("connection"), "close");
    assert_eq!(
        newcomer.text(),
        r#"{ "statusCode": 503, "message": "The gateway is stopping." }"#
    );
    assert_eq!(rig.log()[1].refusal.as_deref(), Some("draining"));

    stream.frame().await.unwrap().unwrap();
    assert_eq!((&mut drained).now_or_never(), None);
    stream.frame().await.unwrap().unwrap();
    assert!(stream.frame().await.is_none());
    drained.await;
    assert_eq!(rig.clock.now(), Moment::ZERO + Duration::from_secs(2));
    assert!(!rig.log()[0].aborted_by_client);
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_who_has_left() {
    let rig = streaming();
    let stream = rig.send(chat(PATH)).await;
    let drained = rig.gateway.drain();
    drop(stream);
    assert_eq!(drained.now_or_never(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn metrics_count_what_the_access_log_tells() {
    let config = preset_config("manage-spikes-with-payg/retry");
    let rig = Rig::new(config, |request| match request.backend.as_str() {
        "ptu-1" => Reply::Full(&[]),
        _ => Reply::Status(200),
    });
    for _ in 0..2 {
        rig.chat("/retry-with-payg/openai/x").await;
    }
    rig.chat("/unknown").await;
    let answer = get(&rig, "/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let counted = |line: &&str| !line.starts_with('#') && !line.contains("_bucket");
    let mut counted: Vec<_> = answer.text().lines().filter(counted).collect();
    counted.sort_unstable();
    insta::assert_snapshot!(counted.join("\n"), @r#"
    gateway_attempt_duration_seconds_count{backend="payg-1"} 2
    gateway_attempt_duration_seconds_count{backend="ptu-1"} 2
    gateway_attempt_duration_seconds_sum{backend="payg-1"} 0.0
    gateway_attempt_duration_seconds_sum{backend="ptu-1"} 0.0
    gateway_attempts_total{backend="payg-1",status="200"} 2
    gateway_attempts_total{backend="ptu-1",status="429"} 2
    gateway_request_duration_seconds_count{api="none"} 1
    gateway_request_duration_seconds_count{api="retry-with-payg"} 2
    gateway_request_duration_seconds_sum{api="none"} 0.0
    gateway_request_duration_seconds_sum{api="retry-with-payg"} 2.0
    gateway_requests_in_flight 0
    gateway_requests_total{api="none",status="404",source="gateway"} 1
    gateway_requests_total{api="retry-with-payg",status="200",source="backend"} 2
    gateway_retries_total{api="retry-with-payg"} 2
    gateway_usage_disbelieved_total 0
    "#);
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_is_told_policy_by_policy_what_was_decided() {
    let rig = streaming();
    let mut request = chat(PATH);
    request
        .headers_mut()
        .insert("x-gw-trace", "1".parse().unwrap());
    let answer = rig.call(request).await;
    assert_eq!(answer.header("x-gw-trace-id"), "0");
    assert_eq!(rig.received()[0].headers.get("x-gw-trace"), None);

    let told = get(&rig, "/++/trace/0").await;
    let trace: Vec<Decision> = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(trace, rig.log()[0].trace);
    let lines = trace
        .iter()
        .map(|decision| serde_json::to_string(decision).unwrap());
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    {"at":0,"section":"inbound","policy":"route","decision":"api `forward`"}
    {"at":0,"section":"inbound","policy":"auth","decision":"subscription `one`"}
    {"at":0,"section":"backend","policy":"balance","decision":"chosen","backend":"payg-1"}
    {"at":0,"section":"backend","policy":"forward","decision":"answered","backend":"payg-1","status":200}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_a_trace() {
    let rig = streaming();
    let request = Request::get("/unknown")
        .header("x-gw-trace", "1")
        .body(Body::empty());
    let answer = rig.call(request.unwrap()).await;
    assert_eq!(answer.header("x-gw-source"), "gateway");
    let told = get(&rig, "/++/trace/0").await;
    assert_eq!(
        told.text(),
        r#"[{"at":0,"section":"outbound","policy":"refuse","decision":"unknown-api","status":404}]"#
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_asked_nobody_is_told() {
    let rig = streaming();
    assert_eq!(rig.chat(PATH).await.header("x-gw-trace-id"), "");
    for path in ["/++/trace/0", "/++/trace/1"] {
        assert_eq!(get(&rig, path).await.status, 404);
    }
    let line = serde_json::to_string(&rig.log()[0]).unwrap();
    assert!(!line.contains("trace\":["), "{line}");
}

fn breaking() -> Rig {
    let mut config = preset_config("manage-spikes-with-payg/breaker");
    let breaker = &mut config.backends.get_mut("ptu-1").unwrap().breaker;
    breaker.as_mut().unwrap().count = 1;
    Rig::new(config, |request| match request.backend.as_str() {
        "ptu-1" => Reply::Full(&[("retry-after", "7")]),
        _ => Reply::Status(200),
    })
}

#[tokio::test(start_paused = true)]
async fn breakers_are_counted_and_their_states_told() {
    let rig = breaking();
    let breakers = async || {
        let text = get(&rig, "/metrics").await.text().to_owned();
        let of_breakers = text
            .lines()
            .filter(|line| line.starts_with("gateway_breaker"));
        let mut lines: Vec<_> = of_breakers.map(str::to_owned).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    rig.chat("/retry-with-payg-v2/openai/x").await;
    insta::assert_snapshot!(breakers().await, @r#"
    gateway_breaker_state{backend="ptu-1",state="closed"} 0
    gateway_breaker_state{backend="ptu-1",state="half-open"} 0
    gateway_breaker_state{backend="ptu-1",state="open"} 1
    gateway_breaker_trips_total{backend="ptu-1"} 1
    "#);
    rig.clock
        .sleep_until(Moment::ZERO + Duration::from_mins(1))
        .await;
    assert!(breakers().await.contains("state=\"closed\"} 1"));
}

#[tokio::test(start_paused = true)]
async fn a_trace_says_why_somebody_was_left_alone() {
    let rig = breaking();
    let traced = || {
        let mut request = chat("/retry-with-payg-v2/openai/x");
        let wish = "1".parse().unwrap();
        request.headers_mut().insert("x-gw-trace", wish);
        rig.call(request)
    };
    traced().await;
    rig.clock
        .sleep_until(Moment::ZERO + Duration::from_secs(20))
        .await;
    traced().await;
    let lines = rig.log().into_iter().flat_map(|entry| entry.trace);
    let lines = lines.filter(|decision| decision.section == "backend");
    let lines = lines.map(|decision| serde_json::to_string(&decision).unwrap());
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    {"at":0,"section":"backend","policy":"balance","decision":"chosen","backend":"ptu-1","breaker_state":"closed"}
    {"at":0,"section":"backend","policy":"balance","decision":"not its turn","backend":"payg-1"}
    {"at":0,"section":"backend","policy":"forward","decision":"answered","backend":"ptu-1","status":429,"retry_after_ms":7000}
    {"at":0,"section":"backend","policy":"breaker","decision":"opened","backend":"ptu-1","retry_after_ms":60000,"breaker_state":"open"}
    {"at":20000000,"section":"backend","policy":"balance","decision":"left alone","backend":"ptu-1","retry_after_ms":40000,"breaker_state":"open"}
    {"at":20000000,"section":"backend","policy":"balance","decision":"chosen","backend":"payg-1"}
    {"at":20000000,"section":"backend","policy":"forward","decision":"answered","backend":"payg-1","status":200}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_trace_tells_the_waits_between_attempts() {
    let config = preset_config("manage-spikes-with-payg/retry");
    let rig = Rig::new(config, |request| match request.backend.as_str() {
        "ptu-1" => Reply::Full(&[("retry-after", "7")]),
        _ => Reply::Fails(std::io::ErrorKind::ConnectionRefused),
    });
    let mut request = chat("/retry-with-payg/openai/x");
    request
        .headers_mut()
        .insert("x-gw-trace", "1".parse().unwrap());
    rig.call(request).await;
    let trace = rig.log().remove(0).trace;
    let lines = trace
        .iter()
        .map(|decision| serde_json::to_string(decision).unwrap());
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    {"at":0,"section":"inbound","policy":"route","decision":"api `retry-with-payg`"}
    {"at":0,"section":"inbound","policy":"auth","decision":"subscription `one`"}
    {"at":0,"section":"backend","policy":"balance","decision":"chosen","backend":"ptu-1"}
    {"at":0,"section":"backend","policy":"forward","decision":"answered","backend":"ptu-1","status":429,"retry_after_ms":7000}
    {"at":0,"section":"backend","policy":"retry","decision":"another attempt","retry_after_ms":1000}
    {"at":1000000,"section":"backend","policy":"balance","decision":"chosen","backend":"payg-1"}
    {"at":1000000,"section":"backend","policy":"forward","decision":"refused","backend":"payg-1"}
    {"at":1000000,"section":"backend","policy":"retry","decision":"no further attempt"}
    {"at":1000000,"section":"outbound","policy":"refuse","decision":"upstream-error","status":500}
    "#);
}
