//! The limiter `legacy`: sliding windows of charged tokens and of requests.
//!
//! A request is admitted if the tokens charged in the last 60 seconds, itself included, stay
//! within tokens per minute, and the requests of the last 10 seconds within a sixth of
//! requests per minute (or of another window, where one is configured). These are the rules that microsoft/aoai-api-simulator found Azure to
//! apply until 2024. Refused requests are not charged.
//!
//! The reference walks all entries of the window for every request. Here each entry carries
//! the running total of costs, so that sums are differences and the entry that must leave
//! before a request fits is found by bisection: admission takes amortised constant time, a
//! refusal O(log n). A token bucket would be cheaper still, but it refills continuously and
//! would promise other instants.
//!
//! Entries know nothing of limits; these come in with each request. So they can be changed
//! while running without forgetting what was charged.

use std::collections::VecDeque;
use std::time::Duration;

use clock::Moment;

use super::{Admission, Level, Reason, Refusal, Reset, Standing, Wait};

/// Over which charged tokens are summed.
const TOKENS_WINDOW: Duration = Duration::from_mins(1);

/// How much the window admits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Tokens that may be charged in any 60 s.
    pub(crate) tokens_per_minute: u64,
    /// Requests that may be admitted in any `requests_window`.
    pub(crate) requests: u64,
    /// Over which requests are counted; at most 60 s.
    pub(crate) requests_window: Duration,
}

/// The requests admitted in the last 60 seconds, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    admitted: VecDeque<Admitted>,
    /// Sum of the costs of everything that has left the window.
    forgotten: u64,
    /// Index of the first request that still counts as one.
    recent: usize,
    /// How long requests counted when `recent` was found.
    counted_over: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Admitted {
    at: Moment,
    /// Sum of all costs up to and including this one.
    total: u64,
}

impl Window {
    /// Admits a request of `cost` tokens at `now`, or says which limit it hits and until when.
    pub(crate) fn admit(
        &mut self,
        cost: u64,
        limits: Limits,
        now: Moment,
    ) -> Result<Admission, Refusal> {
        // Callers read the clock before they get the lock; entries must stay in order.
        let now = self.admitted.back().map_or(now, |last| now.max(last.at));
        self.forget(now, limits.requests_window);
        if cost > limits.tokens_per_minute {
            return Err(self.refusal(Reason::Tokens, Wait::Never, cost, limits));
        }
        let tokens = self.charged() + cost;
        let requests = self.counted() + 1;
        if tokens > limits.tokens_per_minute || requests > limits.requests {
            return Err(self.longest(cost, limits, now));
        }
        let total = self.total() + cost;
        self.admitted.push_back(Admitted { at: now, total });
        Ok(Admission {
            at: Some(now),
            standing: limits.standing(Some((tokens, requests))),
        })
    }

    /// Requests that count, as of the last one.
    fn counted(&self) -> u64 {
        (self.admitted.len() - self.recent) as u64
    }

    /// Tokens charged in the last 60 seconds, as of the last request.
    fn charged(&self) -> u64 {
        self.total() - self.forgotten
    }

    fn total(&self) -> u64 {
        self.admitted
            .back()
            .map_or(self.forgotten, |last| last.total)
    }

    fn forget(&mut self, now: Moment, requests_window: Duration) {
        if self.counted_over != requests_window {
            self.counted_over = requests_window;
            self.recent = 0;
        }
        while let Some(oldest) = self.admitted.front() {
            if oldest.at + TOKENS_WINDOW > now {
                break;
            }
            self.forgotten = oldest.total;
            self.admitted.pop_front();
            self.recent = self.recent.saturating_sub(1);
        }
        while let Some(next) = self.admitted.get(self.recent) {
            if next.at + requests_window > now {
                break;
            }
            self.recent += 1;
        }
    }

    /// The limit that holds longer, and how long.
    fn longest(&self, cost: u64, limits: Limits, now: Moment) -> Refusal {
        let tokens = self.tokens_free_at(cost, limits).since(now);
        let requests = self.requests_free_at(limits).since(now);
        if requests > tokens {
            self.refusal(Reason::Requests, Wait::For(requests), 1, limits)
        } else {
            self.refusal(Reason::Tokens, Wait::For(tokens), cost, limits)
        }
    }

    fn refusal(&self, reason: Reason, wait: Wait, requested: u64, limits: Limits) -> Refusal {
        let (limit, used) = match reason {
            Reason::Requests => (limits.requests, self.counted()),
            _ => (limits.tokens_per_minute, self.charged()),
        };
        Refusal {
            reason,
            wait,
            said: wait,
            limit,
            used,
            requested,
            standing: Box::new(limits.standing(None)),
        }
    }

    /// When enough tokens have left the window for `cost` more to fit.
    fn tokens_free_at(&self, cost: u64, limits: Limits) -> Moment {
        // What must have been forgotten by then. The request that brings the total there is
        // the last one that has to leave.
        let surplus = (self.total() + cost).saturating_sub(limits.tokens_per_minute);
        if surplus <= self.forgotten {
            return Moment::ZERO;
        }
        let leaving = self
            .admitted
            .partition_point(|admitted| admitted.total < surplus);
        let last = self.admitted.get(leaving);
        last.map_or(Moment::ZERO, |last| last.at + TOKENS_WINDOW)
    }

    /// When few enough requests are left in the window for one more to fit.
    fn requests_free_at(&self, limits: Limits) -> Moment {
        let newest = usize::try_from(limits.requests).unwrap_or(usize::MAX);
        let leaving = self.admitted.len().checked_sub(newest);
        let last = leaving.and_then(|index| self.admitted.get(index));
        last.map_or(Moment::ZERO, |last| last.at + limits.requests_window)
    }
}

impl Limits {
    /// How the windows stand with so many tokens and requests in them, where that is told.
    fn standing(self, used: Option<(u64, u64)>) -> Standing {
        let level = |limit: u64, used: Option<u64>, window: Duration| Level {
            limit,
            remaining: used.and_then(|used| i64::try_from(limit - used).ok()),
            reset: Reset::Untold,
            period_s: window.as_secs(),
        };
        let (tokens, requests) = used.unzip();
        Standing {
            tokens: Some(level(self.tokens_per_minute, tokens, TOKENS_WINDOW)),
            requests: Some(level(self.requests, requests, self.requests_window)),
            ..Standing::default()
        }
    }
}

#[cfg(test)]
#[path = "window/tests.rs"]
mod tests;
