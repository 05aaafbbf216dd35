//! Answers of chat completions and completions as server-sent events.
//!
//! Frames in order: on Azure one about the prompt's content filter; for chats one per choice
//! that tells the role; one per token; one per choice that ends it; on demand one with the
//! usage; `[DONE]`. Source: recordings of Azure OpenAI of March 2026.

use super::dress::{FILTER, PROMPT_FILTER, escape, put};
use super::obfuscation::{self, Obfuscation};
use super::{Dialect, Envelope, Finish, Operation, Usage, logprobs};
use crate::generate::{Delta, Reply, Scores};
use crate::seed::Key;

/// How an answer is to be streamed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streaming {
    pub(crate) includes_usage: bool,
    /// The key of the letters that hide how long a text is, where it is to be hidden.
    pub(crate) obfuscation: Option<Key>,
}

/// Writes the frames of one answer.
#[derive(Debug)]
pub(crate) struct Events {
    operation: Operation,
    dialect: Dialect,
    /// From the end of the choice to where letters may hide its length; equal in all frames.
    tail: String,
    /// From there to the end of the frame.
    end: String,
    obfuscation: Option<Obfuscation>,
    /// The same as both with a place for the usage.
    usage_head: Option<String>,
}

impl Events {
    pub(crate) fn new(envelope: &Envelope<'_>, streaming: Streaming) -> Self {
        let is_chat = envelope.is_chat();
        let mut named = String::with_capacity(256);
        envelope.write_names(&mut named);
        let mut rest = String::with_capacity(128);
        Envelope::write_object(
            &mut rest,
            if is_chat {
                "chat.completion.chunk"
            } else {
                "text_completion"
            },
        );
        if is_chat {
            put(
                &mut rest,
                r#","system_fingerprint":""#,
                envelope.fingerprint,
            );
            rest.push('"');
        }
        let usage_head = streaming
            .includes_usage
            .then(|| format!("data: {{\"choices\":[],{named}{rest},\"usage\":"));
        if streaming.includes_usage {
            rest.push_str(r#","usage":null"#);
        }
        // Assumed: the older API hides nothing.
        let obfuscation = streaming.obfuscation.filter(|_| is_chat);
        Self {
            operation: envelope.operation,
            dialect: envelope.dialect,
            tail: format!("}}],{named}"),
            end: format!("{rest}}}\n\n"),
            obfuscation: obfuscation.map(Obfuscation::new),
            usage_head,
        }
    }

    /// What comes before the first token.
    pub(crate) fn open(&mut self, out: &mut String, choices: &[Reply]) {
        if self.dialect == Dialect::Azure {
            out.push_str(r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":"#);
            out.push_str(PROMPT_FILTER);
            out.push_str("}\n\n");
        }
        if self.operation != Operation::ChatCompletions {
            return;
        }
        for (index, reply) in choices.iter().enumerate() {
            self.head(out, "{}");
            out.push_str(r#""delta":{"content":"#);
            out.push_str(if reply.said.has_content() {
                r#""""#
            } else {
                "null"
            });
            out.push_str(r#","refusal":null,"role":"assistant"},"finish_reason":null,"index":"#);
            put(out, "", index);
            out.push_str(r#","logprobs":null"#);
            self.tail(out, obfuscation::ROLE);
        }
    }

    /// What a token adds to the choice `index`.
    pub(crate) fn delta(
        &mut self,
        out: &mut String,
        index: usize,
        delta: &Delta<'_>,
        scores: Option<Scores>,
    ) {
        let is_call = matches!(delta, Delta::Call { .. } | Delta::Arguments { .. });
        // Calls are not looked at by the filter.
        self.head(out, if is_call { "{}" } else { FILTER });
        if self.operation == Operation::ChatCompletions {
            out.push_str(r#""delta":{"#);
            write_delta(out, delta);
            out.push_str(r#"},"finish_reason":null,"index":"#);
            put(out, "", index);
            out.push_str(r#","logprobs":"#);
            match (scores, delta) {
                (Some(scores), Delta::Content(told)) => {
                    logprobs::write_chat(out, scores, *told, false);
                }
                (Some(scores), Delta::Refusal(told)) => {
                    logprobs::write_chat(out, scores, *told, true);
                }
                _ => out.push_str("null"),
            }
        } else {
            out.push_str(r#""finish_reason":null,"index":"#);
            put(out, "", index);
            out.push_str(r#","logprobs":"#);
            match (scores, delta) {
                (Some(scores), Delta::Content(told)) => {
                    logprobs::write_completion(out, scores, *told);
                }
                _ => out.push_str("null"),
            }
            out.push_str(r#","text":""#);
            write_text(out, delta);
            out.push('"');
        }
        self.tail(out, Obfuscation::beside(characters(delta)));
    }

    /// The end of the choice `index`.
    pub(crate) fn finish(&mut self, out: &mut String, index: usize, finish: Finish) {
        self.head(out, "{}");
        let is_chat = self.operation == Operation::ChatCompletions;
        put(
            out,
            if is_chat { r#""delta":{},"# } else { "" },
            r#""finish_reason":""#,
        );
        put(out, finish.as_str(), r#"","index":"#);
        put(out, "", index);
        out.push_str(if is_chat {
            r#","logprobs":null"#
        } else {
            r#","logprobs":null,"text":"""#
        });
        self.tail(out, obfuscation::FINISH);
    }

    /// What comes after the last choice has ended.
    pub(crate) fn close(&self, out: &mut String, usage: Usage) {
        if let Some(head) = &self.usage_head {
            out.push_str(head);
            usage.write(out, self.operation);
            out.push_str("}\n\n");
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn head(&self, out: &mut String, filter: &str) {
        out.push_str(r#"data: {"choices":[{"#);
        if self.dialect == Dialect::Azure {
            put(out, r#""content_filter_results":"#, filter);
            out.push(',');
        }
    }

    /// Ends a frame, hiding its length behind so many letters if that is wanted.
    fn tail(&mut self, out: &mut String, letters: usize) {
        out.push_str(&self.tail);
        if let Some(obfuscation) = &mut self.obfuscation {
            obfuscation.write(out, letters);
        }
        out.push_str(&self.end);
    }
}

/// How many characters a delta adds.
fn characters(delta: &Delta<'_>) -> usize {
    match delta {
        Delta::Word(space, word) => space.len() + word.len(),
        Delta::Content(told) | Delta::Refusal(told) | Delta::Arguments { text: told, .. } => {
            told.text.chars().count()
        }
        Delta::Call { .. } => 0,
    }
}

/// Writes the fields of a chat's delta.
fn write_delta(out: &mut String, delta: &Delta<'_>) {
    match delta {
        Delta::Word(..) | Delta::Content(_) => out.push_str(r#""content":""#),
        Delta::Refusal(_) => out.push_str(r#""refusal":""#),
        Delta::Call { index, id, name } => {
            out.push_str(r#""tool_calls":[{"function":{"arguments":"","name":""#);
            escape(out, name);
            out.push_str(r#""},"id":""#);
            escape(out, id);
            put(out, r#"","index":"#, index);
            out.push_str(r#","type":"function"}]"#);
            return;
        }
        Delta::Arguments { index, .. } => {
            out.push_str(r#""tool_calls":[{"function":{"arguments":""#);
            write_text(out, delta);
            put(out, r#""},"index":"#, index);
            out.push_str("}]");
            return;
        }
    }
    write_text(out, delta);
    out.push('"');
}

/// Writes a delta's text as the inside of a string.
fn write_text(out: &mut String, delta: &Delta<'_>) {
    match delta {
        Delta::Word(space, word) => {
            out.push_str(space);
            out.push_str(word);
        }
        Delta::Content(told) | Delta::Refusal(told) | Delta::Arguments { text: told, .. } => {
            escape(out, told.text);
        }
        Delta::Call { .. } => {}
    }
}

#[cfg(test)]
mod tests {
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
        {"content":null,"refusal":null,"role":"assistant"}
        {"tool_calls":[{"function":{"arguments":"","name":"weather"},"id":"call_1","index":0,"type":"function"}]}
        {"tool_calls":[{"function":{"arguments":"{\""},"index":0}]}
        {"tool_calls":[{"function":{"arguments":"city"},"index":0}]}
        {"tool_calls":[{"function":{"arguments":"\":\""},"index":0}]}
        {"tool_calls":[{"function":{"arguments":"Rome"},"index":0}]}
        {"tool_calls":[{"function":{"arguments":"\"}"},"index":0}]}
        {"tool_calls":[{"function":{"arguments":"","name":"weather"},"id":"call_2","index":1,"type":"function"}]}
        {"tool_calls":[{"function":{"arguments":"{}"},"index":1}]}
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
        data: {"choices":[{"delta":{"content":"","refusal":null,"role":"assistant"},"finish_reason":null,"index":0,"logprobs":null}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789","usage":null}

        data: {"choices":[{"delta":{"content":"one"},"finish_reason":null,"index":0,"logprobs":null}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789","usage":null}

        data: {"choices":[{"delta":{},"finish_reason":"stop","index":0,"logprobs":null}],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789","usage":null}

        data: {"choices":[],"created":1767225600,"id":"chatcmpl-1","model":"gpt-4o-2024-11-20","object":"chat.completion.chunk","system_fingerprint":"fp_0123456789","usage":{"completion_tokens":1,"completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"rejected_prediction_tokens":0},"prompt_tokens":5,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":0},"total_tokens":6}}

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
    fn every_frame_is_json_in_alphabetical_order() {
        for dialect in [Dialect::Azure, Dialect::OpenAi] {
            for operation in [Operation::ChatCompletions, Operation::Completions] {
                let frames = stream(dialect, operation, true);
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
    }
}
