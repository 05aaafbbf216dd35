//! [`EventReader`]: server-sent events, read as they arrive.
//!
//! Bytes come in as the network cuts them, so a chunk may hold half an event or five. Whoever
//! measures reads the clock when a chunk leaves the socket, *before* giving it to this reader.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html (read 2026-08), "Parsing
// an event stream": lines end with CRLF, LF or CR; a line that starts with a colon is a comment;
// an empty line ends an event; data lines of one event are joined by LF.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::answer::{Usage, error_text};

/// What an event of a completion stream means to its client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamEvent {
    /// Text, a part of a tool call or of the reasoning: what a user would see as a token.
    Content,
    /// Nothing to see: the role, a finish reason, content filter results.
    Empty,
    /// The token counts, in a chunk of their own without choices.
    Usage(Usage),
    /// `[DONE]`: the stream is complete.
    Done,
    /// The server reports an error inside the stream.
    Error(String),
    /// Not what a completion stream may hold.
    Unreadable,
}

/// Reads the events of one stream.
#[derive(Clone, Debug, Default)]
pub struct EventReader {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// The data lines of the event that has not ended yet.
    data: Vec<u8>,
    /// Whether that event has a data line.
    has_data: bool,
    /// Whether the last byte was a CR, whose LF may follow in the next chunk.
    after_cr: bool,
}

impl EventReader {
    /// Takes in the next bytes and hands out the events that they complete, in order.
    pub fn push(&mut self, chunk: &[u8], mut each: impl FnMut(StreamEvent)) {
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (line, ended) = rest.split_at(end);
            rest = match ended {
                [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
                [] => &[],
            };
            self.after_cr = ended == b"\r";
            self.end_line(line, &mut each);
        }
        self.line.extend_from_slice(rest);
    }

    fn end_line(&mut self, line: &[u8], each: &mut impl FnMut(StreamEvent)) {
        if self.line.is_empty() {
            self.take_line(line, each);
        } else {
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            self.take_line(&whole, each);
            whole.clear();
            self.line = whole;
        }
    }

    fn take_line(&mut self, line: &[u8], each: &mut impl FnMut(StreamEvent)) {
        if line.is_empty() {
            if self.has_data {
                each(StreamEvent::read(&self.data));
            }
            self.data.clear();
            self.has_data = false;
        } else if let Some(data) = line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push(b'\n');
            }
            let data = data.strip_prefix(b" ").unwrap_or(data);
            self.data.extend_from_slice(data);
            self.has_data = true;
        }
        // Comments, `event`, `id` and `retry` change nothing of what a client measures.
    }
}

impl StreamEvent {
    fn read(data: &[u8]) -> Self {
        if data == b"[DONE]" {
            return Self::Done;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
            return Self::Unreadable;
        };
        if let Some(error) = chunk.error {
            return Self::Error(error_text(&error));
        }
        match (chunk.choices, chunk.usage) {
            (Some(choices), _) if choices.iter().any(Choice::has_content) => Self::Content,
            (_, Some(usage)) => Self::Usage(usage),
            (Some(_), None) => Self::Empty,
            (None, None) => Self::Unreadable,
        }
    }
}

/// A chunk of a chat completion or of a completion, as far as it is measured.
#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Usage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// Of a chat completion.
    delta: Option<Delta>,
    /// Of a completion.
    #[serde(default)]
    text: Visible,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Visible,
    refusal: Visible,
    reasoning_content: Visible,
    tool_calls: Visible,
}

impl Choice {
    fn has_content(&self) -> bool {
        let shows = |delta: &Delta| {
            delta.content.0 || delta.refusal.0 || delta.reasoning_content.0 || delta.tool_calls.0
        };
        self.text.0 || self.delta.as_ref().is_some_and(shows)
    }
}

/// Whether a JSON value shows anything: a text or a list that is not empty. Keeps no copy of it.
#[derive(Clone, Copy, Debug, Default)]
struct Visible(bool);

impl<'de> Deserialize<'de> for Visible {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VisibleVisitor).map(Self)
    }
}

struct VisibleVisitor;

impl<'de> Visitor<'de> for VisibleVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a list or null")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(!text.is_empty())
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut is_visible = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_visible = true;
        }
        Ok(is_visible)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::StreamEvent::*;
    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<StreamEvent> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            reader.push(chunk, |event| events.push(event));
        }
        events
    }

    fn usage(prompt_tokens: u32, completion_tokens: u32) -> StreamEvent {
        Usage(super::Usage {
            prompt_tokens,
            completion_tokens,
        })
    }

    /// A chat as Azure streams it: filter results first, role, two tokens, the end, usage.
    const CHAT: &str = r#"data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}

data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null}}],"usage":null}

: a comment, as some gateways send to keep the connection open
data: {"choices":[{"index":0,"delta":{"content":"Hel"}}],"usage":null}

data: {"choices":[{"index":0,"delta":{"content":"lo"}}],"usage":null}

data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}

data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}

data: [DONE]

"#;

    #[test]
    fn a_chat_has_as_many_content_events_as_tokens() {
        let expected = [Empty, Empty, Content, Content, Empty, usage(9, 2), Done];
        assert_eq!(read(&[CHAT.as_bytes()]), expected);
    }

    #[test]
    fn line_ends_of_every_kind_end_lines() {
        let events = read(&[CHAT.as_bytes()]);
        assert_eq!(read(&[CHAT.replace('\n', "\r\n").as_bytes()]), events);
        assert_eq!(read(&[CHAT.replace('\n', "\r").as_bytes()]), events);
    }

    #[test]
    fn a_completion_streams_text() {
        let stream = b"data: {\"choices\":[{\"text\":\" river\"}]}\n\ndata: {\"choices\":[{\"text\":\"\"}]}\n\n";
        assert_eq!(read(&[stream]), [Content, Empty]);
    }

    #[test]
    fn tool_calls_and_reasoning_are_content() {
        let tool = br#"data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#;
        let reasoning = br#"data: {"choices":[{"delta":{"reasoning_content":"so"}}]}"#;
        let nothing = br#"data: {"choices":[{"delta":{"content":null,"tool_calls":[]}}]}"#;
        let end = b"\n\n";
        assert_eq!(
            read(&[tool, end, reasoning, end, nothing, end]),
            [Content, Content, Empty]
        );
    }

    #[test]
    fn errors_inside_the_stream_are_told() {
        let error =
            b"event: error\ndata: {\"error\":{\"code\":\"server_error\",\"message\":\"Oops\"}}\n\n";
        assert_eq!(read(&[error]), [Error("server_error: Oops".to_owned())]);
        assert_eq!(read(&[b"data: {\"choices\":\n\n"]), [Unreadable]);
        assert_eq!(read(&[b"data: <html>\n\n"]), [Unreadable]);
    }

    #[test]
    fn data_may_span_lines_and_need_no_space() {
        assert_eq!(read(&[b"data:{\"choices\":\ndata: []}\n\n"]), [Empty]);
    }

    #[test]
    fn an_event_that_never_ends_is_none() {
        assert_eq!(read(&[b"data: [DONE]\n"]), []);
        assert_eq!(read(&[b"\n\n: hello\n\n"]), []);
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_events(
            cuts in prop::collection::vec(0usize..CHAT.len(), 0..40), line_end in "(\r\n|\n|\r)",
        ) {
            let stream = CHAT.replace('\n', &line_end).into_bytes();
            let mut cuts: Vec<usize> = cuts;
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&chunks), read(&[&stream]));
        }
    }
}
