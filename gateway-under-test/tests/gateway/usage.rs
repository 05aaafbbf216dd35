//! The tokens of requests: what the access log tells, against what simulated deployments charge.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::body::Body;
use clock::{Clock, DEFAULT_ANCHOR};
use futures::future::join_all;
use gateway_under_test::access_log::Entry;
use gateway_under_test::config::UsageConfig;
use gateway_under_test::usage::{Usage, UsageEvent};
use gateway_under_test::{Gateway, GatewayConfig};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use simulator::Simulator;
use simulator::config::SimulatorSection;
use tower::ServiceExt;

use crate::support::{Reply, Rig, api_config, chat};

/// A gateway before one simulator.
struct Desk {
    gateway: Gateway,
    simulator: Simulator,
}

fn desk() -> Desk {
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let section: SimulatorSection = toml::from_str(
        r#"
            [deployments]
            gpt-4o = { model = "gpt-4o", latency = { per_token = "1s" } }
            gpt-35-turbo = { model = "gpt-35-turbo" }
            embedding = { model = "text-embedding-ada-002" }
        "#,
    )
    .unwrap();
    let section = section.resolve("payg-1", &BTreeMap::new()).unwrap();
    let simulator = Simulator::new("payg-1", section, clock.clone());
    let config = GatewayConfig::parse(
        "gateway.toml",
        r#"
            usage = {}
            subscriptions.one = { key = "subscription-key-one" }
            backends.payg-1 = { url = "http://payg-1", api_key = "k" }
            apis.api = { prefix = "/api", balance = { single = "payg-1" } }
        "#,
    );
    let gateway = Gateway::new(config.unwrap(), clock, simulator.router()).unwrap();
    Desk { gateway, simulator }
}

impl Desk {
    /// Asks `deployment` for `operation`, reads the answer up to `frames` and returns what is
    /// booked of it, and what the simulator charged: prompt and answer.
    async fn ask(&self, target: &str, body: &str, frames: usize) -> (Usage, (u64, u64)) {
        let uri = format!("/api/openai/deployments/{target}?api-version=2024-10-21");
        let request = Request::post(uri)
            .header("api-key", "subscription-key-one")
            .header("content-type", "application/json")
            .header("accept-encoding", "gzip")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let mut response = self.gateway.router().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        for _ in 0..frames {
            let Some(frame) = response.frame().await else {
                break;
            };
            frame.unwrap();
        }
        drop(response);
        let entry: Entry = self.gateway.access_log().entries().pop().unwrap();
        assert!(entry.model.is_some());
        let charged = self.simulator.ledger().entries().pop().unwrap();
        let charged = (charged.prompt_tokens, charged.completion_tokens);
        (entry.usage.unwrap(), charged)
    }
}

fn tokens(usage: Usage) -> (u64, u64) {
    (usage.prompt_tokens, usage.completion_tokens)
}

const CORPUS: [&str; 5] = [
    "Tell me a joke about opentelemetry",
    "日本語テキスト 👩‍👩‍👧 naïve\\n\\n\\tcafé",
    "SELECT * FROM t WHERE a = 1234567; -- don't",
    "   ",
    "\\\"quoted\\\" <|endoftext|> \\ud83d\\ude00",
];

