//! [`Interval`]: how long the n-th retry waits.
// Source: https://learn.microsoft.com/azure/api-management/retry-policy (read 2026-08): "When
// only the interval is specified, fixed interval retries are performed. When only the interval
// and delta are specified, a linear interval retry algorithm is used … When the interval,
// max-interval and delta are specified, an exponential interval retry algorithm is applied".

use std::time::Duration;

use crate::config::RetryConfig;

/// A rule for waits; `n` counts retries from 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Interval {
    /// Always the same.
    Fixed(Duration),
    /// `interval + n · delta`.
    Linear { interval: Duration, delta: Duration },
    /// `interval + (2^n - 1) · U(0.8 delta, 1.2 delta)`, at most `max`.
    Exponential {
        interval: Duration,
        delta: Duration,
        max: Duration,
    },
}

/// The key that is wrong, and what is.
type Mistake = (&'static str, String);

impl Interval {
    /// The rule that follows from which of the times are given.
    ///
    /// # Errors
    /// A longest wait without growth, or one shorter than the first.
    pub(super) fn new(config: &RetryConfig) -> Result<Self, Mistake> {
        let interval = config.interval.get();
        match (config.delta, config.max_interval) {
            (None, None) => Ok(Self::Fixed(interval)),
            (Some(delta), None) => Ok(Self::Linear {
                interval,
                delta: delta.get(),
            }),
            (None, Some(_)) => Err((
                "max_interval",
                "expected `delta` beside it: without growth no wait reaches a maximum".to_owned(),
            )),
            (Some(_), Some(max)) if max < config.interval => Err((
                "max_interval",
                format!(
                    "expected at least `interval`, `{}`, found `{max}`",
                    config.interval
                ),
            )),
            (Some(delta), Some(max)) => Ok(Self::Exponential {
                interval,
                delta: delta.get(),
                max: max.get(),
            }),
        }
    }

    /// The wait before retry `n`; `unit` draws a number from 0 to 1 if the rule has jitter.
    pub(super) fn wait(self, n: u32, unit: impl FnOnce() -> f64) -> Duration {
        match self {
            Self::Fixed(interval) => interval,
            Self::Linear { interval, delta } => interval.saturating_add(delta.saturating_mul(n)),
            Self::Exponential {
                interval,
                delta,
                max,
            } => {
                // Capped in floating point: 2^50 deltas are no `Duration`.
                let growth = (2f64.powi(n.cast_signed()) - 1.0) * delta.as_secs_f64();
                let jittered = growth * (0.8 + 0.4 * unit());
                let capped = (interval.as_secs_f64() + jittered).min(max.as_secs_f64());
                // To the resolution of the clock, so that a wait is what was logged.
                Duration::from_secs_f64((capped * 1e6).round() / 1e6)
            }
        }
    }
}
