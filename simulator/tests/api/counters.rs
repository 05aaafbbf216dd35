//! Counters, metrics and the ledger's filters: one truth in three shapes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use simulator::{Counters, Entry};

use crate::support::{Answer, Rig, chat, hello, path, post, simulator};

async fn get(rig: &Rig, path: &str) -> Answer {
    rig.send(Request::get(path).body(Body::empty()).unwrap())
        .await
}

/// Two answers of 2 s, a refusal by the limiter, an embedding, and a deployment that is not there.
async fn busy() -> Rig {
    let rig = simulator(
        r#"
        [deployments]
        chat = { model = "gpt-4o", tokens_per_minute = 20, requests_per_minute = 600, latency = { per_request = "2s" } }
        embedding = { model = "text-embedding-ada-002" }
        "#,
    );
    rig.send(chat(&hello(10))).await;
    rig.send(chat(&hello(10))).await;
    rig.send(chat(&hello(10))).await;
    rig.send(post(
        &path("embedding", "embeddings"),
        &json!({ "input": "a b" }),
    ))
    .await;
    let mut lost = post(&path("nowhere", "chat/completions"), &hello(1));
    lost.headers_mut()
        .insert("x-request-id", http::HeaderValue::from_static("lost"));
    rig.send(lost).await;
    rig
}

