//! What answers tell of the limits, header by header.
//!
//! Which headers there are is the deployment's choice; how resets are told is a matter of the
//! limiter's kind. Everything that is told is written here, for admitted and refused alike.

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Level, Reason, Reset, Standing, Wait};
use crate::config::RateLimitHeader;
use crate::openai::headers;

/// What a refused request is told.
pub(crate) struct Promise<'a> {
    pub(crate) reason: Reason,
    pub(crate) wait: Wait,
    /// Gives the wait as a date.
    pub(crate) date: &'a dyn Fn(Wait) -> HeaderValue,
}

/// Writes the `chosen` headers on an answer, `refused` or not.
pub(crate) fn write(
    out: &mut HeaderMap,
    chosen: &[RateLimitHeader],
    standing: &Standing,
    refused: Option<&Promise<'_>>,
) {
    let levels = [(standing.tokens, &TOKENS), (standing.requests, &REQUESTS)];
    let levels = || {
        let told = levels.iter();
        told.filter_map(|(level, names)| Some((level.as_ref()?, *names)))
    };
    for header in chosen {
        match (header, refused) {
            (RateLimitHeader::Remaining, _) => levels().for_each(|(level, names)| {
                insert(out, &names.remaining, level.remaining.map(Into::into));
            }),
            (RateLimitHeader::Limit, _) => levels().for_each(|(level, names)| {
                insert(out, &names.limit, Some(level.limit.into()));
            }),
            (RateLimitHeader::RenewalPeriod, _) => levels().for_each(|(level, names)| {
                insert(out, &names.renewal, Some(level.period_s.into()));
            }),
            (RateLimitHeader::Reset, _) => {
                levels().for_each(|(level, names)| insert(out, &names.reset, reset(level)));
                write_wait(out, standing, refused, Wait::seconds);
            }
            (RateLimitHeader::ResetMs, _) => {
                levels().for_each(|(level, names)| {
                    insert(out, &names.reset, level.reset.millis().map(Into::into));
                });
                write_wait(out, standing, refused, Wait::millis);
            }
            (RateLimitHeader::Utilization, _) => {
                insert(
                    out,
                    &headers::UTILIZATION,
                    standing.utilization.map(percent),
                );
            }
            (_, Some(promise)) => write_promise(out, *header, promise),
            (_, None) => {}
        }
    }
}

/// Writes what only a refusal tells.
fn write_promise(out: &mut HeaderMap, header: RateLimitHeader, promise: &Promise<'_>) {
    let Promise { reason, wait, date } = promise;
    let (name, value) = match header {
        RateLimitHeader::RetryAfter => (RETRY_AFTER, Some(wait.seconds().into())),
        RateLimitHeader::RetryAfterMs => (headers::RETRY_AFTER_MS, Some(wait.millis().into())),
        RateLimitHeader::RetryAfterDate => (RETRY_AFTER, Some(date(*wait))),
        RateLimitHeader::PolicyId => (headers::POLICY_ID, headers::policy(*reason)),
        _ => return,
    };
    insert(out, &name, value);
}

/// Writes the wait as the reset of the limit that refuses, where its kind tells no other.
fn write_wait(
    out: &mut HeaderMap,
    standing: &Standing,
    refused: Option<&Promise<'_>>,
    told: impl Fn(Wait) -> u64,
) {
    let Some(promise) = refused else { return };
    let (level, names) = match promise.reason {
        Reason::Tokens => (standing.tokens, &TOKENS),
        Reason::Requests | Reason::RequestsOfDay => (standing.requests, &REQUESTS),
        Reason::Utilization => return,
    };
    if level.is_some_and(|level| level.reset == Reset::Untold) {
        insert(out, &names.reset, Some(told(promise.wait).into()));
    }
}

fn insert(out: &mut HeaderMap, name: &HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        out.insert(name, value);
    }
}

fn reset(level: &Level) -> Option<HeaderValue> {
    match level.reset {
        Reset::Untold => None,
        told => HeaderValue::try_from(told.to_string()).ok(),
    }
}

/// Source of the form: oairequester.py of Azure/azure-openai-benchmark reads `12.3%`.
fn percent(thousandths: u64) -> HeaderValue {
    let text = format!("{}.{}%", thousandths / 10, thousandths % 10);
    HeaderValue::try_from(text).expect("digits are visible")
}

/// The headers of one limit.
struct Names {
    remaining: HeaderName,
    limit: HeaderName,
    reset: HeaderName,
    renewal: HeaderName,
}

const TOKENS: Names = Names {
    remaining: HeaderName::from_static("x-ratelimit-remaining-tokens"),
    limit: HeaderName::from_static("x-ratelimit-limit-tokens"),
    reset: HeaderName::from_static("x-ratelimit-reset-tokens"),
    renewal: HeaderName::from_static("x-ratelimit-renewalperiod-tokens"),
};

const REQUESTS: Names = Names {
    remaining: HeaderName::from_static("x-ratelimit-remaining-requests"),
    limit: HeaderName::from_static("x-ratelimit-limit-requests"),
    reset: HeaderName::from_static("x-ratelimit-reset-requests"),
    renewal: HeaderName::from_static("x-ratelimit-renewalperiod-requests"),
};
