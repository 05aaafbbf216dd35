//! The circuit breaker: a backend that keeps failing is left alone for a while.
//!
//! A request asks for a [`Pass`] before it is sent and reports with it what came of it. Which
//! backend refuses is thus decided in one step under one lock, and a pass that is dropped with
//! its request (the caller left, the attempt was cut short) gives back what it held: a probe
//! that nobody waits for any more would otherwise keep its backend out for ever.

mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Moment;

use self::state::{Health, Role, State};
use crate::config::{BreakerConfig, Condition, ConfigError, TrippingAnswer};
use crate::forward::Failure;
use crate::outcome::{End, Outcome};

/// The breaker of one backend; state is shared by all who ask.
#[derive(Debug)]
pub(crate) struct Breaker {
    config: BreakerConfig,
    state: Mutex<State>,
}

/// Leave to send one request.
#[derive(Debug)]
pub(crate) struct Pass {
    /// `None` where there is no breaker, or once the outcome was reported.
    breaker: Option<Arc<Breaker>>,
    role: Role,
}

impl Breaker {
    /// A closed breaker of the backend `name`; what is wrong with `config` is added to `errors`.
    pub(crate) fn new(name: &str, config: &BreakerConfig, errors: &mut Vec<ConfigError>) -> Self {
        validate(name, config, errors);
        Self {
            config: config.clone(),
            state: Mutex::new(State::new(config)),
        }
    }

    /// Whether it does as `config` says.
    pub(crate) fn is_of(&self, config: &BreakerConfig) -> bool {
        self.config == *config
    }

    /// How long it will admit nobody; zero: it admits somebody now.
    pub(crate) fn wait(&self, now: Moment) -> Duration {
        self.state().wait(now)
    }

    /// The name of its state, see [`State::name`].
    pub(crate) fn name(&self, now: Moment) -> &'static str {
        self.state().name(now)
    }

    /// Admits a request at `now`.
    ///
    /// # Errors
    /// The time for which it admits nobody.
    pub(crate) fn admit(self: &Arc<Self>, now: Moment) -> Result<Pass, Duration> {
        let role = self.state().admit(now)?;
        Ok(Pass {
            breaker: Some(Arc::clone(self)),
            role,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Leave to ask a backend that has no breaker.
    pub(crate) fn free() -> Self {
        Self {
            breaker: None,
            role: Role::Ordinary,
        }
    }

    /// Reports what came of the request; if that opened the breaker, returns what the request
    /// is to be answered.
    ///
    /// A caller who breaks off its own body says nothing about the backend: the pass is dropped.
    pub(crate) fn saw(mut self, outcome: &Outcome, now: Moment) -> Option<TrippingAnswer> {
        if outcome.end == End::Failed(Failure::RequestBody) {
            return None;
        }
        let breaker = self.breaker.take()?;
        let health = if outcome.meets(&breaker.config.on) {
            let asked = outcome.retry_after;
            Health::Failed { asked }
        } else {
            Health::Well
        };
        let has_tripped = breaker.state().saw(self.role, health, now);
        has_tripped.then_some(breaker.config.tripping_answer)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(breaker) = &self.breaker {
            breaker.state().abandoned(self.role);
        }
    }
}

fn validate(name: &str, config: &BreakerConfig, errors: &mut Vec<ConfigError>) {
    let mut wrong = |key: &str, message: &str| {
        let error = ConfigError::new(&["backends", name, "breaker", key], message);
        errors.push(error);
    };
    if let Some(message) = Condition::mistake_in(&config.on) {
        wrong("on", message);
    }
    if config.count == 0 {
        wrong("count", "expected at least 1 failure, found `0`");
    }
    for (key, time) in [
        ("interval", config.interval),
        ("trip", config.trip),
        ("max_retry_after", config.max_retry_after),
    ] {
        if time.get().is_zero() {
            wrong(key, "expected a time above 0, found `0s`");
        }
    }
}

#[cfg(test)]
mod tests;
