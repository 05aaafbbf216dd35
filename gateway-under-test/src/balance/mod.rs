//! Load balancing: which backend an attempt goes to, or that there is none to ask.
//!
//! Each policy is a file of its own that knows nothing but positions in a list: [`Balancer`]
//! maps them to backends. A request asks once, or for each attempt if its retry policy says so,
//! and what came of an attempt is reported back to whoever wants to know. The plain policies
//! choose blindly, and it is the breaker of their choice that may refuse; a pool chooses among
//! those that will not.

mod affinity;
mod by_model;
mod by_retry_after;
mod from_config;
mod pool;
mod preferences;
mod preferred;
mod round_robin;
mod smooth_weighted;
mod weighted_random;

use std::sync::Arc;
use std::time::Duration;

use clock::Moment;
use http::{HeaderMap, HeaderValue};

use self::affinity::Affinity;
use self::by_model::ByModel;
use self::by_retry_after::ByRetryAfter;
use self::from_config::find_all;
use self::pool::Pool;
pub(crate) use self::preferences::Preferences;
use self::preferred::Preferred;
use self::round_robin::RoundRobin;
use self::smooth_weighted::SmoothWeighted;
use self::weighted_random::WeightedRandom;
use crate::backend::Backend;
use crate::breaker::Pass;
use crate::draw::Draws;
use crate::outcome::Outcome;
use crate::refusal::Refusal;

/// A policy and the backends it chooses among.
#[derive(Debug)]
pub(crate) struct Balancer {
    /// At least one, in the order the policy counts them.
    backends: Vec<Arc<Backend>>,
    policy: Policy,
}

#[derive(Debug)]
enum Policy {
    Single,
    RoundRobin(RoundRobin),
    WeightedRandom(WeightedRandom),
    SmoothWeighted(SmoothWeighted),
    Pool {
        pool: Pool,
        affinity: Option<Affinity>,
    },
    ByRetryAfter(ByRetryAfter),
    Preferred(Preferred),
    ByModel(ByModel),
}

/// What a policy may know of the attempt it chooses for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) draws: Draws,
    pub(crate) now: Moment,
    /// How many attempts the request has made before.
    pub(crate) attempt: u32,
    pub(crate) wanted: Wanted,
}

/// What a request says itself of where it belongs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    /// The route of its model.
    route: usize,
    /// The position of the backend that served its caller before.
    held: Option<usize>,
}

/// The backend of an attempt.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) backend: Arc<Backend>,
    /// Leave to ask it.
    pub(crate) pass: Pass,
    /// The number of the turn, where the policy gives turns.
    pub(crate) turn: Option<u64>,
}

/// There is no backend to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Nobody {
    pub(crate) because: Scarcity,
    /// The least time after which somebody may be asked.
    pub(crate) wait: Duration,
}

impl Nobody {
    /// The backend that was chosen is to be left alone for `wait`.
    pub(crate) fn behind_a_breaker(wait: Duration) -> Self {
        Self {
            because: Scarcity::BreakerOpen,
            wait,
        }
    }
}

/// Why there is no backend to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scarcity {
    /// The breaker of the one that was chosen is open.
    BreakerOpen,
    /// No member of the pool is available.
    PoolExhausted,
    /// The one that is preferred is not known.
    UnknownBackend,
}

/// What a policy says of one attempt.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Turn {
    /// Position of the backend.
    position: usize,
    /// How many turns the policy gave before, where it gives turns: requests that are served side
    /// by side are logged in order of arrival, and only this says in which order they chose.
    number: Option<u64>,
}

impl Turn {
    /// The choice of a policy that gives no turns.
    fn drawn(position: usize) -> Self {
        Self {
            position,
            number: None,
        }
    }
}

impl Balancer {
    /// Whether it needs to know the model of a request.
    pub(crate) fn reads_models(&self) -> bool {
        matches!(self.policy, Policy::ByModel(_))
    }

    /// What a request with these `headers` and, where it is read, this `model` wants.
    ///
    /// # Errors
    /// If it may not have it.
    pub(crate) fn wanted(
        &self,
        headers: &HeaderMap,
        model: Option<&str>,
    ) -> Result<Wanted, Refusal> {
        let mut wanted = Wanted::default();
        match &self.policy {
            Policy::ByModel(policy) => wanted.route = policy.route(model)?,
            Policy::Pool {
                affinity: Some(affinity),
                ..
            } => wanted.held = affinity.held(headers),
            _ => {} // The others do not ask.
        }
        Ok(wanted)
    }

