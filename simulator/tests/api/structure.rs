//! Answers that are more than text: calls of tools and their results, JSON by a schema.

use boon::{Compiler, Schemas};
use serde_json::{Value, json};
use simulator::tokens::Encoding;

use crate::support::{Answer, Rig, post, simulator, unlimited};

/// A path of each dialect.
const PATHS: [&str; 2] = ["/openai/v1/chat/completions", "/v1/chat/completions"];

/// The parameters of the weather's function.
fn place() -> Value {
    json!({
        "type": "object",
        "properties": {
            "location": { "type": "string", "description": "The city and state, e.g. Boston, MA" },
            "days": { "type": "array", "items": { "$ref": "#/$defs/day" }, "minItems": 1 },
        },
        "required": ["location", "days"],
        "additionalProperties": false,
        "$defs": { "day": { "type": "integer", "minimum": 1, "maximum": 7 } },
    })
}

fn tool(name: &str, parameters: &Value) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": parameters, "strict": true } })
}

fn user() -> Value {
    json!({ "role": "user", "content": "What's the weather, as JSON?" })
}

/// A chat of `messages` that offers two tools, with `change`.
fn chat(messages: &[Value], change: &Value) -> Value {
    let mut body = json!({
        "model": "chat",
        "messages": messages,
        "tools": [tool("get_weather", &place()), tool("get_time", &place())],
    });
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

fn shaped(schema: &Value, change: &Value) -> Value {
    let format =
        json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema } });
    let mut body = json!({ "model": "chat", "messages": [user()], "response_format": format });
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

async fn ask(rig: &Rig, path: &str, body: &Value) -> Answer {
    let mut request = post(path, body);
    let id = "same".parse().unwrap();
    request.headers_mut().insert("x-request-id", id);
    rig.send(request).await
}

