//! What goes wrong on purpose: one file per fault.
//!
//! A fault is decided after a request was routed and read, and before the limiter is asked, so
//! that a fault charges nothing unless it is played on the answer itself. The decision is a
//! function of the seed, the request's id and its attempt, of counters, and of simulated time,
//! never of the prompt alone: a fault keyed by content would repeat on every retry, and no
//! fail-over could be tested with it. So a decision without counters does not depend on which
//! requests came before or beside it.
//!
//! Faults of the transport are values: a response that carries an [`io::ErrorKind`]
//! instead of an answer, or a body that ends in an error. Whoever carries answers to callers
//! (`serve` on sockets, a service call in virtual time) turns them into what a caller would see.

mod asked;
mod content_type;
mod cut;
mod delay;
mod duplicate;
mod failure;
mod interruption;
mod malformed;
mod missing;
mod refused;
mod reset;
mod silence;
mod slow_body;
mod slow_headers;
mod stall;
mod status;
mod truncated;
mod when;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::response::Response;
use clock::Moment;
use http::{HeaderMap, StatusCode};

pub(crate) use self::cut::break_off;
use self::interruption::Touch;
pub(crate) use self::interruption::{Interruption, Part, Turn, whole};
pub(crate) use self::refused::Door;
pub(crate) use self::truncated::half;
use crate::config::{Fault, Play};
use crate::deployment::Target;
use crate::exchange::Exchange;
use crate::openai::Operation;
use crate::seed::Key;

/// The faults of a simulator, with what they remember.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Armed>);

/// A fault at work.
#[derive(Debug)]
struct Armed {
    fault: Fault,
    progress: Arc<Mutex<Progress>>,
}

/// What a fault remembers.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// When it was set; its times count from here.
    set: Moment,
    /// How many requests all other parts of its condition held for.
    seen: u64,
}

/// A request as far as faults look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) at: Moment,
    pub(crate) deployment: &'a str,
    pub(crate) operation: Operation,
    pub(crate) headers: &'a HeaderMap,
    /// How many requests with its id arrived before.
    pub(crate) attempt: u32,
    /// The key of what is drawn for it.
    pub(crate) key: Key,
    /// Hashes of the credentials sent.
    pub(crate) credentials: &'a [String],
    /// The request's body.
    pub(crate) body: &'a [u8],
}

impl Faults {
    /// `faults` as set at `now`; those that were in the list `before` go on where they are.
    pub(crate) fn new(faults: &[Fault], before: Option<&Self>, now: Moment) -> Self {
        let mut known: Vec<_> = before.into_iter().flat_map(|before| &before.0).collect();
        let armed = faults.iter().map(|fault| {
            let same = known.iter().position(|armed| armed.fault == *fault);
            Armed {
                fault: fault.clone(),
                progress: match same {
                    Some(same) => Arc::clone(&known.remove(same).progress),
                    None => Arc::new(Mutex::new(Progress::new(now))),
                },
            }
        });
        Self(armed.collect())
    }

    /// Whether there is nothing to decide.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What `arrival` is to meet, and counts it.
    pub(crate) fn decide(&self, arrival: &Arrival<'_>) -> Option<&Play> {
        let mut faults = self.0.iter().zip(0..);
        let met = faults.find(|(armed, index)| {
            armed.fault.play != Play::Refused && armed.meets(arrival, *index)
        });
        met.map(|(armed, _)| &armed.fault.play)
    }

    /// Starts all of them anew at `now`.
    pub(crate) fn reset(&self, now: Moment) {
        for armed in &self.0 {
            *armed.progress() = Progress::new(now);
        }
    }
}

impl Progress {
    fn new(now: Moment) -> Self {
        Self { set: now, seen: 0 }
    }
}

