//! Wrong requests: a JSON error of the right status, never an empty body or a panic.

use axum::body::Body;
use http::{Method, Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Answer, VERSION, chat, hello, path, post, simulator, unlimited};

/// Status and body, as one text.
fn told(answer: &Answer) -> String {
    answer.json();
    format!("{} {}", answer.status.as_u16(), answer.text().trim_end())
}

async fn raw(body: impl Into<Body>) -> String {
    let request = Request::post(path("chat", "chat/completions")).header("api-key", "key");
    told(&unlimited().send(request.body(body.into()).unwrap()).await)
}

async fn wrong(body: &Value) -> String {
    raw(body.to_string()).await
}

fn message(change: &Value) -> Value {
    let mut body = hello(1);
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[tokio::test(start_paused = true)]
async fn what_is_not_json_is_refused() {
    let not_json = raw("{").await;
    assert!(
        not_json.starts_with("400 {\"error\":{\"message\":\"We could not parse the JSON body"),
        "{not_json}"
    );
    assert_eq!(raw("").await, not_json);
    assert_eq!(raw(vec![0xff, 0xfe]).await, not_json);
    assert_eq!(raw("[".repeat(100_000)).await, not_json);
    insta::assert_snapshot!(raw("[]").await, @r#"400 {"error":{"message":"Invalid body: expected an object, but got an array instead.","type":"invalid_request_error","param":null,"code":null}}"#);
}

#[tokio::test(start_paused = true)]
async fn missing_fields_are_named() {
    insta::assert_snapshot!(wrong(&json!({})).await, @r#"400 {"error":{"message":"Missing required parameter: 'messages'.","type":"invalid_request_error","param":"messages","code":"missing_required_parameter"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "messages": [] }))).await, @r#"400 {"error":{"message":"Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.","type":"invalid_request_error","param":"messages","code":"empty_array"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "messages": [{ "content": "hi" }] }))).await, @r#"400 {"error":{"message":"Missing required parameter: 'messages[0].role'.","type":"invalid_request_error","param":"messages[0].role","code":"missing_required_parameter"}}"#);
    let rig = unlimited();
    let text = rig
        .send(post(&path("text", "completions"), &json!({})))
        .await;
    insta::assert_snapshot!(told(&text), @r#"400 {"error":{"message":"Missing required parameter: 'prompt'.","type":"invalid_request_error","param":"prompt","code":"missing_required_parameter"}}"#);
    let embedding = rig
        .send(post(&path("embedding", "embeddings"), &json!({})))
        .await;
    insta::assert_snapshot!(told(&embedding), @r#"400 {"error":{"message":"Missing required parameter: 'input'.","type":"invalid_request_error","param":"input","code":"missing_required_parameter"}}"#);
    let model = rig
        .send(post("/openai/v1/chat/completions", &hello(1)))
        .await;
    insta::assert_snapshot!(told(&model), @r#"400 {"error":{"message":"Missing required parameter: 'model'.","type":"invalid_request_error","param":"model","code":"missing_required_parameter"}}"#);
}

#[tokio::test(start_paused = true)]
async fn wrong_types_are_named() {
    insta::assert_snapshot!(wrong(&message(&json!({ "messages": "hi" }))).await, @r#"400 {"error":{"message":"Invalid type for 'messages': expected an array of objects, but got a string instead.","type":"invalid_request_error","param":"messages","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "messages": ["hi"] }))).await, @r#"400 {"error":{"message":"Invalid type for 'messages[0]': expected an object, but got a string instead.","type":"invalid_request_error","param":"messages[0]","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "messages": [{ "role": "user", "content": 1 }] }))).await, @r#"400 {"error":{"message":"Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer instead.","type":"invalid_request_error","param":"messages[0].content","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "max_tokens": "ten" }))).await, @r#"400 {"error":{"message":"Invalid type for 'max_tokens': expected an integer, but got a string instead.","type":"invalid_request_error","param":"max_tokens","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "max_tokens": 1.5 }))).await, @r#"400 {"error":{"message":"Invalid type for 'max_tokens': expected an integer, but got a decimal number instead.","type":"invalid_request_error","param":"max_tokens","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "stream": "yes" }))).await, @r#"400 {"error":{"message":"Invalid type for 'stream': expected a boolean, but got a string instead.","type":"invalid_request_error","param":"stream","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "stream": true, "stream_options": { "include_usage": 1 } }))).await, @r#"400 {"error":{"message":"Invalid type for 'stream_options.include_usage': expected a boolean, but got an integer instead.","type":"invalid_request_error","param":"stream_options.include_usage","code":"invalid_type"}}"#);
}

#[tokio::test(start_paused = true)]
async fn values_out_of_range_are_named() {
    insta::assert_snapshot!(wrong(&message(&json!({ "max_tokens": 0 }))).await, @r#"400 {"error":{"message":"Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.","type":"invalid_request_error","param":"max_tokens","code":"integer_below_min_value"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "max_tokens": -5 }))).await, @r#"400 {"error":{"message":"Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got -5 instead.","type":"invalid_request_error","param":"max_tokens","code":"integer_below_min_value"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "max_tokens": u64::MAX }))).await, @r#"400 {"error":{"message":"Invalid 'max_tokens': integer above maximum value. Expected a value <= 9223372036854775807, but got 18446744073709551615 instead.","type":"invalid_request_error","param":"max_tokens","code":"integer_above_max_value"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "n": 1_000_000_000 }))).await, @r#"400 {"error":{"message":"Invalid 'n': integer above maximum value. Expected a value <= 128, but got 1000000000 instead.","type":"invalid_request_error","param":"n","code":"integer_above_max_value"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "messages": [{ "role": "boss", "content": "hi" }] }))).await, @r#"400 {"error":{"message":"Invalid value: 'boss'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.","type":"invalid_request_error","param":"messages[0].role","code":"invalid_value"}}"#);
    insta::assert_snapshot!(wrong(&message(&json!({ "stream_options": {} }))).await, @r#"400 {"error":{"message":"The 'stream_options' parameter is only allowed when 'stream' is enabled.","type":"invalid_request_error","param":"stream_options","code":null}}"#);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_into_the_context_is_refused() {
    insta::assert_snapshot!(wrong(&message(&json!({ "max_tokens": 128_000 }))).await, @r#"400 {"error":{"message":"This model's maximum context length is 128000 tokens. However, you requested 128008 tokens (8 in the messages, 128000 in the completion). Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#);
    let rig = simulator("[deployments.chat]\nmodel = \"gpt-4o\"\ncontext_tokens = 8");
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    insta::assert_snapshot!(told(&rig.send(chat(&body)).await), @r#"400 {"error":{"message":"This model's maximum context length is 8 tokens. However, your messages resulted in 8 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#);
}

#[tokio::test(start_paused = true)]
async fn mistakes_in_embeddings_are_named() {
    let rig = unlimited();
    let wrong = async |body: Value| {
        told(
            &rig.send(post(&path("embedding", "embeddings"), &body))
                .await,
        )
    };
    insta::assert_snapshot!(wrong(json!({ "input": "" })).await, @r#"400 {"error":{"message":"Invalid 'input': input cannot be an empty string.","type":"invalid_request_error","param":"input","code":"empty_string"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": [] })).await, @r#"400 {"error":{"message":"Invalid 'input': empty array. Expected an array with minimum length 1, but got an empty array instead.","type":"invalid_request_error","param":"input","code":"empty_array"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": ["a", 1] })).await, @r#"400 {"error":{"message":"Invalid type for 'input[1]': expected a string, but got an integer instead.","type":"invalid_request_error","param":"input[1]","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": { "a": 1 } })).await, @r#"400 {"error":{"message":"Invalid type for 'input': expected one of a string, array of strings, array of integers, or array of arrays of integers, but got an object instead.","type":"invalid_request_error","param":"input","code":"invalid_type"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": vec!["a"; 2_049] })).await, @r#"400 {"error":{"message":"Invalid 'input': array too long. Expected an array with maximum length 2048, but got an array with length 2049 instead.","type":"invalid_request_error","param":"input","code":"array_above_max_length"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": "a", "encoding_format": "hex" })).await, @r#"400 {"error":{"message":"Invalid value: 'hex'. Supported values are: 'float' and 'base64'.","type":"invalid_request_error","param":"encoding_format","code":"invalid_value"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": "a", "dimensions": 0 })).await, @r#"400 {"error":{"message":"Invalid 'dimensions': integer below minimum value. Expected a value >= 1, but got 0 instead.","type":"invalid_request_error","param":"dimensions","code":"integer_below_min_value"}}"#);
    insta::assert_snapshot!(wrong(json!({ "input": "a ".repeat(9_000) })).await, @r#"400 {"error":{"message":"This model's maximum context length is 8192 tokens, however you requested 9001 tokens (9001 in your prompt; 0 for the completion). Please reduce your prompt; or completion length.","type":"invalid_request_error","param":null,"code":null}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_wrong_key_is_refused() {
    let rig = simulator("api_keys = [\"right\"]\ndeployments.chat.model = \"gpt-4o\"");
    let send = async |path: &str, header: Option<(&str, &str)>| {
        let mut request = Request::post(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let body = Body::from(message(&json!({ "model": "chat" })).to_string());
        rig.send(request.body(body).unwrap()).await
    };
    let azure = path("chat", "chat/completions");
    insta::assert_snapshot!(told(&send(&azure, None).await), @r#"401 { "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired." }"#);
    insta::assert_snapshot!(told(&send(&azure, Some(("api-key", "wrong"))).await), @r#"401 {"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."}}"#);
    insta::assert_snapshot!(told(&send(&azure, Some(("authorization", "Bearer wrong"))).await), @r#"401 { "statusCode": 401, "message": "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired." }"#);
    insta::assert_snapshot!(told(&send("/v1/chat/completions", None).await), @r#"
    401 {
        "error": {
            "message": "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            "type": "invalid_request_error",
            "param": null,
            "code": null
        }
    }
    "#);
    insta::assert_snapshot!(told(&send("/v1/chat/completions", Some(("authorization", "Bearer wrong"))).await), @r#"
    401 {
        "error": {
            "message": "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
            "type": "invalid_request_error",
            "param": null,
            "code": "invalid_api_key"
        }
    }
    "#);
    let accepted = send(
        "/v1/chat/completions",
        Some(("authorization", "Bearer right")),
    )
    .await;
    assert_eq!(accepted.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_wrong_key_has_the_length_that_was_recorded() {
    let rig = simulator("api_keys = [\"right\"]\ndeployments.chat.model = \"gpt-4o\"");
    assert_eq!(rig.send(chat(&hello(1))).await.bytes.len(), 224);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_deployment_is_refused_before_the_body_is_looked_at() {
    let rig = unlimited();
    let azure = rig
        .send(post(&path("none", "chat/completions"), &json!({})))
        .await;
    insta::assert_snapshot!(told(&azure), @r#"
    404 {
      "error": {
        "type": "invalid_request_error",
        "code": "DeploymentNotFound",
        "message": "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."
      }
    }
    "#);
    let openai = rig
        .send(post(
            "/v1/chat/completions",
            &message(&json!({ "model": "none" })),
        ))
        .await;
    insta::assert_snapshot!(told(&openai), @r#"
    404 {
        "error": {
            "message": "The model `none` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "param": null,
            "code": "model_not_found"
        }
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_operation_the_model_does_not_have_is_refused() {
    let rig = unlimited();
    let wrong = rig
        .send(post(&path("embedding", "chat/completions"), &hello(1)))
        .await;
    insta::assert_snapshot!(told(&wrong), @r#"400 {"error":{"code":"OperationNotSupported","message":"The chatCompletion operation does not work with the specified model, embedding. Please choose different model and try again. You can learn more about which models can be used with each operation here: https://go.microsoft.com/fwlink/?linkid=2197993."}}"#);
    let wrong = rig
        .send(post(
            &path("chat", "completions"),
            &json!({ "prompt": "a" }),
        ))
        .await;
    assert!(wrong.text().starts_with(r#"{"error":{"code":"OperationNotSupported","message":"The completions operation does not work with the specified model, chat."#));
    let wrong = rig
        .send(post(&path("chat", "embeddings"), &json!({ "input": "a" })))
        .await;
    assert!(
        wrong
            .text()
            .contains("The embeddings operation does not work")
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_unknown_api_version_is_not_found() {
    let rig = unlimited();
    for query in [
        "",
        "?",
        "?api-version=",
        "?version=2024-10-21",
        "?api-version=2024-10-22",
        "?api-version=1",
        "?api-version=preview",
    ] {
        let path = format!("/openai/deployments/chat/chat/completions{query}");
        let answer = told(&rig.send(post(&path, &hello(1))).await);
        assert_eq!(
            answer, r#"404 {"error":{"code":"404","message": "Resource not found"}}"#,
            "{query}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_path_is_not_found() {
    let rig = unlimited();
    for path in [
        "/openai/nothing?api-version=2024-10-21",
        "/openai/deployments/chat/chat",
        "/nothing",
        "/openai/v1/chat/completions/",
    ] {
        let answer = told(&rig.send(post(path, &hello(1))).await);
        assert_eq!(
            answer, r#"404 {"error":{"code":"404","message": "Resource not found"}}"#,
            "{path}"
        );
    }
    insta::assert_snapshot!(told(&rig.send(post("/v1/nothing", &hello(1))).await), @r#"
    404 {
        "error": {
            "message": "Invalid URL (POST /v1/nothing)",
            "type": "invalid_request_error",
            "param": null,
            "code": null
        }
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_method_is_refused() {
    let rig = unlimited();
    let send = async |method: Method, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("api-key", "key");
        rig.send(request.body(Body::empty()).unwrap()).await
    };
    let answer = send(Method::GET, &path("chat", "chat/completions")).await;
    assert_eq!(answer.header("allow"), "POST");
    insta::assert_snapshot!(told(&answer), @r#"405 {"error":{"code":"405","message":"Method Not Allowed"}}"#);
    insta::assert_snapshot!(told(&send(Method::DELETE, "/v1/chat/completions").await), @r#"
    405 {
        "error": {
            "message": "Not allowed to DELETE on /v1/chat/completions (HINT: Perhaps you meant to make a POST request?)",
            "type": "invalid_request_error",
            "param": null,
            "code": "method_not_supported"
        }
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_whether_announced_or_not() {
    let rig = simulator("max_body_bytes = 1_000\ndeployments.chat.model = \"gpt-4o\"");
    let long =
        json!({ "messages": [{ "role": "user", "content": "x".repeat(2_000) }] }).to_string();
    let length = long.len();
    let request = || Request::post(path("chat", "chat/completions")).header("api-key", "key");
    let announced = request()
        .header("content-length", length)
        .body(Body::from(long.clone()))
        .unwrap();
    insta::assert_snapshot!(told(&rig.send(announced).await), @r#"413 {"error":{"message":"Maximum content size limit (1000) exceeded (2043 bytes read)","type":"invalid_request_error","param":null,"code":null}}"#);
    let chunks = futures::stream::iter(
        long.into_bytes()
            .chunks(100)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>(),
    );
    let chunks = futures::StreamExt::map(chunks, Ok::<_, std::io::Error>);
    let streamed = request().body(Body::from_stream(chunks)).unwrap();
    insta::assert_snapshot!(told(&rig.send(streamed).await), @r#"413 {"error":{"message":"Maximum content size limit (1000) exceeded (1100 bytes read)","type":"invalid_request_error","param":null,"code":null}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_asked_for_before_anything_else() {
    let rig = simulator(
        "max_body_bytes = 10\napi_keys = [\"right\"]\ndeployments.chat.model = \"gpt-4o\"",
    );
    for path in [
        path("none", "chat/completions"),
        "/nothing".to_owned(),
        path("chat", "chat/completions"),
    ] {
        assert_eq!(
            rig.send(post(&path, &hello(1))).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_refused() {
    let broken: Vec<Result<&[u8], std::io::Error>> =
        vec![Ok(b"{\"messages\""), Err(std::io::Error::other("reset"))];
    let body = Body::from_stream(futures::stream::iter(broken));
    insta::assert_snapshot!(raw(body).await, @r#"400 {"error":{"message":"The request body could not be read to its end.","type":"invalid_request_error","param":null,"code":null}}"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_sent_is_answered_with_json(
        body in prop::collection::vec(any::<u8>(), 0..200),
        json in "[\\[\\]{}\",:0-9a-z \\-.]{0,80}",
        field in prop::sample::select(vec!["messages", "max_tokens", "n", "stream", "stream_options", "prompt", "input", "dimensions"]),
        value in prop::sample::select(vec!["null", "0", "-1", "1e999", "1e3", "\"x\"", "[]", "{}", "[[]]", "[null]", "true", "18446744073709551616"]),
        operation in prop::sample::select(vec![("chat", "chat/completions"), ("text", "completions"), ("embedding", "embeddings")]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let rig = unlimited();
            let mut valid = format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],"prompt":"a","input":"a","max_tokens":2,"{field}":{value}}}"#);
            if field != "max_tokens" {
                valid = valid.replace(r#","max_tokens":2"#, "");
            }
            for body in [body, json.into_bytes(), valid.into_bytes()] {
                let (deployment, operation) = operation;
                let path = format!("/openai/deployments/{deployment}/{operation}?{VERSION}");
                let request = Request::post(path).header("api-key", "key");
                let answer = rig.send(request.body(Body::from(body)).unwrap()).await;
                assert!(answer.status == StatusCode::OK || answer.status == StatusCode::BAD_REQUEST);
                assert!(answer.status == StatusCode::OK || answer.json()["error"]["message"].is_string());
            }
        });
    }
}
