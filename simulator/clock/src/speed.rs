//! [`Speed`]: simulated seconds per real second.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Simulated seconds per real second, in thousandths.
///
/// A whole number of thousandths keeps the conversion between simulated and real time in
/// integers, so that a sleeper never wakes before its moment. Legal range: 0.001 to 1000.
#[derive(
    Clone, Copy, Debug, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Deserialize, Serialize,
)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64")]
pub struct Speed(u32);

/// A speed outside 0.001 to 1000, or not a number.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("expected a speed from 0.001 to 1000 simulated seconds per second, found `{0}`")]
pub struct InvalidSpeed(String);

impl Speed {
    /// One simulated second per real second.
    pub const REAL_TIME: Self = Self(1_000);

    /// The rate of a paused clock: one simulated microsecond per (virtual) millisecond.
    ///
    /// Paused tokio timers round up to whole milliseconds; at this rate rounding never happens.
    pub(crate) const PAUSED: Self = Self(1);

    /// Thousandths of a simulated second per real second.
    pub(crate) const fn thousandths(self) -> u32 {
        self.0
    }

    /// Simulated seconds per real second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self::REAL_TIME
    }
}

impl TryFrom<f64> for Speed {
    type Error = InvalidSpeed;

    fn try_from(speed: f64) -> Result<Self, InvalidSpeed> {
        if !(0.001..=1_000.0).contains(&speed) {
            return Err(InvalidSpeed(speed.to_string()));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "range checked above"
        )]
        let thousandths = (speed * 1_000.0).round() as u32;
        Ok(Self(thousandths))
    }
}

impl From<Speed> for f64 {
    fn from(speed: Speed) -> Self {
        speed.as_f64()
    }
}

impl FromStr for Speed {
    type Err = InvalidSpeed;

    fn from_str(text: &str) -> Result<Self, InvalidSpeed> {
        let number: f64 = text.parse().map_err(|_| InvalidSpeed(text.to_owned()))?;
        Self::try_from(number)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_outside_its_range_is_refused_by_name() {
        for wrong in ["0", "-1", "1001", "fast", "NaN"] {
            let error = wrong.parse::<Speed>().unwrap_err();
            assert!(
                error.to_string().ends_with(&format!("found `{wrong}`")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_speed_is_a_plain_number_in_files() {
        assert_eq!(serde_json::from_str::<Speed>("20").unwrap(), Speed(20_000));
        assert_eq!(serde_json::to_string(&Speed(500)).unwrap(), "0.5");
    }
}
