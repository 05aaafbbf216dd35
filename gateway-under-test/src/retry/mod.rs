//! Retries: when an attempt is repeated, after which wait, and on which backend.
//!
//! API Management's `retry` policy around its `forward-request`, as the reference uses it. The
//! decision falls when the response's headers are there and nothing has been passed on, so a
//! stream is either the caller's or has never begun for them.

mod attempts;
mod budget;
mod interval;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use clock::{Moment, Span};

pub(crate) use self::attempts::attempt;
use self::budget::Budget;
use self::interval::Interval;
use crate::backend::Backend;
use crate::config::{ApiConfig, BalanceConfig, Condition, ConfigError, RetryConfig};
use crate::draw::Draws;
use crate::outcome::Outcome;
use crate::routing::Backends;

/// As many as API Management allows.
// Source: https://learn.microsoft.com/azure/api-management/retry-policy (read 2026-08): "count …
// Minimum: 1, maximum: 50".
const MOST_RETRIES: u32 = 50;

/// A retry policy.
#[derive(Debug)]
pub(crate) struct Retry {
    on: Vec<Condition>,
    count: u32,
    interval: Interval,
    /// Whether the first retry leaves its wait out. The others wait as if it had not.
    // Assumed: as in the Transient Fault Handling block, which has the same parameters.
    is_first_fast: bool,
    honours_retry_after: bool,
    target: Target,
    /// How long after the first attempt's start the last may start.
    deadline: Option<Duration>,
    budget: Option<Budget>,
}

/// Where retries go.
#[derive(Debug)]
enum Target {
    /// Where the first attempt went.
    Same,
    /// Here.
    Other(Arc<Backend>),
    /// Wherever the balancer says.
    Repick,
}

impl Retry {
    /// The retry policy of the API `api`, if it has one; what is wrong is added to `errors`.
    pub(crate) fn of(
        api: &str,
        config: &ApiConfig,
        backends: &Backends,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let BalanceConfig::ByRetryAfter(balance) = &config.balance else {
            let retry = config.retry.as_ref()?;
            return Some(Self::new(api, retry, backends, errors));
        };
        if config.retry.is_some() {
            let message = "expected none beside `balance.by_retry_after`, which tries its members";
            errors.push(ConfigError::new(&["apis", api, "retry"], message));
        }
        Some(Self::at_once(balance.on.clone()))
    }

    fn new(
        api: &str,
        config: &RetryConfig,
        backends: &Backends,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let at = |key| ["apis", api, "retry", key];
        validate(api, config, errors);
        let to = config.to.as_deref();
        let to = to.and_then(|name| backends.find(name, &at("to"), errors));
        Self {
            on: config.on.clone(),
            count: config.count,
            interval: Interval::new(config).unwrap_or_else(|(key, message)| {
                errors.push(ConfigError::new(&at(key), message));
                Interval::Fixed(config.interval.get())
            }),
            is_first_fast: config.first_fast_retry,
            honours_retry_after: config.honours_retry_after,
            target: match to {
                Some(backend) => Target::Other(backend),
                None if config.repick => Target::Repick,
                None => Target::Same,
            },
            deadline: config.deadline.map(Span::get),
            budget: config.budget.map(Budget::new),
        }
    }

    /// The policy of a balancer that leaves failed backends alone: on to the next, without a wait.
    // Source: Azure-Samples/AI-Gateway, labs/advanced-load-balancing, policy (read 2026-07): retry
    // count 50, interval 0.
    fn at_once(on: Vec<Condition>) -> Self {
        Self {
            on,
            count: MOST_RETRIES,
            interval: Interval::Fixed(Duration::ZERO),
            is_first_fast: true,
            honours_retry_after: false,
            target: Target::Repick,
            deadline: None,
            budget: None,
        }
    }

    /// Takes note that a request begins at `now`.
    fn begins(&self, now: Moment) {
        if let Some(budget) = &self.budget {
            budget.begins(now);
        }
    }

    /// The wait before the next retry, if `outcome` calls for one and `made` were not enough.
    fn wait(&self, made: u32, outcome: &Outcome, draws: Draws) -> Option<Duration> {
        (made < self.count && outcome.meets(&self.on)).then(|| {
            let interval = match made {
                0 if self.is_first_fast => Duration::ZERO,
                _ => self.interval.wait(made, || draws.unit("retry", made)),
            };
            let asked = outcome.retry_after.filter(|_| self.honours_retry_after);
            interval.max(asked.unwrap_or_default())
        })
    }

    /// Whether a request that began at `began` may retry at `due`, as decided at `now`.
    fn permits(&self, began: Moment, due: Moment, now: Moment) -> bool {
        let is_in_time = self.deadline.is_none_or(|time| due <= began + time);
        is_in_time && self.budget.as_ref().is_none_or(|budget| budget.take(now))
    }
}

fn validate(api: &str, config: &RetryConfig, errors: &mut Vec<ConfigError>) {
    let mut wrong = |key: &[&str], message: &str, help: &str| {
        let error = ConfigError::new(&[&["apis", api, "retry"], key].concat(), message);
        errors.push(if help.is_empty() {
            error
        } else {
            error.help(help)
        });
    };
    if config.on.is_empty() {
        let help = "name statuses, `\"transport\"`, or both: `on = [429]`";
        wrong(&["on"], "expected at least one reason to retry", help);
    }
    if !(1..=MOST_RETRIES).contains(&config.count) {
        let found = config.count;
        let message = format!("expected 1 to {MOST_RETRIES} retries, found `{found}`");
        wrong(&["count"], &message, "");
    }
    if config.to.is_some() && config.repick {
        wrong(
            &["repick"],
            "expected no `to` beside it, which names the backend",
            "",
        );
    }
    if config.honours_retry_after && config.deadline.is_none() {
        let message = "expected `deadline` beside it: a backend may ask for a day";
        wrong(
            &["honours_retry_after"],
            message,
            "add `deadline = \"30s\"`",
        );
    }
    let budget = config.budget.map(|budget| budget.within);
    for (key, time) in [
        (&["deadline"][..], config.deadline),
        (&["budget", "within"], budget),
    ] {
        if time.is_some_and(|time| time.get().is_zero()) {
            wrong(key, "expected a time above 0, found `0s`", "");
        }
    }
    if config.budget.is_some_and(|budget| budget.percent > 100) {
        wrong(&["budget", "percent"], "expected at most 100 percent", "");
    }
}

#[cfg(test)]
mod tests;
