//! Answers of chat completions and completions as server-sent events.
//!
//! Frames in order: on Azure one about the prompt's content filter; for chats one per choice
//! that tells the role; one per token; one per choice that ends it; on demand one with the
//! usage; `[DONE]`. Source: recordings of Azure OpenAI of March 2026.

use super::dress::{FILTER, Frame, PROMPT_FILTER, escape, put};
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
    frame: Frame,
    obfuscation: Option<Obfuscation>,
}

/// What a frame tells of a choice.
#[derive(Clone, Copy, Debug)]
enum News<'a> {
    /// Who speaks, before anything is said.
    Role { has_content: bool },
    /// What a token adds, and how likely it was.
    Delta(&'a Delta<'a>, Option<Scores>),
    /// Why nothing more comes.
    Finish(Finish),
}

impl Events {
    pub(crate) fn new(envelope: &Envelope<'_>, streaming: Streaming) -> Self {
        // Assumed: the older API hides nothing.
        let obfuscation = streaming.obfuscation.filter(|_| envelope.is_chat());
        Self {
            operation: envelope.operation,
            dialect: envelope.dialect,
            frame: envelope.frame(streaming.includes_usage),
            obfuscation: obfuscation.map(Obfuscation::new),
        }
    }

    /// What comes before the first token.
    pub(crate) fn open(&mut self, out: &mut String, choices: &[Reply]) {
        if self.dialect == Dialect::Azure {
            out.push_str(r#"data: {"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":"#);
            out.push_str(PROMPT_FILTER);
            out.push_str("}\n\n");
        }
        if !self.is_chat() {
            return;
        }
        for (index, reply) in choices.iter().enumerate() {
            let has_content = reply.said.has_content();
            self.tell(out, index, News::Role { has_content });
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
        self.tell(out, index, News::Delta(delta, scores));
    }

    /// The end of the choice `index`.
    pub(crate) fn finish(&mut self, out: &mut String, index: usize, finish: Finish) {
        self.tell(out, index, News::Finish(finish));
    }

    /// What comes after the last choice has ended.
    pub(crate) fn close(&self, out: &mut String, usage: Usage) {
        if let Some(head) = &self.frame.usage_head {
            out.push_str(head);
            usage.write(out, self.dialect, self.is_chat());
            out.push_str("}\n\n");
        }
        out.push_str("data: [DONE]\n\n");
    }

    fn is_chat(&self) -> bool {
        self.operation == Operation::ChatCompletions
    }

    /// Writes a frame, hiding its length behind letters if that is wanted.
    fn tell(&mut self, out: &mut String, index: usize, news: News<'_>) {
        out.push_str(&self.frame.head);
        match self.dialect {
            Dialect::Azure => self.write_as_azure(out, index, news),
            Dialect::OpenAi => self.write_as_openai(out, index, news),
        }
        out.push_str(&self.frame.tail);
        if let Some(obfuscation) = &mut self.obfuscation {
            obfuscation.write(out, news.letters());
        }
        out.push_str(&self.frame.end);
    }

    fn write_as_azure(&self, out: &mut String, index: usize, news: News<'_>) {
        put(out, r#""content_filter_results":"#, news.filter());
        if self.is_chat() {
            out.push_str(r#","delta":"#);
            self.write_delta(out, news);
        }
        out.push_str(r#","finish_reason":"#);
        news.write_finish(out);
        put(out, r#","index":"#, index);
        out.push_str(r#","logprobs":"#);
        self.write_logprobs(out, news);
        if !self.is_chat() {
            out.push_str(r#","text":"#);
            news.write_text(out);
        }
    }

    fn write_as_openai(&self, out: &mut String, index: usize, news: News<'_>) {
        if self.is_chat() {
            put(out, r#""index":"#, index);
            out.push_str(r#","delta":"#);
            self.write_delta(out, news);
        } else {
            out.push_str(r#""text":"#);
            news.write_text(out);
            put(out, r#","index":"#, index);
        }
        out.push_str(r#","logprobs":"#);
        self.write_logprobs(out, news);
        out.push_str(r#","finish_reason":"#);
        news.write_finish(out);
    }

    /// Writes what changes in a chat.
    fn write_delta(&self, out: &mut String, news: News<'_>) {
        match (news, self.dialect) {
            (News::Role { has_content }, dialect) => {
                let content = if has_content { r#""""# } else { "null" };
                match dialect {
                    Dialect::Azure => {
                        put(out, r#"{"content":"#, content);
                        out.push_str(r#","refusal":null,"role":"assistant"}"#);
                    }
                    Dialect::OpenAi => {
                        put(out, r#"{"role":"assistant","content":"#, content);
                        out.push_str(r#","refusal":null}"#);
                    }
                }
            }
            (News::Delta(delta, _), dialect) => write_delta(out, delta, dialect),
            (News::Finish(_), _) => out.push_str("{}"),
        }
    }

    fn write_logprobs(&self, out: &mut String, news: News<'_>) {
        let (told, scores, is_refusal) = match news {
            News::Delta(Delta::Content(told), Some(scores)) => (*told, scores, false),
            News::Delta(Delta::Refusal(told), Some(scores)) if self.is_chat() => {
                (*told, scores, true)
            }
            _ => return out.push_str("null"),
        };
        if self.is_chat() {
            logprobs::write_chat(out, self.dialect, scores, told, is_refusal);
        } else {
            logprobs::write_completion(out, self.dialect, scores, told);
        }
    }
}

impl News<'_> {
    /// What Azure's content filter says of it.
    fn filter(self) -> &'static str {
        match self {
            // Calls are not looked at.
            Self::Role { .. }
            | Self::Finish(_)
            | Self::Delta(Delta::Call { .. } | Delta::Arguments { .. }, _) => "{}",
            Self::Delta(..) => FILTER,
        }
    }

    fn write_finish(self, out: &mut String) {
        match self {
            Self::Finish(finish) => {
                put(out, "\"", finish.as_str());
                out.push('"');
            }
            Self::Role { .. } | Self::Delta(..) => out.push_str("null"),
        }
    }

    /// Writes the text of a completion as a string.
    fn write_text(self, out: &mut String) {
        out.push('"');
        if let Self::Delta(delta, _) = self {
            write_text(out, delta);
        }
        out.push('"');
    }

    /// How many letters hide how long it is.
    fn letters(self) -> usize {
        match self {
            Self::Role { .. } => obfuscation::ROLE,
            Self::Delta(delta, _) => Obfuscation::beside(characters(delta)),
            Self::Finish(_) => obfuscation::FINISH,
        }
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

/// Writes a chat's delta.
fn write_delta(out: &mut String, delta: &Delta<'_>, dialect: Dialect) {
    match (delta, dialect) {
        (Delta::Word(..) | Delta::Content(_), _) => out.push_str(r#"{"content":""#),
        (Delta::Refusal(_), _) => out.push_str(r#"{"refusal":""#),
        (Delta::Call { index, id, name }, Dialect::Azure) => {
            out.push_str(r#"{"tool_calls":[{"function":{"arguments":"","name":""#);
            escape(out, name);
            out.push_str(r#""},"id":""#);
            escape(out, id);
            put(out, r#"","index":"#, index);
            return out.push_str(r#","type":"function"}]}"#);
        }
        (Delta::Call { index, id, name }, Dialect::OpenAi) => {
            put(out, r#"{"tool_calls":[{"index":"#, index);
            out.push_str(r#","id":""#);
            escape(out, id);
            out.push_str(r#"","type":"function","function":{"name":""#);
            escape(out, name);
            return out.push_str(r#"","arguments":""}}]}"#);
        }
        (Delta::Arguments { index, .. }, Dialect::Azure) => {
            out.push_str(r#"{"tool_calls":[{"function":{"arguments":""#);
            write_text(out, delta);
            put(out, r#""},"index":"#, index);
            return out.push_str("}]}");
        }
        (Delta::Arguments { index, .. }, Dialect::OpenAi) => {
            put(out, r#"{"tool_calls":[{"index":"#, index);
            out.push_str(r#","function":{"arguments":""#);
            write_text(out, delta);
            return out.push_str(r#""}}]}"#);
        }
    }
    write_text(out, delta);
    out.push_str(r#""}"#);
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
mod tests;