#[tokio::test(start_paused = true)]
async fn counters_are_sums_of_the_ledger() {
    let rig = busy().await;
    insta::assert_snapshot!(get(&rig, "/++/counters").await.text().replace("},{", "},\n{"), @r#"
    {"in_flight":0,"totals":[{"deployment":"chat","operation":"chat_completions","status":200,"requests":2,"aborted_by_client":0,"prompt_tokens":16,"cached_tokens":0,"completion_tokens":20,"tokens_yielded":20,"tokens_charged":20,"duration_s":4.0},
    {"deployment":"chat","operation":"chat_completions","status":429,"requests":1,"aborted_by_client":0,"prompt_tokens":8,"cached_tokens":0,"completion_tokens":0,"tokens_yielded":0,"tokens_charged":0,"duration_s":0.0},
    {"deployment":"embedding","operation":"embeddings","status":200,"requests":1,"aborted_by_client":0,"prompt_tokens":2,"cached_tokens":0,"completion_tokens":0,"tokens_yielded":0,"tokens_charged":1,"duration_s":0.0},
    {"deployment":"none","operation":"chat_completions","status":404,"requests":1,"aborted_by_client":0,"prompt_tokens":0,"cached_tokens":0,"completion_tokens":0,"tokens_yielded":0,"tokens_charged":0,"duration_s":0.0}]}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_the_ledger_resets_the_counters_and_nothing_else() {
    let rig = busy().await;
    let answer = rig
        .send(
            Request::post("/++/reset?only=ledger")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.json()["message"], "ledger forgotten");
    let counters = get(&rig, "/++/counters").await.json();
    assert_eq!(counters, json!({ "in_flight": 0, "totals": [] }));
    assert_eq!(
        rig.send(chat(&hello(10))).await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
    rig.send(
        Request::post("/++/reset?only=limits")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    assert_eq!(rig.send(chat(&hello(10))).await.status, StatusCode::OK);
    assert_eq!(rig.simulator.ledger().entries().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_reset_of_the_prompts_forgets_them_and_one_of_the_limits_does_not() {
    let rig = simulator("deployments.chat.model = \"gpt-4o\"");
    let long = json!({ "messages": [{ "role": "user", "content": "word ".repeat(2_000) }], "max_tokens": 1 });
    for reset in ["only=limits", "only=prompts"] {
        rig.send(chat(&long)).await;
        let reset = Request::post(format!("/++/reset?{reset}"));
        rig.send(reset.body(Body::empty()).unwrap()).await;
    }
    rig.send(chat(&long)).await;
    let entries = rig.simulator.ledger().entries();
    let cached: Vec<_> = entries
        .iter()
        .map(|entry| entry.cached_tokens > 0)
        .collect();
    assert_eq!(cached, [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn made_up_deployments_do_not_become_rows_without_end() {
    let rig = simulator("allow_undefined_deployments = true");
    for number in 0..300 {
        rig.send(post(
            &path(&format!("d{number}"), "chat/completions"),
            &hello(1),
        ))
        .await;
    }
    let Counters { totals, .. } = rig.simulator.ledger().counters();
    assert_eq!(totals.len(), 201);
    let other = totals
        .iter()
        .find(|total| total.deployment == "other")
        .unwrap();
    assert_eq!(other.requests, 100);
}

async fn numbers(rig: &Rig, query: &str) -> Vec<u64> {
    let answer = get(rig, &format!("/++/ledger?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let text = answer.text();
    let entries = text
        .lines()
        .map(|line| serde_json::from_str::<Entry>(line).unwrap());
    entries.map(|entry| entry.number).collect()
}

#[tokio::test(start_paused = true)]
async fn the_ledger_shows_what_its_filters_admit() {
    let rig = busy().await;
    let expected: [(&str, &[u64]); 16] = [
        ("", &[0, 1, 2, 3, 4]),
        ("since=1&until=3", &[1, 2]),
        ("limit=2", &[0, 1]),
        ("status=200&limit=1&since=1", &[1]),
        ("deployment=embedding", &[3]),
        ("operation=chat_completions", &[0, 1, 2, 4]),
        ("status=429", &[2]),
        ("status=4xx", &[2, 4]),
        ("refusal=tokens", &[2]),
        ("refusal=any", &[2, 4]),
        ("refusal=none&operation=embeddings", &[3]),
        ("fault=any", &[]),
        ("request_id=lost", &[4]),
        ("credential=api-key", &[0, 1, 2, 3, 4]),
        ("credential=2c70e12b7a0646f9", &[0, 1, 2, 3, 4]),
        ("open=true", &[]),
    ];
    for (query, found) in expected {
        assert_eq!(numbers(&rig, query).await, found, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_filter_is_refused_and_the_known_ones_are_named() {
    let rig = busy().await;
    for (query, says) in [
        (
            "stauts=429",
            "unknown field `stauts`, expected one of `since`, `until`, `limit`, `deployment`, `served_by`, `operation`,",
        ),
        (
            "status=4x",
            "expected a status such as `429` or a class such as `4xx`, found `4x`",
        ),
        ("since=x", "invalid digit"),
    ] {
        let answer = get(&rig, &format!("/++/ledger?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(says), "{}", answer.text());
    }
}

/// The samples of a text for Prometheus by name and labels; each must follow HELP and TYPE.
fn samples(text: &str) -> BTreeMap<String, String> {
    let mut family = "";
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (kind, rest) = comment.split_once(' ').unwrap_or((comment, ""));
            let name = rest.split(' ').next().unwrap();
            match kind {
                "HELP" => family = name,
                "TYPE" | "UNIT" => assert_eq!(name, family, "{line}"),
                other => assert_eq!(other, "EOF"),
            }
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(family), "{line}");
            value.parse::<f64>().unwrap();
            samples.insert(name.to_owned(), value.to_owned());
        }
    }
    samples
}

#[tokio::test(start_paused = true)]
async fn metrics_say_what_the_counters_say() {
    let rig = busy().await;
    let answer = get(&rig, "/++/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("application/openmetrics-text")
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"));
    let samples = samples(&text);
    let sample =
        |name: &str, labels: &str| samples[&format!("simulator_{name}{{{labels}}}")].as_str();
    let ok = "deployment=\"chat\",operation=\"chat_completions\",status=\"2xx\"";
    let refused = "deployment=\"chat\",operation=\"chat_completions\",status=\"4xx\"";
    assert_eq!(sample("requests_total", ok), "2");
    assert_eq!(sample("requests_total", refused), "1");
    assert_eq!(sample("completion_tokens_total", ok), "20");
    assert_eq!(sample("charged_tokens_total", ok), "20");
    assert_eq!(samples["simulator_requests_in_flight"], "0");
    let bucket = |bound: &str| {
        sample(
            "request_duration_seconds_bucket",
            &format!("le=\"{bound}\",{ok}"),
        )
    };
    assert_eq!(
        [bucket("1.0"), bucket("2.5"), bucket("+Inf")],
        ["0", "2", "2"]
    );
    assert_eq!(sample("request_duration_seconds_sum", ok), "4.0");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_would_break_a_line_of_metrics_does_not() {
    let rig = simulator("deployments.\"a\\\"b\\nc\\\\\".model = \"gpt-4o\"");
    let mut body = hello(1);
    body["model"] = json!("a\"b\nc\\");
    assert_eq!(
        rig.send(post("/v1/chat/completions", &body)).await.status,
        StatusCode::OK
    );
    let text = get(&rig, "/++/metrics").await.text();
    assert!(text.contains(r#"deployment="a\"b\nc\\""#), "{text}");
    samples(&text);
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_counted_as_such() {
    let rig = busy().await;
    rig.pass(Duration::from_mins(1)).await;
    let asking = tokio::spawn({
        let rig = rig.clone();
        async move { rig.send(chat(&hello(10))).await.status }
    });
    rig.pass(Duration::from_secs(1)).await;
    assert_eq!(get(&rig, "/++/counters").await.json()["in_flight"], 1);
    assert_eq!(numbers(&rig, "open=true").await, [5]);
    asking.await.unwrap();
    let counters: Value = get(&rig, "/++/counters").await.json();
    assert_eq!(counters["in_flight"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_spilled_over_is_counted_where_it_was_served() {
    let rig = simulator(
        r#"
        [deployments]
        chat = { model = "gpt-4o", limiter = "provisioned", ptus = 15, spillover = "standard" }
        standard = { model = "gpt-4o" }
        "#,
    );
    let long = json!({ "messages": [{ "role": "user", "content": "word ".repeat(50_000) }], "max_tokens": 9 });
    for _ in 0..2 {
        rig.send(chat(&long)).await;
    }
    assert_eq!(
        numbers(&rig, "deployment=chat&served_by=standard").await,
        [1]
    );
    let totals = rig.simulator.ledger().counters().totals;
    let requests = totals
        .iter()
        .map(|total| (total.deployment.as_str(), total.requests));
    assert_eq!(requests.collect::<Vec<_>>(), [("chat", 1), ("standard", 1)]);
}
