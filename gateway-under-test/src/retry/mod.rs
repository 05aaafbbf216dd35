//! Retries: when an attempt is repeated, after which wait, and on which backend.
//!
//! API Management's `retry` policy around its `forward-request`, as the reference uses it. The
//! decision falls when the response's headers are there and nothing has been passed on, so a
//! stream is either the caller's or has never begun for them.

mod attempts;
mod interval;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

pub(crate) use self::attempts::attempt;
use self::interval::Interval;
use crate::backend::Backend;
use crate::config::{ConfigError, RetryConfig, RetryOn};
use crate::draw::Draws;
use crate::forward::Failure;
use crate::routing::Backends;

/// As many as API Management allows.
// Source: https://learn.microsoft.com/azure/api-management/retry-policy (read 2026-08): "count …
// Minimum: 1, maximum: 50".
const MOST_RETRIES: u32 = 50;

/// A retry policy.
#[derive(Debug)]
pub(crate) struct Retry {
    on: Vec<RetryOn>,
    count: u32,
    interval: Interval,
    /// Whether the first retry leaves its wait out. The others wait as if it had not.
    // Assumed: as in the Transient Fault Handling block, which has the same parameters.
    is_first_fast: bool,
    to: Option<Arc<Backend>>,
}

impl Retry {
    /// The retry policy of the API `api`; what is wrong with it is added to `errors`.
    pub(crate) fn new(
        api: &str,
        config: &RetryConfig,
        backends: &Backends,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let at = |key| ["apis", api, "retry", key];
        if config.on.is_empty() {
            let error = ConfigError::new(&at("on"), "expected at least one reason to retry");
            errors.push(error.help("name statuses, `\"transport\"`, or both: `on = [429]`"));
        }
        if !(1..=MOST_RETRIES).contains(&config.count) {
            let message = format!(
                "expected 1 to {MOST_RETRIES} retries, found `{}`",
                config.count
            );
            errors.push(ConfigError::new(&at("count"), message));
        }
        let to = config.to.as_deref();
        Self {
            on: config.on.clone(),
            count: config.count,
            interval: Interval::new(config).unwrap_or_else(|(key, message)| {
                errors.push(ConfigError::new(&at(key), message));
                Interval::Fixed(config.interval.get())
            }),
            is_first_fast: config.first_fast_retry,
            to: to.and_then(|name| backends.find(name, &at("to"), errors)),
        }
    }

    /// The wait before the next retry, if `outcome` calls for one and `made` were not enough.
    pub(crate) fn wait(
        &self,
        made: u32,
        outcome: Result<StatusCode, Failure>,
        draws: Draws,
    ) -> Option<Duration> {
        let is_wanted = match outcome {
            Ok(status) => self.on.contains(&RetryOn::Status(status)),
            Err(failure) => failure.is_transport() && self.on.contains(&RetryOn::Transport),
        };
        (is_wanted && made < self.count).then(|| {
            if self.is_first_fast && made == 0 {
                return Duration::ZERO;
            }
            self.interval.wait(made, || draws.unit("retry", made))
        })
    }

    /// Where retries go, if not to the backend of the first attempt.
    pub(crate) fn to(&self) -> Option<&Arc<Backend>> {
        self.to.as_ref()
    }
}

#[cfg(test)]
mod tests;
