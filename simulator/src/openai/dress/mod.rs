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
pub(super) mod tests;
