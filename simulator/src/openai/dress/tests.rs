use super::*;
use crate::generate::Call;
use crate::tokens::{Encoding, Tokens};

pub(in crate::openai) fn envelope(dialect: Dialect, operation: Operation) -> Envelope<'static> {
    Envelope {
        dialect,
        operation,
        id: "chatcmpl-1".to_owned(),
        created: 1_767_225_600,
        model: "gpt-4o-2024-11-20",
        fingerprint: "fp_0123456789",
        wanted_tier: None,
    }
}

const USAGE: Usage = Usage {
    prompt: 5,
    cached: 0,
    completion: 2,
    reasoning: 0,
};

/// A reply that says `text`.
pub(in crate::openai) fn says(text: &str, finish: Finish) -> Reply {
    let content = Tokens::of(Encoding::O200k, text.to_owned());
    Reply::of(vec![Part::Content(content)], finish)
}

/// A reply that calls two tools.
pub(in crate::openai) fn calls() -> Reply {
    let call = |id: &str, arguments: &str| {
        Part::Call(Call {
            id: id.to_owned(),
            name: "weather".to_owned(),
            head: 3,
            arguments: Tokens::of(Encoding::O200k, arguments.to_owned()),
        })
    };
    let parts = vec![call("call_1", r#"{"city":"Rome"}"#), call("call_2", "{}")];
    Reply::of(parts, Finish::ToolCalls)
}

#[test]
fn a_chat_answer_is_dressed_as_azure_does() {
    let envelope = envelope(Dialect::Azure, Operation::ChatCompletions);
    let body = write_answer(&envelope, &mut [says("one two", Finish::Length)], USAGE);
    insta::assert_snapshot!(body, @r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"finish_reason":"length","index":0,"logprobs":null,"message":{"annotations":[],"content":"one two","refusal":null,"role":"assistant"}}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}],"system_fingerprint":"fp_0123456789","usage":{"completion_tokens":2,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":5,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":7}}"#);
}

#[test]
fn a_chat_answer_is_dressed_as_openai_does() {
    let envelope = envelope(Dialect::OpenAi, Operation::ChatCompletions);
    let body = write_answer(&envelope, &mut [says("one two", Finish::Length)], USAGE);
    insta::assert_snapshot!(body, @r#"
    {
      "id": "chatcmpl-1",
      "object": "chat.completion",
      "created": 1767225600,
      "model": "gpt-4o-2024-11-20",
      "choices": [
        {
          "index": 0,
          "message": {
            "role": "assistant",
            "content": "one two",
            "refusal": null,
            "annotations": []
          },
          "logprobs": null,
          "finish_reason": "length"
        }
      ],
      "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7,
        "prompt_tokens_details": {
          "cached_tokens": 0,
          "audio_tokens": 0
        },
        "completion_tokens_details": {
          "reasoning_tokens": 0,
          "audio_tokens": 0,
          "accepted_prediction_tokens": 0,
          "rejected_prediction_tokens": 0
        }
      },
      "service_tier": "default",
      "system_fingerprint": "fp_0123456789"
    }
    "#);
}

#[test]
fn a_completion_of_two_choices_is_dressed_as_openai_does() {
    let envelope = envelope(Dialect::OpenAi, Operation::Completions);
    let mut choices = [says("text 0", Finish::Stop), says("text 1", Finish::Length)];
    let body = write_answer(&envelope, &mut choices, USAGE);
    insta::assert_snapshot!(body, @r#"
    {
      "id": "chatcmpl-1",
      "object": "text_completion",
      "created": 1767225600,
      "model": "gpt-4o-2024-11-20",
      "choices": [
        {
          "text": "text 0",
          "index": 0,
          "logprobs": null,
          "finish_reason": "stop"
        },
        {
          "text": "text 1",
          "index": 1,
          "logprobs": null,
          "finish_reason": "length"
        }
      ],
      "usage": {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "total_tokens": 7
      }
    }
    "#);
}

#[test]
fn tools_are_called_instead_of_saying_something() {
    let [azure, openai] = [Dialect::Azure, Dialect::OpenAi].map(|dialect| {
        let envelope = envelope(dialect, Operation::ChatCompletions);
        let body = write_answer(&envelope, &mut [calls()], USAGE);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["choices"][0]["message"].to_string()
    });
    insta::assert_snapshot!(azure, @r#"{"annotations":[],"content":null,"refusal":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"city\":\"Rome\"}","name":"weather"},"id":"call_1","type":"function"},{"function":{"arguments":"{}","name":"weather"},"id":"call_2","type":"function"}]}"#);
    insta::assert_snapshot!(openai, @r#"{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Rome\"}"}},{"id":"call_2","type":"function","function":{"name":"weather","arguments":"{}"}}],"refusal":null,"annotations":[]}"#);
}

#[test]
fn the_tier_that_is_asked_for_is_told() {
    for (dialect, wanted, told) in [
        (Dialect::OpenAi, None, Some("default")),
        (Dialect::OpenAi, Some("auto"), Some("default")),
        (Dialect::OpenAi, Some("priority"), Some("priority")),
        (Dialect::Azure, None, None),
        (Dialect::Azure, Some("auto"), Some("default")),
        (Dialect::Azure, Some("priority"), Some("priority")),
    ] {
        let mut envelope = envelope(dialect, Operation::ChatCompletions);
        envelope.wanted_tier = wanted;
        let body = write_answer(&envelope, &mut [says("", Finish::Stop)], USAGE);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            body["service_tier"].as_str(),
            told,
            "{dialect:?} {wanted:?}"
        );
    }
}

#[test]
fn a_refusal_stands_beside_no_content() {
    let envelope = envelope(Dialect::OpenAi, Operation::ChatCompletions);
    let refusal = Tokens::of(Encoding::O200k, "I \"must\" not.".to_owned());
    let reply = Reply::of(vec![Part::Refusal(refusal)], Finish::Stop);
    let body = write_answer(&envelope, &mut [reply], USAGE);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let message = &body["choices"][0]["message"];
    assert_eq!(message["content"], serde_json::Value::Null);
    assert_eq!(message["refusal"], "I \"must\" not.");
}

#[test]
fn every_body_of_azure_is_json_in_alphabetical_order() {
    for operation in [Operation::ChatCompletions, Operation::Completions] {
        let mut choices = [says("", Finish::Stop)];
        let body = write_answer(&envelope(Dialect::Azure, operation), &mut choices, USAGE);
        let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(tree.as_object().unwrap().keys().is_sorted(), "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn an_escaped_text_reads_as_itself(text: String) {
        let mut out = String::from('"');
        escape(&mut out, &text);
        out.push('"');
        proptest::prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
