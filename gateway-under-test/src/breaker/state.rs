//! [`State`]: closed, open or being probed, as a pure function of what was seen.
//!
//! Closed, it counts failures within a sliding interval: what lies between them does not matter,
//! because a backend that refuses every other request is overloaded too. Open, it admits nobody
//! before its deadline, and no deadline is ever brought forward: of two waits the later was
//! promised by somebody who knew. Afterwards it is closed again with nothing counted, as API
//! Management does, or admits one request at a time until one goes well.
// Source: https://learn.microsoft.com/azure/api-management/backends (read 2026-08): "the circuit
// resets and traffic resumes".

use std::collections::VecDeque;
use std::time::Duration;

use clock::Moment;

use crate::config::{BreakerConfig, Recovery};

/// What is told to whoever comes while a probe is under way: nobody knows how long it takes.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// What a request is admitted as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// One of many.
    Ordinary,
    /// The one on which the others wait.
    Probe,
}

/// How a request went.
#[derive(Clone, Copy, Debug)]
pub(super) enum Health {
    /// Not as the rule counts failures.
    Well,
    /// A failure, and the wait that was asked for with it.
    Failed { asked: Option<Duration> },
}

/// What a breaker knows.
#[derive(Debug)]
pub(super) struct State {
    count: usize,
    interval: Duration,
    trip: Duration,
    /// The longest wait that is believed; `None` if none is.
    believes: Option<Duration>,
    recovery: Recovery,
    /// Oldest first; fewer than `count`, all within `interval` of the last.
    failures: VecDeque<Moment>,
    /// The deadline, while open or being probed.
    until: Option<Moment>,
    is_probing: bool,
}

impl State {
    /// Closed, nothing counted.
    pub(super) fn new(config: &BreakerConfig) -> Self {
        Self {
            count: usize::try_from(config.count).unwrap_or(usize::MAX),
            interval: config.interval.get(),
            trip: config.trip.get(),
            believes: config
                .accept_retry_after
                .then_some(config.max_retry_after.get()),
            recovery: config.recovery,
            failures: VecDeque::new(),
            until: None,
            is_probing: false,
        }
    }

    /// How long nobody is admitted.
    pub(super) fn wait(&self, now: Moment) -> Duration {
        match self.until {
            Some(until) if now < until => until.since(now),
            Some(_) if self.is_probing => PROBE_WAIT,
            Some(_) | None => Duration::ZERO,
        }
    }

    /// `closed`: it admits everybody; `open`: nobody; `half-open`: one, on whom the others wait.
    pub(super) fn name(&self, now: Moment) -> &'static str {
        match (self.until, self.recovery) {
            (Some(until), _) if now < until => "open",
            (Some(_), Recovery::Probe) => "half-open",
            (Some(_), Recovery::Reset) | (None, _) => "closed",
        }
    }

    /// Admits a request.
    ///
    /// # Errors
    /// The time for which nobody is.
    pub(super) fn admit(&mut self, now: Moment) -> Result<Role, Duration> {
        match self.wait(now) {
            Duration::ZERO => {}
            wait => return Err(wait),
        }
        match (self.until, self.recovery) {
            (None, _) => Ok(Role::Ordinary),
            (Some(_), Recovery::Reset) => {
                self.until = None;
                Ok(Role::Ordinary)
            }
            (Some(_), Recovery::Probe) => {
                self.is_probing = true;
                Ok(Role::Probe)
            }
        }
    }

    /// Takes note of how an admitted request went, and returns whether this opened the breaker.
    pub(super) fn saw(&mut self, role: Role, health: Health, now: Moment) -> bool {
        self.abandoned(role);
        match (health, role) {
            (Health::Well, Role::Ordinary) => false,
            (Health::Well, Role::Probe) => {
                // A failure that came in meanwhile may have asked for longer.
                self.until = self.until.filter(|&until| now < until);
                false
            }
            (Health::Failed { asked }, Role::Probe) => self.open(asked, now),
            (Health::Failed { asked }, Role::Ordinary) => self.failed(asked, now),
        }
    }

    /// Takes note that an admitted request has ended, whatever came of it.
    pub(super) fn abandoned(&mut self, role: Role) {
        if role == Role::Probe {
            self.is_probing = false;
        }
    }

    fn failed(&mut self, asked: Option<Duration>, now: Moment) -> bool {
        let is_over = self.recovery == Recovery::Reset && self.wait(now).is_zero();
        if let Some(until) = self.until.filter(|_| !is_over) {
            // It was sent before the breaker opened: no further trip, but a wait is a wait.
            self.until = Some(until.max(now + self.believed(asked).unwrap_or_default()));
            return false;
        }
        self.until = None;
        while self
            .failures
            .front()
            .is_some_and(|&old| now.since(old) >= self.interval)
        {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        self.failures.len() >= self.count && self.open(asked, now)
    }

    fn open(&mut self, asked: Option<Duration>, now: Moment) -> bool {
        let deadline = now + self.believed(asked).unwrap_or(self.trip);
        self.failures.clear();
        self.until = self.until.max(Some(deadline));
        true
    }

    fn believed(&self, asked: Option<Duration>) -> Option<Duration> {
        Some(asked?.min(self.believes?))
    }
}
