//! The order in which limits are asked, where all of them would refuse.

use std::time::Duration;

use axum::body::Body;
use gateway_under_test::GatewayConfig;
use http::Request;

use crate::support::{Reply, Rig, chat};

/// The refusals of a product's limits in the order in which they are asked, and an API's after
/// them.
const ORDER: [&str; 11] = [
    "concurrency-limit",
    "rate-limit",
    "call-quota",
    "token-limit",
    "adaptive-limit",
    "concurrency-limit",
    "rate-limit",
    "call-quota",
    "token-limit",
    "adaptive-limit",
    "tokens-below-low-priority-threshold",
];

/// The limits of one table: none is left of those for which `permits` says 1.
fn limits(permits: &[u64]) -> String {
    let tokens = |permits| format!("{{ key = \"everyone\", tokens_per_minute = {permits} }}");
    let [concurrency, calls, quota, limit, adaptive] = permits else {
        unreachable!("a table has five limits");
    };
    let (token_limit, global) = (tokens(limit), tokens(adaptive));
    format!(
        "limit_concurrency = {{ key = \"everyone\", max_count = {concurrency} }}\n\
         rate_limit = {{ key = \"everyone\", calls = {calls}, renewal_period = \"300s\" }}\n\
         quota = {{ key = \"everyone\", calls = {quota}, renewal_period = \"300s\" }}\n\
         token_limit = {token_limit}\n\
         adaptive = {{ header = \"x-high\", spare_percent = 10, global = {global}, \
                       high = {wide}, low = {wide} }}\n",
        wide = tokens(&1_000_000),
    )
}

/// A gateway in which the first `lifted` limits are wide and all others refuse whoever comes.
fn config(lifted: usize) -> GatewayConfig {
    let permits: Vec<u64> = (0..11)
        .map(|index| if index < lifted { 1_000_000 } else { 1 })
        .collect();
    // Low priority is left this many tokens less than there are.
    let threshold = if permits[10] == 1 { 1_000_000 } else { 1 };
    let text = format!(
        "subscriptions.one = {{ key = \"subscription-key-one\", product = \"gold\" }}\n\
         backends.payg-1 = {{ url = \"http://payg-1\" }}\n\
         [products.gold]\n{product}\
         [apis.api]\nprefix = \"/\"\nbalance = {{ single = \"payg-1\" }}\n{api}\
         [apis.api.prioritize.token_calculating.deployments]\n\
         gpt = {{ tokens_per_minute = 1_000_000, low_priority_tokens_threshold = {threshold}, \
                  requests_per_10s = 1_000, low_priority_requests_threshold = 1 }}\n",
        product = limits(&permits[..5]),
        api = limits(&permits[5..10]),
    );
    GatewayConfig::parse("order.toml", &text).unwrap()
}

fn low() -> Request<Body> {
    chat("/openai/deployments/gpt/chat/completions?priority=low")
}

#[tokio::test(start_paused = true)]
async fn the_first_limit_in_the_order_is_the_one_that_refuses() {
    let rig = Rig::new(config(ORDER.len()), |request| {
        match request.at.as_micros() {
            0 => Reply::Says(
                200,
                r#"{"usage":{"prompt_tokens":3,"completion_tokens":7,"total_tokens":10}}"#,
            ),
            _ => Reply::Stream(Duration::from_secs(1), &["data: [DONE]\n\n"]),
        }
    });
    assert_eq!(rig.call(low()).await.status, 200);
    rig.clock.sleep_until(clock::Moment::from_micros(1)).await;
    let under_way = rig.send(low()).await;
    for (lifted, expected) in ORDER.into_iter().enumerate() {
        rig.gateway.reload(config(lifted)).unwrap();
        rig.call(low()).await;
        let refusal = rig.log().pop().unwrap().refusal;
        assert_eq!(
            refusal.as_deref(),
            Some(expected),
            "{lifted} limits are lifted"
        );
    }
    rig.gateway.reload(config(ORDER.len())).unwrap();
    assert_eq!(rig.call(low()).await.status, 200);
    assert_eq!(rig.received().len(), 3);
    drop(under_way);
}
