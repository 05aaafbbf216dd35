//! An answer as a stream: each token leaves at its deadline.
//!
//! Tokens whose deadlines have passed leave together, each as an event of its own: at zero
//! latency a frame per token would cost more than the tokens. The tokens of several choices
//! are due at the same time.
//!
//! An interruption holds after a number of tokens: what was sent before leaves by itself.

use std::future::pending;
use std::io;

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use rand_chacha::ChaCha8Rng;

use crate::fault::{Interruption, break_off};
use crate::generate::Text;
use crate::latency::Deadlines;
use crate::ledger::Booking;
use crate::limit::Ticket;
use crate::openai::{Events, Usage};

/// Events that are due are sent together up to about this many bytes, so that a fast stream
/// is not built as a whole before anything leaves.
const BATCH: usize = 16 * 1024;

/// A streamed answer under way.
pub(crate) struct Playback {
    pub(crate) events: Events,
    pub(crate) choices: Vec<Text>,
    pub(crate) deadlines: Deadlines<ChaCha8Rng>,
    pub(crate) usage: Usage,
    pub(crate) interruption: Option<Interruption>,
    pub(crate) clock: Clock,
    pub(crate) booking: Booking,
    pub(crate) ticket: Ticket,
}

impl Playback {
    /// The body of the answer.
    pub(crate) fn into_body(mut self) -> Body {
        let due = self.deadlines.next();
        let start = State::Playing {
            sent: 0,
            due,
            playback: Box::new(self),
        };
        Body::from_stream(futures::stream::unfold(start, next))
    }

    /// Books that so many more tokens leave.
    fn yielded(&mut self, tokens: u64) {
        self.ticket.answered(tokens);
        self.booking.write(|entry| entry.tokens_yielded += tokens);
    }

    /// Writes one token of each choice; returns how many, and whether all choices have ended.
    fn step(&mut self, out: &mut String) -> (u64, bool) {
        let (mut tokens, mut is_over) = (0, true);
        for (index, text) in self.choices.iter_mut().enumerate() {
            if text.left() == 0 {
                continue;
            }
            self.events.token(out, index, |out| text.write_token(out));
            tokens += 1;
            if text.left() == 0 {
                self.events.finish(out, index, text.finish);
            } else {
                is_over = false;
            }
        }
        (tokens, is_over)
    }
}

enum State {
    Playing {
        /// Tokens of each choice that have left; with the first of them goes the opening.
        sent: u64,
        due: Moment,
        playback: Box<Playback>,
    },
    Over,
}

/// Waits for the next deadline and writes everything that is due then.
async fn next(state: State) -> Option<(io::Result<Bytes>, State)> {
    let State::Playing {
        mut sent,
        mut due,
        mut playback,
    } = state
    else {
        return None;
    };
    match playback.interruption.take_if(|it| it.holds_after(sent)) {
        Some(Interruption::Cut { .. }) => return Some((Err(break_off().await), State::Over)),
        Some(Interruption::Stall { time: None, .. }) => pending().await,
        Some(Interruption::Stall {
            time: Some(time), ..
        }) => {
            due += time;
            playback.deadlines.postpone(time);
        }
        None => {}
    }
    let mut now = playback.clock.now();
    if due > now {
        playback.clock.sleep_until(due).await;
        now = playback.clock.now();
    }
    let mut out = String::with_capacity(if sent > 0 { 1_024 } else { 4_096 });
    if sent == 0 {
        playback.events.open(&mut out, playback.choices.len());
    }
    let mut yielded = 0;
    let is_over = loop {
        let (tokens, is_over) = playback.step(&mut out);
        yielded += tokens;
        sent += 1;
        if is_over {
            break true;
        }
        due = playback.deadlines.next();
        let holds = playback.interruption.is_some_and(|it| it.holds_after(sent));
        if due > now || holds || out.len() >= BATCH {
            break false;
        }
    };
    if is_over {
        playback.events.close(&mut out, playback.usage);
    }
    playback.yielded(yielded);
    let state = if is_over {
        State::Over
    } else {
        State::Playing {
            sent,
            due,
            playback,
        }
    };
    Some((Ok(out.into()), state))
}
