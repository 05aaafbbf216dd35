//! Low and high priority, as callers and backends meet them.

use std::time::Duration;

use axum::body::Body;
use gateway_under_test::GatewayConfig;
use http::Request;
use hyper::ext::ReasonPhrase;

use crate::support::{Answer, Reply, Rig, preset_config};

const CALCULATING: &str = "prioritization/token-calculating";
const TRACKING: &str = "prioritization/token-tracking";

/// A call of low or high priority to the API of the preset `name` that asks for this many tokens.
fn call(name: &str, deployment: &str, priority: &str, max_tokens: u32) -> Request<Body> {
    let api = name.strip_prefix("prioritization/").unwrap();
    let api = api.split("-fixed").next().unwrap();
    let deployments = format!("/prioritization-{api}/openai/deployments");
    Request::post(format!("{deployments}/{deployment}/chat/completions"))
        .header("api-key", "subscription-key-one")
        .header("x-priority", priority)
        .body(Body::from(format!(r#"{{"max_tokens":{max_tokens}}}"#)))
        .unwrap()
}

/// A gateway with one of the presets, and calls to its small deployment of chats.
struct Small(Rig, &'static str);

impl Small {
    fn new(name: &'static str, reply: fn() -> Reply) -> Self {
        Self(Rig::new(preset_config(name), move |_| reply()), name)
    }

    async fn call(&self, priority: &str, max_tokens: u32) -> Answer {
        let call = call(self.1, "gpt-35-turbo-10k-token", priority, max_tokens);
        self.0.call(call).await
    }

    /// The phrase behind the status of a call of low priority.
    async fn phrase(&self) -> String {
        let call = call(self.1, "gpt-35-turbo-10k-token", "low", 1);
        let response = self.0.send(call).await;
        let phrase = response.extensions().get::<ReasonPhrase>().unwrap();
        String::from_utf8(phrase.as_bytes().to_vec()).unwrap()
    }

    async fn wait(&self, seconds: u64) {
        let then = self.0.clock.now() + Duration::from_secs(seconds);
        self.0.clock.sleep_until(then).await;
    }
}

/// These headers of an answer, one after the other.
fn headers<const N: usize>(answer: &Answer, names: [&str; N]) -> String {
    names.map(|name| answer.header(name)).join(" ")
}

const REASON: [&str; 3] = [
    "x-gw-ratelimit-reason",
    "x-gw-ratelimit-value",
    "x-gw-priority",
];

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_as_it_was_before_the_call() {
    let small = Small::new(CALCULATING, || Reply::Status(200));
    let told = [
        "x-gw-remaining-tokens",
        "x-gw-remaining-requests",
        "x-gw-consumed-tokens",
        "x-apim-total-tokens",
        "x-gw-priority",
    ];
    let first = small.call("low", 4_000).await;
    assert_eq!(headers(&first, told), "10000 10 4000 10000 low");
    let second = small.call("high", 50).await;
    assert_eq!(headers(&second, told), "6000 9 50 10000 high");
}

#[tokio::test(start_paused = true)]
async fn low_priority_is_refused_in_the_references_words() {
    let small = Small::new(CALCULATING, || Reply::Status(200));
    small.call("high", 7_001).await;
    let refused = small.call("low", 1).await;
    assert_eq!(refused.status, 429);
    assert_eq!(
        refused.text(),
        "Low priority rate-limiting triggered by token usage"
    );
    let reason = "tokens-below-low-priority-threshold 2999 low";
    assert_eq!(headers(&refused, REASON), reason);
    assert_eq!(refused.header("retry-after"), "");
    assert_eq!(small.phrase().await, "Too Many Tokens");
    assert_eq!(small.0.received().len(), 1);
    let word = small.0.log()[1].refusal.clone();
    assert_eq!(word.as_deref(), Some("tokens-below-low-priority-threshold"));
}

#[tokio::test(start_paused = true)]
async fn the_limits_refuse_both_priorities_in_the_words_of_api_management() {
    let small = Small::new(CALCULATING, || Reply::Status(200));
    small.call("high", 10_000).await;
    small.wait(20).await;
    let refused = small.call("high", 1).await;
    assert_eq!(
        refused.text(),
        r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 40 seconds." }"#
    );
    let waits = ["x-apim-tokens-retry-after", "retry-after"];
    assert_eq!(headers(&refused, waits), "40 ");
    assert_eq!(headers(&refused, REASON), "  ");

    let fixed = Small::new("prioritization/token-calculating-fixed", || {
        Reply::Status(200)
    });
    fixed.call("high", 9_000).await;
    let refused = fixed.call("high", 1_001).await;
    assert_eq!(headers(&refused, waits), "60 60");
    let reason = headers(&refused, REASON);
    assert!(
        reason.starts_with("tokens-limit-of-deployment "),
        "{reason}"
    );
    assert!(reason.ends_with(" high"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_backends_429_is_not_counted() {
    let small = Small::new(CALCULATING, || Reply::Full(&[]));
    for _ in 0..20 {
        let answer = small.call("high", 9_000).await;
        let told = ["x-gw-source", "x-gw-priority", "x-gw-remaining-tokens"];
        assert_eq!(headers(&answer, told), "backend high 10000");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_is_not_in_the_list_is_not_found() {
    for (name, forwarded) in [(CALCULATING, 0), (TRACKING, 1)] {
        let rig = Rig::healthy(preset_config(name));
        for priority in ["low", "high"] {
            let answer = rig.call(call(name, "gpt-unknown", priority, 1)).await;
            if answer.status == 404 {
                assert_eq!(answer.text(), "Deployment not found");
            }
        }
        // Tracking asks nothing of high priority.
        assert_eq!(rig.received().len(), forwarded, "{name}");
        assert_eq!(rig.log()[0].refusal.as_deref(), Some("unknown-deployment"));
    }
}

#[tokio::test(start_paused = true)]
async fn low_priority_heeds_what_the_backend_says_is_left() {
    let small = Small::new(TRACKING, || {
        Reply::Headed(&[
            ("x-ratelimit-remaining-tokens", "2999"),
            ("x-ratelimit-remaining-requests", "9"),
        ])
    });
    let told = ["x-gw-remaining-tokens", "x-gw-remaining-requests", "x-test"];
    let first = small.call("low", 1).await;
    assert_eq!(headers(&first, told), "2999 9 ");
    let probe = small.call("low", 1).await;
    let extra = "2999 9 allowing-extra-low-pri-request";
    assert_eq!(headers(&probe, told), extra);
    small.wait(1).await;
    let refused = small.call("low", 1).await;
    let reason = "tokens-below-low-priority-threshold 2999 low";
    assert_eq!(headers(&refused, REASON), reason);
    let phrase = "Tokens below low-priority threshold for deployment";
    assert_eq!(small.phrase().await, phrase);
    assert_eq!(small.call("high", 1).await.status, 200);
    small.wait(10).await;
    assert_eq!(headers(&small.call("low", 1).await, told), extra);
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_reset_is_an_error_of_the_references_gateway_only() {
    let half = || Reply::Full(&[("x-ratelimit-reset-tokens", "0.5")]);
    let compat = Small::new(TRACKING, half);
    assert_eq!(compat.call("high", 1).await.status, 500);
    assert_eq!(compat.0.log()[0].refusal.as_deref(), Some("missing-reset"));

    let fixed = Small::new("prioritization/token-tracking-fixed", half);
    let passed = fixed.call("high", 1).await;
    assert_eq!(headers(&passed, ["x-gw-source"]), "backend");
    let refused = fixed.call("low", 1).await;
    assert_eq!(headers(&refused, ["retry-after"]), "1");
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_survives_a_reload() {
    let small = Small::new(CALCULATING, || Reply::Status(200));
    small.call("high", 7_001).await;
    small.0.gateway.reload(preset_config(CALCULATING)).unwrap();
    assert_eq!(small.call("low", 1).await.status, 429);
    // Only of deployments that stay, and of the same policy.
    let other: GatewayConfig = preset_config("prioritization/token-calculating-fixed");
    small.0.gateway.reload(other).unwrap();
    assert_eq!(small.call("low", 1).await.status, 429);
}

#[test]
fn a_threshold_above_its_limit_and_no_deployments_are_mistakes() {
    let policy = |deployments: &str| {
        let text = format!(
            "subscriptions.one.key = \"k\"\nbackends.ptu-1.url = \"http://ptu-1\"\n\
             [apis.api]\nprefix = \"/\"\nbalance.single = \"ptu-1\"\n\
             prioritize.token_calculating.deployments = {{ {deployments} }}\n"
        );
        let config = GatewayConfig::parse("test.toml", &text).unwrap();
        let errors = config.validate();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let ada = "ada = { tokens_per_minute = 10, low_priority_tokens_threshold = 11, \
               requests_per_10s = 1, low_priority_requests_threshold = 1 }";
    assert_eq!(
        policy(ada),
        [
            "apis.api.prioritize.deployments: expected a threshold of `ada` of at most its \
          `tokens_per_minute`, found `11` above `10`"
        ]
    );
    assert_eq!(
        policy(""),
        [
            "apis.api.prioritize.deployments: expected at least one deployment (help: name the \
          deployments behind the API with their thresholds)"
        ]
    );
}