    /// The cookie by which a caller who `wanted` otherwise comes back to `backend`.
    pub(crate) fn cookie(&self, backend: &Backend, wanted: Wanted) -> Option<HeaderValue> {
        let Policy::Pool {
            affinity: Some(affinity),
            ..
        } = &self.policy
        else {
            return None;
        };
        let mut positions = self.backends.iter();
        let position = positions.position(|member| member.name == backend.name)?;
        (wanted.held != Some(position)).then(|| affinity.cookie(position))?
    }

    /// The backend of the attempt that asks, with leave to send it the request.
    ///
    /// # Errors
    /// If there is none: why, and the least time after which there may be one.
    pub(crate) fn choose(&self, ask: &Ask) -> Result<Choice, Nobody> {
        loop {
            let (turn, because) = self.next(ask)?;
            let backend = Arc::clone(&self.backends[turn.position]);
            match backend.admit(ask.now) {
                Ok(pass) => {
                    return Ok(Choice {
                        backend,
                        pass,
                        turn: turn.number,
                    });
                }
                // Somebody else came first, and its wait is not over: a pool has others.
                Err(_) if because == Scarcity::PoolExhausted => {}
                Err(wait) => return Err(Nobody::behind_a_breaker(wait)),
            }
        }
    }

    /// Whose turn it is, and what it means if that one cannot be asked after all.
    fn next(&self, ask: &Ask) -> Result<(Turn, Scarcity), Nobody> {
        let turn = match &self.policy {
            Policy::Single => Turn::drawn(0),
            Policy::RoundRobin(policy) => policy.next(),
            Policy::WeightedRandom(policy) => Turn::drawn(policy.draw(ask.draws, ask.attempt)),
            Policy::SmoothWeighted(policy) => policy.next(),
            Policy::Pool { pool, .. } => return among(pool.next(ask, &self.waits(ask.now))),
            Policy::ByRetryAfter(policy) => return among(policy.next(ask, &self.backends)),
            Policy::Preferred(policy) => policy.next(ask).ok_or(Nobody {
                because: Scarcity::UnknownBackend,
                wait: Duration::ZERO,
            })?,
            Policy::ByModel(policy) => policy.next(ask),
        };
        Ok((turn, Scarcity::BreakerOpen))
    }

    /// All who might be chosen at `now`, each with the time for which it is to be left alone.
    pub(crate) fn candidates(&self, now: Moment) -> Vec<(Arc<Backend>, Duration)> {
        let waits = match &self.policy {
            Policy::ByRetryAfter(policy) => policy.waits(&self.backends, now),
            _ => self.waits(now), // The others leave it to the breakers.
        };
        self.backends.iter().cloned().zip(waits).collect()
    }

    /// Takes note of what came of an attempt on `backend`.
    pub(crate) fn saw(&self, backend: &Backend, outcome: &Outcome, now: Moment) {
        if let Policy::ByRetryAfter(policy) = &self.policy {
            policy.saw(backend, outcome, now);
        }
    }

    /// Whether another attempt at `now` could only be one that was made already.
    pub(crate) fn is_at_its_end(&self, now: Moment) -> bool {
        match &self.policy {
            Policy::ByRetryAfter(policy) => policy.is_at_its_end(&self.backends, now),
            Policy::Single
            | Policy::RoundRobin(_)
            | Policy::WeightedRandom(_)
            | Policy::SmoothWeighted(_)
            | Policy::Pool { .. }
            | Policy::Preferred(_)
            | Policy::ByModel(_) => false,
        }
    }

    fn waits(&self, now: Moment) -> Vec<Duration> {
        self.backends.iter().map(|b| b.wait(now)).collect()
    }
}

/// What a pool's `turn` means: what it gives, and that it has no one if it gives none.
fn among(turn: Result<Turn, Duration>) -> Result<(Turn, Scarcity), Nobody> {
    let because = Scarcity::PoolExhausted;
    turn.map(|turn| (turn, because))
        .map_err(|wait| Nobody { because, wait })
}

#[cfg(test)]
mod tests;
