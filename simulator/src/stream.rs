//! An answer as a stream: each token leaves at its deadline.
//!
//! Tokens whose deadlines have passed leave together, each as an event of its own: at zero
//! latency a frame per token would cost more than the tokens. The tokens of several choices
//! are due at the same time. Tokens that say nothing pass in silence.
//!
//! An interruption holds after a number of tokens: what was sent before leaves by itself. One
//! that an answer was too short for was not played, and the ledger says so.

use std::future::pending;
use std::io;

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use rand_chacha::ChaCha8Rng;

use crate::fault::{Interruption, Part, Turn, break_off, half};
use crate::generate::Reply;
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
    /// The choices; one that has ended is gone.
    pub(crate) choices: Vec<Option<Reply>>,
    /// What leaves with the first token that says something.
    pub(crate) opening: String,
    pub(crate) deadlines: Deadlines<ChaCha8Rng>,
    pub(crate) usage: Usage,
    pub(crate) interruption: Option<Interruption>,
    pub(crate) clock: Clock,
    pub(crate) booking: Booking,
    pub(crate) ticket: Ticket,
}

/// What has come of a round: one token of each choice.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    tokens: u64,
    /// Whether anything was written.
    says: bool,
    /// Whether all choices have ended.
    is_last: bool,
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

    /// Writes one token of each choice.
    fn round(&mut self, out: &mut String) -> Round {
        let mut round = Round {
            is_last: true,
            ..Round::default()
        };
        for (index, choice) in self.choices.iter_mut().enumerate() {
            let Some(reply) = choice else { continue };
            if reply.left() > 0 {
                round.tokens += 1;
                let scores = reply.scores;
                reply.next(|delta| {
                    round.says = true;
                    self.events.delta(out, index, delta, scores);
                });
            }
            if reply.left() == 0 {
                round.says = true;
                self.events.finish(out, index, reply.finish);
                *choice = None;
            } else {
                round.is_last = false;
            }
        }
        round
    }

    /// Writes rounds as long as they are due at `now`; the first of them is.
    fn fill(&mut self, out: &mut String, sent: &mut u64, due: &mut Moment, now: Moment) -> Round {
        let mut all = Round::default();
        loop {
            let from = out.len();
            let round = self.round(out);
            all.tokens += round.tokens;
            all.says |= round.says;
            all.is_last = round.is_last;
            *sent += 1;
            Interruption::retouch(&mut self.interruption, Part::Token(*sent), out, from);
            if round.is_last {
                break;
            }
            *due = self.deadlines.next();
            let it = self.interruption.as_ref();
            let holds = it.is_some_and(|it| it.holds_after(*sent));
            if *due > now || holds || out.len() >= BATCH {
                break;
            }
        }
        self.yielded(all.tokens);
        all
    }

    /// Writes what follows the last round.
    fn close(&mut self, out: &mut String) {
        let from = out.len();
        self.events.close(out, self.usage);
        Interruption::retouch(&mut self.interruption, Part::Close, out, from);
        if self.interruption.is_some() {
            self.booking.write(|entry| entry.fault = None);
        }
    }

    /// What is to be written next begins with this.
    fn begin(&mut self) -> String {
        match std::mem::take(&mut self.opening) {
            opening if opening.is_empty() => String::with_capacity(1_024),
            opening => opening,
        }
    }
}

enum State {
    Playing {
        /// Rounds that are over; with the first of them that says something goes the opening.
        sent: u64,
        due: Moment,
        playback: Box<Playback>,
    },
    Over,
}

/// Waits for the next deadline at which something is said, and writes everything that is due then.
async fn next(state: State) -> Option<(io::Result<Bytes>, State)> {
    let State::Playing {
        mut sent,
        mut due,
        mut playback,
    } = state
    else {
        return None;
    };
    let mut out = playback.begin();
    loop {
        match Interruption::strike(&mut playback.interruption, sent) {
            None => {}
            Some(Turn::Cut) => return Some((Err(break_off().await), State::Over)),
            Some(Turn::Stall(None)) => pending().await,
            Some(Turn::Stall(Some(time))) => {
                due += time;
                playback.deadlines.postpone(time);
            }
            Some(Turn::Truncate) => {
                while !playback.round(&mut out).says {}
                return Some((Ok(half(out)), State::Over));
            }
            Some(Turn::Fail(frame)) => return Some((Ok(frame.into()), State::Over)),
            Some(Turn::Insert(frame)) => {
                // Nothing but the opening can wait here.
                playback.opening = out;
                let state = State::Playing {
                    sent,
                    due,
                    playback,
                };
                return Some((Ok(frame.into()), state));
            }
        }
        let mut now = playback.clock.now();
        if due > now {
            playback.clock.sleep_until(due).await;
            now = playback.clock.now();
        }
        let written = playback.fill(&mut out, &mut sent, &mut due, now);
        if written.is_last {
            playback.close(&mut out);
            return Some((Ok(out.into()), State::Over));
        }
        if written.says {
            break;
        }
    }
    let state = State::Playing {
        sent,
        due,
        playback,
    };
    Some((Ok(out.into()), state))
}
