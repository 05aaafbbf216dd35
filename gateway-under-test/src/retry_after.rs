//! The waits that backends ask for, in all the ways they write them.
//!
//! What cannot be read is as good as absent: a header that is wrong must not fail a request.
//! How much of a wait is believed is for whoever acts on it to say.

use std::time::Duration;

use clock::Timestamp;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName};

use crate::headers::{RATELIMIT_RESET_REQUESTS, RATELIMIT_RESET_TOKENS, RETRY_AFTER_MS};

/// Units of a written duration in seconds, as Go prints them; `ms` before `m`, which it begins with.
const UNITS: [(&str, f64); 5] = [
    ("ms", 1e-3),
    ("us", 1e-6),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
];

/// The wait asked for at `date`: `retry-after-ms` if it can be read, else `Retry-After` in
/// seconds, which may have a fraction, or as a date.
pub(crate) fn asked(headers: &HeaderMap, date: Timestamp) -> Option<Duration> {
    let millis = || Some(span(number(text(headers, &RETRY_AFTER_MS)?)? / 1e3));
    let seconds_or_date = || {
        let text = text(headers, &RETRY_AFTER)?;
        number(text).map(span).or_else(|| until(text, date))
    };
    millis().or_else(seconds_or_date)
}

/// The time until requests, else tokens, are free again, from the headers of a rate limit: in
/// seconds, or as `6m0s`.
// Source: https://platform.openai.com/docs/guides/rate-limits (read 2026-08): sample values
// `1s` and `6m0s`.
pub(crate) fn reset(headers: &HeaderMap) -> Option<Duration> {
    let read = |name| reset_in(headers, &name);
    read(RATELIMIT_RESET_REQUESTS).or_else(|| read(RATELIMIT_RESET_TOKENS))
}

/// The same from the header `name` alone.
pub(crate) fn reset_in(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    let text = text(headers, name)?;
    number(text).or_else(|| written_out(text)).map(span)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// A decimal number without sign or exponent: nothing infinite, nothing that is no number.
fn number(text: &str) -> Option<f64> {
    let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_decimal.then(|| text.parse().ok()).flatten()
}

/// `seconds`, which are not negative, to the microsecond; more than fits is for ever.
fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64((seconds * 1e6).round() / 1e6).unwrap_or(Duration::MAX)
}

/// The time from `date` to the one that `text` names; one that is over is no time.
// Source: RFC 9110, 5.6.7 (read 2026-08): `Sun, 06 Nov 1994 08:49:37 GMT`.
fn until(text: &str, date: Timestamp) -> Option<Duration> {
    let zoned = text.replace("GMT", "+0000");
    let named = Timestamp::strptime("%a, %d %b %Y %H:%M:%S %z", &zoned).ok()?;
    Some(Duration::try_from(named.duration_since(date)).unwrap_or(Duration::ZERO))
}

/// The seconds in `1h2m3.5s`.
fn written_out(mut text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    while !text.is_empty() {
        let digits = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (amount, rest) = text.split_at(digits);
        let (unit, in_seconds) = UNITS.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        seconds += number(amount)? * in_seconds;
        text = &rest[unit.len()..];
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const RESET_TOKENS: &str = "x-ratelimit-reset-tokens";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |&(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    /// What is asked at the beginning of 2026.
    fn asked_in(pairs: &[(&str, &str)]) -> Option<u128> {
        let wait = asked(&headers(pairs), clock::DEFAULT_ANCHOR)?;
        Some(wait.as_millis())
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        assert_eq!(asked_in(&[]), None);
        assert_eq!(asked_in(&[("retry-after", "2")]), Some(2_000));
        assert_eq!(asked_in(&[("retry-after", " 0.25 ")]), Some(250));
        assert_eq!(asked_in(&[("retry-after", "0")]), Some(0));
    }

    #[test]
    fn the_finer_wait_wins_if_it_can_be_read() {
        let both = |ms| asked_in(&[("retry-after", "2"), ("retry-after-ms", ms)]);
        assert_eq!(both("1500"), Some(1_500));
        assert_eq!(both("soon"), Some(2_000));
    }

    #[test]
    fn a_date_is_as_far_away_as_the_clock_says() {
        let at = |date| asked_in(&[("retry-after", date)]);
        assert_eq!(at("Thu, 01 Jan 2026 00:00:07 GMT"), Some(7_000));
        assert_eq!(at("Wed, 31 Dec 2025 23:59:59 GMT"), Some(0));
        assert_eq!(at("01 Jan 2026"), None);
    }

    #[test]
    fn what_cannot_be_read_is_not_there() {
        for nonsense in ["", ".", "-1", "+1", "1e9", "inf", "NaN", "1.2.3", "7 s"] {
            assert_eq!(asked_in(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
    }

    #[test]
    fn a_wait_beyond_all_measure_is_for_ever() {
        let digits = "9".repeat(400);
        let wait = asked(&headers(&[("retry-after", &digits)]), clock::DEFAULT_ANCHOR);
        assert_eq!(wait, Some(Duration::MAX));
    }

    #[test]
    fn resets_are_read_in_seconds_and_written_out() {
        let read = |pairs: &[_]| reset(&headers(pairs)).map(|wait| wait.as_millis());
        assert_eq!(read(&[(RESET_TOKENS, "55")]), Some(55_000));
        assert_eq!(read(&[(RESET_TOKENS, "6m0s")]), Some(360_000));
        assert_eq!(read(&[(RESET_TOKENS, "120ms")]), Some(120));
        assert_eq!(read(&[(RESET_TOKENS, "6d")]), None);
        let both = [(RESET_TOKENS, "55"), ("x-ratelimit-reset-requests", "1s")];
        assert_eq!(read(&both), Some(1_000));
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange_to_read(text in "[ -~]{0,40}") {
            let pairs = headers(&[("retry-after", &text), (RESET_TOKENS, &text)]);
            asked(&pairs, clock::DEFAULT_ANCHOR);
            reset(&pairs);
        }
    }
}
