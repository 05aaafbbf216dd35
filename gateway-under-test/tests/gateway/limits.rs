//! Token limits, as callers meet them.

use std::time::Duration;

use axum::body::Body;
use clock::Moment;
use futures::future::join_all;
use gateway_under_test::GatewayConfig;
use gateway_under_test::config::TokenLimitConfig;
use http::Request;
use http_body_util::BodyExt;

use crate::support::{Answer, Reply, Rig, api_config, chat};

const CHAT: &str = "/api/openai/deployments/gpt/chat/completions";

/// Told in headers, by the names of the recorded run.
const TOLD: &str =
    "tokens_consumed_header = \"consumed-tokens\", remaining_tokens_header = \"remaining-tokens\"";

/// An answer that took so many tokens, nine of them for the prompt.
fn took(total: u64) -> Reply {
    let usage = format!(
        r#"{{"usage":{{"prompt_tokens":9,"completion_tokens":{},"total_tokens":{total}}}}}"#,
        total - 9
    );
    Reply::Says(200, usage.leak())
}

/// An API that limits each subscription to a hundred tokens per minute, and has these keys too.
fn hundred(keys: &str) -> GatewayConfig {
    let limit = format!("key = \"subscription\", tokens_per_minute = 100, {TOLD}");
    limited(&format!("{limit}{keys}"))
}

/// An API with this token limit, and a second subscription, of the product `gold`.
fn limited(token_limit: &str) -> GatewayConfig {
    let mut config = api_config(&format!(
        "balance = {{ single = \"payg-1\" }}\ntoken_limit = {{ {token_limit} }}"
    ));
    let others = "subscriptions.two = { key = \"subscription-key-two\", product = \"gold\" }\n\
                  products.gold = {}";
    let others = GatewayConfig::parse("others.toml", others).unwrap();
    config.subscriptions.extend(others.subscriptions);
    config.products = others.products;
    config
}

fn token_limit(text: &str) -> TokenLimitConfig {
    toml::from_str(&text.replace(", ", "\n")).unwrap()
}

/// A chat of the subscription `two`.
fn chat_of_two() -> Request<Body> {
    let mut request = chat(CHAT);
    let key = "subscription-key-two".parse().unwrap();
    request.headers_mut().insert("api-key", key);
    request
}

/// Status, consumed and remaining tokens, as a header each.
fn told(answer: &Answer) -> (u16, &str, &str) {
    let status = answer.status.as_u16();
    let consumed = answer.header("consumed-tokens");
    (status, consumed, answer.header("remaining-tokens"))
}

async fn chat_at(rig: &Rig, second: u64) -> Answer {
    let at = Moment::ZERO + Duration::from_secs(second);
    rig.clock.sleep_until(at).await;
    rig.chat(CHAT).await
}

