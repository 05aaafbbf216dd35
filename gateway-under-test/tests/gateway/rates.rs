//! Limits of calls: how often, how many in a period, how many at the same time.

use std::time::Duration;

use futures::future::join_all;
use http_body_util::BodyExt;

use crate::support::{Answer, Reply, Rig, api_config, chat, preset_config};

const PATH: &str = "/api/openai/x";

/// A gateway with this limit and backends that do so.
fn limited(limit: &str, reply: Reply) -> Rig {
    let config = api_config(&format!("balance = {{ single = \"payg-1\" }}\n{limit}"));
    Rig::new(config, move |_| reply.clone())
}

async fn after(rig: &Rig, wait: Duration) -> Answer {
    rig.clock.sleep_until(rig.clock.now() + wait).await;
    rig.chat(PATH).await
}

fn refusals(rig: &Rig) -> Vec<String> {
    let log = rig.log().into_iter();
    log.filter_map(|entry| entry.refusal).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_refuses_in_api_managements_words_until_the_promised_second() {
    let limit = "rate_limit = { key = \"subscription\", calls = 2, renewal_period = \"30s\" }";
    let rig = limited(limit, Reply::Status(200));
    rig.chat(PATH).await;
    after(&rig, Duration::from_millis(500)).await;
    let refused = rig.chat(PATH).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "30");
    insta::assert_snapshot!(refused.text(), @r#"{ "statusCode": 429, "message": "Rate limit is exceeded. Try again in 30 seconds." }"#);
    assert_eq!(after(&rig, Duration::from_millis(29_499)).await.status, 429);
    assert_eq!(after(&rig, Duration::from_millis(1)).await.status, 200);
    assert_eq!(refusals(&rig), ["rate-limit", "rate-limit"]);
}

#[tokio::test(start_paused = true)]
async fn a_quota_counts_what_the_api_refuses_and_is_replenished_by_the_clock() {
    let mut config = preset_config("landing-zone/multi-tenancy");
    let rate = api_config(
        "balance = { single = \"payg-1\" }\n\
         rate_limit = { key = \"subscription\", calls = 2, renewal_period = \"30s\" }",
    );
    let limited = config.apis.get_mut("multi-tenancy").unwrap();
    limited.rate_limit.clone_from(&rate.apis["api"].rate_limit);
    let rig = Rig::healthy(config);
    let path = "/multi-tenancy/openai/x";
    let mut statuses = Vec::new();
    for _ in 0..7 {
        statuses.push(rig.chat(path).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429, 429, 403, 403]);
    let refused = rig.chat(path).await;
    assert_eq!(refused.header("retry-after"), "300");
    insta::assert_snapshot!(refused.text(), @r#"{ "statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 00:05:00." }"#);
    assert_eq!(
        refusals(&rig)[..4],
        ["rate-limit", "rate-limit", "rate-limit", "call-quota"]
    );
    rig.clock
        .sleep_until(rig.clock.now() + Duration::from_mins(5))
        .await;
    assert_eq!(rig.chat(path).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_reload_forgives_no_call() {
    let config = |calls: u32| {
        let mut config = preset_config("landing-zone/multi-tenancy");
        let product = config.products.get_mut("product1").unwrap();
        product.quota.as_mut().unwrap().calls = calls.try_into().unwrap();
        config
    };
    let rig = Rig::healthy(config(5));
    let path = "/multi-tenancy/openai/x";
    for _ in 0..5 {
        assert_eq!(rig.chat(path).await.status, 200);
    }
    rig.gateway.reload(config(6)).unwrap();
    assert_eq!(rig.chat(path).await.status, 200);
    assert_eq!(rig.chat(path).await.status, 403);
}

const ONE_AT_A_TIME: &str = "limit_concurrency = { key = \"subscription\", max_count = 1 }";

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_its_place_until_its_last_byte() {
    let stream = Reply::Stream(Duration::from_secs(1), &["data: a\n\n", "data: b\n\n"]);
    let rig = limited(ONE_AT_A_TIME, stream);
    let first = rig.send(chat(PATH)).await;
    let refused = rig.chat(PATH).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "");
    insta::assert_snapshot!(refused.text(), @r#"{ "statusCode": 429, "message": "Too many requests." }"#);
    let mut body = first.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(rig.chat(PATH).await.status, 429);
    body.collect().await.unwrap();
    assert_eq!(rig.chat(PATH).await.status, 200);
    assert_eq!(refusals(&rig), ["concurrency-limit", "concurrency-limit"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_or_gets_no_answer_gives_the_place_back() {
    let stream = Reply::Stream(Duration::from_secs(1), &["data: a\n\n", "data: b\n\n"]);
    let rig = limited(ONE_AT_A_TIME, stream);
    let mut abandoned = rig.send(chat(PATH)).await.into_body();
    abandoned.frame().await.unwrap().unwrap();
    drop(abandoned);
    assert_eq!(rig.chat(PATH).await.status, 200);

    for reply in [
        Reply::Fails(std::io::ErrorKind::ConnectionRefused),
        Reply::Cut("data: a\n\n"),
    ] {
        let rig = limited(ONE_AT_A_TIME, reply);
        rig.read(chat(PATH)).await;
        rig.read(chat(PATH)).await;
        assert_eq!(rig.received().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_at_once_as_there_are_places() {
    let limit = "limit_concurrency = { key = \"everyone\", max_count = 3 }";
    let rig = limited(limit, Reply::Late(Duration::from_secs(1), 200));
    let answers = join_all((0..8).map(|_| rig.chat(PATH))).await;
    let served = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(served.count(), 3);
    assert_eq!(rig.received().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_tried_again_is_one_call() {
    let limit = "rate_limit = { key = \"subscription\", calls = 2, renewal_period = \"30s\" }\n\
                 retry = { on = [429], count = 3, interval = \"1s\" }";
    let rig = limited(limit, Reply::Full(&[]));
    rig.chat(PATH).await;
    rig.chat(PATH).await;
    assert_eq!(rig.received().len(), 8);
    rig.chat(PATH).await;
    assert_eq!(rig.received().len(), 8);
    assert_eq!(refusals(&rig), ["rate-limit"]);
}

const ADAPTIVE: &str =
    "/adaptive-rate-limiting/openai/deployments/gpt/chat/completions?api-version=2024-06-01";

/// The adaptive preset `name`, behind which each answer takes 30 tokens.
fn adaptive(name: &str) -> Rig {
    const ANSWER: &str =
        r#"{"usage":{"prompt_tokens":20,"completion_tokens":10,"total_tokens":30}}"#;
    Rig::new(preset_config(name), |_| Reply::Says(200, ANSWER))
}

/// Calls with the key of `subscription`, perhaps as somebody who claims to be high.
async fn call(rig: &Rig, subscription: &str, claims_high: bool) -> Answer {
    let mut request = chat(ADAPTIVE);
    let key = format!("subscription-key-{subscription}");
    request
        .headers_mut()
        .insert("api-key", key.parse().unwrap());
    if claims_high {
        let anything = "0".parse().unwrap();
        request.headers_mut().insert("x-higher-limit", anything);
    }
    rig.call(request).await
}

/// How many calls in a row are served before one is refused.
async fn served(rig: &Rig, subscription: &str, claims_high: bool) -> usize {
    let mut count = 0;
    while call(rig, subscription, claims_high).await.status == 200 {
        count += 1;
    }
    count
}

#[tokio::test(start_paused = true)]
async fn a_class_that_is_alone_is_lent_a_tenth_of_what_all_leave() {
    let name = "landing-zone/adaptive-rate-limiting";
    // 120 used, 380 left: 120 < 100 + 38. 150 used, 350 left: 150 > 100 + 35.
    assert_eq!(served(&adaptive(name), "one", false).await, 5);
    // 300 used, 200 left: 300 < 300 + 20. 330 used, 170 left: 330 > 300 + 17.
    assert_eq!(served(&adaptive(name), "one", true).await, 11);
    let both = adaptive(name);
    assert_eq!(served(&both, "one", true).await, 11);
    // 330 and 90 used, 80 left: 90 < 100 + 8. 330 and 120 used, 50 left: 120 > 100 + 5.
    assert_eq!(served(&both, "two", false).await, 4);
}

#[tokio::test(start_paused = true)]
async fn answers_tell_what_all_leave_and_what_the_class_does() {
    let rig = adaptive("landing-zone/adaptive-rate-limiting");
    let answer = call(&rig, "one", false).await;
    assert_eq!(answer.header("x-apim-global-remaining-tokens"), "470");
    assert_eq!(answer.header("x-apim-global-consumed-tokens"), "30");
    // 500 less what the prompt is estimated at leaves 49 for the class, which has used 30.
    assert_eq!(answer.header("x-apim-low-rate-remaining-tokens"), "119");
    assert_eq!(answer.header("x-apim-high-rate-remaining-tokens"), "");
    served(&rig, "one", false).await;
    let refused = call(&rig, "one", false).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "60");
    insta::assert_snapshot!(refused.text(), @r#"{ "statusCode": 429, "message": "Token limit is exceeded. Try again in 60 seconds." }"#);
    assert_eq!(refusals(&rig)[0], "adaptive-limit");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_leaves_nobody_is_given() {
    const ALL: &str =
        r#"{"usage":{"prompt_tokens":20,"completion_tokens":480,"total_tokens":500}}"#;
    let config = preset_config("landing-zone/adaptive-rate-limiting");
    let rig = Rig::new(config, |_| Reply::Says(200, ALL));
    assert_eq!(served(&rig, "one", true).await, 1);
    assert_eq!(served(&rig, "two", false).await, 0);
    rig.clock
        .sleep_until(rig.clock.now() + Duration::from_mins(1))
        .await;
    assert_eq!(call(&rig, "two", false).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn corrected_a_claim_counts_nothing_and_no_tenant_pays_for_another() {
    let rig = adaptive("landing-zone/adaptive-rate-limiting-fixed");
    assert_eq!(served(&rig, "two", true).await, 5);
    // 150 of another and 120 of its own are used, and a prompt of 3 more has no room in 100 + 22.
    assert_eq!(served(&rig, "three", false).await, 4);
}
