//! What answers say, and how a request changes it.

use std::time::Duration;

use clock::Moment;
use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::tokens::Encoding;

use crate::support::{Answer, Rig, chat, hello, path, post, simulator};

fn saying(content: &str) -> Rig {
    simulator(&format!(
        "[deployments]\nchat = {{ model = \"gpt-4o\", {content} }}\ntext = {{ model = \"gpt-35-turbo-instruct\", {content} }}"
    ))
}

fn asking(text: &str, fields: &Value) -> Value {
    let mut body = json!({ "messages": [{ "role": "user", "content": text }] });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// The text and the reason for its end of each choice.
fn choices(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.json();
    let choices = body["choices"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    choices
        .map(|choice| {
            let said = choice.get("text").unwrap_or(&choice["message"]["content"]);
            (text(said), text(&choice["finish_reason"]))
        })
        .collect()
}

/// The same of a stream, put together by choice.
fn streamed(answer: &Answer) -> Vec<(String, String)> {
    let mut choices: Vec<(String, String)> = Vec::new();
    for event in answer.events() {
        let Ok(frame) = serde_json::from_str::<Value>(&event) else {
            continue;
        };
        for choice in frame["choices"].as_array().unwrap() {
            let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
            if choices.len() <= index {
                choices.resize(index + 1, Default::default());
            }
            let text = choice.get("text").unwrap_or(&choice["delta"]["content"]);
            choices[index].0 += text.as_str().unwrap_or("");
            choices[index].1 += choice["finish_reason"].as_str().unwrap_or("");
        }
    }
    choices
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(text, finish): &(&str, &str)| ((*text).to_owned(), (*finish).to_owned());
    expected.iter().map(own).collect()
}

#[tokio::test(start_paused = true)]
async fn an_echo_says_what_the_user_said_last() {
    let rig = saying("content = \"echo\"");
    let body = json!({ "messages": [
        { "role": "user", "content": "one" },
        { "role": "assistant", "content": "two" },
        { "role": "user", "content": "a \"quoted\"\n👩‍👩‍👧 é" },
        { "role": "system", "content": "three" },
    ] });
    let answer = rig.send(chat(&body)).await;
    assert_eq!(choices(&answer), pairs(&[("a \"quoted\"\n👩‍👩‍👧 é", "stop")]));

    let body = json!({ "prompt": ["a b", "c d"], "n": 2 });
    let answer = rig.send(post(&path("text", "completions"), &body)).await;
    let twice = [
        ("a b", "stop"),
        ("a b", "stop"),
        ("c d", "stop"),
        ("c d", "stop"),
    ];
    assert_eq!(choices(&answer), pairs(&twice));
}

#[tokio::test(start_paused = true)]
async fn a_limit_cuts_a_fixed_text_between_tokens() {
    let rig = saying("content = { text = \"one two three\" }");
    for (most, expected) in [(9, ("one two three", "stop")), (2, ("one two", "length"))] {
        let answer = rig
            .send(chat(&asking("hi", &json!({ "max_tokens": most }))))
            .await;
        assert_eq!(choices(&answer), pairs(&[expected]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_sequence_ends_the_answer_and_is_not_said() {
    let rig = saying("content = { text = \"one two three\" }");
    // In the middle of two tokens, and of several the first that occurs.
    let fields = json!({ "stop": ["ree", "wo th"] });
    let answer = rig.send(chat(&asking("hi", &fields))).await;
    assert_eq!(choices(&answer), pairs(&[("one t", "stop")]));
    assert_eq!(answer.json()["usage"]["completion_tokens"], 2);
    let fields = json!({ "stop": "wo th", "stream": true });
    let answer = rig.send(chat(&asking("hi", &fields))).await;
    assert_eq!(streamed(&answer), pairs(&[("one t", "stop")]));
}

#[tokio::test(start_paused = true)]
async fn random_words_stop_too() {
    let rig = saying("answer_tokens = 400");
    let whole = rig.send(chat(&asking("hi", &json!({ "seed": 1 })))).await;
    let whole = choices(&whole).remove(0).0;
    let stop = whole.split(' ').nth(50).unwrap();
    let body = asking("hi", &json!({ "seed": 1, "stop": stop }));
    let answer = choices(&rig.send(chat(&body)).await).remove(0);
    assert!(!answer.0.contains(stop), "{stop} in {}", answer.0);
    assert_eq!(answer.1, "stop");
}

#[tokio::test(start_paused = true)]
async fn a_seed_makes_an_answer_repeat_and_choices_still_differ() {
    let rig = saying("answer_tokens = 9");
    let ask = async |seed: Value| {
        choices(
            &rig.send(chat(&asking("hi", &json!({ "n": 2, "seed": seed }))))
                .await,
        )
    };
    let first = ask(json!(7)).await;
    assert_eq!(first, ask(json!(7)).await);
    assert_ne!(first, ask(json!(8)).await);
    assert_ne!(first[0], first[1]);
    assert_ne!(ask(Value::Null).await, ask(Value::Null).await);
}

#[tokio::test(start_paused = true)]
async fn a_script_answers_each_turn_and_each_question_in_its_own_way() {
    let rig = simulator(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        answer_tokens = 3
        latency = { per_token = "10ms" }
        [[deployments.chat.content.script]]
        contains = "weather"
        turn = 1
        tool_calls = [{ name = "weather", arguments = { city = "Rome" } }]
        [[deployments.chat.content.script]]
        turn = 2
        text = "Sunny."
        pause = "5s"
        [[deployments.chat.content.script]]
        contains = "bomb"
        refusal = "No."
        "#,
    );
    let answer = rig
        .send(chat(&asking("the weather?", &json!({}))))
        .await
        .json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(
        call["function"],
        json!({ "name": "weather", "arguments": "{\"city\":\"Rome\"}" })
    );
    assert_eq!(call["id"].as_str().unwrap().len(), "call_".len() + 24);

    let before = rig.clock.now();
    let turn = json!({ "messages": [
        { "role": "user", "content": "weather?" },
        { "role": "assistant", "content": "Where?" },
        { "role": "user", "content": "weather in Rome" },
    ] });
    let answer = rig.send(chat(&turn)).await;
    assert_eq!(choices(&answer), pairs(&[("Sunny.", "stop")]));
    // The pause, and 10 ms for each of `Sunny` and `.`.
    assert_eq!(rig.clock.now().since(before), Duration::from_millis(5_020));

    let answer = rig.send(chat(&asking("a bomb", &json!({})))).await.json();
    assert_eq!(answer["choices"][0]["message"]["refusal"], "No.");
    let answer = rig.send(chat(&asking("hi", &json!({})))).await.json();
    assert_eq!(answer["usage"]["completion_tokens"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_reasons_thinks_before_it_speaks_and_pays_for_it() {
    let rig = simulator(
        r#"
        [deployments.chat]
        model = "o3"
        latency = { per_token = "10ms" }
        reasoning_tokens = 50
        answer_tokens = 2
        "#,
    );
    let mut body = asking("hi", &json!({ "stream": true }));
    let frames = rig.frames(chat(&body)).await;
    let moments = frames
        .iter()
        .map(|(at, _)| at.since(Moment::ZERO).as_millis());
    assert_eq!(moments.collect::<Vec<_>>(), [510, 520]);

    body = asking("hi", &json!({ "max_completion_tokens": 50 }));
    let answer = rig.send(chat(&body)).await;
    assert_eq!(choices(&answer), pairs(&[("", "length")]));
    let usage = &answer.json()["usage"];
    assert_eq!(usage["completion_tokens"], 50);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 50);
    assert_eq!(rig.simulator.ledger().entries()[0].tokens_yielded, 52);
}

#[tokio::test(start_paused = true)]
async fn a_chat_tells_how_likely_its_tokens_were() {
    let rig = saying("content = { text = \"ab 👧\" }");
    let body = asking("hi", &json!({ "logprobs": true, "top_logprobs": 2 }));
    let answer = rig.send(chat(&body)).await.json();
    let told = answer["choices"][0]["logprobs"]["content"]
        .as_array()
        .unwrap();
    let bytes = told
        .iter()
        .flat_map(|token| token["bytes"].as_array().unwrap());
    let bytes: Vec<u8> = bytes
        .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
        .collect();
    assert_eq!(bytes, "ab 👧".as_bytes());
    assert_eq!(answer["usage"]["completion_tokens"], told.len());
    for token in told {
        let top = token["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), 2);
        assert_eq!(top[0]["token"], token["token"]);
        assert!(top[0]["logprob"].as_f64() > top[1]["logprob"].as_f64());
    }

    let mut body = body;
    body["stream"] = json!(true);
    let streamed = rig.send(chat(&body)).await.events();
    let frames = streamed
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let tokens = frames.flat_map(|frame| {
        let content = frame["choices"][0]["logprobs"]["content"].clone();
        content.as_array().cloned().unwrap_or_default()
    });
    let tokens: Vec<_> = tokens.map(|token| token["bytes"].clone()).collect();
    let whole: Vec<_> = told.iter().map(|token| token["bytes"].clone()).collect();
    assert_eq!(tokens, whole);
}

#[tokio::test(start_paused = true)]
async fn a_completion_tells_how_likely_its_tokens_were() {
    let rig = saying("content = { text = \"one two\" }");
    let body = json!({ "prompt": "say it", "logprobs": 1 });
    let answer = rig
        .send(post(&path("text", "completions"), &body))
        .await
        .json();
    let told = &answer["choices"][0]["logprobs"];
    assert_eq!(told["tokens"], json!(["one", " two"]));
    assert_eq!(told["text_offset"], json!([6, 9]));
    assert_eq!(told["token_logprobs"][1], told["top_logprobs"][1][" two"]);
}

#[tokio::test(start_paused = true)]
async fn frames_hide_the_length_of_their_text_unless_told_not_to() {
    let rig = saying("content = { text = \"Why not!\" }");
    let hidden = async |fields: Value| {
        let events = rig.send(chat(&asking("hi", &fields))).await.events();
        let frames = events
            .iter()
            .filter_map(|event| serde_json::from_str::<Value>(event).ok());
        frames
            .map(|frame| frame["obfuscation"].as_str().map(str::len))
            .collect::<Vec<_>>()
    };
    let letters = hidden(json!({ "stream": true })).await;
    // The frame about the prompt, the role, `Why`, ` not`, `!` and the end.
    assert_eq!(
        letters,
        [None, Some(14), Some(13), Some(12), Some(15), Some(10)]
    );
    let options = json!({ "include_obfuscation": false });
    let letters = hidden(json!({ "stream": true, "stream_options": options })).await;
    assert_eq!(letters, [None; 6]);
}

/// One deployment for each kind of content.
fn kinds() -> Rig {
    simulator(
        r#"
        [deployments]
        lorem = { model = "gpt-4o" }
        short = { model = "gpt-4o", answer_tokens = "code" }
        echo = { model = "gpt-4o", content = "echo" }
        text = { model = "gpt-4o", content = { text = "Tschüß, \"world\" 👩‍👩‍👧\n" } }
        script = { model = "gpt-4o", content = { script = [{ contains = "a", text = "日本語テキスト" }] } }
        thinking = { model = "gpt-5", content = "echo", reasoning_tokens = { uniform = { min = 0, most = 20 } } }
        "#,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_stream_says_what_the_whole_answer_says_in_as_many_tokens_as_are_billed(
        kind in prop::sample::select(vec!["lorem", "short", "echo", "text", "script", "thinking"]),
        text in "\\PC{0,40}",
        n in 1u32..4,
        most in prop::option::of(1u64..60),
        stop in prop::option::of(prop::sample::select(vec!["e", " ", "ü", "not there"])),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let rig = kinds();
        let mut body = asking(&text, &json!({ "n": n }));
        if let Some(most) = most {
            body["max_completion_tokens"] = json!(most);
        }
        if let Some(stop) = stop.filter(|_| kind != "thinking") {
            body["stop"] = json!(stop);
        }
        let send = |body: &Value| {
            let mut request = post(&path(kind, "chat/completions"), body);
            request.headers_mut().insert("x-request-id", "same".parse().unwrap());
            // The ordinal of a request is part of its key.
            runtime.block_on(kinds().send(request))
        };
        let whole = send(&body);
        let usage = whole.json()["usage"].clone();
        body["stream"] = json!(true);
        let request = post(&path(kind, "chat/completions"), &body);
        let (mut request, id) = (request, "same".parse().unwrap());
        request.headers_mut().insert("x-request-id", id);
        let stream = runtime.block_on(rig.send(request));
        let said = choices(&whole);
        prop_assert_eq!(&said, &streamed(&stream));

        let entry = rig.entry();
        let billed = usage["completion_tokens"].as_u64().unwrap();
        prop_assert_eq!(entry.tokens_yielded, billed);
        prop_assert_eq!(entry.completion_tokens, billed);
        if said.iter().all(|(_, finish)| finish == "stop") || kind == "lorem" {
            let thought = usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap();
            let counted: usize = said.iter().map(|(text, _)| Encoding::O200k.count(text)).sum();
            prop_assert_eq!(counted as u64 + thought, billed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_deployment_can_be_told_what_to_say() {
    let rig = saying("answer_tokens = 3");
    let change = json!({ "deployments": { "chat": { "content": { "text": "new" } } } });
    rig.simulator.control().patch(&change).unwrap();
    let answer = rig.send(chat(&hello(9))).await;
    assert_eq!(choices(&answer), pairs(&[("new", "stop")]));
    let wrong = json!({ "deployments": { "chat": { "content": { "script": [{}] } } } });
    assert!(rig.simulator.control().patch(&wrong).is_err());
}
