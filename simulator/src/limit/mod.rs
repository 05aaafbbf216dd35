//! Admission: whether a request may use the deployment now.
//!
//! A request is refused before anything is generated for it. Each kind of limiter is a file, a
//! state that is told `now` and decides in constant time. A deployment has the state of every
//! kind, because its kind may be changed while running and a change of configuration must not
//! forget what was charged.

mod bucket;
mod charge;
mod headers;
mod modern;
mod openai;
mod provisioned;
mod ticket;
mod window;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Moment;

use self::bucket::Size;
pub(crate) use self::charge::Charge;
pub(crate) use self::headers::{Promise, write};
use self::modern::Modern;
use self::openai::OpenAi;
use self::provisioned::Utilization;
pub(crate) use self::ticket::{Correction, Ticket};
use self::window::{Limits, Window};
use crate::config::{Limiter, Provisioned, Rate, RequestsWindow};

/// What a deployment remembers of the requests it was asked to admit.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
}

/// The states of all kinds.
#[derive(Clone, Debug, Default)]
struct State {
    window: Window,
    modern: Modern,
    openai: OpenAi,
    utilization: Utilization,
}

/// A request may be answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Admission {
    /// When a limiter admitted it, if there is one: the limits count from here.
    pub(crate) at: Option<Moment>,
    /// How the limits stand with it.
    pub(crate) standing: Standing,
}

/// A request must wait.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// The limit that holds longest.
    pub(crate) reason: Reason,
    /// How long it holds.
    pub(crate) wait: Wait,
    /// The same as the text of OpenAI's refusal computes it, from the next three.
    pub(crate) said: Wait,
    /// What may be charged per minute, day or window.
    pub(crate) limit: u64,
    /// What is charged, rounded up.
    pub(crate) used: u64,
    /// What the request would be charged.
    pub(crate) requested: u64,
    /// How the limits stand after it.
    pub(crate) standing: Box<Standing>,
}

/// How the limits of a deployment stand, as far as its kind tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Standing {
    pub(crate) tokens: Option<Level>,
    pub(crate) requests: Option<Level>,
    /// Utilization that the request found, in thousandths.
    pub(crate) found: Option<u64>,
    /// Utilization with the request, in thousandths.
    pub(crate) utilization: Option<u64>,
}

/// How one limit stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Level {
    /// What the limit allows.
    pub(crate) limit: u64,
    /// What is left, unless the kind does not tell; negative while in debt.
    pub(crate) remaining: Option<i64>,
    /// When all of it is left again.
    pub(crate) reset: Reset,
    /// Seconds in which it renews.
    pub(crate) period_s: u64,
}

/// The time until a limit is whole again, in the style of its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reset {
    /// Refusals tell the seconds to wait instead.
    Untold,
    /// Whole milliseconds.
    Millis(Duration),
    /// A duration as Go prints it.
    GoDuration(Duration),
}

/// Which limit refuses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// Tokens per minute.
    Tokens,
    /// Requests per minute.
    Requests,
    /// Requests per day.
    RequestsOfDay,
    /// Provisioned throughput.
    Utilization,
}

/// When a refused request would be admitted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wait {
    /// After exactly this time, if nothing else is asked meanwhile.
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
            Self::Requests | Self::RequestsOfDay => "requests",
            Self::Utilization => "utilization",
        }
    }
}

impl Reset {
    /// Whole milliseconds, of which recorded ones drop a part.
    pub(crate) fn millis(self) -> Option<u64> {
        match self {
            Self::Untold => None,
            Self::Millis(time) | Self::GoDuration(time) => {
                Some(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }
        }
    }
}

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untold => Ok(()),
            Self::Millis(time) => write!(f, "{}", time.as_millis()),
            Self::GoDuration(time) => f.write_str(&go_duration(*time)),
        }
    }
}

/// A duration as Go prints it, to the millisecond: `6ms`, `1.182s`, `1m13.588s`, `0s`.
pub(crate) fn go_duration(time: Duration) -> String {
    let millis = time.as_millis();
    if (1..1_000).contains(&millis) {
        return format!("{millis}ms");
    }
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let fraction = format!(".{millis:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        _ => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

impl RequestsWindow {
    /// How long it is.
    fn length(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
            Self::Minute => 60,
        })
    }

    /// Its share of a minute's requests, rounded up.
    fn share(self, requests_per_minute: u64) -> u64 {
        requests_per_minute.div_ceil(60 / self.length().as_secs())
    }
}

impl Rate {
    /// The windows of the limiter `legacy`.
    ///
    /// Six requests per minute come with every 1,000 tokens per minute, enforced over 10 s.
    /// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
    fn windows(self) -> Limits {
        let tokens_per_minute = self.tokens_per_minute.get();
        let per_minute = self.requests_per_minute.map_or(
            tokens_per_minute.div_ceil(1_000).saturating_mul(6),
            Into::into,
        );
        let window = self.requests_window.unwrap_or(RequestsWindow::TenSeconds);
        Limits {
            tokens_per_minute,
            requests: window.share(per_minute),
            requests_window: window.length(),
        }
    }

    /// A bucket of requests that holds what the window allows, a minute's unless one is given.
    fn requests(self, per_minute: u64) -> Size {
        let size = Size::per_minute(per_minute);
        self.requests_window
            .map_or(size, |window| size.holding(window.share(per_minute)))
    }
}

impl Gate {
    /// Admits a request of `cost` tokens at `now` by the rules of `limiter`, atomically.
    pub(crate) fn admit(
        &self,
        limiter: &Limiter,
        cost: u64,
        now: Moment,
    ) -> Result<Admission, Refusal> {
        self.state().admit(limiter, cost, now)
    }

    /// Lets go what `limiter` lets go until `now`, when another takes its place.
    pub(crate) fn drain(&self, limiter: &Limiter, now: Moment) {
        let mut state = self.state();
        match *limiter {
            // Windows keep when each request was admitted.
            Limiter::None | Limiter::Legacy(_) => {}
            Limiter::Modern { rate, .. } => state.modern.drain(rate, now),
            Limiter::OpenAi {
                rate,
                requests_per_day,
            } => state.openai.drain(rate, requests_per_day, now),
            Limiter::Provisioned(provisioned) => state.utilization.drain(provisioned, now),
        }
    }

    /// Corrects the estimate of a request `admitted` earlier, which has ended at `now`.
    fn correct(&self, provisioned: Provisioned, admitted: Moment, costs: (u64, u64), now: Moment) {
        let utilization = &mut self.state().utilization;
        utilization.correct(provisioned, admitted, costs, now);
    }

    /// Forgets at `now` every admitted request.
    pub(crate) fn reset(&self, now: Moment) {
        *self.state() = State {
            utilization: Utilization::empty(now),
            ..State::default()
        };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, limiter: &Limiter, cost: u64, now: Moment) -> Result<Admission, Refusal> {
        match *limiter {
            Limiter::None => Ok(Admission::default()),
            Limiter::Legacy(rate) => self.window.admit(cost, rate.windows(), now),
            Limiter::Modern {
                rate,
                refused_are_charged,
            } => self.modern.admit(cost, rate, refused_are_charged, now),
            Limiter::OpenAi {
                rate,
                requests_per_day,
            } => self.openai.admit(cost, rate, requests_per_day, now),
            Limiter::Provisioned(provisioned) => self.utilization.admit(cost, provisioned, now),
        }
    }
}