// Source: LazaUK/AOAI-APIM-AIGateway, README, output of the token limit's run (read 2026-07),
// where answers take about a second.
#[tokio::test(start_paused = true)]
async fn the_recorded_run_comes_out_to_the_number() {
    let rig = Rig::new(hundred(""), |request| {
        took(if request.at == Moment::ZERO { 59 } else { 55 })
    });
    assert_eq!(told(&chat_at(&rig, 0).await), (200, "59", "41"));
    assert_eq!(told(&chat_at(&rig, 16).await), (200, "55", "0"));
    for (second, wait) in [(31, "29"), (46, "14")] {
        let refused = chat_at(&rig, second).await;
        assert_eq!(told(&refused), (429, "", ""));
        assert_eq!(refused.header("retry-after"), wait);
        let message = format!("Token limit is exceeded. Try again in {wait} seconds.");
        let body = format!(r#"{{ "statusCode": 429, "message": "{message}" }}"#);
        assert_eq!(refused.text(), body);
    }
    assert_eq!(told(&chat_at(&rig, 61).await), (200, "55", "0"));
    assert_eq!(rig.received().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_subscription_is_not_limited_by_what_another_uses() {
    let rig = Rig::new(hundred(""), |_| took(100));
    assert_eq!(told(&chat_at(&rig, 0).await), (200, "100", "0"));
    assert_eq!(rig.chat(CHAT).await.status, 429);
    assert_eq!(told(&rig.call(chat_of_two()).await), (200, "100", "0"));
}

#[tokio::test(start_paused = true)]
async fn retries_are_one_request_and_failures_are_free() {
    let mut config = hundred("");
    let retry = "on = [429, 503]\ncount = 3\ninterval = \"1s\"";
    config.apis.get_mut("api").unwrap().retry = toml::from_str(retry).unwrap();
    let rig = Rig::new(config, |request| match request.at.as_micros() {
        0 => Reply::Full(&[]),
        1_000_000 => Reply::Status(503),
        2_000_000 => took(40),
        _ => Reply::Status(500),
    });
    let served = rig.chat(CHAT).await;
    assert_eq!(told(&served), (200, "40", "60"));
    assert_eq!(
        served.header("x-gw-attempts"),
        "payg-1:429, payg-1:503, payg-1:200"
    );
    assert_eq!(told(&chat_at(&rig, 3).await), (500, "", "60"));
}

#[tokio::test(start_paused = true)]
async fn the_product_is_asked_before_the_api_and_both_before_the_balancer() {
    let mut config = limited("key = \"api\", tokens_per_minute = 50");
    let of_product = token_limit("key = \"product\", tokens_per_minute = 100");
    config.products.get_mut("gold").unwrap().token_limit = Some(of_product);
    let api = config.apis.get_mut("api").unwrap();
    let turns = "round_robin = { backends = [\"payg-1\", \"ptu-1\"] }";
    api.balance = toml::from_str(turns).unwrap();
    let rig = Rig::new(config, |_| took(60));
    // Sixty tokens are too many for the API, but the product has forty left.
    assert_eq!(rig.call(chat_of_two()).await.status, 200);
    assert_eq!(rig.call(chat_of_two()).await.status, 429);
    chat_at(&rig, 30).await;
    assert_eq!(chat_at(&rig, 60).await.status, 200);
    // Who is refused takes nobody's turn.
    let turns: Vec<_> = rig.received().into_iter().map(|r| r.backend).collect();
    assert_eq!(turns.len(), 2);
    assert_ne!(turns[0], turns[1]);
}

/// Both scopes have nothing left; which of them refuses is told by the name of its header.
#[tokio::test(start_paused = true)]
async fn of_two_limits_that_refuse_the_products_speaks() {
    let with_header = |key, header| {
        format!("key = \"{key}\", tokens_per_minute = 10, retry_after_header = \"{header}\"")
    };
    let mut config = limited(&with_header("api", "by-api"));
    let of_product = token_limit(&with_header("product", "by-product"));
    config.products.get_mut("gold").unwrap().token_limit = Some(of_product);
    let rig = Rig::new(config, |_| took(20));
    rig.call(chat_of_two()).await;
    let refused = rig.call(chat_of_two()).await;
    assert_eq!(
        (refused.header("by-product"), refused.header("by-api")),
        ("60", "")
    );
    let refused = rig.chat(CHAT).await;
    assert_eq!(
        (refused.header("by-product"), refused.header("by-api")),
        ("", "60")
    );
    assert_eq!(refused.header("retry-after"), "");
}

/// An event with so much of an answer.
macro_rules! says {
    ($text:literal) => {
        concat!(
            r#"data: {"choices":[{"delta":{"content":""#,
            $text,
            r#""}}]}"#,
            "\n\n"
        )
    };
}

const USAGE: &str = concat!(
    r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":21,"total_tokens":30}}"#,
    "\n\n"
);

/// What is left of a hundred tokens after a stream of these events, read to the end or to the
/// second event.
async fn left_after(events: &'static [&'static str], is_read: bool) -> String {
    let rig = Rig::new(hundred(""), |request| match request.at {
        Moment::ZERO => Reply::Stream(Duration::from_secs(1), events),
        _ => took(10),
    });
    let streamed = rig.send(chat(CHAT)).await;
    assert_eq!(streamed.headers()["remaining-tokens"], "100");
    let mut body = streamed.into_body();
    for _ in 0..if is_read { events.len() } else { 2 } {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    let next = rig.chat(CHAT).await;
    next.header("remaining-tokens").to_owned()
}

#[tokio::test(start_paused = true)]
async fn streams_are_charged_what_they_tell_or_what_passed() {
    const TOLD: &[&str] = &[says!("one"), says!(" two"), USAGE, "data: [DONE]\n\n"];
    const UNTOLD: &[&str] = &[
        says!("one"),
        says!(" two"),
        says!(" three"),
        "data: [DONE]\n\n",
    ];
    assert_eq!(left_after(TOLD, true).await, "60");
    // An empty chat takes three tokens, each word one.
    assert_eq!(left_after(UNTOLD, true).await, "84");
    assert_eq!(left_after(TOLD, false).await, "85");
}

#[tokio::test(start_paused = true)]
async fn a_usage_that_lies_is_not_what_is_charged() {
    let rig = Rig::new(hundred(""), |_| {
        Reply::Says(
            200,
            r#"{"choices":[{"message":{"content":"one two"}}],
                "usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":-9}}"#,
        )
    });
    assert_eq!(told(&rig.chat(CHAT).await), (200, "5", "95"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_usage_is_estimated() {
    let silent = r#"{"choices":[{"message":{"content":"one two"}}]}"#;
    let rig = Rig::new(hundred(""), |_| Reply::Says(200, silent));
    assert_eq!(told(&rig.chat(CHAT).await), (200, "5", "95"));
}

#[tokio::test(start_paused = true)]
async fn an_estimated_prompt_is_refused_before_a_backend_sees_it() {
    let rig = Rig::new(hundred(", estimate_prompt_tokens = true"), |_| took(60));
    let long = format!(
        r#"{{"messages":[{{"content":"{}"}}]}}"#,
        "word ".repeat(120)
    );
    let long = chat(CHAT).map(|_| Body::from(long));
    let refused = rig.call(long).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("retry-after")),
        (429, "60")
    );
    assert_eq!(rig.received().len(), 0);
    assert_eq!(told(&rig.chat(CHAT).await), (200, "60", "40"));
}

#[tokio::test(start_paused = true)]
async fn a_burst_exceeds_a_limit_but_no_reservation() {
    const STREAM: &[&str] = &[USAGE];
    let burst = async |config| {
        let rig = Rig::new(config, |_| Reply::Stream(Duration::from_secs(1), STREAM));
        let calls = (0..256).map(|_| rig.chat(CHAT));
        let served = join_all(calls).await;
        served.iter().filter(|answer| answer.status == 200).count()
    };
    assert_eq!(burst(hundred("")).await, 256);
    // Three tokens of the prompt and 27 of the answer are held by each.
    assert_eq!(
        burst(hundred(", reserves = { default_max_tokens = 27 }")).await,
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_bound_is_sent_with_the_one_it_has_reserved() {
    let config = hundred(", reserves = { default_max_tokens = 27 }");
    let rig = Rig::new(config, |_| took(10));
    for body in [
        r#"{"messages":[],"temperature":0.5}"#,
        r#"{"messages":[],"max_tokens":7}"#,
        r#"{"messages":[],"max_completion_tokens":7}"#,
    ] {
        let length = body.len().to_string();
        let mut request = chat(CHAT).map(|_| Body::from(body));
        request
            .headers_mut()
            .insert("content-length", length.parse().unwrap());
        assert_eq!(rig.call(request).await.status, 200);
    }
    let sent = rig.received();
    let bodies: Vec<_> = sent
        .iter()
        .map(|r| std::str::from_utf8(&r.body).unwrap())
        .collect();
    insta::assert_snapshot!(bodies.join("\n"), @r#"
    {"messages":[],"temperature":0.5,"max_tokens":27}
    {"messages":[],"max_tokens":7}
    {"messages":[],"max_completion_tokens":7}
    "#);
    let lengths = sent
        .iter()
        .map(|r| r.headers["content-length"].to_str().unwrap());
    assert!(lengths.eq(bodies.iter().map(|body| body.len().to_string())));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reserved_for_all_answers_is_refused() {
    let config = hundred(", reserves = { default_max_tokens = 27 }");
    let rig = Rig::new(config, |_| took(10));
    // Three of the prompt and four answers of 25.
    let four = chat(CHAT).map(|_| Body::from(r#"{"messages":[],"max_tokens":25,"n":4}"#));
    assert_eq!(rig.call(four).await.status, 429);
    assert_eq!(told(&rig.chat(CHAT).await), (200, "10", "90"));
}

#[tokio::test(start_paused = true)]
async fn a_reservation_is_given_back_when_nothing_comes_of_it() {
    let config = hundred(", reserves = { default_max_tokens = 90 }");
    let rig = Rig::new(config, |request| match request.at.as_micros() {
        0 => Reply::Status(500),
        1 => Reply::Fails(std::io::ErrorKind::ConnectionReset),
        2 => Reply::Silent,
        _ => took(10),
    });
    let at = |micros| rig.clock.sleep_until(Moment::from_micros(micros));
    assert_eq!(told(&rig.chat(CHAT).await), (500, "", "100"));
    at(1).await;
    assert_eq!(rig.chat(CHAT).await.status, 500);
    at(2).await;
    let leaves = Moment::from_micros(3);
    assert!(rig.clock.timeout_at(leaves, rig.chat(CHAT)).await.is_err());
    assert_eq!(told(&rig.chat(CHAT).await), (200, "10", "90"));
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_refused_with_403_until_its_period_ends() {
    let quota = "key = \"subscription\", token_quota = 100, token_quota_period = \"hourly\", \
                 remaining_quota_tokens_header = \"left\"";
    let rig = Rig::new(limited(quota), |_| took(80));
    assert_eq!(chat_at(&rig, 0).await.header("left"), "20");
    assert_eq!(chat_at(&rig, 60).await.header("left"), "0");
    let refused = chat_at(&rig, 3_600 - 21 * 60 - 33).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("retry-after"), "1293");
    insta::assert_snapshot!(refused.text(), @r#"{ "statusCode": 403, "message": "Token quota is exceeded. Try again in 21 minutes and 33 seconds." }"#);
    assert_eq!(chat_at(&rig, 3_600).await.header("left"), "20");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_admits_in_a_minute_what_a_window_admits_in_two() {
    let served = async |window: &str| {
        let rig = Rig::new(hundred(&format!(", window = \"{window}\"")), |_| took(20));
        let mut served = 0;
        for second in 0..60 {
            served += usize::from(chat_at(&rig, second).await.status == 200);
        }
        served
    };
    assert_eq!(served("sliding").await, 5);
    // A token is there again every 0.6 s, and one is enough to be let in.
    assert_eq!(served("bucket").await, 10);
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_outlives_a_reload() {
    let rig = Rig::new(hundred(""), |_| took(80));
    assert_eq!(told(&chat_at(&rig, 0).await), (200, "80", "20"));
    let mut config = hundred("");
    let limit = config.apis.get_mut("api").unwrap().token_limit.as_mut();
    limit.unwrap().tokens_per_minute = std::num::NonZeroU64::new(200);
    rig.gateway.reload(config).unwrap();
    assert_eq!(told(&rig.chat(CHAT).await), (200, "80", "40"));
    rig.gateway.reload(hundred("")).unwrap();
    assert_eq!(rig.chat(CHAT).await.header("retry-after"), "60");
}

#[tokio::test(start_paused = true)]
async fn a_header_can_tell_callers_apart() {
    let rig = Rig::new(
        limited("key = \"header x-user\", tokens_per_minute = 10"),
        |_| took(10),
    );
    let call = async |user: &str| {
        let mut request = chat(CHAT);
        request
            .headers_mut()
            .insert("x-user", user.parse().unwrap());
        rig.call(request).await.status.as_u16()
    };
    assert_eq!(
        (call("a").await, call("a").await, call("b").await),
        (200, 429, 200)
    );
    // All who send none are one.
    assert_eq!(rig.chat(CHAT).await.status, 200);
    assert_eq!(rig.chat(CHAT).await.status, 429);
}
