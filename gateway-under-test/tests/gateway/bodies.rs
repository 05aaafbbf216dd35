//! Request bodies: streamed where they can be, kept where they must be, refused where too large.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures::{SinkExt, StreamExt, channel::mpsc, stream};
use gateway_under_test::Gateway;
use http::{Request, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};

use crate::support::{Reply, Rig, api_config, preset_config};

const RETRYING: &str = "balance = { single = \"ptu-1\" }\nmax_replay_bytes = 10\n\
    retry = { on = [429], count = 1, interval = \"0s\", to = \"payg-1\" }";

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("api-key", "subscription-key-one");
    request.body(body.into()).unwrap()
}

fn chunks(chunks: &'static [&'static str]) -> Body {
    let chunks = chunks.iter().map(|&chunk| Ok::<_, Infallible>(chunk));
    Body::from_stream(stream::iter(chunks))
}

#[tokio::test(start_paused = true)]
async fn a_body_as_large_as_the_limit_is_replayed() {
    let rig = Rig::new(api_config(RETRYING), |request| {
        match request.backend.as_str() {
            "ptu-1" => Reply::Full(&[]),
            _ => Reply::Status(200),
        }
    });
    let answer = rig
        .call(post("/api/openai/x", chunks(&["01234", "56789"])))
        .await;
    assert_eq!(answer.header("x-gw-attempts"), "ptu-1:429, payg-1:200");
    let bodies: Vec<_> = rig.received().into_iter().map(|r| r.body).collect();
    assert_eq!(bodies, ["0123456789", "0123456789"]);
    assert_eq!(rig.log()[0].request_bytes, 10);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_before_any_backend() {
    let announced = Request::post("/api/openai/x")
        .header("api-key", "subscription-key-one")
        .header("content-length", "11")
        .body(Body::from("01234567890"))
        .unwrap();
    let unannounced = post("/api/openai/x", chunks(&["0123456789", "0"]));
    for request in [announced, unannounced] {
        let rig = Rig::healthy(api_config(RETRYING));
        let answer = rig.call(request).await;
        assert_eq!(answer.status, 413);
        insta::allow_duplicates! {
            insta::assert_snapshot!(answer.text(), @r#"{ "statusCode": 413, "message": "Request body is larger than 10 bytes." }"#);
        }
        assert!(rig.received().is_empty());
        assert_eq!(rig.log()[0].refusal.as_deref(), Some("body-too-large"));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_a_body_of_any_size_passes() {
    let rig = Rig::healthy(api_config(
        "balance = { single = \"ptu-1\" }\nmax_replay_bytes = 10",
    ));
    let large = Bytes::from(vec![b'x'; 1_000_000]);
    let answer = rig.call(post("/api/openai/x", large.clone())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(rig.received()[0].body, large);
    assert_eq!(rig.log()[0].request_bytes, 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_a_body_streams_both_ways_at_once() {
    let echo = service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    let config = preset_config("request-forwarding/transparent");
    let clock = clock::Clock::paused(clock::DEFAULT_ANCHOR);
    let gateway = Gateway::new(config, clock, echo).unwrap();
    let (mut sender, receiver) = mpsc::channel::<Bytes>(1);
    let body = Body::from_stream(receiver.map(Ok::<_, Infallible>));
    let response = gateway.router().oneshot(post("/forward/openai/x", body));
    let mut answer = response.await.unwrap().into_body();
    for chunk in ["one", "two"] {
        sender.send(chunk.into()).await.unwrap();
        assert_eq!(
            answer.frame().await.unwrap().unwrap().into_data().unwrap(),
            chunk
        );
    }
    drop(sender);
    assert!(answer.frame().await.is_none());
    assert_eq!(gateway.access_log().entries()[0].request_bytes, 6);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_breaks_off_is_not_blamed_on_the_backend() {
    let broken = || {
        let chunks = [Ok("half"), Err(io::Error::from(io::ErrorKind::BrokenPipe))];
        Body::from_stream(stream::iter(chunks))
    };
    for keys in [RETRYING, "balance = { single = \"ptu-1\" }"] {
        let rig = Rig::healthy(api_config(keys));
        let answer = rig.call(post("/api/openai/x", broken())).await;
        assert_eq!(answer.status, 400);
        let body = r#"{ "statusCode": 400, "message": "Request body could not be read." }"#;
        assert_eq!(answer.text(), body);
        assert_eq!(rig.log()[0].refusal.as_deref(), Some("broken-body"));
        assert_eq!(rig.log()[0].request_bytes, 4);
    }
}

proptest! {
    #[test]
    fn any_body_arrives_as_it_was_sent_at_every_attempt(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let sent = parts.concat();
        let bodies = runtime.block_on(async {
            let config = preset_config("manage-spikes-with-payg/retry");
            let rig = Rig::new(config, |_| Reply::Full(&[]));
            let parts = parts.into_iter().map(|part| Ok::<_, Infallible>(Bytes::from(part)));
            let body = Body::from_stream(stream::iter(parts));
            rig.call(post("/retry-with-payg/openai/x", body)).await;
            rig.received().into_iter().map(|r| r.body).collect::<Vec<_>>()
        });
        prop_assert_eq!(bodies.len(), 4);
        prop_assert!(bodies.iter().all(|body| *body == sent));
    }
}
