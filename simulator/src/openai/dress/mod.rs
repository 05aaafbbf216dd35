//! Answers of chat completions and completions in each cloud's dress.
//!
//! Ids, names from the model table and words of the vocabulary need no escaping; every other text is
//! escaped here.

mod azure;
mod indent;
mod openai;

use std::fmt::{Display, Write};

use super::{Dialect, Operation, logprobs};
use crate::generate::{Part, Reply, Said};

pub(super) use self::azure::{FILTER, PROMPT_FILTER};

/// What an answer says of itself besides its text.
#[derive(Clone, Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) operation: Operation,
    pub(crate) id: String,
    /// Unix time in seconds.
    pub(crate) created: i64,
    /// The model's name with version.
    pub(crate) model: &'a str,
    /// What stands for the serving configuration.
    pub(crate) fingerprint: &'a str,
    /// The service tier that was asked for.
    pub(crate) wanted_tier: Option<&'a str>,
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Finish {
    /// The model had no more to say.
    Stop,
    /// The longest answer allowed was reached.
    Length,
    /// Tools have to be called first.
    ToolCalls,
    /// The content filter ended it.
    ContentFilter,
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Usage {
    pub(crate) prompt: u64,
    /// Those of the prompt that were cached.
    pub(crate) cached: u64,
    pub(crate) completion: u64,
    /// Those of the completion that were only thought.
    pub(crate) reasoning: u64,
}

/// What the frames of a stream have in common.
#[derive(Debug)]
pub(super) struct Frame {
    /// From its start to the inside of its choice.
    pub(super) head: String,
    /// From the end of the choice to where letters may hide its length.
    pub(super) tail: String,
    /// From there to the end of the frame.
    pub(super) end: String,
    /// The beginning of the frame that tells the usage, if there is one.
    pub(super) usage_head: Option<String>,
}

impl Finish {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

impl Envelope<'_> {
    pub(super) fn is_chat(&self) -> bool {
        self.operation == Operation::ChatCompletions
    }

    fn object(&self) -> &'static str {
        if self.is_chat() {
            "chat.completion"
        } else {
            "text_completion"
        }
    }

    fn object_of_frames(&self) -> &'static str {
        if self.is_chat() {
            "chat.completion.chunk"
        } else {
            "text_completion"
        }
    }

    /// The service tier of the answer: the one that was asked for, else the default.
    fn tier(&self) -> &str {
        self.wanted_tier
            .filter(|tier| *tier != "auto")
            .unwrap_or("default")
    }

    /// What all frames of the answer have in common if it is streamed.
    pub(super) fn frame(&self, includes_usage: bool) -> Frame {
        match self.dialect {
            Dialect::Azure => azure::frame(self, includes_usage),
            Dialect::OpenAi => openai::frame(self, includes_usage),
        }
    }
}

impl Usage {
    pub(super) fn write(self, out: &mut String, dialect: Dialect, is_chat: bool) {
        match dialect {
            Dialect::Azure => azure::write_usage(out, self, is_chat),
            Dialect::OpenAi => openai::write_usage(out, self, is_chat),
        }
    }

    fn total(self) -> u64 {
        self.prompt + self.completion
    }
}

/// Writes an answer's body with all that is left of `choices`.
pub(crate) fn write_answer(envelope: &Envelope<'_>, choices: &mut [Reply], usage: Usage) -> String {
    let text_bytes = usize::try_from(usage.completion)
        .unwrap_or(0)
        .saturating_mul(6);
    let mut out = String::with_capacity(text_bytes + 400 * choices.len() + 800);
    match envelope.dialect {
        Dialect::Azure => azure::write_answer(&mut out, envelope, choices, usage),
        Dialect::OpenAi => openai::write_answer(&mut out, envelope, choices, usage),
    }
    out
}

/// Writes how likely the tokens of the answer were, or `null`.
fn write_logprobs(out: &mut String, envelope: &Envelope<'_>, reply: &Reply) {
    let Some(scores) = reply.scores else {
        out.push_str("null");
        return;
    };
    // An answer has at most one text beside its calls.
    let text = reply.said.parts().iter().find_map(|part| match part {
        Part::Content(text) => Some((text, false)),
        Part::Refusal(text) => Some((text, true)),
        Part::Call(_) => None,
    });
    let dialect = envelope.dialect;
    match text {
        Some((text, is_refusal)) if envelope.is_chat() => {
            logprobs::write_chat(out, dialect, scores, text.all(), is_refusal);
        }
        Some((text, _)) => logprobs::write_completion(out, dialect, scores, text.all()),
        None => out.push_str("null"),
    }
}

/// Writes the content as a string, or `null` where there is none.
fn write_content(out: &mut String, said: &mut Said) {
    if said.has_content() {
        write_text(out, said);
    } else {
        out.push_str("null");
    }
}

/// Writes the content as a string, be it empty.
fn write_text(out: &mut String, said: &mut Said) {
    out.push('"');
    match said {
        Said::Lorem(lorem) => lorem.write_rest(out),
        Said::Parts(parts) => {
            for part in parts {
                if let Part::Content(text) = part {
                    escape(out, text.text());
                }
            }
        }
    }
    out.push('"');
}

/// Writes why nothing is said as a string, or `null`.
fn write_refusal(out: &mut String, said: &Said) {
    let mut is_refused = false;
    for part in said.parts() {
        if let Part::Refusal(text) = part {
            if !is_refused {
                out.push('"');
            }
            is_refused = true;
            escape(out, text.text());
        }
    }
    out.push_str(if is_refused { "\"" } else { "null" });
}

/// Writes `text` as the inside of a JSON string.
pub(super) fn escape(out: &mut String, text: &str) {
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[written..at]);
        written = at + 1;
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' | b'\\' => {
                out.push('\\');
                out.push(byte.into());
            }
            _ => write!(out, "\\u{byte:04x}").expect("writing to a string cannot fail"),
        }
    }
    out.push_str(&text[written..]);
}

/// Writes `key`, given with its punctuation, and `value`.
pub(super) fn put(out: &mut String, key: &str, value: impl Display) {
    out.push_str(key);
    write!(out, "{value}").expect("writing to a string cannot fail");
}

#[cfg(test)]
pub(super) mod tests {
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
}
