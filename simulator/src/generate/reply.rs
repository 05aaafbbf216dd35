//! [`Reply`]: what one choice of an answer says, token by token.
//!
//! Time is in tokens: each of them is due at a moment of its own, whether it says something
//! (a word), nothing yet (half of a character) or never anything (a thought). So one count is
//! the answer's length, its price and its duration.

use std::time::Duration;

use super::{Lorem, Scores};
use crate::openai::Finish;
use crate::tokens::{Tokens, Told};

/// One choice of an answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Tokens thought before the first that is said, and not yet gone by.
    pub(crate) reasoning: u64,
    pub(crate) said: Said,
    pub(crate) finish: Finish,
    /// How much later than usual everything is said.
    pub(crate) pause: Duration,
    /// How likely each token of the content was, where that is to be told.
    pub(crate) scores: Option<Scores>,
}

/// What is said.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most replies are random words, and a box would cost each an allocation"
)]
pub(crate) enum Said {
    /// Random words, drawn as they are written.
    Lorem(Lorem),
    /// Texts known beforehand, one after the other.
    Parts(Vec<Part>),
}

/// A text with its use.
#[derive(Debug)]
pub(crate) enum Part {
    /// What the assistant says.
    Content(Tokens),
    /// Why it says nothing.
    Refusal(Tokens),
    /// What it asks to be done.
    Call(Call),
}

/// A call of a tool.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Tokens before those of the arguments, such as the name's; at least one.
    pub(crate) head: u64,
    pub(crate) arguments: Tokens,
}

/// What a token adds to a choice. Text is as it is meant, not yet escaped.
#[derive(Debug)]
pub(crate) enum Delta<'a> {
    /// A word of the vocabulary after what stands before it; neither needs escaping.
    Word(&'static str, &'static str),
    /// More of the content.
    Content(Told<'a>),
    /// More of the refusal.
    Refusal(Told<'a>),
    /// The beginning of the call numbered `index`.
    Call {
        index: usize,
        id: &'a str,
        name: &'a str,
    },
    /// More of the arguments of the call numbered `index`.
    Arguments { index: usize, text: Told<'a> },
}

impl Reply {
    /// A reply of `parts`.
    pub(crate) fn of(parts: Vec<Part>, finish: Finish) -> Self {
        Self::new(Said::Parts(parts), finish)
    }

    pub(super) fn new(said: Said, finish: Finish) -> Self {
        Self {
            reasoning: 0,
            said,
            finish,
            pause: Duration::ZERO,
            scores: None,
        }
    }

    /// Tokens not yet gone by.
    pub(crate) fn left(&self) -> u64 {
        self.reasoning + self.said.left()
    }

    /// Cuts the reply off after `most` tokens.
    pub(crate) fn limit(&mut self, most: u64) {
        if self.left() <= most {
            return;
        }
        self.finish = Finish::Length;
        self.reasoning = self.reasoning.min(most);
        let mut room = most - self.reasoning;
        match &mut self.said {
            Said::Lorem(lorem) => lorem.keep(room),
            Said::Parts(parts) => parts.retain_mut(|part| {
                let is_kept = part.keep(room);
                room -= part.left().min(room);
                is_kept
            }),
        }
    }

    /// Takes one more token and tells what it adds, if it adds anything.
    pub(crate) fn next(&mut self, tell: impl FnOnce(&Delta<'_>)) {
        if self.reasoning > 0 {
            self.reasoning -= 1;
            return;
        }
        match &mut self.said {
            Said::Lorem(lorem) => {
                let (space, word) = lorem.next();
                tell(&Delta::Word(space, word));
            }
            Said::Parts(parts) => next_of(parts, tell),
        }
    }
}

fn next_of(parts: &mut [Part], tell: impl FnOnce(&Delta<'_>)) {
    let mut index = 0;
    for part in parts {
        let is_call = matches!(part, Part::Call(_));
        if part.left() > 0 {
            if let Some(delta) = part.next(index) {
                tell(&delta);
            }
            return;
        }
        index += usize::from(is_call);
    }
}

impl Said {
    fn left(&self) -> u64 {
        match self {
            Self::Lorem(lorem) => lorem.left(),
            Self::Parts(parts) => parts.iter().map(Part::left).sum(),
        }
    }

    /// The parts, where they are known beforehand.
    pub(crate) fn parts(&self) -> &[Part] {
        match self {
            Self::Lorem(_) => &[],
            Self::Parts(parts) => parts,
        }
    }

    /// The calls of tools, in order.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.parts().iter().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            Part::Content(_) | Part::Refusal(_) => None,
        })
    }

    /// Whether there is content, be it empty, and not only a refusal or calls.
    pub(crate) fn has_content(&self) -> bool {
        let parts = self.parts();
        parts.is_empty() || parts.iter().any(|part| matches!(part, Part::Content(_)))
    }
}

impl Part {
    fn left(&self) -> u64 {
        match self {
            Self::Content(text) | Self::Refusal(text) => text.left(),
            Self::Call(call) => call.head + call.arguments.left(),
        }
    }

    /// Leaves out what is beyond `most` tokens; returns whether anything is left of it.
    fn keep(&mut self, most: u64) -> bool {
        match self {
            Self::Content(text) | Self::Refusal(text) => text.keep(most),
            Self::Call(call) => {
                call.arguments.keep(most.saturating_sub(call.head));
                return call.head <= most;
            }
        }
        true
    }

    fn next(&mut self, index: usize) -> Option<Delta<'_>> {
        match self {
            Self::Content(text) => text.next().map(Delta::Content),
            Self::Refusal(text) => text.next().map(Delta::Refusal),
            Self::Call(call) => call.next(index),
        }
    }
}

