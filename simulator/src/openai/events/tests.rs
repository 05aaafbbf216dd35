use super::super::dress::tests::{calls, envelope, says};
use super::*;

fn stream(dialect: Dialect, operation: Operation, includes_usage: bool) -> String {
    stream_of(
        says("one", Finish::Stop),
        dialect,
        operation,
        includes_usage,
    )
}

fn stream_of(
    mut reply: Reply,
    dialect: Dialect,
    operation: Operation,
    includes_usage: bool,
) -> String {
    let streaming = Streaming {
        includes_usage,
        obfuscation: None,
    };
    let mut events = Events::new(&envelope(dialect, operation), streaming);
    let mut out = String::new();
    events.open(&mut out, std::slice::from_ref(&reply));
    let usage = Usage {
        prompt: 5,
        cached: 0,
        completion: reply.left(),
        reasoning: 0,
    };
    let scores = reply.scores;
    while reply.left() > 0 {
        reply.next(|delta| events.delta(&mut out, 0, delta, scores));
    }
    events.finish(&mut out, 0, reply.finish);
    events.close(&mut out, usage);
    out
}

#[test]
fn calls_are_streamed_by_name_and_then_piece_by_piece() {
    let chat = Operation::ChatCompletions;
    let frames = stream_of(calls(), Dialect::OpenAi, chat, false);
    let deltas = frames.split_terminator("\n\n").filter_map(|frame| {
        let json = frame.strip_prefix("data: ")?;
        let frame: serde_json::Value = serde_json::from_str(json).ok()?;
        Some(frame["choices"][0]["delta"].to_string())
    });
    insta::assert_snapshot!(deltas.collect::<Vec<_>>().join("\n"), @r#"
    {"role":"assistant","content":null,"refusal":null}
    {"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}
    {"tool_calls":[{"index":0,"function":{"arguments":"{\""}}]}
    {"tool_calls":[{"index":0,"function":{"arguments":"city"}}]}
    {"tool_calls":[{"index":0,"function":{"arguments":"\":\""}}]}
    {"tool_calls":[{"index":0,"function":{"arguments":"Rome"}}]}
    {"tool_calls":[{"index":0,"function":{"arguments":"\"}"}}]}
    {"tool_calls":[{"index":1,"id":"call_2","type":"function","function":{"name":"weather","arguments":""}}]}
    {"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}
    {}
    "#);
}

#[test]
fn a_chat_is_streamed_as_azure_does() {
    let frames = stream(Dialect::Azure, Operation::ChatCompletions, false);
    insta::assert_snapshot!(frames, @r#"
    data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]}

    data: {"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789"}

    data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"delta":{"content":"one"},"finish_reason":null,"index":0,"logprobs":null}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789"}

    data: {"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789"}

    data: [DONE]
    "#);
}

#[test]
fn a_chat_with_usage_is_streamed_as_openai_does() {
    let frames = stream(Dialect::OpenAi, Operation::ChatCompletions, true);
    insta::assert_snapshot!(frames, @r#"
    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-2024-11-20","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-2024-11-20","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":"one"},"logprobs":null,"finish_reason":null}],"usage":null}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-2024-11-20","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

    data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-2024-11-20","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}

    data: [DONE]
    "#);
}

#[test]
fn a_completion_is_streamed_as_azure_does() {
    let frames = stream(Dialect::Azure, Operation::Completions, false);
    insta::assert_snapshot!(frames, @r#"
    data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]}

    data: {"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"finish_reason":null,"index":0,"logprobs":null,"text":"one"}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"text_completion"}

    data: {"choices":[{"content_filter_results":{},"finish_reason":"stop","index":0,"logprobs":null,"text":""}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"text_completion"}

    data: [DONE]
    "#);
}

#[test]
fn every_frame_of_azure_is_json_in_alphabetical_order() {
    for operation in [Operation::ChatCompletions, Operation::Completions] {
        let frames = stream(Dialect::Azure, operation, true);
        let frames: Vec<_> = frames.split_terminator("\n\n").collect();
        let (done, frames) = frames.split_last().unwrap();
        assert_eq!(*done, "data: [DONE]");
        for frame in frames {
            let json = frame.strip_prefix("data: ").unwrap();
            let tree: serde_json::Value = serde_json::from_str(json).unwrap();
            assert!(tree.as_object().unwrap().keys().is_sorted(), "{frame}");
        }
    }
}

#[test]
fn a_frame_of_openai_ends_with_what_hides_its_length() {
    let envelope = envelope(Dialect::OpenAi, Operation::ChatCompletions);
    let streaming = Streaming {
        includes_usage: true,
        obfuscation: Some(Key::new(1)),
    };
    let mut out = String::new();
    Events::new(&envelope, streaming).finish(&mut out, 0, Finish::Stop);
    insta::assert_snapshot!(out, @r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o-2024-11-20","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null,"obfuscation":"nGEWtuRLtM"}"#);
}
