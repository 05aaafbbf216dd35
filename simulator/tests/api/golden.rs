//! Errors and header sets, byte by byte, against the files of `tests/golden`.
//!
//! Ids differ from request to request and stand there as what they are. The files are written by
//! `cargo test -p aoai-simulator --test api -- --ignored write_the_golden_files`, and by nothing
//! else: read what changed before it is committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use axum::body::Body;
use http::{Request, Response};
use hyper::ext::ReasonPhrase;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{hello, path, post, simulator};

const AZURE: &str = "/openai/v1/chat/completions";
const OPENAI: &str = "/v1/chat/completions";

/// An answer that has a file of its own.
struct Case {
    file: &'static str,
    /// What is configured besides the deployments.
    config: &'static str,
    path: String,
    body: Value,
    key: Option<&'static str>,
}

fn case(file: &'static str, path: impl Into<String>) -> Case {
    let mut body = hello(2);
    body["model"] = json!("chat");
    Case {
        file,
        config: "",
        path: path.into(),
        body,
        key: Some("right"),
    }
}

impl Case {
    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body[field] = value.into();
        self
    }

    fn saying(mut self, body: Value) -> Self {
        self.body = body;
        self
    }

    fn configured(mut self, config: &'static str) -> Self {
        self.config = config;
        self
    }

    fn key(mut self, key: Option<&'static str>) -> Self {
        self.key = key;
        self
    }

    /// The whole answer as text.
    async fn answer(&self) -> String {
        let rig = simulator(&format!(
            "api_keys = [\"right\"]\nregion = \"East US 2\"\n{}\n[deployments]\n\
             chat = {{ model = \"gpt-4.1-mini\" }}\n\
             small = {{ model = \"gpt-4.1-mini\", context_tokens = 8 }}\n\
             embedding = {{ model = \"text-embedding-3-large\", embedding_size = 2 }}\n\
             one = {{ model = \"gpt-4.1-mini\", tokens_per_minute = 1_000, requests_per_minute = 1 }}\n",
            self.config
        ));
        let mut request = post(&self.path, &self.body);
        let headers = request.headers_mut();
        headers.remove("api-key");
        if let Some(key) = self.key {
            let value = format!("Bearer {key}");
            if self.path.starts_with("/v1") {
                headers.insert("authorization", value.parse().unwrap());
            } else {
                headers.insert("api-key", key.parse().unwrap());
            }
        }
        if self.body.is_null() {
            *request.method_mut() = http::Method::GET;
        }
        // The second of two, so that a limit of one is reached.
        if self.path.contains("/one/") {
            let first = post(&self.path, &self.body);
            let mut first: Request<Body> = first;
            first
                .headers_mut()
                .insert("api-key", "right".parse().unwrap());
            rig.send(first).await;
        }
        let response = rig.simulator.router().oneshot(request).await.unwrap();
        written(response, !self.body.is_null()).await
    }
}

/// Status line, headers in alphabetical order, and body, unless that is generated.
async fn written(response: Response<Body>, is_generated: bool) -> String {
    let (parts, body) = response.into_parts();
    let phrase = parts.extensions.get::<ReasonPhrase>();
    let phrase = phrase.map_or_else(
        || parts.status.canonical_reason().unwrap_or("").to_owned(),
        |phrase| String::from_utf8(phrase.as_bytes().to_vec()).unwrap(),
    );
    let mut lines: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .collect();
    lines.sort();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let is_generated = is_generated && parts.status.is_success();
    let body = if is_generated { "" } else { &body };
    lines.retain(|line| !is_generated || !line.starts_with("content-length:"));
    let status = parts.status.as_u16();
    let head = format!("HTTP/1.1 {status} {phrase}\n{}\n", lines.concat());
    without_ids(&head) + &without_ids(body)
}

/// The text with what is drawn for a request as what it is.
fn without_ids(text: &str) -> String {
    let is_hex = |word: &str| {
        word.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let shape = |word: &str| {
        let parts: Vec<_> = word.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        if lengths == [8, 4, 4, 4, 12] && parts.iter().all(|part| is_hex(part)) {
            return Some("<guid>");
        }
        let request = word.strip_prefix("req_");
        if request.is_some_and(|id| id.len() == 32 && is_hex(id)) {
            return Some("req_<32 hex>");
        }
        let chat = word.strip_prefix("chatcmpl-");
        let is_letters = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        chat.filter(|id| id.len() == 29 && is_letters(id))
            .map(|_| "chatcmpl-<29 letters>")
    };
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let end = rest[start..]
            .find(|c| !is_part(c))
            .map_or(rest.len(), |end| start + end);
        out.push_str(&rest[..start]);
        out.push_str(shape(&rest[start..end]).unwrap_or(&rest[start..end]));
        rest = &rest[end..];
    }
    out + rest
}