#[tokio::test(start_paused = true)]
async fn an_estimate_is_what_the_deployment_charges() {
    let desk = desk();
    for text in CORPUS {
        let chat = format!(
            r#"{{"messages":[{{"role":"system","content":"Be brief."}},
                {{"role":"user","name":"ann","content":[{{"type":"text","text":"{text}"}}]}}],
                "stream":true,"max_tokens":7}}"#
        );
        let prompt = format!(r#"{{"prompt":["{text}","two"],"stream":true,"max_tokens":3,"n":2}}"#);
        for (target, body) in [
            ("gpt-4o/chat/completions", &chat),
            ("gpt-35-turbo/chat/completions", &chat),
            ("gpt-35-turbo/completions", &prompt),
        ] {
            let (usage, charged) = desk.ask(target, body, usize::MAX).await;
            assert!(usage.estimated);
            assert_eq!(tokens(usage), charged, "{target}: {text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_tells_is_what_is_booked() {
    let desk = desk();
    let messages = r#""messages":[{"role":"user","content":"one two"}],"max_tokens":9"#;
    let whole = format!("{{{messages}}}");
    let stream =
        format!(r#"{{{messages},"stream":true,"stream_options":{{"include_usage":true}}}}"#);
    let embed = r#"{"input":["one two","three"]}"#.to_owned();
    for (target, body) in [
        ("gpt-4o/chat/completions", &whole),
        ("gpt-4o/chat/completions", &stream),
        ("embedding/embeddings", &embed),
    ] {
        let (usage, charged) = desk.ask(target, body, usize::MAX).await;
        assert!(!usage.estimated);
        assert_eq!(tokens(usage), charged, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_aborted_stream_is_booked_as_far_as_it_was_relayed() {
    let body = r#"{"messages":[{"role":"user","content":"one two"}],"max_tokens":9,
        "stream":true,"stream_options":{"include_usage":true}}"#;
    // One token leaves each second.
    let (usage, charged) = desk().ask("gpt-4o/chat/completions", body, 4).await;
    assert_eq!((tokens(usage), usage.estimated), ((charged.0, 4), true));
}

#[tokio::test(start_paused = true)]
async fn a_usage_that_lies_is_estimated_and_counted() {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    config.usage = Some(UsageConfig::default());
    let lie =
        r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1,"total_tokens":2}}"#;
    let rig = Rig::new(config, move |_| Reply::Says(200, lie));
    rig.chat("/api/openai/deployments/gpt-4o/chat/completions")
        .await;
    // Three tokens are around no message at all.
    let usage = rig.log()[0].usage.unwrap();
    assert_eq!((tokens(usage), usage.estimated), ((3, 0), true));
    let metrics = rig.call(http::Request::get("/metrics").body(Body::empty()).unwrap());
    let metrics = metrics.await;
    assert!(
        metrics
            .text()
            .contains("gateway_usage_disbelieved_total 1\n")
    );
}

#[tokio::test(start_paused = true)]
async fn without_usage_nothing_is_read() {
    let config = api_config("balance = { single = \"payg-1\" }");
    let rig = Rig::healthy(config);
    let mut request = chat("/api/x");
    let encoding = "gzip".parse().unwrap();
    request.headers_mut().insert("accept-encoding", encoding);
    rig.call(request).await;
    assert_eq!(rig.log()[0].usage, None);
    assert_eq!(rig.received()[0].headers["accept-encoding"], "gzip");
}

/// Answers of a backend: told, streamed with and without usage, refused, broken off.
const REPLIES: [Reply; 5] = [
    Reply::Says(
        200,
        r#"{"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":6}}"#,
    ),
    Reply::Stream(
        Duration::from_secs(1),
        &[
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}],\"usage\":null}\n\n",
            "data: {\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}\n\n",
            "data: [DONE]\n\n",
        ],
    ),
    Reply::Stream(
        Duration::from_secs(1),
        &[
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" two\"}}]}\n\n",
        ],
    ),
    Reply::Status(429),
    Reply::Cut("{\"choices\":[{\"message\":{\"content\":\"one"),
];

/// Tokens of prompts and of answers, and answers that were counted.
fn in_metrics(text: &str) -> (u64, u64, u64) {
    let sum = |begin: &str, with: &str| {
        let lines = text
            .lines()
            .filter(|l| l.starts_with(begin) && l.contains(with));
        let values = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        values.sum()
    };
    (
        sum("gateway_usage_tokens_total", "kind=\"prompt\""),
        sum("gateway_usage_tokens_total", "kind=\"completion\""),
        sum("gateway_usage_requests_total", ""),
    )
}

/// Each caller has a reply, a user and patience in milliseconds.
async fn played(callers: Vec<(usize, u8, u64)>) {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    let usage = r#"dimensions = ["subscription", "header x-user-id"]"#;
    config.usage = Some(toml::from_str(usage).unwrap());
    let replies: Vec<_> = callers.iter().map(|caller| caller.0).collect();
    let rig = Rig::new(config, move |request| {
        let number: usize = request.headers["x-request-id"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        REPLIES[replies[number]].clone()
    });
    let call = |(number, &(_, user, patience)): (usize, &(usize, u8, u64))| {
        let mut request = chat("/api/openai/deployments/gpt-4o/chat/completions");
        let headers = request.headers_mut();
        headers.insert("x-request-id", number.into());
        headers.insert("x-user-id", u16::from(user).into());
        let rig = &rig;
        async move {
            let leaves = rig.clock.now() + Duration::from_millis(patience);
            rig.clock.timeout_at(leaves, rig.read(request)).await
        }
    };
    join_all(callers.iter().enumerate().map(call)).await;
    let sum = |usages: Vec<Usage>| {
        let prompt = usages.iter().map(|usage| usage.prompt_tokens).sum::<u64>();
        let completion = usages
            .iter()
            .map(|usage| usage.completion_tokens)
            .sum::<u64>();
        (prompt, completion, usages.len() as u64)
    };
    let events = rig.gateway.usage_events();
    let in_entries = sum(rig.log().iter().filter_map(|entry| entry.usage).collect());
    let of_event = |event: &UsageEvent| Usage {
        prompt_tokens: event.prompt_tokens,
        completion_tokens: event.completion_tokens,
        total_tokens: event.total_tokens,
        estimated: event.estimated,
    };
    assert_eq!(sum(events.iter().map(of_event).collect()), in_entries);
    assert_eq!(in_metrics(&rig.gateway.metrics_text()), in_entries);
    let ids: BTreeSet<_> = events.iter().map(|event| &event.event_id).collect();
    assert_eq!(ids.len(), events.len());
    let answered = rig.log().iter().filter(|entry| entry.status == 200).count();
    assert_eq!(events.len(), answered);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn metrics_events_and_entries_come_to_the_same(
        callers in proptest::collection::vec((0..REPLIES.len(), any::<u8>(), 0..4_000u64), 0..30)
    ) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(played(callers));
    }
}

#[tokio::test(start_paused = true)]
async fn series_are_bounded_whatever_callers_say() {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    let usage = r#"dimensions = ["subscription", "product", "header x-user-id"]"#;
    config.usage = Some(toml::from_str(usage).unwrap());
    let rig = Rig::new(config, |_| {
        Reply::Says(200, r#"{"usage":{"prompt_tokens":1}}"#)
    });
    rig.chat("/api/x").await;
    for user in 0..1_100u16 {
        let mut request = chat("/api/x");
        request.headers_mut().insert("x-user-id", user.into());
        rig.call(request).await;
    }
    let text = rig.gateway.metrics_text();
    let prompts: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("gateway_usage_tokens_total") && line.contains("prompt"))
        .collect();
    assert_eq!(prompts.len(), 1_001);
    let line = |user: &str, tokens: u64| {
        format!(
            "gateway_usage_tokens_total{{subscription=\"one\",product=\"N/A\",header_x_user_id=\"{user}\",kind=\"prompt\"}} {tokens}"
        )
    };
    assert!(prompts.contains(&line("N/A", 1).as_str()));
    // The first combination is that of nobody; 999 users follow, and 101 are too many.
    assert!(prompts.contains(&line("998", 1).as_str()));
    assert!(prompts.contains(&line("other", 101).as_str()));
}
