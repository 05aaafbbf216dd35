//! Answers of chat completions and completions as one body, in each dialect.
//!
//! Keys are in alphabetical order, as Azure writes them. Everything written here is known to
//! need no escaping: ids, names from the model table, and words of the vocabulary.

use std::fmt::{Display, Write};

use super::{Dialect, Operation};

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
}

/// Tokens used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Usage {
    pub(crate) prompt: u64,
    pub(crate) completion: u64,
}

impl Finish {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

impl Envelope<'_> {
    /// Writes `"created":…` up to `"object":…`.
    pub(super) fn write(&self, out: &mut String, object: &str) {
        put(out, r#""created":"#, self.created);
        put(out, r#","id":""#, &self.id);
        put(out, r#"","model":""#, self.model);
        put(out, r#"","object":""#, object);
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
            out.push_str(r#","completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0}"#);
        }
        put(out, r#","prompt_tokens":"#, self.prompt);
        if is_chat {
            out.push_str(r#","prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0}"#);
        }
        put(out, r#","total_tokens":"#, self.prompt + self.completion);
        out.push('}');
    }
}

/// Writes an answer's body; `write_text` writes the text of the choice with the given index.
pub(crate) fn write_answer(
    envelope: &Envelope<'_>,
    choices: &[Finish],
    usage: Usage,
    mut write_text: impl FnMut(usize, &mut String),
) -> String {
    let text_bytes = usize::try_from(usage.completion)
        .unwrap_or(0)
        .saturating_mul(6);
    let mut out = String::with_capacity(text_bytes + 400 * choices.len() + 800);
    let is_azure = envelope.dialect == Dialect::Azure;
    out.push_str(r#"{"choices":["#);
    for (index, finish) in choices.iter().enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        if is_azure {
            put(&mut out, r#""content_filter_results":"#, FILTER);
            out.push(',');
        }
        put(&mut out, r#""finish_reason":""#, finish.as_str());
        put(&mut out, r#"","index":"#, index);
        out.push_str(r#","logprobs":null,"#);
        if envelope.is_chat() {
            out.push_str(r#""message":{"annotations":[],"content":""#);
            write_text(index, &mut out);
            out.push_str(r#"","refusal":null,"role":"assistant"}}"#);
        } else {
            out.push_str(r#""text":""#);
            write_text(index, &mut out);
            out.push_str(r#""}"#);
        }
    }
    out.push_str("],");
    envelope.write(
        &mut out,
        if envelope.is_chat() {
            "chat.completion"
        } else {
            "text_completion"
        },
    );
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

/// Writes `key`, given with its punctuation, and `value`.
pub(super) fn put(out: &mut String, key: &str, value: impl Display) {
    out.push_str(key);
    write!(out, "{value}").expect("writing to a string cannot fail");
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

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
        completion: 2,
    };

    #[test]
    fn a_chat_answer_is_dressed_as_azure_does() {
        let envelope = envelope(Dialect::Azure, Operation::ChatCompletions);
        let body = write_answer(&envelope, &[Finish::Length], USAGE, |_, out| {
            out.push_str("one two");
        });
        insta::assert_snapshot!(body, @r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"finish_reason":"length","index":0,"logprobs":null,"message":{"annotations":[],"content":"one two","refusal":null,"role":"assistant"}}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}],"system_fingerprint":"fp_0123456789","usage":{"completion_tokens":2,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":5,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":7}}"#);
    }

    #[test]
    fn a_completion_of_two_choices_is_dressed_as_openai_does() {
        let envelope = envelope(Dialect::OpenAi, Operation::Completions);
        let choices = [Finish::Stop, Finish::Length];
        let body = write_answer(&envelope, &choices, USAGE, |index, out| {
            put(out, "text ", index);
        });
        insta::assert_snapshot!(body, @r#"{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"text":"text 0"},{"finish_reason":"length","index":1,"logprobs":null,"text":"text 1"}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"text_completion","usage":{"completion_tokens":2,"prompt_tokens":5,"total_tokens":7}}"#);
    }

    #[test]
    fn every_body_is_json_in_alphabetical_order() {
        for dialect in [Dialect::Azure, Dialect::OpenAi] {
            for operation in [Operation::ChatCompletions, Operation::Completions] {
                let body = write_answer(
                    &envelope(dialect, operation),
                    &[Finish::Stop],
                    USAGE,
                    |_, _| {},
                );
                let tree: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert!(tree.as_object().unwrap().keys().is_sorted(), "{body}");
            }
        }
    }
}
