//! Answers of every shape, and lies.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const CHAT: &str = r#"{"messages":[{"role":"user","content":"one two"}]}"#;

/// Azure's first event, a role, two tokens, the end.
const STREAM: &str = concat!(
    r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[]}"#,
    "\n\n: a comment\r\n\r\n",
    r#"data: {"choices":[{"delta":{"content":"","role":"assistant"},"index":0}],"model":"gpt-4o-x","obfuscation":"aB3","usage":null}"#,
    "\r\n\r\n",
    r#"data: {"choices":[{"delta":{"content":"日本"},"index":0}],"usage":null}"#,
    "\n\n",
    r#"data: {"choices":[{"delta":{"content":"語 two"},"index":0}],"usage":null}"#,
    "\r\r",
    r#"data: {"choices":[{"delta":{},"finish_reason":"stop","index":0}],"usage":null}"#,
    "\n\n",
);

const USAGE: &str = concat!(
    r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#,
    "\n\ndata: [DONE]\n\n",
);

/// Two choices whose parts alternate, and the arguments of a tool.
const CHOICES: &str = r#"data: {"choices":[{"index":0,"delta":{"content":"one"}}]}

data: {"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"name":"get","arguments":""}}]}}]}

data: {"choices":[{"index":0,"delta":{"content":" two"}}]}

data: {"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]}}]}

"#;

const JSON: &str = r#"{"id":"x","choices":[{"index":0,"message":{"content":"one two"}}],
    "model":"gpt-4o-x","usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

fn tap(content_type: &str) -> Tap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    let prompt = Prompt::new(Some("chat_completions"), None, None, Bytes::from(CHAT));
    Tap::new(&headers, prompt)
}

/// What is read of `answer`, in parts that end at `cuts`.
fn read(content_type: &str, answer: &str, mut cuts: Vec<usize>) -> Reading {
    let mut tap = tap(content_type);
    for cut in &mut cuts {
        *cut %= answer.len() + 1;
    }
    cuts.sort_unstable();
    let mut from = 0;
    for to in cuts {
        tap.feed(&answer.as_bytes()[from..to]);
        from = to;
    }
    tap.feed(&answer.as_bytes()[from..]);
    tap.finish()
}

fn stream(answer: &str) -> Reading {
    read("text/event-stream; charset=utf-8", answer, Vec::new())
}

fn json(answer: &str) -> Reading {
    read("application/json", answer, Vec::new())
}

#[test]
fn a_stream_that_tells_its_usage_is_believed() {
    let reading = stream(&[STREAM, USAGE].concat());
    let usage = Usage {
        prompt_tokens: 9,
        completion_tokens: 3,
        total_tokens: 12,
        estimated: false,
    };
    assert_eq!(reading.usage, usage);
    assert_eq!(reading.model.as_deref(), Some("gpt-4o-x"));
}

#[test]
fn a_stream_that_does_not_is_counted() {
    // A message of 4, two tokens of text, and 3; two tokens and one.
    let expected = Encoding::O200k.count("日本語 two");
    assert_eq!(stream(STREAM).usage, Usage::estimated(9, expected));
    // "one", " two"; "get", and `{"`, `a`, `":`, `1`, `}`.
    assert_eq!(stream(CHOICES).usage, Usage::estimated(9, 2 + 6));
}

#[test]
fn a_stream_that_breaks_off_is_counted_as_far_as_it_came() {
    let at = STREAM
        .find(r#"data: {"choices":[{"delta":{"content":"語"#)
        .unwrap();
    let expected = Encoding::O200k.count("日本");
    assert_eq!(
        stream(&STREAM[..at + 20]).usage,
        Usage::estimated(9, expected)
    );
}

#[test]
fn an_answer_in_one_piece_is_read_to_its_usage() {
    let reading = json(JSON);
    assert!(!reading.usage.estimated);
    assert_eq!(reading.usage.total_tokens, 11);
    let embeddings = r#"{"data":[{"embedding":[0.1,-2e-3]}],"model":"ada",
        "usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let usage = json(embeddings).usage;
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens
        ),
        (8, 0, 8)
    );
    let silent = JSON.replace(r#""usage""#, r#""other""#);
    assert_eq!(json(&silent).usage, Usage::estimated(9, 2));
}

#[test]
fn a_usage_that_contradicts_itself_is_not_believed() {
    for usage in [
        r#"{"prompt_tokens":-9,"completion_tokens":2,"total_tokens":11}"#,
        r#"{"prompt_tokens":"9","completion_tokens":2}"#,
        r#"{"prompt_tokens":9,"completion_tokens":2.5}"#,
        r#"{"prompt_tokens":9,"completion_tokens":2,"total_tokens":10}"#,
        r#"{"prompt_tokens":9,"completion_tokens":10000001}"#,
        r#"{"completion_tokens":2}"#,
        "[9, 2]",
        r#""many""#,
    ] {
        let (head, _) = JSON.split_once(r#"{"prompt"#).unwrap();
        let reading = json(&format!("{head}{usage}}}"));
        assert_eq!(reading.usage, Usage::estimated(9, 2), "{usage}");
        assert!(reading.is_disbelieved, "{usage}");
    }
    assert!(!json(r#"{"usage":null}"#).is_disbelieved);
}

#[test]
fn more_choices_than_anybody_offers_are_counted_in_bounded_memory() {
    let mut tap = tap("text/event-stream");
    for index in 0..1_000 {
        let (choice, tool) = (index % 100, index / 100);
        let call = format!(r#"{{"index":{tool},"function":{{"arguments":" one"}}}}"#);
        let choice = format!(r#"{{"index":{choice},"delta":{{"tool_calls":[{call}]}}}}"#);
        tap.feed(format!("data: {{\"choices\":[{choice}]}}\n\n").as_bytes());
    }
    assert_eq!(tap.said.texts.len(), MOST_TEXTS + 1);
    assert_eq!(tap.finish().usage.completion_tokens, 1_000);
}

#[test]
fn a_compressed_answer_is_weighed() {
    let mut headers = HeaderMap::new();
    headers.insert("content-encoding", "gzip".parse().unwrap());
    let mut tap = Tap::new(&headers, Prompt::lost(None, 40));
    tap.feed(&[0x1f; 10]);
    assert_eq!(tap.finish().usage, Usage::estimated(10, 3));
}

#[test]
fn an_answer_that_was_finished_is_not_read_again() {
    let mut tap = tap("application/json");
    tap.feed(JSON.as_bytes());
    let reading = tap.finish();
    tap.feed(JSON.as_bytes());
    assert_eq!(tap.finish(), reading);
}

proptest! {
    #[test]
    fn how_an_answer_is_split_changes_nothing(
        cuts in proptest::collection::vec(any::<usize>(), 0..12),
        answer in prop_oneof![
            Just(STREAM.to_owned()),
            Just([STREAM, USAGE].concat()),
            Just(CHOICES.to_owned()),
            Just([STREAM, USAGE].concat().replace('\n', "\r\n")),
            Just(JSON.to_owned()),
            Just(JSON.replace("one two", r#"日本語 \"\\ \ud83d\ude00"#)),
        ],
        until in any::<prop::sample::Index>(),
        breaks_off: bool,
    ) {
        let end = if breaks_off { until.index(answer.len()) } else { answer.len() };
        let came = &answer[..answer.floor_char_boundary(end)];
        let content_type = if answer.starts_with('{') { "application/json" } else { "text/event-stream" };
        prop_assert_eq!(read(content_type, came, cuts), read(content_type, came, Vec::new()));
    }

    #[test]
    fn nothing_that_a_backend_sends_is_too_strange(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..6),
        is_stream: bool,
    ) {
        let mut tap = tap(if is_stream { "text/event-stream" } else { "application/json" });
        for part in &parts {
            tap.feed(part);
        }
        tap.finish();
    }
}
