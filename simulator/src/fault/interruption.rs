//! [`Interruption`]: where a fault meets the body of an answer.
//!
//! A stream asks twice: before each token, whether it is time for a [`Turn`], and after each
//! part it has written, whether a [`Touch`] changes that part. A body that is no stream is there
//! at once, and is changed as a whole. An interruption that was played is gone.

use std::time::Duration;

use axum::body::Body;
use clock::Clock;

use super::{cut, duplicate, failure, malformed, missing, stall, truncated};

/// A fault of the answer's body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Interruption {
    /// Something happens when so many tokens of each choice have been sent.
    After {
        /// The tokens.
        tokens: u64,
        /// What happens.
        turn: Turn,
    },
    /// A part is not written as it should be.
    Touch(Touch),
}

/// What may happen between two tokens of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    /// The body breaks off.
    Cut,
    /// It stands still, for a time or for ever.
    Stall(Option<Duration>),
    /// Half of the next frame is the last that comes, and the body ends as if it were whole.
    Truncate,
    /// This comes, and nothing after it.
    Fail(String),
    /// This comes in between.
    Insert(String),
}

/// What may be wrong with a part of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Touch {
    /// The frame of this token, or of the next that has one, comes twice.
    Duplicate(u64),
    /// The usage is missing.
    NoUsage,
    /// The marker of a stream's end is missing.
    NoDone,
}

/// A part of a stream that has just been written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    /// The so-manieth token of each choice, counted from 1.
    Token(u64),
    /// What follows the last token.
    Close,
}

impl Interruption {
    /// Whether it is time for a turn when so many tokens have been sent.
    pub(crate) fn holds_after(&self, sent: u64) -> bool {
        matches!(self, Self::After { tokens, .. } if *tokens == sent)
    }

    /// Takes the turn that it is time for when so many tokens have been sent.
    pub(crate) fn strike(this: &mut Option<Self>, sent: u64) -> Option<Turn> {
        match this.take_if(|it| it.holds_after(sent))? {
            Self::After { turn, .. } => Some(turn),
            Self::Touch(_) => None,
        }
    }

    /// Changes `part`, which stands in `out` from byte `from` on, where it is to be changed.
    pub(crate) fn retouch(this: &mut Option<Self>, part: Part, out: &mut String, from: usize) {
        this.take_if(|it| match (it, part) {
            (Self::Touch(Touch::Duplicate(token)), Part::Token(sent)) if *token <= sent => {
                duplicate::frame(out, from)
            }
            (Self::Touch(Touch::NoUsage), Part::Close) => missing::usage_frame(out, from),
            (Self::Touch(Touch::NoDone), Part::Close) => missing::done(out),
            _ => false,
        });
    }
}

/// A body that is no stream, with the interruption it has to suffer.
pub(crate) fn whole(body: String, interruption: Option<Interruption>, clock: &Clock) -> Body {
    match interruption {
        // Of interruptions, only streams meet these.
        None | Some(Interruption::Touch(Touch::Duplicate(_) | Touch::NoDone)) => body.into(),
        Some(Interruption::After { turn, .. }) => match turn {
            Turn::Cut => cut::whole(body),
            Turn::Stall(time) => stall::whole(body, time, clock.clone()),
            Turn::Truncate => truncated::half(body).into(),
            Turn::Fail(event) => failure::whole(&event).into(),
            Turn::Insert(frame) => malformed::whole(frame, &body).into(),
        },
        Some(Interruption::Touch(Touch::NoUsage)) => missing::usage(body).into(),
    }
}