/// The only choice of the answer to `body` at the first path.
async fn choice(rig: &Rig, body: &Value) -> Value {
    let answer = ask(rig, PATHS[0], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["choices"][0].clone()
}

fn calls(choice: &Value) -> Vec<Value> {
    choice["message"]["tool_calls"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// The choice that the frames of a stream add up to, and the frames' deltas.
async fn streamed(rig: &Rig, path: &str, body: &Value) -> (Value, Vec<Value>) {
    let mut body = body.clone();
    body["stream"] = json!(true);
    let events = ask(rig, path, &body).await.events();
    let frames = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let choices: Vec<_> = frames
        .filter_map(|it| it["choices"].get(0).cloned())
        .collect();
    let mut message = json!({ "content": null });
    let mut calls: Vec<Value> = Vec::new();
    for delta in choices.iter().map(|choice| &choice["delta"]) {
        if let Some(text) = delta["content"].as_str() {
            let before = message["content"].as_str().unwrap_or_default();
            message["content"] = json!(format!("{before}{text}"));
        }
        for part in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(part["index"].as_u64().unwrap()).unwrap();
            if index == calls.len() {
                let mut call = part.clone();
                call.as_object_mut().unwrap().shift_remove("index");
                calls.push(call);
            }
            let arguments = &mut calls[index]["function"]["arguments"];
            let more = part["function"]["arguments"].as_str().unwrap();
            *arguments = json!(format!("{}{more}", arguments.as_str().unwrap()));
        }
    }
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let finish = choices.last().unwrap()["finish_reason"].clone();
    let deltas = choices.into_iter().map(|choice| choice["delta"].clone());
    (
        json!({ "message": message, "finish_reason": finish }),
        deltas.collect(),
    )
}

#[track_caller]
fn is_valid(schema: &Value, text: &Value) {
    let text = text.as_str().unwrap();
    let instance: Value = serde_json::from_str(text).unwrap();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler
        .add_resource("schema.json", schema.clone())
        .unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    let checked = schemas.validate(&instance, index);
    assert!(checked.is_ok(), "{text}: {}", checked.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_called_and_its_result_is_answered_with_text() {
    let rig = unlimited();
    for path in PATHS {
        let asked = chat(&[user()], &json!({}));
        let answer = ask(&rig, path, &asked).await.json();
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls");
        let message = &choice["message"];
        assert_eq!(
            (&message["role"], &message["content"]),
            (&json!("assistant"), &Value::Null)
        );
        let [call] = &calls(choice)[..] else {
            panic!("{choice}")
        };
        let id = call["id"].as_str().unwrap().strip_prefix("call_").unwrap();
        assert!(
            id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{id}"
        );
        assert_eq!(call["type"], "function");
        let (name, arguments) = (&call["function"]["name"], &call["function"]["arguments"]);
        assert!(["get_weather", "get_time"].contains(&name.as_str().unwrap()));
        is_valid(&place(), arguments);
        // Name, arguments, and the 7 that a single call costs besides.
        let count = |text: &Value| Encoding::O200k.count(text.as_str().unwrap());
        assert_eq!(
            answer["usage"]["completion_tokens"],
            count(name) + count(arguments) + 7
        );

        let result = json!({ "role": "tool", "tool_call_id": call["id"], "content": "rain" });
        let results = chat(
            &[user(), message.clone(), result],
            &json!({ "max_tokens": 5 }),
        );
        let answer = ask(&rig, path, &results).await.json();
        assert!(
            answer["choices"][0]["message"]["content"].is_string(),
            "{answer}"
        );
        assert!(calls(&answer["choices"][0]).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_request_wants_called_is_called() {
    let rig = simulator("[deployments.chat]\nmodel = \"gpt-4o\"\ntool_calls = \"never\"");
    let named =
        json!({ "tool_choice": { "type": "function", "function": { "name": "get_time" } } });
    for (change, called, finish) in [
        (json!({}), false, "stop"),
        (json!({ "tool_choice": "none" }), false, "stop"),
        (json!({ "tool_choice": "required" }), true, "tool_calls"),
        (named.clone(), true, "stop"),
    ] {
        let choice = choice(&rig, &chat(&[user()], &change)).await;
        assert_eq!(calls(&choice).len(), usize::from(called), "{change}");
        assert_eq!(choice["finish_reason"], finish, "{change}");
        if change == named {
            assert_eq!(calls(&choice)[0]["function"]["name"], "get_time");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_tools_are_called_at_once_unless_the_request_forbids_it() {
    let rig = simulator(
        "[deployments.chat]\nmodel = \"gpt-4o\"\ntool_calls = { when = \"always\", at_once = 2 }",
    );
    let several = calls(&choice(&rig, &chat(&[user()], &json!({}))).await);
    let mut names: Vec<_> = several
        .iter()
        .map(|call| call["function"]["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["get_time", "get_weather"]);
    assert_ne!(several[0]["id"], several[1]["id"]);
    let one = chat(&[user()], &json!({ "parallel_tool_calls": false }));
    assert_eq!(calls(&choice(&rig, &one).await).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_are_as_probable_as_configured() {
    let rig = simulator("[deployments.chat]\nmodel = \"gpt-4o\"\ntool_calls = 0.25");
    let body = chat(&[user()], &json!({ "n": 100, "max_tokens": 1_000 }));
    let answer = ask(&rig, PATHS[0], &body).await.json();
    let choices = answer["choices"].as_array().unwrap();
    let called = choices
        .iter()
        .filter(|choice| choice["finish_reason"] == "tool_calls")
        .count();
    // Within three standard deviations, sqrt(100 * 0.25 * 0.75) = 4.3 each.
    assert!((12..=38).contains(&called), "{called}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_calls_has_the_frames_of_the_service_and_adds_up_to_the_whole() {
    let toml = "[deployments.chat]\nmodel = \"gpt-4o\"\ntool_calls = { at_once = 2 }";
    for path in PATHS {
        let body = chat(&[user()], &json!({}));
        let whole = ask(&simulator(toml), path, &body).await.json()["choices"][0].clone();
        let (stream, deltas) = streamed(&simulator(toml), path, &body).await;
        assert_eq!(
            stream["message"]["tool_calls"],
            whole["message"]["tool_calls"]
        );
        assert_eq!(stream["message"]["content"], Value::Null);
        assert_eq!(stream["finish_reason"], "tool_calls");
        // Source: recordings of gpt-4o-mini of October 2024.
        assert_eq!(
            deltas[0],
            json!({ "content": null, "refusal": null, "role": "assistant" })
        );
        let called = &whole["message"]["tool_calls"][0];
        let first = json!({ "tool_calls": [{
            "index": 0, "id": called["id"], "type": "function",
            "function": { "name": called["function"]["name"], "arguments": "" },
        }] });
        assert_eq!(deltas[1], first);
        assert_eq!(
            deltas[2],
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"" } }] })
        );
        assert_eq!(deltas.last(), Some(&json!({})));
    }
}

#[tokio::test(start_paused = true)]
async fn json_follows_the_schema_whole_and_streamed() {
    let schema = json!({
        "type": "object",
        "properties": {
            "steps": { "type": "array", "items": {
                "type": "object",
                "properties": { "explanation": { "type": "string" }, "output": { "type": ["string", "null"] } },
                "required": ["explanation", "output"],
                "additionalProperties": false,
            } },
            "kind": { "type": "string", "enum": ["a \"quoted\" one", "d\u{e9}j\u{e0} vu \u{1f600}"] },
        },
        "required": ["steps", "kind"],
        "additionalProperties": false,
    });
    for path in PATHS {
        let body = shaped(&schema, &json!({}));
        let answer = ask(&unlimited(), path, &body).await.json();
        let choice = &answer["choices"][0];
        let content = &choice["message"]["content"];
        is_valid(&schema, content);
        assert_eq!(choice["finish_reason"], "stop");
        let tokens = Encoding::O200k.count(content.as_str().unwrap());
        assert_eq!(answer["usage"]["completion_tokens"], tokens);
        let (stream, _) = streamed(&unlimited(), path, &body).await;
        assert_eq!(stream["message"]["content"], *content);
    }
}

#[tokio::test(start_paused = true)]
async fn too_few_tokens_leave_json_unfinished() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string", "minLength": 99 } }, "required": ["a"] });
    let answer = ask(
        &unlimited(),
        PATHS[0],
        &shaped(&schema, &json!({ "max_tokens": 6 })),
    )
    .await
    .json();
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(
        content.starts_with("{\"a\":\"") && !content.ends_with('}'),
        "{content}"
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
    assert_eq!(answer["usage"]["completion_tokens"], 6);
}

#[tokio::test(start_paused = true)]
async fn where_any_object_will_do_there_is_one() {
    let body = json!({ "model": "chat", "messages": [user()], "response_format": { "type": "json_object" } });
    let content = choice(&unlimited(), &body).await["message"]["content"].clone();
    is_valid(&json!({ "type": "object", "minProperties": 1 }), &content);
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_nothing_satisfies_is_refused() {
    let schema =
        json!({ "type": "object", "properties": { "a": { "enum": [] } }, "required": ["a"] });
    let answer = ask(&unlimited(), PATHS[0], &shaped(&schema, &json!({}))).await;
    assert_eq!(answer.status, 400);
    let error = &answer.json()["error"];
    assert_eq!(
        error["message"],
        "Invalid schema for response_format 'answer': no value satisfies the schema."
    );
    assert_eq!(error["param"], "response_format");
}

#[tokio::test(start_paused = true)]
async fn tools_cost_the_prompt_tokens_that_were_recorded() {
    // Source: recordings of gpt-4o-mini of October and November 2024: 75, and 99 for the turn
    // after it.
    let parameters = json!({
        "type": "object",
        "properties": { "location": { "type": "string", "description": "The city and state, e.g. Boston, MA" } },
        "required": ["location"],
        "additionalProperties": false,
    });
    let body = json!({
        "model": "chat",
        "messages": [
            { "role": "system", "content": "You're a helpful assistant." },
            { "role": "user", "content": "What's the weather in Seattle and San Francisco today?" },
        ],
        "tools": [{ "type": "function", "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": parameters,
        } }],
    });
    let answer = ask(&unlimited(), PATHS[1], &body).await.json();
    assert_eq!(answer["usage"]["prompt_tokens"], 75);
    let call = |id: &str, place: &str| {
        let arguments = format!("{{\"location\": \"{place}\"}}");
        let function = json!({ "name": "get_current_weather", "arguments": arguments });
        json!({ "id": id, "type": "function", "function": function })
    };
    let result =
        |id: &str, text: &str| json!({ "role": "tool", "tool_call_id": id, "content": text });
    let mut turn = body.clone();
    turn.as_object_mut().unwrap().shift_remove("tools");
    let calls = [call("1", "Seattle, WA"), call("2", "San Francisco, CA")];
    let messages = turn["messages"].as_array_mut().unwrap();
    messages.push(json!({ "role": "assistant", "tool_calls": calls }));
    messages.push(result("1", "50 degrees and raining"));
    messages.push(result("2", "70 degrees and sunny"));
    let answer = ask(&unlimited(), PATHS[1], &turn).await.json();
    assert_eq!(answer["usage"]["prompt_tokens"], 99);
}
