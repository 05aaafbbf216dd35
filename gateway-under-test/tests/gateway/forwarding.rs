//! What passes, and what does not, in both directions.

use std::time::Duration;

use axum::body::Body;
use clock::Moment;
use http::{Method, Request};
use http_body_util::BodyExt;

use crate::support::{Reply, Rig, api_config, chat, preset_config};

fn rig() -> Rig {
    Rig::healthy(preset_config("request-forwarding/transparent"))
}

#[tokio::test(start_paused = true)]
async fn path_and_query_pass_byte_for_byte_behind_the_prefix() {
    let rig = rig();
    for (sent, received) in [
        (
            "/forward/openai/a%20b//c/%2E%2e?q=%zz&&x=[1]",
            "/openai/a%20b//c/%2E%2e?q=%zz&&x=[1]",
        ),
        ("/forward//openai/x?", "/openai/x?"),
        ("//forward/openai/x/", "/openai/x/"),
        ("/forward/v1/chat/completions", "/v1/chat/completions"),
        ("/forward?a=b", "/?a=b"),
    ] {
        rig.chat(sent).await;
        assert_eq!(rig.received().last().unwrap().path_and_query, received);
        assert_eq!(rig.log().last().unwrap().path_and_query, sent);
    }
}

#[tokio::test(start_paused = true)]
async fn any_method_passes() {
    let rig = rig();
    for method in [Method::GET, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let mut request = chat("/forward/openai/x");
        *request.method_mut() = method.clone();
        assert_eq!(rig.call(request).await.status, 200);
        assert_eq!(rig.received().last().unwrap().method, method);
    }
}

#[tokio::test(start_paused = true)]
async fn headers_of_the_connection_end_at_the_gateway() {
    let rig = rig();
    let request = Request::post("/forward/openai/x")
        .header("api-key", "subscription-key-one")
        .header("host", "gateway:4000")
        .header("connection", "keep-alive, x-hop")
        .header("keep-alive", "timeout=5")
        .header("x-hop", "1")
        .header("te", "trailers")
        .header("upgrade", "h2c")
        .header("expect", "100-continue")
        .header("proxy-authorization", "Basic secret")
        .header("x-ms-client-request-id", "client-1")
        .header("x-custom", "a")
        .header("x-custom", "b")
        .body(Body::empty())
        .unwrap();
    rig.call(request).await;
    let headers = rig.received().remove(0).headers;
    let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["api-key", "host", "x-custom", "x-ms-client-request-id"]
    );
    assert_eq!(headers["host"], "payg-1");
    assert_eq!(headers.get_all("x-custom").iter().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_answers_headers_pass_but_for_those_of_its_connection() {
    let config = preset_config("request-forwarding/transparent");
    let rig = Rig::new(config, |_| {
        Reply::Full(&[
            ("retry-after", "12"),
            ("retry-after-ms", "11500"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
        ])
    });
    let answer = rig.chat("/forward/openai/x").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("retry-after"), "12");
    assert_eq!(answer.header("retry-after-ms"), "11500");
    assert_eq!(answer.header("x-ms-region"), "East US");
    for gone in ["connection", "x-hop", "transfer-encoding"] {
        assert_eq!(answer.header(gone), "", "{gone}");
    }
    assert_eq!(rig.log()[0].retry_after_ms, Some(11_500));
}

#[tokio::test(start_paused = true)]
async fn chunks_pass_as_they_come() {
    let config = preset_config("request-forwarding/transparent");
    let rig = Rig::new(config, |_| {
        Reply::Stream(Duration::from_millis(20), &["data: a\n\n", "data: b\n\n"])
    });
    let mut body = rig.send(chat("/forward/openai/x")).await.into_body();
    assert_eq!(rig.clock.now(), Moment::ZERO);
    for (chunk, after_ms) in [("data: a\n\n", 20), ("data: b\n\n", 40)] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), chunk);
        assert_eq!(
            rig.clock.now(),
            Moment::ZERO + Duration::from_millis(after_ms)
        );
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_prefix_is_not_found_with_or_without_a_key() {
    let rig = rig();
    for path in ["/", "/forwards/openai/x", "/openai/x", "/++/config"] {
        let answer = rig.chat(path).await;
        assert_eq!(answer.status, 404, "{path}");
        let body = r#"{ "statusCode": 404, "message": "Resource not found" }"#;
        assert_eq!(answer.text(), body);
    }
    assert!(rig.received().is_empty());
    assert_eq!(rig.log()[0].refusal.as_deref(), Some("unknown-api"));
    assert_eq!(rig.log()[0].api, None);
}

#[tokio::test(start_paused = true)]
async fn one_api_may_do_without_a_prefix() {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    config.apis.get_mut("api").unwrap().prefix = String::new();
    let rig = Rig::healthy(config);
    rig.chat("/openai/x").await;
    assert_eq!(rig.received()[0].path_and_query, "/openai/x");
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_told_to_whoever_asks() {
    let rig = rig();
    rig.clock.sleep_until(Moment::from_micros(1_500_000)).await;
    let get = |method: &str| {
        let request = Request::builder().method(method).uri("/++/clock");
        request.body(Body::empty()).unwrap()
    };
    let answer = rig.call(get("GET")).await;
    insta::assert_snapshot!(answer.text(), @r#"{"now_us":1500000,"utc":"2026-01-01T00:00:01.5Z","speed":0.001}"#);
    let answer = rig.call(get("POST")).await;
    assert_eq!(answer.status, 405);
    assert_eq!(
        answer.text(),
        r#"{ "statusCode": 405, "message": "Method not allowed" }"#
    );
    assert!(rig.log().is_empty());
}
