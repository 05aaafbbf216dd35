//! Answers of chat completions and completions as one body, in each dialect.
//!
//! Keys are in alphabetical order, as Azure writes them. Ids, names from the model table and
//! words of the vocabulary need no escaping; every other text is escaped here.

use std::fmt::{Display, Write};

use super::{Dialect, Operation, logprobs};
use crate::generate::{Call, Part, Reply, Said};

/// What Azure's content filter says of an answer that is fine.
pub(super) const FILTER: &str = r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#;

/// What Azure's content filter says of a prompt that is fine.
pub(super) const PROMPT_FILTER: &str = r#"[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]"#;

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
    /// Writes `"created":…` up to `"model":…`.
    pub(super) fn write_names(&self, out: &mut String) {
        put(out, r#""created":"#, self.created);
        put(out, r#","id":""#, &self.id);
        put(out, r#"","model":""#, self.model);
        out.push('"');
    }

    /// Writes `,"object":…`.
    pub(super) fn write_object(out: &mut String, object: &str) {
        put(out, r#","object":""#, object);
        out.push('"');
    }

    pub(super) fn is_chat(&self) -> bool {
        self.operation == Operation::ChatCompletions
    }
}

impl Usage {
    pub(super) fn write(self, out: &mut String, operation: Operation) {
        put(out, r#"{"completion_tokens":"#, self.completion);
        let is_chat = operation == Operation::ChatCompletions;
        if is_chat {
            put(
                out,
                r#","completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":"#,
                self.reasoning,
            );
            out.push_str(r#","rejected_prediction_tokens":0}"#);
        }
        put(out, r#","prompt_tokens":"#, self.prompt);
        if is_chat {
            let details = r#","prompt_tokens_details":{"audio_tokens":0,"cached_tokens":"#;
            put(out, details, self.cached);
            out.push('}');
        }
        put(out, r#","total_tokens":"#, self.prompt + self.completion);
        out.push('}');
    }
}

/// Writes an answer's body with all that is left of `choices`.
pub(crate) fn write_answer(envelope: &Envelope<'_>, choices: &mut [Reply], usage: Usage) -> String {
    let text_bytes = usize::try_from(usage.completion)
        .unwrap_or(0)
        .saturating_mul(6);
    let mut out = String::with_capacity(text_bytes + 400 * choices.len() + 800);
    let is_azure = envelope.dialect == Dialect::Azure;
    out.push_str(r#"{"choices":["#);
    for (index, reply) in choices.iter_mut().enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        if is_azure {
            put(&mut out, r#""content_filter_results":"#, FILTER);
            out.push(',');
        }
        put(&mut out, r#""finish_reason":""#, reply.finish.as_str());
        put(&mut out, r#"","index":"#, index);
        out.push_str(r#","logprobs":"#);
        write_logprobs(&mut out, envelope, reply);
        out.push(',');
        if envelope.is_chat() {
            write_message(&mut out, &mut reply.said);
        } else {
            out.push_str(r#""text":""#);
            write_content(&mut out, &mut reply.said);
            out.push('"');
        }
        out.push('}');
    }
    out.push_str("],");
    let object = if envelope.is_chat() {
        "chat.completion"
    } else {
        "text_completion"
    };
    envelope.write_names(&mut out);
    Envelope::write_object(&mut out, object);
    if is_azure {
        put(&mut out, r#","prompt_filter_results":"#, PROMPT_FILTER);
    }
    if envelope.is_chat() {
        put(&mut out, r#","system_fingerprint":""#, envelope.fingerprint);
        out.push('"');
    }
    out.push_str(r#","usage":"#);
    usage.write(&mut out, envelope.operation);
    out.push_str("}\n");
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
    match text {
        Some((text, is_refusal)) if envelope.is_chat() => {
            logprobs::write_chat(out, scores, text.all(), is_refusal);
        }
        Some((text, _)) => logprobs::write_completion(out, scores, text.all()),
        None => out.push_str("null"),
    }
}

/// Writes `"message":{…}`.
fn write_message(out: &mut String, said: &mut Said) {
    out.push_str(r#""message":{"annotations":[],"content":"#);
    if said.has_content() {
        out.push('"');
        write_content(out, said);
        out.push('"');
    } else {
        out.push_str("null");
    }
    out.push_str(r#","refusal":"#);
    let refused = |part: &Part| matches!(part, Part::Refusal(_));
    if said.parts().iter().any(refused) {
        out.push('"');
        for part in said.parts() {
            if let Part::Refusal(text) = part {
                escape(out, text.text());
            }
        }
        out.push('"');
    } else {
        out.push_str("null");
    }
    out.push_str(r#","role":"assistant""#);
    write_calls(out, said.parts());
    out.push('}');
}

/// Writes the content as the inside of a string.
fn write_content(out: &mut String, said: &mut Said) {
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
}

/// Writes `,"tool_calls":[…]`, if there are any.
fn write_calls(out: &mut String, parts: &[Part]) {
    let calls = parts.iter().filter_map(|part| match part {
        Part::Call(call) => Some(call),
        Part::Content(_) | Part::Refusal(_) => None,
    });
    let mut separator = r#","tool_calls":["#;
    for Call {
        id,
        name,
        arguments,
        ..
    } in calls
    {
        out.push_str(separator);
        out.push_str(r#"{"function":{"arguments":""#);
        escape(out, arguments.text());
        out.push_str(r#"","name":""#);
        escape(out, name);
        out.push_str(r#""},"id":""#);
        escape(out, id);
        out.push_str(r#"","type":"function"}"#);
        separator = ",";
    }
    if separator == "," {
        out.push(']');
    }
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
    use crate::tokens::{Encoding, Tokens};

    pub(in crate::openai) fn envelope(dialect: Dialect, operation: Operation) -> Envelope<'static> {
        Envelope {
            dialect,
            operation,
            id: "chatcmpl-1".to_owned(),
            created: 1_767_225_600,
            model: "gpt-4o-2024-11-20",
            fingerprint: "fp_0123456789",
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
    fn a_completion_of_two_choices_is_dressed_as_openai_does() {
        let envelope = envelope(Dialect::OpenAi, Operation::Completions);
        let mut choices = [says("text 0", Finish::Stop), says("text 1", Finish::Length)];
        let body = write_answer(&envelope, &mut choices, USAGE);
        insta::assert_snapshot!(body, @r#"{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"text":"text 0"},{"finish_reason":"length","index":1,"logprobs":null,"text":"text 1"}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"text_completion","usage":{"completion_tokens":2,"prompt_tokens":5,"total_tokens":7}}"#);
    }

    #[test]
    fn tools_are_called_instead_of_saying_something() {
        let envelope = envelope(Dialect::OpenAi, Operation::ChatCompletions);
        let body = write_answer(&envelope, &mut [calls()], USAGE);
        insta::assert_snapshot!(body, @r#"
        {"choices":[{"finish_reason":"tool_calls","index":0,"logprobs":null,"message":{"annotations":[],"content":null,"refusal":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{\"city\":\"Rome\"}","name":"weather"},"id":"call_1","type":"function"},{"function":{"arguments":"{}","name":"weather"},"id":"call_2","type":"function"}]}}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion","system_fingerprint":"fp_0123456789","usage":{"completion_tokens":2,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":5,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":7}}
        "#);
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
    fn every_body_is_json_in_alphabetical_order() {
        for dialect in [Dialect::Azure, Dialect::OpenAi] {
            for operation in [Operation::ChatCompletions, Operation::Completions] {
                let mut choices = [says("", Finish::Stop)];
                let body = write_answer(&envelope(dialect, operation), &mut choices, USAGE);
                let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert!(tree.as_object().unwrap().keys().is_sorted(), "{body}");
            }
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