fn fault(status: u16) -> &'static str {
    let faults = format!("faults = [{{ play = {{ status = {{ code = {status} }} }} }}]");
    Box::leak(faults.into_boxed_str())
}

fn cases() -> Vec<Case> {
    let mut cases = azure();
    cases.extend(openai());
    cases
}

fn azure() -> Vec<Case> {
    let embedding = json!({ "input": "a", "encoding_format": "base64" });
    let dated = |name: &str| path(name, "chat/completions");
    vec![
        case("azure-chat.http", dated("chat")),
        case("azure-chat-stream.http", dated("chat")).with("stream", true),
        case("azure-embeddings.http", path("embedding", "embeddings")).saying(embedding),
        case(
            "azure-models.http",
            "/openai/models/gpt-4.1?api-version=2024-10-21",
        )
        .saying(Value::Null),
        case("azure-v1-models.http", "/openai/v1/models").saying(Value::Null),
        case(
            "azure-400-api-version.http",
            format!("{AZURE}?api-version=2024-10-21"),
        ),
        case("azure-400-content-filter.http", AZURE).configured(fault(400)),
        case("azure-400-context-length.http", dated("small")),
        case("azure-400-operation.http", dated("embedding")),
        case("azure-400-validation.http", dated("chat")).with("max_tokens", 0),
        case("azure-401-key.http", dated("chat")).key(Some("wrong")),
        case("azure-401-nothing.http", dated("chat")).key(None),
        case("azure-403-firewall.http", dated("chat")).configured(fault(403)),
        case("azure-403-keys-disabled.http", dated("chat")).configured("identity.required = true"),
        case(
            "azure-404-api-version.http",
            "/openai/deployments/chat/chat/completions",
        ),
        case("azure-404-deployment.http", dated("none")),
        case("azure-404-path.http", "/openai/nothing"),
        case("azure-405.http", dated("chat")).saying(Value::Null),
        case("azure-408.http", dated("chat")).configured(fault(408)),
        case("azure-413.http", dated("chat")).configured("max_body_bytes = 10"),
        case("azure-424.http", dated("chat")).configured(fault(424)),
        case("azure-429-legacy.http", dated("one")),
        case("azure-429-fault.http", dated("chat"))
            .configured("faults = [{ play = { status = { code = 429, retry_after = \"4s\" } } }]"),
        case("azure-500.http", dated("chat")).configured(fault(500)),
        case("azure-503.http", dated("chat")).configured(fault(503)),
    ]
}

fn openai() -> Vec<Case> {
    let embedding = json!({ "input": "a", "encoding_format": "base64", "model": "embedding" });
    vec![
        case("openai-chat.http", OPENAI),
        case("openai-chat-stream.http", OPENAI).with("stream", true),
        case("openai-embeddings.http", "/v1/embeddings").saying(embedding),
        case("openai-models.http", "/v1/models/gpt-4.1-mini").saying(Value::Null),
        case("openai-400-context-length.http", OPENAI).with("model", "small"),
        case("openai-400-validation.http", OPENAI).with("max_tokens", 0),
        case("openai-401-key.http", OPENAI).key(Some("wrong")),
        case("openai-401-nothing.http", OPENAI).key(None),
        case("openai-403-country.http", OPENAI).configured(fault(403)),
        case("openai-404-model.http", OPENAI).with("model", "this-model-does-not-exist"),
        case("openai-404-path.http", "/v1//chat/completions"),
        case("openai-405.http", OPENAI).saying(Value::Null),
        case("openai-500.http", OPENAI).configured(fault(500)),
        case("openai-503.http", OPENAI).configured(fault(503)),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[tokio::test(start_paused = true)]
async fn answers_are_those_of_the_golden_files() {
    for case in cases() {
        let golden = fs::read_to_string(folder().join(case.file)).unwrap_or_default();
        let answer = case.answer().await;
        assert!(
            answer == golden,
            "{}\n--- golden\n{golden}\n--- answer\n{answer}",
            case.file
        );
    }
}

#[test]
fn each_golden_file_has_a_case_and_a_source() {
    let files = fs::read_dir(folder()).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|file| file != "README.md").collect();
    let cases = cases().iter().map(|case| case.file.to_owned()).collect();
    assert_eq!(files, cases);
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: BTreeSet<_> = rows
        .map(|row| row.split('`').next().unwrap().to_owned())
        .collect();
    assert_eq!(files, rows);
}

#[tokio::test(start_paused = true)]
#[ignore = "writes what the other test reads"]
async fn write_the_golden_files() {
    for case in cases() {
        fs::write(folder().join(case.file), case.answer().await).unwrap();
    }
}
