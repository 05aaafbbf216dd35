//! Token tracking: the gateway remembers what backends said was left, and lets low priority
//! pass only while that is enough.
//!
//! Nothing is counted, so nothing can be counted wrongly; but what is remembered grows old. If
//! only low priority calls, a value that refuses it is never renewed, and low priority stands
//! still until the value is forgotten. Hence the probe: once in 10 s one call passes all the
//! same and brings news. While there is high priority, its answers bring news, and each of its
//! calls puts the next probe off.
// Source: Azure-Samples/apim-genai-gateway-toolkit, prioritisation by token tracking (read
// 2026-11).

use std::time::Duration;

use clock::Moment;
use http::StatusCode;

use super::Priority;
use super::refused::{Because, Refused};
use crate::config::{
    LateAnswers, MissingRemaining, MissingReset, Probe, TokenTrackingConfig, TrackedDeployment,
};

/// How long remaining tokens are believed.
const TOKENS_HOLD: Duration = Duration::from_mins(1);

/// How long remaining calls are believed.
const REQUESTS_HOLD: Duration = Duration::from_secs(10);

/// The time between probes.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// What is remembered of one deployment.
#[derive(Debug, Default)]
pub(super) struct Memory {
    tokens: Option<Known>,
    requests: Option<Known>,
    /// Since when and until when there is no probe.
    no_probe: Option<(Moment, Moment)>,
    /// Calls let in so far.
    admitted: u64,
    /// The latest of them whose answer is in what is known.
    heard: u64,
}

/// What a backend said was left.
#[derive(Clone, Copy, Debug)]
struct Known {
    left: u64,
    until: Moment,
}

/// Leave to pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Pass {
    /// Which call this is, from 1.
    number: u64,
    /// Whether it passes for the news it will bring.
    pub(super) is_probe: bool,
}

/// What an answer says of limits, as its headers could be read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) remaining_tokens: Option<u64>,
    pub(super) remaining_requests: Option<u64>,
    /// How long no tokens are left, if it says so and that is a time.
    pub(super) reset_tokens: Option<Duration>,
    pub(super) reset_requests: Option<Duration>,
}

impl Memory {
    /// Says whether a call may pass at `now`.
    ///
    /// # Errors
    /// Too little was left for low priority, and it is no probe's turn.
    pub(super) fn admit(
        &mut self,
        rules: &TrackedDeployment,
        probe: Probe,
        priority: Priority,
        now: Moment,
    ) -> Result<Pass, Refused> {
        if priority == Priority::High {
            return Ok(self.admit_high(now));
        }
        let tokens = lacks(
            self.tokens,
            rules.low_priority_tokens_threshold,
            Because::LowTokens,
            now,
        );
        let requests = lacks(
            self.requests,
            rules.low_priority_requests_threshold,
            Because::LowRequests,
            now,
        );
        let Some(tokens) = tokens else {
            return requests.map_or_else(|| Ok(self.pass(false)), Err);
        };
        if probe == Probe::Atomic {
            // A probe without a call left would bring no news.
            requests.map_or(Ok(()), Err)?;
        }
        if self.may_probe(probe, now) {
            self.no_probe(now);
            return Ok(self.pass(true));
        }
        Err(self.until_the_probe(tokens, probe, now))
    }

    /// Learns from the answer to the call that had `pass`.
    ///
    /// # Errors
    /// The answer is a 429 that must not pass, for it does not say how long it holds.
    pub(super) fn learn(
        &mut self,
        config: &TokenTrackingConfig,
        pass: Pass,
        status: StatusCode,
        told: &Told,
        now: Moment,
    ) -> Result<(), Refused> {
        let resets = told.reset_tokens.or(told.reset_requests);
        let is_refusal = status == StatusCode::TOO_MANY_REQUESTS;
        if is_refusal && resets.is_none() && config.missing_reset == MissingReset::Error {
            return Err(Refused::for_good(Because::MissingReset));
        }
        if config.late_answers == LateAnswers::Ignored && pass.number < self.heard {
            return Ok(());
        }
        if status == StatusCode::OK {
            let missing = match config.missing_remaining {
                MissingRemaining::Nothing => Some(0),
                MissingRemaining::Unknown => None,
            };
            let tokens = told.remaining_tokens.or(missing);
            let requests = told.remaining_requests.or(missing);
            remember(&mut self.tokens, tokens, now + TOKENS_HOLD);
            remember(&mut self.requests, requests, now + REQUESTS_HOLD);
        } else if is_refusal && let Some(wait) = told.reset_tokens {
            remember(&mut self.tokens, Some(0), now + wait);
        } else if is_refusal && let Some(wait) = told.reset_requests {
            remember(&mut self.requests, Some(0), now + wait);
        } else {
            return Ok(());
        }
        self.heard = self.heard.max(pass.number);
        Ok(())
    }

    /// What is known to be left at `now`, of tokens and of calls.
    pub(super) fn known(&self, now: Moment) -> (Option<u64>, Option<u64>) {
        let left = |known: Option<Known>| Some(known.filter(|k| now < k.until)?.left);
        (left(self.tokens), left(self.requests))
    }

    /// Lets in a call of high priority.
    pub(super) fn admit_high(&mut self, now: Moment) -> Pass {
        self.no_probe(now);
        self.pass(false)
    }

    fn pass(&mut self, is_probe: bool) -> Pass {
        self.admitted += 1;
        let number = self.admitted;
        Pass { number, is_probe }
    }

    /// Whether a call that lacks tokens may pass as a probe.
    fn may_probe(&self, probe: Probe, now: Moment) -> bool {
        let (since, until) = self.no_probe.unwrap_or_default();
        let is_free = until <= now;
        match probe {
            Probe::Off => false,
            // Whoever comes in the moment of the note reads what was there before it.
            Probe::On => is_free || since == now,
            Probe::Atomic => is_free,
        }
    }

    /// Notes that there is to be no probe for a while.
    fn no_probe(&mut self, now: Moment) {
        let since = match self.no_probe {
            Some((since, until)) if now < until => since,
            _ => now, // None, or one that is over: from now on.
        };
        self.no_probe = Some((since, now + PROBE_EVERY));
    }

    /// The same refusal, with the time of the next probe if that is earlier.
    fn until_the_probe(&self, refused: Refused, probe: Probe, now: Moment) -> Refused {
        let probe = match (probe, self.no_probe) {
            (Probe::Off, _) | (_, None) => None,
            (_, Some((_, until))) => Some(until.since(now)),
        };
        let wait = refused.wait.into_iter().chain(probe).min();
        Refused { wait, ..refused }
    }
}

/// The refusal, if less is known to be left than `threshold`.
fn lacks(known: Option<Known>, threshold: u64, because: Because, now: Moment) -> Option<Refused> {
    let known = known.filter(|known| now < known.until && known.left < threshold)?;
    Some(Refused {
        because,
        left: Some(known.left),
        wait: Some(known.until.since(now)),
    })
}

fn remember(known: &mut Option<Known>, left: Option<u64>, until: Moment) {
    if let Some(left) = left {
        *known = Some(Known { left, until });
    }
}
