//! What each kind of limiter tells on the wire, and what the ledger keeps of it.

use std::time::Duration;

use http::{Request, StatusCode};
use serde_json::json;

use crate::support::{Answer, Rig, chat, hello, post, simulator};

fn limited(limiter: &str, more: &str) -> Rig {
    simulator(&format!(
        "[deployments.chat]\nmodel = \"gpt-4o\"\nlimiter = \"{limiter}\"\n{more}"
    ))
}

/// A chat of eight tokens of prompt, two characters of it text.
async fn ask(rig: &Rig, max_tokens: u64) -> Answer {
    rig.send(chat(&hello(max_tokens))).await
}

/// The headers of an answer that speak of limits, one a line.
fn told(answer: &Answer) -> String {
    let is_limit = |name: &str| {
        ["x-ratelimit", "retry-after", "policy-id", "azure-openai"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let headers = answer.headers.iter();
    let mut lines: Vec<_> = headers
        .filter(|(name, _)| is_limit(name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test(start_paused = true)]
async fn modern_tells_everything_on_every_answer() {
    let rig = limited("modern", "tokens_per_minute = 120_000");
    // Two characters are a token, the answer 13.
    insta::assert_snapshot!(told(&ask(&rig, 13).await), @r"
    x-ratelimit-limit-requests: 120
    x-ratelimit-limit-tokens: 120000
    x-ratelimit-remaining-requests: 119
    x-ratelimit-remaining-tokens: 119986
    x-ratelimit-renewalperiod-requests: 60
    x-ratelimit-renewalperiod-tokens: 60
    x-ratelimit-reset-requests: 500
    x-ratelimit-reset-tokens: 7
    ");
    assert_eq!(ask(&rig, 119_000).await.status, StatusCode::OK);
    let refused = ask(&rig, 2_000).await;
    insta::assert_snapshot!(told(&refused), @r"
    policy-id: DeploymentRatelimit-Token
    retry-after-ms: 508
    retry-after: 1
    x-ratelimit-limit-requests: 120
    x-ratelimit-limit-tokens: 120000
    x-ratelimit-remaining-requests: 117
    x-ratelimit-remaining-tokens: 985
    x-ratelimit-renewalperiod-requests: 60
    x-ratelimit-renewalperiod-tokens: 60
    x-ratelimit-reset-requests: 1500
    x-ratelimit-reset-tokens: 59507
    ");
    insta::assert_snapshot!(refused.text(), @r#"
    {"error":{"code":"429","message": "Rate limit is exceeded. Try again in 1 seconds."}}
    "#);
    let entries = rig.simulator.ledger().entries();
    let charged: Vec<_> = entries
        .iter()
        .map(|e| (e.tokens_estimated, e.tokens_charged))
        .collect();
    assert_eq!(charged, [(14, 14), (119_001, 119_001), (2_001, 0)]);
}

#[tokio::test(start_paused = true)]
async fn openai_tells_durations_and_what_was_asked_for() {
    let rig = limited(
        "openai",
        "tokens_per_minute = 30_000\nrequests_per_minute = 500",
    );
    let words = "word ".repeat(24_000);
    let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": words }], "max_tokens": 1 });
    let post = || post("/v1/chat/completions", &body);
    // Five characters a word: 30,000 and two for one message are too many …
    let never = rig.send(post()).await;
    insta::assert_snapshot!(never.json()["error"]["message"].as_str().unwrap(), @"Request too large for gpt-4o in organization org-simulator on tokens per min (TPM): Limit 30000, Requested 30002. The input or output tokens must be reduced in order to run successfully. Visit https://platform.openai.com/account/rate-limits to learn more.");
    // … and 120,000 / 4 less 5,000.
    let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": &words[..100_000] }], "max_tokens": 1 });
    let post = || crate::support::post("/v1/chat/completions", &body);
    insta::assert_snapshot!(told(&rig.send(post()).await), @r"
    x-ratelimit-limit-requests: 500
    x-ratelimit-limit-tokens: 30000
    x-ratelimit-remaining-requests: 499
    x-ratelimit-remaining-tokens: 4998
    x-ratelimit-reset-requests: 120ms
    x-ratelimit-reset-tokens: 50.004s
    ");
    let refused = rig.send(post()).await;
    insta::assert_snapshot!(told(&refused), @r"
    retry-after-ms: 40008
    retry-after: 41
    x-ratelimit-limit-requests: 500
    x-ratelimit-limit-tokens: 30000
    x-ratelimit-remaining-requests: 499
    x-ratelimit-remaining-tokens: 4998
    x-ratelimit-reset-requests: 120ms
    x-ratelimit-reset-tokens: 50.004s
    ");
    insta::assert_snapshot!(refused.text(), @r#"
    {
        "error": {
            "message": "Rate limit reached for gpt-4o in organization org-simulator on tokens per min (TPM): Limit 30000, Used 25002, Requested 25002. Please try again in 40.008s. Visit https://platform.openai.com/account/rate-limits to learn more.",
            "type": "tokens",
            "param": null,
            "code": "rate_limit_exceeded"
        }
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn provisioned_tells_its_utilization_and_corrects_it_at_the_end() {
    // 2,500 tokens of input per minute and unit, 4 for one of output.
    let rig = limited(
        "provisioned",
        "ptus = 4\nlatency = { time_to_first_token = \"6s\", per_token = \"0s\" }",
    );
    let (small, large) = tokio::join!(ask(&rig, 248), async {
        rig.pass(Duration::from_millis(1)).await;
        ask(&rig, 2_748).await
    });
    // 8 + 4 × 248 = 1,000 of 10,000; 11,000 more fit because nothing was full before.
    assert_eq!(told(&small), "azure-openai-deployment-utilization: 10.0%");
    assert_eq!(told(&large), "azure-openai-deployment-utilization: 120.0%");
    let entries = rig.simulator.ledger().entries();
    let used: Vec<_> = entries
        .iter()
        .map(|e| (e.tokens_charged, e.utilization_per_mille))
        .collect();
    assert_eq!(used, [(1_000, Some(0)), (11_000, Some(100))]);
    // Another 6 s later a fifth has drained: 12,000 less 1,000 in each 6 s.
    let refused = ask(&rig, 1).await;
    insta::assert_snapshot!(told(&refused), @r"
    azure-openai-deployment-utilization: 110.0%
    retry-after-ms: 5999
    retry-after: 6
    ");
    insta::assert_snapshot!(refused.text(), @r#"
    {"error":{"code":"429","message": "Rate limit is exceeded. Try again in 6 seconds."}}
    "#);
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let entry = rig.simulator.ledger().entries().remove(2);
    assert_eq!(entry.refusal.as_deref(), Some("utilization"));
    rig.pass(Duration::from_millis(entry.retry_after_ms.unwrap()))
        .await;
    assert_eq!(ask(&rig, 1).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_answer_costs_what_was_generated() {
    let rig = limited(
        "provisioned",
        "ptus = 4\nlatency = { time_to_first_token = \"1s\", per_token = \"1s\" }",
    );
    let mut body = hello(1_000);
    body["stream"] = json!(true);
    // Two tokens have left when the caller does; whoever waits for a whole answer gets nothing.
    for (request, charged) in [(chat(&body), 8 + 4 * 2), (chat(&hello(1_000)), 0)] {
        let end = rig.clock.now() + Duration::from_millis(2_500);
        let asking = rig.send(request);
        assert!(rig.clock.timeout_at(end, asking).await.is_err());
        let entry = rig.simulator.ledger().entries().pop().unwrap();
        assert_eq!(
            (entry.tokens_estimated, entry.tokens_charged),
            (4_008, charged)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn provisioned_refuses_prompts_of_more_than_128k_of_some_models() {
    let ask = |limiter: &str| {
        let rig = simulator(&format!(
            "[deployments.chat]\nmodel = \"gpt-4.1\"\nlimiter = {limiter}"
        ));
        let words = "word ".repeat(130_000);
        let body = json!({ "messages": [{ "role": "user", "content": words }], "max_tokens": 1 });
        async move { rig.send(chat(&body)).await }
    };
    assert_eq!(ask("\"none\"").await.status, StatusCode::OK);
    let refused = ask("\"provisioned\"\nptus = 50").await;
    assert_eq!(refused.json()["error"]["code"], "context_length_exceeded");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_speaks_the_words_of_its_time() {
    let text = async |name: &str| {
        let rig = limited(
            "modern",
            &format!("tokens_per_minute = 1_000\nrefusal_text = \"{name}\""),
        );
        ask(&rig, 1_001).await.text()
    };
    insta::assert_snapshot!(text("classic").await, @r#"
    {"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 86400 seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."}}
    "#);
    insta::assert_snapshot!(text("deployment").await, @r#"
    {"error":{"code":"429","message":"Your requests to chat for gpt-4o in East US have exceeded the token rate limit for your current AIServices S0 pricing tier. This request was for ChatCompletions_Create under Azure OpenAI API version 2024-10-21. Please retry after 86400 seconds. To increase your default rate limit, visit: https://aka.ms/oai/quotaincrease."}}
    "#);
    insta::assert_snapshot!(text("capacity").await, @r#"
    {"error":{"code":"429","message":"The system is currently experiencing high demand and cannot process your request. Your request exceeds the maximum usage size allowed during peak load. Please retry after 86400 seconds. For improved latency reliability, consider switching to Provisioned Throughput."}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn requests_may_be_counted_over_a_second() {
    let rig = limited(
        "legacy",
        "tokens_per_minute = 1_000\nrequests_per_minute = 60\nrequests_window = \"1s\"",
    );
    assert_eq!(
        ask(&rig, 1).await.header("x-ratelimit-remaining-requests"),
        "0"
    );
    rig.pass(Duration::from_millis(999)).await;
    assert_eq!(ask(&rig, 1).await.header("retry-after"), "1");
    rig.pass(Duration::from_millis(1)).await;
    assert_eq!(ask(&rig, 1).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_kind_and_its_size_are_changed_while_running() {
    let rig = limited(
        "provisioned",
        "ptus = 1\nthroughput = { input_tokens_per_minute_per_ptu = 600, output_ratio = 2 }",
    );
    let control = rig.simulator.control();
    assert_eq!(
        control.config()["openai_deployments"]["chat"]["tokens_per_minute"],
        600
    );
    ask(&rig, 596).await;
    // Twice the units, half the utilization: 1,200 of 1,200.
    control
        .patch(&json!({ "deployments": { "chat": { "ptus": 2 } } }))
        .unwrap();
    assert_eq!(
        ask(&rig, 1)
            .await
            .header("azure-openai-deployment-utilization"),
        "100.9%"
    );
    let modern = json!({ "deployments": { "chat": {
        "limiter": "modern", "tokens_per_minute": 1_000,
        "ptus": null, "throughput": null, "utilization_window": null,
    } } });
    control.patch(&modern).unwrap();
    assert_eq!(
        ask(&rig, 1).await.header("x-ratelimit-remaining-tokens"),
        "998"
    );
    assert_eq!(control.config()["deployments"]["chat"]["limiter"], "modern");
}

/// A provisioned deployment of 100 tokens a minute, and a standard one of `standard`.
fn spilling(property: &str, standard: &str) -> Rig {
    simulator(&format!(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        limiter = "provisioned"
        ptus = 1
        throughput = {{ input_tokens_per_minute_per_ptu = 100, output_ratio = 1 }}
        {property}
        [deployments.standard]
        model = "gpt-4o"
        {standard}
        [deployments.other]
        model = "gpt-4o"
        "#
    ))
}

const PROPERTY: &str = "spillover = \"standard\"";

#[tokio::test(start_paused = true)]
async fn what_provisioned_throughput_refuses_spills_over() {
    let rig = spilling(PROPERTY, "limiter = \"modern\"\ntokens_per_minute = 1_000");
    assert!(!ask(&rig, 200).await.has("x-ms-spillover-from-deployment"));
    let spilled = ask(&rig, 50).await;
    assert_eq!(spilled.status, StatusCode::OK);
    assert_eq!(spilled.header("x-ms-is-spilled-over"), "true");
    assert_eq!(spilled.header("x-ms-spillover-from-deployment"), "chat");
    assert_eq!(spilled.header("x-ms-deployment-name"), "standard");
    assert_eq!(spilled.header("x-ratelimit-remaining-tokens"), "949");
    let entry = rig.simulator.ledger().entries().remove(1);
    assert_eq!(entry.deployment.as_deref(), Some("chat"));
    assert_eq!(entry.served_by.as_deref(), Some("standard"));
    assert_eq!(
        (entry.tokens_charged, entry.refusal, entry.retry_after_ms),
        (51, None, None)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_standard_deployment_refuses_too_is_answered_as_at_first() {
    let rig = spilling(PROPERTY, "limiter = \"modern\"\ntokens_per_minute = 10");
    ask(&rig, 200).await;
    let refused = ask(&rig, 50).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("x-ms-spillover-error"), "429");
    assert_eq!(
        refused.header("azure-openai-deployment-utilization"),
        "208.0%"
    );
    let entry = rig.simulator.ledger().entries().remove(1);
    assert_eq!(entry.refusal.as_deref(), Some("utilization"));
    assert_eq!((entry.served_by, entry.tokens_charged), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_header_asks_for_spillover_where_no_property_does() {
    let ask = async |property: &str, wanted: &str| {
        let rig = spilling(property, "");
        ask(&rig, 200).await;
        let mut request: Request<_> = chat(&hello(50));
        let wanted = wanted.parse().unwrap();
        request
            .headers_mut()
            .insert("x-ms-spillover-deployment", wanted);
        rig.send(request).await
    };
    let asked = ask("", "other").await;
    assert_eq!(asked.header("x-ms-deployment-name"), "other");
    let configured = ask(PROPERTY, "other").await;
    assert_eq!(configured.header("x-ms-deployment-name"), "standard");
    let unknown = ask("", "unknown").await;
    assert_eq!(unknown.header("x-ms-spillover-error"), "404");
    let itself = ask("", "chat").await;
    assert!(!itself.has("x-ms-spillover-error"));
    assert_eq!(itself.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn failures_and_long_prompts_spill_over_but_wrong_requests_do_not() {
    for (status, spills) in [(500, true), (503, true), (400, false), (401, false)] {
        let rig = spilling(PROPERTY, "");
        let fault = json!({ "faults": [{ "when": { "deployment": "chat" }, "play": { "status": { "code": status } } }] });
        rig.simulator.control().patch(&fault).unwrap();
        let answer = ask(&rig, 1).await;
        let told = answer.headers.get("x-ms-is-spilled-over");
        let is_spilled = told.is_some_and(|told| told == "true");
        assert_eq!(is_spilled, spills, "{status}");
        assert_eq!(answer.status == StatusCode::OK, spills, "{status}");
    }
    let rig = spilling("context_tokens = 1_000\nspillover = \"standard\"", "");
    assert_eq!(ask(&rig, 2_000).await.status, StatusCode::OK);
    let wrong = rig.send(chat(&json!({}))).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(!wrong.has("x-ms-spillover-error"));
}
