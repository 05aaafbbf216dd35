//! [`Span`]: a duration as people write it in files and on command lines.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A duration written with its unit: `"250us"`, `"10ms"`, `"1.5s"`, `"3m"`, `"2h"`, `"1d"`.
///
/// A bare number is refused: nobody can tell from `10` whether seconds or milliseconds are
/// meant. Resolution is one microsecond, that of [`Moment`](crate::Moment).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Deserialize,
    Serialize,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h|d)$"))]
pub struct Span(Duration);

/// A text that is not a duration with its unit.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("expected a duration with its unit, such as `500ms`, `1.5s` or `2m`, found `{0}`")]
pub struct InvalidSpan(String);

/// Units by suffix, longest suffix first where one ends another, with their microseconds.
const UNITS: [(&str, f64); 6] = [
    ("us", 1.0),
    ("ms", 1e3),
    ("s", 1e6),
    ("m", 60e6),
    ("h", 3_600e6),
    ("d", 86_400e6),
];

/// A thousand years: beyond it a file holds a slip, not a wish.
const LONGEST_MICROS: f64 = 365_250.0 * 86_400e6;

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The span of `duration`, to the microsecond.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// The standard duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, InvalidSpan> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(text.to_owned());
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (_, micros_per_unit) = UNITS
            .iter()
            .find(|(suffix, _)| *suffix == &text[digits.len()..])
            .ok_or_else(invalid)?;
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let number: f64 = if plain {
            digits.parse().map_err(|_| invalid())?
        } else {
            return Err(invalid());
        };
        let micros = (number * micros_per_unit).round();
        if micros > LONGEST_MICROS {
            return Err(invalid());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range checked above"
        )]
        let micros = micros as u64;
        Ok(Self(Duration::from_micros(micros)))
    }
}

impl fmt::Display for Span {
    /// The shortest exact form: `90s` stays `90s`, `0.5s` becomes `500ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0 => write!(f, "0s"),
            _ if micros.is_multiple_of(1_000_000) => write!(f, "{}s", micros / 1_000_000),
            _ if micros.is_multiple_of(1_000) => write!(f, "{}ms", micros / 1_000),
            _ => write!(f, "{micros}us"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_read_as_written() {
        let micros = |text: &str| text.parse::<Span>().unwrap().get().as_micros();
        assert_eq!(micros("250us"), 250);
        assert_eq!(micros("10ms"), 10_000);
        assert_eq!(micros("1.5s"), 1_500_000);
        assert_eq!(micros("3m"), 180_000_000);
        assert_eq!(micros("2h"), 7_200_000_000);
        assert_eq!(micros("1d"), 86_400_000_000);
    }

    #[test]
    fn anything_without_a_known_unit_is_refused() {
        for wrong in [
            "",
            "1",
            "s",
            "1 s",
            "-1s",
            "1e3s",
            "1.2.3s",
            "5min",
            "999999999d",
        ] {
            assert!(wrong.parse::<Span>().is_err(), "`{wrong}` was accepted");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back_unchanged(micros in 0u64..10_000_000_000_000) {
            let span = Span::new(Duration::from_micros(micros));
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
    }
}
