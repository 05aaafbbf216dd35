//! Tools, their turns and response formats that are wrong: message, param and code as recorded.

use serde_json::{Value, json};

use crate::support::{chat, path, post, unlimited};

/// What a chat with `change` is refused for: message, param, code.
async fn refused(change: &Value) -> [Value; 3] {
    let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 1 });
    for (key, value) in change.as_object().unwrap() {
        body[key] = value.clone();
    }
    let answer = unlimited().send(chat(&body)).await;
    assert_eq!(answer.status, 400, "{body} {}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!(error["type"], "invalid_request_error");
    ["message", "param", "code"].map(|field| error[field].clone())
}

#[track_caller]
fn is(found: &[Value; 3], message: &str, param: &str, code: Option<&str>) {
    assert_eq!(*found, [json!(message), json!(param), json!(code)]);
}

/// A function with `parameters`.
fn function(parameters: &Value, strict: bool) -> Value {
    json!({ "tools": [{ "type": "function", "function": {
        "name": "f", "parameters": parameters, "strict": strict,
    } }] })
}

/// A tool called `name`.
fn named(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name } })
}

fn schema(schema: &Value) -> Value {
    json!({ "response_format": { "type": "json_schema", "json_schema": {
        "name": "s", "schema": schema, "strict": true,
    } } })
}

#[tokio::test(start_paused = true)]
async fn tools_have_names_types_and_a_limit() {
    let found = refused(&json!({ "tools": [] })).await;
    is(
        &found,
        "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "tools",
        Some("empty_array"),
    );
    let found = refused(&json!({ "tools": vec![named("f"); 129] })).await;
    is(
        &found,
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 129 instead.",
        "tools",
        Some("array_above_max_length"),
    );
    let found = refused(&json!({ "tools": [named("a.b")] })).await;
    is(
        &found,
        "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        "tools[0].function.name",
        Some("invalid_value"),
    );
    let found = refused(&json!({ "tools": [named("f"), named(&"g".repeat(65))] })).await;
    is(
        &found,
        "Invalid 'tools[1].function.name': string too long. Expected a string with maximum length 64, but got a string with length 65 instead.",
        "tools[1].function.name",
        Some("string_above_max_length"),
    );
    let found = refused(&json!({ "tools": [{ "type": "web_search" }] })).await;
    is(
        &found,
        "Invalid value: 'web_search'. Supported values are: 'function'.",
        "tools[0].type",
        Some("invalid_value"),
    );
    let found = refused(&json!({ "tools": [{ "type": "function" }] })).await;
    is(
        &found,
        "Missing required parameter: 'tools[0].function'.",
        "tools[0].function",
        Some("missing_required_parameter"),
    );
    let found = refused(&json!({ "tools": [{ "type": "function", "function": {} }] })).await;
    is(
        &found,
        "Missing required parameter: 'tools[0].function.name'.",
        "tools[0].function.name",
        Some("missing_required_parameter"),
    );
    let found = refused(&json!({ "functions": [{ "name": "f" }] })).await;
    is(
        &found,
        "Unsupported parameter: 'functions' is not supported with this model. Use 'tools' instead.",
        "functions",
        Some("unsupported_parameter"),
    );
}

#[tokio::test(start_paused = true)]
async fn a_choice_needs_tools_and_a_name_among_them() {
    let found = refused(&json!({ "tool_choice": "auto" })).await;
    is(
        &found,
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        "tool_choice",
        None,
    );
    let found = refused(&json!({ "parallel_tool_calls": false })).await;
    is(
        &found,
        "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
        "parallel_tool_calls",
        None,
    );
    let found = refused(&json!({ "tools": [named("f")], "tool_choice": named("g") })).await;
    is(
        &found,
        "Invalid value for 'tool_choice': no function named 'g' was specified in the 'tools' parameter.",
        "tool_choice",
        None,
    );
    let found = refused(&json!({ "tools": [named("f")], "tool_choice": "any" })).await;
    is(
        &found,
        "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
        "tool_choice",
        Some("invalid_value"),
    );
    let found = refused(&json!({ "tools": [named("f")], "tool_choice": 1 })).await;
    is(
        &found,
        "Invalid type for 'tool_choice': expected one of a string or object, but got an integer instead.",
        "tool_choice",
        Some("invalid_type"),
    );
}

#[tokio::test(start_paused = true)]
async fn parameters_are_the_schema_of_an_object() {
    let (at, code) = (
        "tools[0].function.parameters",
        Some("invalid_function_parameters"),
    );
    let found = refused(&function(&json!({}), false)).await;
    is(
        &found,
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'.",
        at,
        code,
    );
    let found = refused(&function(&json!({ "type": "string" }), false)).await;
    is(
        &found,
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got 'type: \"string\"'.",
        at,
        code,
    );
    let found = refused(&function(&json!({ "type": "object" }), false)).await;
    is(
        &found,
        "Invalid schema for function 'f': In context=(), object schema missing properties.",
        at,
        code,
    );
    let list = json!({ "type": "object", "properties": { "l": { "type": "array" } } });
    let found = refused(&function(&list, false)).await;
    is(
        &found,
        "Invalid schema for function 'f': In context=('properties', 'l'), array schema missing items.",
        at,
        code,
    );
    let found = refused(&function(
        &json!({ "type": "object", "properties": {} }),
        true,
    ))
    .await;
    is(
        &found,
        "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to be false.",
        at,
        code,
    );
    let found = refused(&function(&json!([]), true)).await;
    is(
        &found,
        "Invalid type for 'tools[0].function.parameters': expected an object, but got an array instead.",
        at,
        Some("invalid_type"),
    );
}

