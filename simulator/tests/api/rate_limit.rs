//! Limits on the wire: refusals, their headers, and that nothing overshoots.

use std::time::Duration;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Answer, Rig, chat, hello, path, post, simulator};

fn limited(tokens_per_minute: u64, more: &str) -> Rig {
    simulator(&format!(
        "[deployments.chat]\nmodel = \"gpt-4o\"\ntokens_per_minute = {tokens_per_minute}\n{more}"
    ))
}

async fn ask(rig: &Rig, max_tokens: u64) -> Answer {
    rig.send(chat(&hello(max_tokens))).await
}

#[tokio::test(start_paused = true)]
async fn admitted_requests_are_told_what_is_left() {
    let rig = limited(2_000, "");
    let answer = ask(&rig, 1_500).await;
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), "500");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "1");
    assert!(!answer.has("x-ratelimit-limit-tokens"));
}

#[tokio::test(start_paused = true)]
async fn without_max_tokens_a_chat_costs_sixteen() {
    let rig = limited(2_000, "");
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    let answer = rig.send(chat(&body)).await;
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), "1984");
}

#[tokio::test(start_paused = true)]
async fn too_many_tokens_are_refused_as_the_reference_does() {
    let rig = limited(2_000, "");
    ask(&rig, 1_500).await;
    rig.pass(Duration::from_millis(500)).await;
    let answer = ask(&rig, 1_500).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(answer.header("x-ratelimit-reset-tokens"), "60");
    for absent in [
        "x-ratelimit-reset-requests",
        "retry-after-ms",
        "x-ratelimit-remaining-tokens",
        "policy-id",
    ] {
        assert!(!answer.has(absent), "{absent}");
    }
    insta::assert_snapshot!(answer.text(), @r#"{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 60 seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."}}"#);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_refused_as_the_reference_does() {
    let rig = limited(384, "");
    ask(&rig, 50).await;
    rig.pass(Duration::from_millis(1)).await;
    let answer = ask(&rig, 50).await;
    assert_eq!(answer.header("retry-after"), "10");
    assert_eq!(answer.header("x-ratelimit-reset-requests"), "10");
    assert!(!answer.has("x-ratelimit-reset-tokens"));
    assert!(answer.text().contains("have exceeded call rate limit"));
    assert!(answer.text().contains("Please retry after 10 seconds."));
}

#[tokio::test(start_paused = true)]
async fn what_can_never_fit_is_told_to_come_back_tomorrow() {
    let answer = ask(&limited(100, ""), 101).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "86400");
    assert!(answer.text().contains("Please retry after 86400 seconds."));
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_a_refusal_are_a_choice() {
    let headers = "rate_limit_headers = [\"retry-after-ms\", \"limit\", \"policy-id\"]";
    let rig = limited(2_000, headers);
    let admitted = ask(&rig, 2_000).await;
    assert_eq!(admitted.header("x-ratelimit-limit-tokens"), "2000");
    assert_eq!(admitted.header("x-ratelimit-limit-requests"), "2");
    assert!(!admitted.has("x-ratelimit-remaining-tokens"));
    rig.pass(Duration::from_micros(999_001)).await;
    let refused = ask(&rig, 1).await;
    assert_eq!(refused.header("retry-after-ms"), "59001");
    assert_eq!(refused.header("policy-id"), "DeploymentRatelimit-Token");
    assert_eq!(refused.header("x-ratelimit-limit-tokens"), "2000");
    assert!(!refused.has("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn openai_refuses_in_its_own_words() {
    let rig = limited(2_000, "");
    ask(&rig, 2_000).await;
    let mut body = hello(1);
    body["model"] = json!("chat");
    let answer = rig.send(post("/v1/chat/completions", &body)).await;
    insta::assert_snapshot!(answer.text(), @r#"
    {
        "error": {
            "message": "Rate limit reached for gpt-4o in organization org-simulator on tokens per min (TPM): Limit 2000, Used 2000, Requested 1. Please try again in 1m0s. Visit https://platform.openai.com/account/rate-limits to learn more.",
            "type": "tokens",
            "param": null,
            "code": "rate_limit_exceeded"
        }
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn embeddings_cost_a_quarter_of_their_characters() {
    let rig =
        simulator("[deployments.e]\nmodel = \"text-embedding-ada-002\"\ntokens_per_minute = 1_000");
    let body = json!({ "input": ["é".repeat(34), "a"] });
    let answer = rig.send(post(&path("e", "embeddings"), &body)).await;
    // ceil(34 / 4) + ceil(1 / 4) = 10.
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), "990");
}

#[tokio::test(start_paused = true)]
async fn requests_that_cannot_be_answered_are_not_charged() {
    let rig = limited(2_000, "");
    rig.send(chat(&json!({}))).await;
    ask(&rig, 200_000).await;
    let answer = ask(&rig, 2_000).await;
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), "0");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "1");
}

#[tokio::test(start_paused = true)]
async fn deployments_have_limits_of_their_own() {
    let rig = simulator(
        r#"
        [deployments]
        a = { model = "gpt-4o", tokens_per_minute = 100 }
        b = { model = "gpt-4o", tokens_per_minute = 100 }
        "#,
    );
    for deployment in ["a", "b"] {
        let request = post(&path(deployment, "chat/completions"), &hello(100));
        assert_eq!(rig.send(request).await.status, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_configuration_forgets_nothing_that_was_charged() {
    let rig = limited(2_000, "");
    ask(&rig, 2_000).await;
    for patch in [
        json!({ "deployments": { "chat": { "latency": { "per_token": "1ms" } } } }),
        json!({ "deployments": { "chat": { "limiter": "none", "tokens_per_minute": null } } }),
        json!({ "deployments": { "chat": { "limiter": "legacy", "tokens_per_minute": 2_000 } } }),
    ] {
        rig.simulator.control().patch(&patch).unwrap();
    }
    assert_eq!(ask(&rig, 1).await.status, StatusCode::TOO_MANY_REQUESTS);
    let more = json!({ "deployments": { "chat": { "tokens_per_minute": 3_000 } } });
    rig.simulator.control().patch(&more).unwrap();
    assert_eq!(
        ask(&rig, 1).await.header("x-ratelimit-remaining-tokens"),
        "999"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_can_be_told_as_a_date() {
    let rig = limited(2_000, "rate_limit_headers = [\"retry-after-date\"]");
    ask(&rig, 2_000).await;
    rig.pass(Duration::from_millis(500)).await;
    let answer = ask(&rig, 1).await;
    // The clock's zero is 2026-01-01; the limit lets pass again a minute later.
    assert_eq!(
        answer.header("retry-after"),
        "Thu, 01 Jan 2026 00:01:00 GMT"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_can_promise_another_wait_than_the_true_one() {
    let rig = limited(
        2_000,
        "retry_after = \"86400s\"\nrate_limit_headers = [\"retry-after\", \"retry-after-ms\"]",
    );
    ask(&rig, 2_000).await;
    let answer = ask(&rig, 1).await;
    assert_eq!(answer.header("retry-after"), "86400");
    assert_eq!(answer.header("retry-after-ms"), "86400000");
    let entries = rig.simulator.ledger().entries();
    assert_eq!(entries[1].retry_after_ms, Some(86_400_000));
    rig.pass(Duration::from_mins(1)).await;
    assert_eq!(ask(&rig, 1).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_rate_limit_headers_tells_no_wait() {
    let rig = limited(2_000, "rate_limit_headers = []");
    ask(&rig, 2_000).await;
    let answer = ask(&rig, 1).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!answer.has("retry-after") && !answer.has("x-ratelimit-reset-tokens"));
}

#[tokio::test(start_paused = true)]
async fn a_reset_empties_the_windows() {
    let rig = limited(2_000, "");
    ask(&rig, 2_000).await;
    rig.simulator.control().reset();
    assert_eq!(ask(&rig, 2_000).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_and_fifty_six_requests_at_once_do_not_overshoot() {
    let rig = limited(100_000, "");
    let requests = (0..256).map(|_| {
        let rig = rig.clone();
        tokio::spawn(async move { ask(&rig, 1_000).await.status })
    });
    let mut admitted = 0;
    for request in requests.collect::<Vec<_>>() {
        admitted += u64::from(request.await.unwrap() == StatusCode::OK);
    }
    // 100 requests in ten seconds, 100 × 1,000 tokens in a minute.
    assert_eq!(admitted, 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The law of Retry-After, from outside: whoever waits as told is admitted.
    #[test]
    fn who_waits_as_told_is_admitted(gaps in prop::collection::vec((0..20_000u64, 1..900u64), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rig = limited(1_000, "");
            for (gap, cost) in gaps {
                rig.pass(Duration::from_millis(gap)).await;
                let answer = ask(&rig, cost).await;
                if answer.status == StatusCode::TOO_MANY_REQUESTS {
                    let seconds = answer.header("retry-after").parse().unwrap();
                    rig.pass(Duration::from_secs(seconds)).await;
                    assert_eq!(ask(&rig, cost).await.status, StatusCode::OK);
                }
            }
            let entries = rig.simulator.ledger().entries();
            for entry in &entries {
                let within = entries.iter().filter(|other| {
                    other.arrived <= entry.arrived && other.arrived + Duration::from_mins(1) > entry.arrived
                });
                let charged: u64 = within.map(|other| other.tokens_charged).sum();
                assert!(charged <= 1_000, "{charged} tokens in a minute");
            }
        });
    }
}
