//! [`ByRetryAfter`]: members are left alone for as long as they ask, and nobody waits for them.
//!
//! A member that fails is out until the time it asked for; the request goes on to the next at
//! once, and fails only when all are out. The later of two deadlines stands: concurrent
//! refusals may arrive in any order, and whoever asked for longer knew why. The reference keeps
//! its marks in a cache entry that is read, changed and written back, so that of two concurrent
//! refusals one is lost; here they are marked under a lock.
// Source: Azure-Samples/openai-apim-lb and Azure-Samples/AI-Gateway, labs/advanced-load-balancing
// (read 2026-07).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Moment;

use super::pool::Pool;
use super::{Ask, Turn};
use crate::backend::Backend;
use crate::config::{ByRetryAfterConfig, Condition, MemberConfig, Pick, Weights};
use crate::outcome::Outcome;

/// A pool whose members are left alone for as long as they ask.
#[derive(Debug)]
pub(super) struct ByRetryAfter {
    pool: Pool,
    on: Vec<Condition>,
    default_wait: Duration,
    max_wait: Duration,
    forgets_when_idle: Option<Duration>,
    /// Whether the first member is asked when all are out.
    has_last_resort: bool,
    marks: Marks,
}

/// Until when each backend, by its place, is left alone; a handle, kept over reloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks(Arc<Mutex<Deadlines>>);

#[derive(Debug, Default)]
struct Deadlines {
    until: BTreeMap<String, Moment>,
    /// When somebody last asked.
    asked: Moment,
}

impl ByRetryAfter {
    /// The policy of `config`, with the marks made so far, or `None` if no member has any weight.
    pub(super) fn new(
        config: &ByRetryAfterConfig,
        has_last_resort: bool,
        marks: Marks,
    ) -> Option<Self> {
        let pool = match config.weights {
            Weights::Honoured => Pool::new(&config.members, Pick::Smooth)?,
            Weights::Ignored => Pool::new(&all_alike(&config.members), Pick::Random)?,
        };
        Some(Self {
            pool,
            on: config.on.clone(),
            default_wait: config.default_wait.get(),
            max_wait: config.max_wait.get(),
            forgets_when_idle: config.forgets_when_idle.map(clock::Span::get),
            has_last_resort,
            marks,
        })
    }

    /// The member whose turn it is, or the first where that is the last resort.
    ///
    /// # Errors
    /// If all are out: the least wait.
    pub(super) fn next(&self, ask: &Ask, backends: &[Arc<Backend>]) -> Result<Turn, Duration> {
        self.forget_if_idle(ask.now);
        let turn = self.pool.next(ask, &self.waits(backends, ask.now));
        turn.or_else(|wait| {
            let is_in = self.has_last_resort && backends[0].wait(ask.now).is_zero();
            is_in.then(|| Turn::drawn(0)).ok_or(wait)
        })
    }

    /// Whether another attempt at `now` would only be the last resort once more.
    pub(super) fn is_at_its_end(&self, backends: &[Arc<Backend>], now: Moment) -> bool {
        self.has_last_resort && !self.pool.wait(&self.waits(backends, now)).is_zero()
    }

    /// Takes note of what `backend` answered.
    pub(super) fn saw(&self, backend: &Backend, outcome: &Outcome, now: Moment) {
        if !outcome.meets(&self.on) {
            return;
        }
        let asked = outcome.retry_after.or(outcome.reset);
        let until = now + asked.unwrap_or(self.default_wait).min(self.max_wait);
        let mut marks = self.marks.lock();
        let marked = marks.until.entry(backend.place.clone()).or_default();
        *marked = until.max(*marked);
    }

    /// The marks, for the policy that takes over.
    pub(super) fn marks(&self) -> Marks {
        self.marks.clone()
    }

    /// For how long each of `backends` is to be left alone.
    pub(super) fn waits(&self, backends: &[Arc<Backend>], now: Moment) -> Vec<Duration> {
        let marks = self.marks.lock();
        let wait = |backend: &Arc<Backend>| {
            let marked = marks.until.get(&backend.place);
            let wait = marked.map_or(Duration::ZERO, |until| until.since(now));
            wait.max(backend.wait(now))
        };
        backends.iter().map(wait).collect()
    }

    fn forget_if_idle(&self, now: Moment) {
        let mut marks = self.marks.lock();
        let idle = now.since(marks.asked);
        if self.forgets_when_idle.is_some_and(|limit| idle >= limit) {
            marks.until.clear();
        }
        marks.asked = now.max(marks.asked);
    }
}

impl Marks {
    fn lock(&self) -> MutexGuard<'_, Deadlines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn all_alike(members: &BTreeMap<String, MemberConfig>) -> BTreeMap<String, MemberConfig> {
    let alike = |(name, member): (&String, &MemberConfig)| {
        let weight = 1;
        (name.clone(), MemberConfig { weight, ..*member })
    };
    members.iter().map(alike).collect()
}