impl Call {
    fn next(&mut self, index: usize) -> Option<Delta<'_>> {
        if self.head == 0 {
            let text = self.arguments.next()?;
            return Some(Delta::Arguments { index, text });
        }
        self.head -= 1;
        let (id, name) = (&self.id, &self.name);
        (self.head == 0).then_some(Delta::Call { index, id, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Key;
    use crate::tokens::Encoding;

    fn tokens(text: &str) -> Tokens {
        Tokens::of(Encoding::O200k, text.to_owned())
    }

    fn call(arguments: &str) -> Part {
        Part::Call(Call {
            id: "call_1".to_owned(),
            name: "go".to_owned(),
            head: 2,
            arguments: tokens(arguments),
        })
    }

    /// Everything that is told, each token in brackets.
    fn told(mut reply: Reply) -> String {
        let mut told = String::new();
        while reply.left() > 0 {
            told.push('[');
            reply.next(|delta| {
                let (before, text) = match *delta {
                    Delta::Word(space, word) => (space.to_owned(), word),
                    Delta::Content(told) => (String::new(), told.text),
                    Delta::Refusal(told) => ("no: ".to_owned(), told.text),
                    Delta::Call { index, name, .. } => (format!("{index}: "), name),
                    Delta::Arguments { index, text } => (format!("{index}: "), text.text),
                };
                told.push_str(&before);
                told.push_str(text);
            });
            told.push(']');
        }
        told
    }

    fn reply(most: u64) -> Reply {
        let parts = vec![Part::Content(tokens("one two")), call("{}"), call("{}")];
        let mut reply = Reply::of(parts, Finish::ToolCalls);
        reply.reasoning = 2;
        reply.limit(most);
        reply
    }

    #[test]
    fn a_token_says_something_or_passes_in_silence() {
        let whole = reply(100);
        assert_eq!(whole.finish, Finish::ToolCalls);
        assert_eq!(
            told(whole),
            "[][][one][ two][][0: go][0: {}][][1: go][1: {}]"
        );
    }

    #[test]
    fn a_reply_that_is_cut_off_ends_with_what_was_whole_by_then() {
        assert_eq!(told(reply(6)), "[][][one][ two][][0: go]");
        // The name of a call is whole or missing.
        assert_eq!(told(reply(5)), "[][][one][ two]");
        assert_eq!(reply(5).finish, Finish::Length);
        // All is spent on thoughts: the content is empty, not absent.
        let thoughts = reply(1);
        assert!(thoughts.said.has_content());
        assert_eq!(told(thoughts), "[]");
    }

    #[test]
    fn random_words_are_cut_off_too() {
        let mut reply = Reply::lorem(Key::new(1), None, Some(9), 100);
        reply.limit(2);
        assert_eq!(told(reply).matches('[').count(), 2);
    }
}
