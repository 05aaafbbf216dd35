//! Token limits against the ledger of a simulated deployment: an oracle that counts for itself.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use clock::{Clock, DEFAULT_ANCHOR, Moment};
use futures::future::join_all;
use gateway_under_test::{Gateway, GatewayConfig};
use http::Request;
use http_body_util::BodyExt;
use proptest::prelude::*;
use simulator::Simulator;
use simulator::config::SimulatorSection;
use tower::ServiceExt;

const MINUTE: Duration = Duration::from_mins(1);

/// One chat: when it is sent, what it asks for, and how long its caller waits.
#[derive(Clone, Debug)]
struct Asked {
    at_ms: u64,
    words: usize,
    max_tokens: Option<u64>,
    form: Form,
    patience_ms: u64,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Whole,
    Stream,
    StreamWithUsage,
}

fn chats() -> impl Strategy<Value = Vec<Asked>> {
    let form = prop_oneof![
        Just(Form::Whole),
        Just(Form::Stream),
        Just(Form::StreamWithUsage)
    ];
    let max_tokens = proptest::option::of(1..40u64);
    let patience = prop_oneof![3 => Just(600_000), 1 => 0..20_000u64];
    let chat = (0..150_000u64, 0..12usize, max_tokens, form, patience);
    let chat = chat.prop_map(|(at_ms, words, max_tokens, form, patience_ms)| Asked {
        at_ms,
        words,
        max_tokens,
        form,
        patience_ms,
    });
    proptest::collection::vec(chat, 0..60)
}

impl Asked {
    fn request(&self) -> Request<Body> {
        let text = "word ".repeat(self.words);
        let bound = self
            .max_tokens
            .map(|tokens| format!(r#","max_tokens":{tokens}"#));
        let form = match self.form {
            Form::Whole => "",
            Form::Stream => r#","stream":true"#,
            Form::StreamWithUsage => r#","stream":true,"stream_options":{"include_usage":true}"#,
        };
        chat(format!(
            r#"{{"messages":[{{"role":"user","content":"{text}"}}]{form}{}}}"#,
            bound.unwrap_or_default()
        ))
    }
}

/// A gateway with this token limit before a deployment that writes a token in 0.1 s.
fn rig(limit: &str, clock: &Clock) -> (Gateway, Simulator) {
    let section: SimulatorSection = toml::from_str(
        r#"
            [deployments.gpt-4o]
            model = "gpt-4o"
            latency = { per_token = "100ms" }
        "#,
    )
    .unwrap();
    let section = section.resolve("payg-1", &BTreeMap::new()).unwrap();
    let simulator = Simulator::new("payg-1", section, clock.clone());
    let text = format!(
        "subscriptions.one = {{ key = \"subscription-key-one\" }}\n\
         backends.payg-1 = {{ url = \"http://payg-1\", api_key = \"k\" }}\n\
         [apis.api]\nprefix = \"/api\"\nbalance = {{ single = \"payg-1\" }}\n\
         token_limit = {{ key = \"subscription\", {limit} }}\n"
    );
    let config = GatewayConfig::parse("gateway.toml", &text).unwrap();
    let gateway = Gateway::new(config, clock.clone(), simulator.router()).unwrap();
    (gateway, simulator)
}

/// Sends `request` and reads the answer to its end.
async fn call(gateway: &Gateway, request: Request<Body>) -> Option<u64> {
    let response = gateway.router().oneshot(request).await.unwrap();
    let left = response.headers().get("left").cloned();
    response.into_body().collect().await.unwrap();
    left?.to_str().unwrap().parse().ok()
}

/// Plays `chats`; returns when each accepted request arrived with the tokens that it was given,
/// and what is left in the end.
fn played(chats: &[Asked], limit: &str) -> (Vec<(Moment, u64)>, Option<u64>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let (gateway, simulator) = rig(limit, &clock);
        join_all(chats.iter().map(|asked| async {
            let begins = Moment::ZERO + Duration::from_millis(asked.at_ms);
            clock.sleep_until(begins).await;
            let leaves = begins + Duration::from_millis(asked.patience_ms);
            let call = call(&gateway, asked.request());
            clock.timeout_at(leaves, call).await.ok()
        }))
        .await;
        let ledger = simulator.ledger().entries();
        let accepted = ledger.iter().filter(|entry| entry.status == 200);
        let accepted = accepted.map(|e| (e.arrived, e.prompt_tokens + e.tokens_yielded));
        let accepted = accepted.collect();
        let left = call(&gateway, chat("{}".to_owned())).await;
        (accepted, left)
    })
}

/// A chat with this body; the deployment refuses an empty one, for which nobody is charged.
fn chat(body: String) -> Request<Body> {
    Request::post("/api/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
        .header("api-key", "subscription-key-one")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap()
}

proptest! {
    // Few, because both sides count every token in a debug build.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn what_is_charged_is_what_the_ledger_says(chats in chats()) {
        // A year's worth, so that nothing leaves the account.
        let limit = "token_quota = 1_000_000, token_quota_period = \"yearly\", \
                     remaining_quota_tokens_header = \"left\"";
        let (accepted, left) = played(&chats, limit);
        let given: u64 = accepted.iter().map(|(_, tokens)| tokens).sum();
        prop_assert_eq!(left, Some(1_000_000 - given));
    }

    #[test]
    fn no_minute_of_the_ledger_exceeds_what_is_reserved(chats in chats()) {
        let limit = "tokens_per_minute = 200, reserves = { default_max_tokens = 40 }";
        let (accepted, _) = played(&chats, limit);
        for &(end, _) in &accepted {
            let minute = accepted.iter().filter(|(at, _)| *at <= end && *at + MINUTE > end);
            let given: u64 = minute.map(|(_, tokens)| tokens).sum();
            prop_assert!(given <= 200, "{given} tokens in the minute before {end}");
        }
    }
}
