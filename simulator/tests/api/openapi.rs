//! The description of the admin API: all of it, and nothing else.

use axum::body::Body;
use boon::{Compiler, Schemas};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Rig, chat, hello, unlimited};

async fn ask(rig: &Rig, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string()));
    rig.send(request.unwrap()).await
}

async fn document(rig: &Rig) -> Value {
    ask(rig, "GET", "/++/openapi.json", &Value::Null)
        .await
        .json()
}

/// What is wrong with `value` by the schema at `pointer` of the document.
fn objections(document: &Value, pointer: &str, value: &Value) -> Option<String> {
    let mut compiler = Compiler::new();
    compiler.set_default_draft(boon::Draft::V2020_12);
    compiler
        .add_resource("openapi.json", document.clone())
        .unwrap();
    let mut schemas = Schemas::new();
    let schema = compiler
        .compile(&format!("openapi.json#{pointer}"), &mut schemas)
        .unwrap();
    schemas
        .validate(value, schema)
        .err()
        .map(|error| format!("{error:#}"))
}

fn answer_of(path: &str, method: &str, status: u16, content_type: &str) -> String {
    let escaped = |text: &str| {
        text.replace('~', "~0")
            .replace('/', "~1")
            .replace('+', "%2B")
            .replace('{', "%7B")
    };
    format!(
        "/paths/{}/{method}/responses/{status}/content/{}/schema",
        escaped(path),
        escaped(content_type)
    )
}

#[tokio::test(start_paused = true)]
async fn every_path_takes_exactly_the_methods_that_are_described() {
    let rig = unlimited();
    let document = document(&rig).await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in [
            Method::GET,
            Method::PUT,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ] {
            let is_described = operations.get(method.as_str().to_lowercase()).is_some();
            let status = ask(&rig, method.as_str(), path, &json!({})).await.status;
            let is_taken =
                status != StatusCode::METHOD_NOT_ALLOWED && status != StatusCode::NOT_FOUND;
            assert_eq!(is_taken, is_described, "{method} {path}: {status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_paths_are_those_that_a_wrong_path_is_told() {
    let rig = unlimited();
    insta::assert_snapshot!(ask(&rig, "GET", "/++/nothing", &Value::Null).await.text(), @r#"
    {"error":{"code":"404","message":"no such path; there are GET /++/config, PATCH /++/config, GET /++/ledger, GET /++/counters, GET /++/metrics, GET /++/clock, POST /++/reset, GET /++/openapi.json","reasons":[]}}
    "#);
    let described: usize = document(&rig).await["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|operations| operations.as_object().unwrap().len())
        .sum();
    assert_eq!(described, 8);
}

#[tokio::test(start_paused = true)]
async fn every_answer_is_as_described() {
    let rig = unlimited();
    rig.send(chat(&hello(3))).await;
    rig.send(chat(&json!({ "messages": [] }))).await;
    let document = document(&rig).await;
    let patch = json!({ "latency": { "open_ai_embeddings": { "mean": 7 } } });
    for (method, path, body, status) in [
        ("GET", "/++/config", Value::Null, 200),
        ("PATCH", "/++/config", patch, 200),
        ("PATCH", "/++/config", json!({ "colour": 1 }), 400),
        ("GET", "/++/counters", Value::Null, 200),
        ("GET", "/++/clock", Value::Null, 200),
        ("GET", "/++/openapi.json", Value::Null, 200),
        ("GET", "/++/ledger?limit=none", Value::Null, 400),
        ("POST", "/++/reset?only=everything", Value::Null, 400),
        ("POST", "/++/reset?only=faults", Value::Null, 200),
    ] {
        let answer = ask(&rig, method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        let bare = path.split('?').next().unwrap();
        let pointer = answer_of(
            bare,
            &method.to_lowercase(),
            status,
            answer.header("content-type"),
        );
        assert_eq!(
            objections(&document, &pointer, &answer.json()),
            None,
            "{method} {path}"
        );
    }
    let ledger = ask(&rig, "GET", "/++/ledger", &Value::Null).await;
    let pointer = answer_of("/++/ledger", "get", 200, ledger.header("content-type"));
    assert_eq!(ledger.text().lines().count(), 2);
    for line in ledger.text().lines() {
        let entry = serde_json::from_str(line).unwrap();
        assert_eq!(objections(&document, &pointer, &entry), None);
    }
}

#[tokio::test(start_paused = true)]
async fn the_configuration_is_as_described_whatever_it_is() {
    for patch in include_str!("../fuzz/patches.jsonl").lines() {
        let rig = unlimited();
        let patch = serde_json::from_str(patch).unwrap();
        let document = document(&rig).await;
        let answer = ask(&rig, "PATCH", "/++/config", &patch).await;
        let pointer = answer_of("/++/config", "patch", 200, "application/json");
        assert_eq!(
            objections(&document, &pointer, &answer.json()),
            None,
            "{patch}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_described_does_not_pass_for_it() {
    let document = document(&unlimited()).await;
    let pointer = answer_of("/++/config", "get", 200, "application/json");
    assert!(objections(&document, &pointer, &json!({ "colour": 1 })).is_some());
}

#[tokio::test(start_paused = true)]
async fn every_filter_of_the_ledger_is_described() {
    let document = document(&unlimited()).await;
    let parameters = document["paths"]["/++/ledger"]["get"]["parameters"]
        .as_array()
        .unwrap();
    let names: Vec<_> = parameters
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "since",
            "until",
            "limit",
            "deployment",
            "served_by",
            "operation",
            "status",
            "refusal",
            "fault",
            "request_id",
            "credential",
            "open",
            "aborted_by_client"
        ]
    );
    assert!(
        parameters
            .iter()
            .all(|parameter| parameter["description"].is_string())
    );
}
