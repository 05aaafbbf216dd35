//! Token calculating: the gateway counts itself what each call will be charged, and keeps the
//! last part of a deployment's tokens and calls for high priority.
//!
//! Two sliding windows per deployment, of tokens in 60 s and of calls in 10 s, are the same two
//! that the backend keeps. A call of either priority is refused when one of them is used up; a
//! call of low priority when less is left than its threshold. What is left never includes the
//! call that asks: so low priority may step over its threshold by one call, and, with
//! [`Counting::WhenAnswered`], by all calls that are under way.
//!
//! [`Counting::WhenAdmitted`] holds a call from the moment it is let in and counts it when it
//! is answered. A call is thus counted from before the backend does until after the backend has
//! forgotten it: where gateway and backend have the same limits, what the gateway lets in the
//! backend does not refuse.
// Source: Azure-Samples/apim-genai-gateway-toolkit, prioritisation by token calculating (read
// 2026-11).

use std::time::Duration;

use clock::Moment;

use super::Priority;
use super::refused::{Because, Refused};
use crate::config::{CalculatedDeployment, Counting};
use crate::limit::Window;

/// Over which tokens are summed.
const TOKENS_WINDOW: Duration = Duration::from_mins(1);

/// Over which calls are counted.
const REQUESTS_WINDOW: Duration = Duration::from_secs(10);

/// What has been counted of one deployment.
#[derive(Debug)]
pub(super) struct Counts {
    tokens: Count,
    requests: Count,
}

/// One of the two: a sliding sum, and what calls under way hold beside it.
#[derive(Debug)]
struct Count {
    window: Window,
    length: Duration,
    held: u64,
}

/// What was left for a call that may pass, itself not included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Left {
    pub(super) tokens: u64,
    pub(super) requests: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            tokens: Count::over(TOKENS_WINDOW),
            requests: Count::over(REQUESTS_WINDOW),
        }
    }
}

impl Counts {
    /// Says whether a call of `cost` tokens may pass at `now`, and what is left for it.
    ///
    /// # Errors
    /// The first rule that is against it: limits before thresholds, tokens before calls.
    pub(super) fn admit(
        &mut self,
        rules: &CalculatedDeployment,
        counting: Counting,
        priority: Priority,
        cost: u64,
        now: Moment,
    ) -> Result<Left, Refused> {
        let (tokens, requests) = (&mut self.tokens, &mut self.requests);
        let (tpm, rp10s) = (rules.tokens_per_minute.get(), rules.requests_per_10s.get());
        let left = Left {
            tokens: tokens.left(tpm, now),
            requests: requests.left(rp10s, now),
        };
        // Without the call itself the reference can only ask whether anything is left at all.
        let cost_now = match counting {
            Counting::WhenAnswered => 1,
            Counting::WhenAdmitted => cost,
        };
        tokens.needs(cost_now, tpm, Because::NoTokens, now)?;
        requests.needs(1, rp10s, Because::NoRequests, now)?;
        if priority == Priority::Low {
            let threshold = rules.low_priority_tokens_threshold;
            tokens.needs(threshold, tpm, Because::LowTokens, now)?;
            let threshold = rules.low_priority_requests_threshold;
            requests.needs(threshold, rp10s, Because::LowRequests, now)?;
        }
        if counting == Counting::WhenAdmitted {
            tokens.held += cost;
            requests.held += 1;
        }
        Ok(left)
    }

    /// Counts a call of `cost` tokens.
    pub(super) fn count(&mut self, cost: u64, now: Moment) {
        self.tokens.window.count(cost, now);
        self.requests.window.count(1, now);
    }

    /// Holds a call of `cost` tokens no longer.
    pub(super) fn release(&mut self, cost: u64) {
        self.tokens.held -= cost;
        self.requests.held -= 1;
    }
}

impl Count {
    fn over(length: Duration) -> Self {
        Self {
            window: Window::default(),
            length,
            held: 0,
        }
    }

    fn left(&mut self, limit: u64, now: Moment) -> u64 {
        let used = self.window.used(self.length, now) + self.held;
        limit.saturating_sub(used)
    }

    /// Refuses while less than `needed` is left of `limit`.
    fn needs(
        &mut self,
        needed: u64,
        limit: u64,
        because: Because,
        now: Moment,
    ) -> Result<(), Refused> {
        let left = self.left(limit, now);
        if left >= needed {
            return Ok(());
        }
        let most = limit.checked_sub(needed);
        Err(Refused {
            because,
            left: Some(left),
            wait: most.map(|most| self.wait(most, now)),
        })
    }

    /// How long until at most `most` is used, if nothing is added.
    fn wait(&self, most: u64, now: Moment) -> Duration {
        match most.checked_sub(self.held) {
            Some(most) => self.window.wait(most, self.length, now),
            // What is held counts as if it were counted now: nobody is told to come too early.
            None => self.length,
        }
    }
}