#[tokio::test(start_paused = true)]
async fn a_strict_schema_keeps_to_what_can_be_enforced() {
    let of = |properties: Value, required: Value| {
        schema(&json!({
            "type": "object", "properties": properties, "required": required,
            "additionalProperties": false,
        }))
    };
    let told = async |change: Value| {
        let [message, param, code] = refused(&change).await;
        assert_eq!([param, code], [json!("response_format"), Value::Null]);
        let message = message.as_str().unwrap().to_owned();
        message
            .strip_prefix("Invalid schema for response_format 's': ")
            .unwrap()
            .to_owned()
    };
    let found = told(of(
        json!({ "a": { "type": "string" }, "b": { "type": "null" } }),
        json!(["a"]),
    ))
    .await;
    assert_eq!(
        found,
        "In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'b'."
    );
    let found = told(of(json!({ "a": { "oneOf": [] } }), json!(["a"]))).await;
    assert_eq!(
        found,
        "In context=('properties', 'a'), 'oneOf' is not permitted."
    );
    let found = told(of(json!({ "a": { "description": "any" } }), json!(["a"]))).await;
    assert_eq!(
        found,
        "In context=('properties', 'a'), schema must have a 'type' key."
    );
    let found = told(of(
        json!({ "a": { "$ref": "#", "description": "me" } }),
        json!(["a"]),
    ))
    .await;
    assert_eq!(
        found,
        "In context=('properties', 'a'), $ref cannot have keywords {'description'}."
    );
    let found = told(of(
        json!({ "a": { "anyOf": [{ "type": "array" }] } }),
        json!(["a"]),
    ))
    .await;
    assert_eq!(
        found,
        "In context=('properties', 'a', 'anyOf', '0'), array schema missing items."
    );
}

#[tokio::test(start_paused = true)]
async fn response_formats_are_known_and_whole() {
    let found = refused(&json!({ "response_format": { "type": "json_object" } })).await;
    is(
        &found,
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        "messages",
        None,
    );
    let found = refused(&json!({ "response_format": { "type": "xml" } })).await;
    is(
        &found,
        "Invalid value: 'xml'. Supported values are: 'json_object', 'json_schema', and 'text'.",
        "response_format.type",
        Some("invalid_value"),
    );
    let found = refused(&json!({ "response_format": { "type": "json_schema" } })).await;
    is(
        &found,
        "Missing required parameter: 'response_format.json_schema'.",
        "response_format.json_schema",
        Some("missing_required_parameter"),
    );
    let found = refused(
        &json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": {} } } }),
    )
    .await;
    is(
        &found,
        "Missing required parameter: 'response_format.json_schema.name'.",
        "response_format.json_schema.name",
        Some("missing_required_parameter"),
    );
    let found = refused(&json!({ "response_format": "json" })).await;
    is(
        &found,
        "Invalid type for 'response_format': expected an object, but got a string instead.",
        "response_format",
        Some("invalid_type"),
    );
}

#[tokio::test(start_paused = true)]
async fn calls_are_answered_and_only_calls_are() {
    let call = |id: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let calls = |ids: &[&str]| {
        let calls: Vec<_> = ids.iter().map(|id| call(id)).collect();
        json!({ "role": "assistant", "content": null, "tool_calls": calls })
    };
    let user = json!({ "role": "user", "content": "hi" });
    let result = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "1" });
    let told = async |messages: Value| refused(&json!({ "messages": messages })).await;
    let found = told(json!([user, result("a")])).await;
    is(
        &found,
        "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        "messages.[1].role",
        None,
    );
    let found = told(json!([user, calls(&["a", "b"]), result("b"), user])).await;
    is(
        &found,
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: a",
        "messages.[1].role",
        None,
    );
    let found = told(json!([user, calls(&["a"]), result("b")])).await;
    is(
        &found,
        "Invalid parameter: 'tool_call_id' of 'b' not found in 'tool_calls' of previous message.",
        "messages.[2].tool_call_id",
        None,
    );
    let found = told(json!([user, calls(&["a"]), { "role": "tool", "content": "1" }])).await;
    is(
        &found,
        "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.",
        "messages.[2].tool_call_id",
        None,
    );
    let found = told(json!([user, calls(&[])])).await;
    is(
        &found,
        "Invalid 'messages[1].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "messages[1].tool_calls",
        Some("empty_array"),
    );
    let found = told(json!([user, { "role": "assistant", "tool_calls": [{ "id": "a" }] }])).await;
    is(
        &found,
        "Missing required parameter: 'messages[1].tool_calls[0].function'.",
        "messages[1].tool_calls[0].function",
        Some("missing_required_parameter"),
    );
}

#[tokio::test(start_paused = true)]
async fn models_before_gpt_4o_are_not_held_to_schemas() {
    let mut body = schema(
        &json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false }),
    );
    body["messages"] = json!([{ "role": "user", "content": "hi" }]);
    let refused = unlimited()
        .send(post(&path("text", "chat/completions"), &body))
        .await;
    assert_eq!(refused.status, 400);
    let error = &refused.json()["error"];
    assert_eq!(
        error["message"],
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more about supported models at the Structured Outputs guide: https://platform.openai.com/docs/guides/structured-outputs"
    );
    assert_eq!(unlimited().send(chat(&body)).await.status, 200);
}
