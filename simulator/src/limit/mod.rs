//! Admission: whether a request may use the deployment now.
//!
//! A request is refused before anything is generated for it. Each kind of limiter is a file;
//! a deployment has the state of every kind, because its kind may be changed while running
//! and a change of configuration must not forget what was charged.

mod charge;
mod ticket;
mod window;

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Moment;

pub(crate) use self::charge::Charge;
pub(crate) use self::ticket::Ticket;
use self::window::{Limits, Window};
use crate::config::Limiter;

/// What a deployment remembers of the requests it admitted.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    window: Mutex<Window>,
}

/// A request may be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admission {
    /// Nothing is limited.
    Unlimited,
    /// Within the limits, with this much left after it.
    Within {
        /// When it was admitted: the windows count from here.
        at: Moment,
        /// Tokens left in this minute.
        remaining_tokens: u64,
        /// Requests left in these ten seconds.
        remaining_requests: u64,
    },
}

impl Admission {
    /// When a limiter admitted it, if there is one.
    pub(crate) fn at(self) -> Option<Moment> {
        match self {
            Self::Unlimited => None,
            Self::Within { at, .. } => Some(at),
        }
    }
}

/// A request must wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// The limit that holds longest.
    pub(crate) reason: Reason,
    /// How long it holds.
    pub(crate) wait: Wait,
}

/// Which limit refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// Tokens per minute.
    Tokens,
    /// Requests per minute.
    Requests,
}

/// When a refused request would be admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wait {
    /// After exactly this time, if nothing else is admitted meanwhile.
    For(Duration),
    /// Never: it costs more than the whole limit.
    Never,
}

/// What Azure tells a client whose request can never fit: a day.
const NEVER: Duration = Duration::from_hours(24);

impl Wait {
    /// The time a client is told.
    pub(crate) fn told(self) -> Duration {
        match self {
            Self::For(wait) => wait,
            Self::Never => NEVER,
        }
    }

    /// Whole seconds, rounded up: a client that waits them is not refused again.
    pub(crate) fn seconds(self) -> u64 {
        self.millis().div_ceil(1_000)
    }

    /// Whole milliseconds, rounded up.
    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.told().as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }
}

impl Reason {
    /// The word for it in header names and ledgers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Requests => "requests",
        }
    }
}

impl Limiter {
    /// Requests admitted in any ten seconds: a sixth of a minute's, rounded up.
    ///
    /// Six requests per minute come with every 1,000 tokens per minute.
    /// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
    pub(crate) fn requests_per_ten_seconds(
        tokens_per_minute: NonZeroU64,
        requests_per_minute: Option<NonZeroU64>,
    ) -> u64 {
        match requests_per_minute {
            Some(requests) => requests.get().div_ceil(6),
            None => tokens_per_minute.get().div_ceil(1_000),
        }
    }
}

impl Gate {
    /// Admits a request of `cost` tokens at `now` by the rules of `limiter`, atomically.
    pub(crate) fn admit(
        &self,
        limiter: &Limiter,
        cost: u64,
        now: Moment,
    ) -> Result<Ticket, Refusal> {
        self.ask(limiter, cost, now).map(Ticket::new)
    }

    fn ask(&self, limiter: &Limiter, cost: u64, now: Moment) -> Result<Admission, Refusal> {
        match *limiter {
            Limiter::None => Ok(Admission::Unlimited),
            Limiter::Legacy {
                tokens_per_minute,
                requests_per_minute,
            } => {
                let limits = Limits {
                    tokens_per_minute: tokens_per_minute.get(),
                    requests_per_ten_seconds: Limiter::requests_per_ten_seconds(
                        tokens_per_minute,
                        requests_per_minute,
                    ),
                };
                let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
                window.admit(cost, limits, now)
            }
        }
    }

    /// Forgets every admitted request.
    pub(crate) fn reset(&self) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = Window::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_so_that_nobody_comes_back_too_early() {
        let wait = Wait::For(Duration::from_micros(1_000_001));
        assert_eq!((wait.seconds(), wait.millis()), (2, 1_001));
        let exact = Wait::For(Duration::from_secs(2));
        assert_eq!((exact.seconds(), exact.millis()), (2, 2_000));
        assert_eq!(Wait::Never.seconds(), 86_400);
    }

    #[test]
    fn ten_seconds_admit_a_sixth_of_a_minute_rounded_up() {
        let tokens = |tokens| NonZeroU64::new(tokens).unwrap();
        assert_eq!(Limiter::requests_per_ten_seconds(tokens(384), None), 1);
        assert_eq!(
            Limiter::requests_per_ten_seconds(tokens(100_000), None),
            100
        );
        let requests = NonZeroU64::new(61);
        assert_eq!(
            Limiter::requests_per_ten_seconds(tokens(100_000), requests),
            11
        );
    }

    #[test]
    fn a_deployment_without_a_limiter_admits_everything() {
        let gate = Gate::default();
        let ticket = gate.admit(&Limiter::None, u64::MAX, Moment::ZERO);
        assert_eq!(ticket.unwrap().admission(), Admission::Unlimited);
    }
}
