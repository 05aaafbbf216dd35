//! Which paths, versions and headers there are.

use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Answer, Rig, chat, hello, path, post, simulator, unlimited};

async fn get(rig: &Rig, path: &str) -> Answer {
    let request = Request::get(path).header("api-key", "key");
    rig.send(request.body(Body::empty()).unwrap()).await
}

fn ids(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    assert_eq!(json["object"], "list");
    let data = json["data"].as_array().unwrap().iter();
    data.map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_dated_path_lists_what_could_be_deployed() {
    let rig = unlimited();
    let answer = get(&rig, "/openai/models?api-version=2024-10-21").await;
    let ids = ids(&answer);
    assert!(ids.contains(&"gpt-4o-2024-11-20".to_owned()), "{ids:?}");
    assert!(ids.iter().all(|id| !id.starts_with("gpt-3.5")), "{ids:?}");
    let one = get(
        &rig,
        "/openai/models/gpt-4o-2024-11-20?api-version=2024-10-21",
    );
    insta::assert_snapshot!(one.await.text(), @r#"
    {
      "status": "succeeded",
      "capabilities": {
        "fine_tune": false,
        "inference": true,
        "completion": false,
        "chat_completion": true,
        "embeddings": false
      },
      "lifecycle_status": "generally-available",
      "deprecation": {
        "inference": 1779148800
      },
      "id": "gpt-4o-2024-11-20",
      "created_at": 1732060800,
      "object": "model"
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn the_other_paths_list_what_a_request_may_name() {
    let rig = unlimited();
    let azure = get(&rig, "/openai/v1/models").await;
    assert_eq!(ids(&azure), ["chat", "embedding", "text"]);
    let openai = get(&rig, "/v1/models").await;
    let listed = ["gpt-35-turbo-16k", "gpt-4o", "text-embedding-ada-002"];
    assert_eq!(ids(&openai), listed);
    insta::assert_snapshot!(get(&rig, "/openai/v1/models/chat").await.text(), @r#"
    {
      "id": "chat",
      "object": "model",
      "created": 1732060800,
      "owned_by": "system"
    }
    "#);
    for (name, status) in [("gpt-4o", 200), ("gpt-4o-2024-11-20", 200), ("gpt-5", 404)] {
        let mut body = hello(1);
        body["model"] = json!(name);
        let answer = rig.send(post("/v1/chat/completions", &body)).await;
        assert_eq!(answer.status, status, "{name}");
    }
    let entries = rig.simulator.ledger().entries();
    assert_eq!(entries[0].operation.as_deref(), Some("models"));
    assert_eq!(entries[3].deployment.as_deref(), Some("chat"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_listed_is_not_found() {
    let rig = unlimited();
    for path in [
        "/openai/models",
        "/openai/models/gpt-9?api-version=2024-10-21",
        "/openai/v1/models/gpt-4o",
        "/v1/models/chat",
    ] {
        assert_eq!(
            get(&rig, path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_simulator_of_one_dialect_has_the_paths_of_that_one_only() {
    for (dialect, openai, azure, wording) in [
        (
            "azure",
            404,
            200,
            r#"{"error":{"code":"404","message": "Resource not found"}}"#,
        ),
        (
            "openai",
            200,
            404,
            "Invalid URL (POST /openai/v1/chat/completions)",
        ),
    ] {
        let rig = simulator(&format!(
            "dialect = \"{dialect}\"\ndeployments.chat.model = \"gpt-4o\""
        ));
        let mut body = hello(1);
        body["model"] = json!("chat");
        let mut refused = String::new();
        for (path, expected) in [
            ("/v1/chat/completions", openai),
            ("/openai/v1/chat/completions", azure),
        ] {
            let answer = rig.send(post(path, &body)).await;
            assert_eq!(answer.status, expected, "{dialect}: {path}");
            if expected == 404 {
                refused = answer.text();
            }
        }
        assert!(refused.contains(wording), "{refused}");
        let nothing = rig.send(post("/nothing", &body)).await;
        assert_eq!(nothing.text().contains("Invalid URL"), dialect == "openai");
    }
}

#[tokio::test(start_paused = true)]
async fn paths_without_a_date_take_no_date() {
    let rig = unlimited();
    let mut body = hello(1);
    body["model"] = json!("chat");
    for (query, status) in [
        ("", 200),
        ("?api-version=", 200),
        ("?api-version=v1", 200),
        ("?api-version=preview", 200),
        ("?api-version=2024-10-21", 400),
        ("?api-version=latest", 400),
    ] {
        let path = format!("/openai/v1/chat/completions{query}");
        let answer = rig.send(post(&path, &body)).await;
        assert_eq!(answer.status, status, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn doubled_slashes_are_single_ones_for_azure_only() {
    let rig = unlimited();
    let mut body = hello(1);
    body["model"] = json!("chat");
    for (path, status) in [
        ("//openai//v1/chat//completions", 200),
        ("//v1/chat/completions", 404),
        ("/v1//chat/completions", 404),
    ] {
        let answer = rig.send(post(path, &body)).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_in_the_path_may_be_encoded_but_not_be_nonsense() {
    let rig = simulator("[deployments.\"my chat\"]\nmodel = \"gpt-4o\"");
    let mut body = hello(1);
    // Which must not be taken where the path names something, however badly.
    body["model"] = json!("my chat");
    for (name, status) in [
        ("my%20chat", 200),
        ("my%2520chat", 404),
        ("%ff", 404),
        ("%zz", 404),
        ("%", 404),
    ] {
        let answer = rig.send(post(&path(name, "chat/completions"), &body)).await;
        assert_eq!(answer.status, status, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_headers_of_ones_own_are_enough() {
    let send = async |own: usize, dialect: &str| {
        let mut request = if dialect == "openai" {
            post("/v1/chat/completions", &hello(1))
        } else {
            chat(&hello(1))
        };
        let headers = request.headers_mut();
        let own = (0..own).map(|index| format!("x-own-{index}"));
        let usual = ["x-stainless-os", "traceparent", "x-request-id", "x-ms-date"];
        for name in own.chain(usual.map(str::to_owned)) {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, "1".parse().unwrap());
        }
        unlimited().send(request).await.status
    };
    assert_eq!(send(10, "azure").await, StatusCode::OK);
    assert_eq!(send(11, "azure").await, 431);
    assert_ne!(send(50, "openai").await, 431);
}

#[tokio::test(start_paused = true)]
async fn openai_tells_how_long_it_took_and_whose_request_it_was() {
    let rig = simulator(
        "deployments.chat = { model = \"gpt-4o\", latency = { time_to_first_token = \"287ms\" } }",
    );
    let mut body = hello(1);
    body["model"] = json!("chat");
    let mut request = post("/v1/chat/completions", &body);
    let headers = request.headers_mut();
    headers.insert("openai-organization", "org-mine".parse().unwrap());
    let answer = rig.send(request).await;
    assert_eq!(answer.header("openai-processing-ms"), "287");
    assert_eq!(answer.header("openai-organization"), "org-mine");
    // A stream's head leaves before its first token.
    body["stream"] = Value::Bool(true);
    let answer = rig.send(post("/v1/chat/completions", &body)).await;
    assert_eq!(answer.header("openai-processing-ms"), "0");
}
