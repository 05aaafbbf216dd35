//! Backends that do not answer, and callers who do not wait.

use std::io::ErrorKind;
use std::time::Duration;

use clock::{Elapsed, Moment};
use http_body_util::BodyExt;

use crate::support::{Reply, Rig, api_config, chat, preset_config};

const PATH: &str = "/forward/openai/deployments/gpt/chat/completions";

fn rig(reply: Reply) -> Rig {
    let config = preset_config("request-forwarding/transparent");
    Rig::new(config, move |_| reply.clone())
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_cannot_be_reached_is_an_internal_error() {
    for (kind, word) in [
        (ErrorKind::ConnectionRefused, "refused"),
        (ErrorKind::ConnectionReset, "reset"),
        (ErrorKind::TimedOut, "timeout"),
        (ErrorKind::HostUnreachable, "unreachable"),
        (ErrorKind::InvalidData, "failed"),
    ] {
        let rig = rig(Reply::Fails(kind));
        let answer = rig.chat(PATH).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.header("x-gw-attempts"), format!("payg-1:{word}"));
        assert_eq!(answer.header("x-gw-backend"), "");
        let entry = rig.log().remove(0);
        assert_eq!(entry.refusal.as_deref(), Some("upstream-error"));
        assert_eq!(entry.backend, None);
        assert_eq!(entry.attempts[0].error.as_deref(), Some(word));
        assert_eq!(entry.attempts[0].status, None);
    }
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_has_the_same_activity_id_in_every_run() {
    let text = async || {
        let rig = rig(Reply::Fails(ErrorKind::ConnectionRefused));
        rig.chat(PATH).await.text().to_owned()
    };
    let first = text().await;
    insta::assert_snapshot!(first, @r#"{ "statusCode": 500, "message": "Internal server error", "activityId": "95d571f7-0f45-43a9-a1b5-a245ff496a3f" }"#);
    assert_eq!(first, text().await);
}

#[tokio::test(start_paused = true)]
async fn a_silent_backend_is_given_up_at_the_timeout_of_its_api() {
    let config = api_config("balance = { single = \"ptu-1\" }\nforward_timeout = \"1500ms\"");
    let rig = Rig::new(config, |_| Reply::Silent);
    let answer = rig.chat("/api/openai/x").await;
    assert_eq!(answer.status, 500);
    assert_eq!(rig.clock.now(), Moment::from_micros(1_500_000));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_breaks_off_breaks_off_for_the_caller_too() {
    let rig = rig(Reply::Cut("half"));
    let mut body = rig.send(chat(PATH)).await.into_body();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "half");
    assert!(body.frame().await.unwrap().is_err());
    let entry = rig.log().remove(0);
    assert_eq!(entry.status, 200);
    assert_eq!(entry.attempts[0].error.as_deref(), Some("cut"));
    assert_eq!(entry.response_bytes, 4);
    assert!(!entry.aborted_by_client);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_before_the_answer_takes_the_attempt_along() {
    let rig = rig(Reply::Silent);
    let leaving = Moment::ZERO + Duration::from_secs(3);
    let left = rig.clock.timeout_at(leaving, rig.send(chat(PATH))).await;
    assert_eq!(left.unwrap_err(), Elapsed);
    let entry = rig.log().remove(0);
    assert!(entry.aborted_by_client);
    assert_eq!(entry.status, 0);
    assert_eq!(entry.ended, Some(leaving));
    assert_eq!(entry.attempts[0].error.as_deref(), Some("cancelled"));
    assert_eq!(entry.attempts[0].ended, leaving);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_during_a_wait_is_not_retried() {
    let config = preset_config("manage-spikes-with-payg/retry");
    let rig = Rig::new(config, |_| Reply::Full(&[]));
    let leaving = Moment::ZERO + Duration::from_millis(999);
    let request = rig.send(chat("/retry-with-payg/openai/x"));
    assert!(rig.clock.timeout_at(leaving, request).await.is_err());
    rig.clock
        .sleep_until(Moment::ZERO + Duration::from_mins(1))
        .await;
    assert_eq!(rig.received().len(), 1);
    let entry = rig.log().remove(0);
    assert_eq!(entry.attempts.len(), 1);
    assert_eq!(entry.attempts[0].error, None);
    assert!(entry.aborted_by_client);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_mid_stream_is_booked_with_what_passed() {
    let rig = rig(Reply::Stream(
        Duration::from_secs(1),
        &["data: a\n\n", "data: b\n\n"],
    ));
    let mut body = rig.send(chat(PATH)).await.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    let entry = rig.log().remove(0);
    assert!(entry.aborted_by_client);
    assert!(entry.streamed);
    assert_eq!(entry.response_bytes, 9);
    assert_eq!(entry.first_byte, Some(Moment::from_micros(1_000_000)));
    assert_eq!(entry.ended, Some(Moment::from_micros(1_000_000)));
}
