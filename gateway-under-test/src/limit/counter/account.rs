//! [`Account`]: the tokens of one key: what was used, and what requests under way may still use.
//!
//! A request holds tokens from its admission to the end of its answer and is then charged what
//! it took, dated at that time. Together, what is held and what was charged within the window
//! never exceed the limit when requests hold at least what they take: to charge is to exchange
//! one for the other. That is what keeps concurrent requests from passing a check all at once
//! that only one of them may pass.

use std::fmt::Debug;
use std::time::Duration;

use clock::Moment;

use super::{Bucket, Period, Window};
use crate::config::QuotaPeriod;
use crate::limit::Now;

/// The time that tokens per minute are counted in.
const MINUTE: Duration = Duration::from_mins(1);

/// How tokens per minute are counted.
pub(crate) trait Meter: Debug + Default + Send + 'static {
    /// The tokens that count against `limit` at `now`.
    fn used(&mut self, limit: u64, now: Moment) -> u64;
    /// Counts `tokens` at `now`.
    fn count(&mut self, tokens: u64, limit: u64, now: Moment);
    /// How long after `now` no more than `most` count, if none are added.
    fn wait(&mut self, most: u64, limit: u64, now: Moment) -> Duration;
}

/// What a key is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) tokens_per_minute: Option<u64>,
    pub(crate) quota: Option<(u64, QuotaPeriod)>,
}

/// Which allowance does not suffice, and after which wait it may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Short {
    Minute(Duration),
    Quota(Duration),
}

/// The tokens of one key.
#[derive(Debug, Default)]
pub(crate) struct Account<M> {
    minute: M,
    period: Option<(Period, u64)>,
    held: u64,
}

impl<M: Meter> Account<M> {
    /// Admits a request that holds `tokens` until its end; who holds none still needs one left.
    pub(crate) fn admit(&mut self, tokens: u64, of: &Allowance, now: Now) -> Result<(), Short> {
        let needed = self.held.saturating_add(tokens.max(1));
        if let Some((quota, kind)) = of.quota {
            let used = self.in_period(kind, now);
            if used.saturating_add(needed) > quota {
                return Err(Short::Quota(until_the_next(kind, now)));
            }
        }
        if let Some(limit) = of.tokens_per_minute {
            let used = self.minute.used(limit, now.at);
            if used.saturating_add(needed) > limit {
                return Err(Short::Minute(self.wait(needed, limit, now.at)));
            }
        }
        self.held = self.held.saturating_add(tokens);
        Ok(())
    }

    /// Takes back a hold of `held` tokens and charges nothing.
    pub(crate) fn give_back(&mut self, held: u64) {
        self.held = self.held.saturating_sub(held);
    }

    /// Takes back a hold of `held` tokens and charges those that were `used`.
    pub(crate) fn settle(&mut self, held: u64, used: u64, of: &Allowance, now: Now) {
        self.give_back(held);
        if let Some(limit) = of.tokens_per_minute {
            self.minute.count(used, limit, now.at);
        }
        if let Some((_, kind)) = of.quota {
            let total = self.in_period(kind, now).saturating_add(used);
            self.period = Some((Period::of(kind, now.utc), total));
        }
    }

    /// What is left of the tokens per minute, if they are limited.
    pub(crate) fn left_in_minute(&mut self, of: &Allowance, now: Now) -> Option<u64> {
        let limit = of.tokens_per_minute?;
        let used = self.minute.used(limit, now.at);
        Some(limit.saturating_sub(used.saturating_add(self.held)))
    }

    /// What is left of the quota, if there is one.
    pub(crate) fn left_in_period(&mut self, of: &Allowance, now: Now) -> Option<u64> {
        let (quota, kind) = of.quota?;
        let used = self.in_period(kind, now);
        Some(quota.saturating_sub(used.saturating_add(self.held)))
    }

    /// Whether a new account would say the same.
    pub(crate) fn is_idle(&mut self, of: &Allowance, now: Now) -> bool {
        let used = of.tokens_per_minute.map(|l| self.minute.used(l, now.at));
        let in_period = of.quota.map(|(_, kind)| self.in_period(kind, now));
        self.held == 0 && used.unwrap_or(0) == 0 && in_period.unwrap_or(0) == 0
    }

    /// What was used in the period of this `kind`.
    fn in_period(&self, kind: QuotaPeriod, now: Now) -> u64 {
        let current = Period::of(kind, now.utc);
        let used = self.period.filter(|(period, _)| *period == current);
        used.map_or(0, |(_, used)| used)
    }

    /// How long until `needed` tokens fit below `limit`.
    ///
    /// What is held counts as if it were charged now: when it will be is not known, and whoever
    /// is told less would come in vain. More than the limit never fits; a minute is the most
    /// that is ever asked for.
    // Assumed: what API Management says of a prompt that is larger than its limit.
    fn wait(&mut self, needed: u64, limit: u64, now: Moment) -> Duration {
        match limit.checked_sub(needed) {
            Some(most) => self.minute.wait(most, limit, now),
            None => MINUTE,
        }
    }
}

fn until_the_next(kind: QuotaPeriod, now: Now) -> Duration {
    let left = Period::of(kind, now.utc).ends.duration_since(now.utc);
    Duration::try_from(left).unwrap_or_default()
}

impl Meter for Window {
    fn used(&mut self, _: u64, now: Moment) -> u64 {
        self.used(MINUTE, now)
    }

    fn count(&mut self, tokens: u64, _: u64, now: Moment) {
        self.count(tokens, now);
    }

    fn wait(&mut self, most: u64, _: u64, now: Moment) -> Duration {
        Window::wait(self, most, MINUTE, now)
    }
}

impl Meter for Bucket {
    fn used(&mut self, limit: u64, now: Moment) -> u64 {
        self.used(limit, MINUTE, now)
    }

    fn count(&mut self, tokens: u64, limit: u64, now: Moment) {
        self.count(tokens, limit, MINUTE, now);
    }

    fn wait(&mut self, most: u64, limit: u64, _: Moment) -> Duration {
        Bucket::wait(self, most, limit, MINUTE)
    }
}