impl Armed {
    fn meets(&self, arrival: &Arrival<'_>, index: u64) -> bool {
        let mut progress = self.progress();
        let elapsed = arrival.at.since(progress.set);
        let fits = !self.fault.play.needs_a_stream() || arrival.wants_a_stream();
        if !fits || !self.fault.when.holds(arrival, elapsed, index) {
            return false;
        }
        let before = progress.seen;
        progress.seen += 1;
        self.fault.when.counts(before)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Play {
    /// The word for it in ledgers.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Delay(_) => "delay",
            Self::Silence => "silence",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Cut(_) => "cut",
            Self::Stall(_) => "stall",
            Self::SlowHeaders(_) => "slow_headers",
            Self::Truncated(_) => "truncated",
            Self::Malformed(_) => "malformed",
            Self::Error(_) => "error",
            Self::Duplicate(_) => "duplicate",
            Self::NoUsage => "no_usage",
            Self::NoDone => "no_done",
            Self::ContentType(_) => "content_type",
            Self::SlowBody(_) => "slow_body",
        }
    }
}

/// Plays what comes before the limiter, and keeps on `exchange` what comes after.
///
/// # Errors
/// The response, where the fault answers instead of the operation.
pub(crate) async fn before_admission(
    exchange: &mut Exchange,
    target: &Target,
    operation: Operation,
) -> Result<(), Response> {
    let asked = asked::play(exchange);
    let asked = asked.map_err(|invalid| exchange.refuse(&invalid.into(), None))?;
    let Some(play) = asked.or_else(|| exchange.fault(target, operation)) else {
        return Ok(());
    };
    exchange.book(|entry| entry.fault = Some(play.as_str().to_owned()));
    match play {
        Play::Status(status) => return Err(status::answer(exchange, &status)),
        Play::Delay(time) => delay::wait(exchange, time.get()).await,
        Play::Silence => silence::forever().await,
        Play::Reset => return Err(reset::answer()),
        // Decided before there was a request.
        Play::Refused => {}
        Play::Cut(cut) => exchange.interruption = Some(cut.into()),
        Play::Stall(stall) => exchange.interruption = Some(stall.into()),
        Play::Truncated(truncated) => exchange.interruption = Some(truncated.into()),
        Play::Malformed(malformed) => exchange.interruption = Some(malformed.into()),
        Play::Error(error) => exchange.interruption = Some(error.into()),
        Play::Duplicate(duplicate) => exchange.interruption = Some(duplicate.into()),
        Play::NoUsage => exchange.interruption = Some(Interruption::Touch(Touch::NoUsage)),
        Play::NoDone => exchange.interruption = Some(Interruption::Touch(Touch::NoDone)),
        late @ (Play::SlowHeaders(_) | Play::ContentType(_) | Play::SlowBody(_)) => {
            exchange.late_fault = Some(late);
        }
    }
    Ok(())
}

/// Plays what belongs between the answer and its caller.
pub(crate) async fn before_answer(exchange: &Exchange, mut response: Response) -> Response {
    match &exchange.late_fault {
        Some(Play::SlowHeaders(time)) => slow_headers::hold(exchange, time.get()).await,
        Some(Play::ContentType(with)) => content_type::replace(&mut response, with),
        Some(Play::SlowBody(slow)) => {
            response = slow_body::trickle(response, *slow, &exchange.received.shared.clock);
        }
        _ => {}
    }
    response
}

/// Whether `fault`, in a ledger's words, ends a body that is no stream without its answer.
pub(crate) fn withholds(fault: &str) -> bool {
    ["truncated", "error"].contains(&fault)
}

/// The response that stands for a connection that fails like this.
pub(crate) fn failed(kind: io::ErrorKind) -> Response {
    let mut response = Response::new(Body::empty());
    // Only seen where a router is served by somebody who does not know of faults.
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.extensions_mut().insert(kind);
    response
}

/// The answer as its caller gets it.
///
/// A simulator's [router](crate::Simulator::router) says of a connection that fails how it
/// fails: its response carries an [`io::ErrorKind`]. Who calls the router instead of connecting
/// to a socket asks here what a socket would have given.
///
/// # Errors
/// `ConnectionRefused` or `ConnectionReset`, as the operating system would say it.
pub fn delivered(response: Response) -> io::Result<Response> {
    match response.extensions().get::<io::ErrorKind>() {
        Some(kind) => Err((*kind).into()),
        None => Ok(response),
    }
}
