//! [`Wish`]: what is answered to a request, by its deployment's kind of content.

use std::time::Duration;

use rand::RngExt;
use rand::distr::Alphanumeric;
use serde_json::Value;

use super::{Call, Part, Reply, Said, Scores};
use crate::config::{Content, Deployment, FinishReason, Length, ScriptedCall, Turn};
use crate::openai::Finish;
use crate::seed::{Key, Purpose};
use crate::tokens::tools::call_overhead;
use crate::tokens::{Encoding, Tokens};

/// What decides about one choice of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// The key of this choice alone.
    pub(crate) key: Key,
    pub(crate) deployment: &'a Deployment,
    /// What the user said last.
    pub(crate) last_text: &'a str,
    /// Which turn of the conversation is wanted; the first is 1.
    pub(crate) turn: u32,
    pub(crate) max_tokens: Option<u64>,
    /// Tokens that fit into the context.
    pub(crate) room: u64,
    /// What ends the answer, and is not said.
    pub(crate) stop: &'a [String],
    /// How many of the likeliest tokens are told beside each, if any are.
    pub(crate) logprobs: Option<u8>,
}

impl Wish<'_> {
    /// The answer: that of a script if one fits, `structured` if there is one, else the content.
    pub(crate) fn reply(&self, structured: Option<Reply>) -> Reply {
        let scripted = match &self.deployment.content {
            Content::Script(turns) => turns.iter().find(|turn| self.fits(turn)),
            Content::Lorem | Content::Echo | Content::Text(_) => None,
        };
        let mut reply = match (scripted, structured) {
            (Some(turn), _) => self.scripted(turn),
            (None, Some(structured)) => structured,
            (None, None) => self.text(),
        };
        reply.reasoning = self.thoughts();
        if let Some(top) = self.logprobs {
            reply.known_beforehand(self.encoding());
            reply.scores = Some(Scores {
                key: self.key,
                top,
                offset: self.last_text.chars().count(),
            });
        }
        reply.stop(self.stop, self.encoding());
        let most = self.max_tokens.unwrap_or(self.room);
        reply.limit(most.min(self.room));
        reply
    }

    fn encoding(&self) -> Encoding {
        self.deployment.model.encoding
    }

    fn text(&self) -> Reply {
        let text = match &self.deployment.content {
            Content::Lorem | Content::Script(_) => {
                return Reply::lorem(
                    self.key,
                    self.deployment.answer_tokens,
                    self.max_tokens,
                    self.room,
                );
            }
            Content::Echo => self.last_text,
            Content::Text(text) => text,
        };
        Reply::of(vec![self.content(text)], Finish::Stop)
    }

    fn content(&self, text: &str) -> Part {
        Part::Content(Tokens::of(self.encoding(), text.to_owned()))
    }

    fn thoughts(&self) -> u64 {
        let default = self
            .deployment
            .model
            .is_reasoning()
            .then_some(Length::REASONING);
        let length = self.deployment.reasoning_tokens.or(default);
        length.map_or(0, |length| {
            length.draw(&mut self.key.rng(Purpose::Reasoning))
        })
    }

    fn fits(&self, turn: &Turn) -> bool {
        let contains = |text: &String| self.last_text.contains(text);
        turn.turn.is_none_or(|number| number.get() == self.turn)
            && turn.contains.as_ref().is_none_or(contains)
    }

    fn scripted(&self, turn: &Turn) -> Reply {
        let mut parts: Vec<_> = turn.text.iter().map(|text| self.content(text)).collect();
        let refusal = turn.refusal.clone();
        parts.extend(refusal.map(|text| Part::Refusal(Tokens::of(self.encoding(), text))));
        let calls = turn.tool_calls.iter().zip(0..);
        let overhead = call_overhead(turn.tool_calls.len());
        parts.extend(calls.map(|(call, index)| self.call(call, index, overhead)));
        let finish = match turn.finish_reason {
            Some(reason) => reason.into(),
            None if turn.tool_calls.is_empty() => Finish::Stop,
            None => Finish::ToolCalls,
        };
        let mut reply = Reply::of(parts, finish);
        reply.pause = turn.pause.map_or(Duration::ZERO, clock::Span::get);
        reply
    }

    fn call(&self, call: &ScriptedCall, index: u64, overhead: u64) -> Part {
        let letters = self.key.numbered(index).rng(Purpose::Ids);
        let letters = letters.sample_iter(Alphanumeric).take(24);
        let arguments = match &call.arguments {
            Value::Null => "{}".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Part::Call(Call {
            id: "call_".chars().chain(letters.map(char::from)).collect(),
            name: call.name.clone(),
            head: self.encoding().count(&call.name) as u64 + overhead,
            arguments: Tokens::of(self.encoding(), arguments),
        })
    }
}

impl Reply {
    /// Draws random words now, where they have to be looked at.
    fn known_beforehand(&mut self, encoding: Encoding) {
        if let Said::Lorem(lorem) = &mut self.said {
            let text = Tokens::of(encoding, lorem.text());
            self.said = Said::Parts(vec![Part::Content(text)]);
        }
    }

    /// Ends the content before the first of `stops` in it.
    fn stop(&mut self, stops: &[String], encoding: Encoding) {
        let mut stops = stops.iter().filter(|stop| !stop.is_empty()).peekable();
        if stops.peek().is_none() {
            return;
        }
        let is_word = |stop: &&String| stop.bytes().all(|b| b == b' ' || b.is_ascii_lowercase());
        if stops.clone().any(|stop| is_word(&stop)) {
            self.known_beforehand(encoding);
        }
        let Said::Parts(parts) = &mut self.said else {
            return;
        };
        for (index, part) in parts.iter_mut().enumerate() {
            let Part::Content(tokens) = part else {
                continue;
            };
            let found = stops
                .clone()
                .filter_map(|stop| tokens.text().find(stop.as_str()));
            if let Some(at) = found.min() {
                *tokens = Tokens::of(encoding, tokens.text()[..at].to_owned());
                parts.truncate(index + 1);
                self.finish = Finish::Stop;
                return;
            }
        }
    }
}

impl From<FinishReason> for Finish {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Stop => Self::Stop,
            FinishReason::Length => Self::Length,
            FinishReason::ToolCalls => Self::ToolCalls,
            FinishReason::ContentFilter => Self::ContentFilter,
        }
    }
}
