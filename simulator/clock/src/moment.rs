//! [`Moment`]: a point of simulated time.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point of simulated time: whole microseconds since the run's zero.
///
/// Microseconds are the resolution of the whole rig: fine enough for the gap between two
/// streamed tokens, coarse enough that a `u64` outlasts any run. Serialised as the bare number.
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
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// The run's zero.
    pub const ZERO: Self = Self(0);

    /// The latest representable moment: a deadline that never comes.
    pub const FAR_FUTURE: Self = Self(u64::MAX);

    /// The moment `micros` simulated microseconds after zero.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Simulated microseconds since zero.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Simulated seconds since zero, for display and charts; decisions use exact durations.
    #[expect(
        clippy::cast_precision_loss,
        reason = "display only; exact up to 285 simulated years"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time from `earlier` to this moment, or zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// The moment `duration` later; part of a microsecond is dropped, overflow stays at the end.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_micros(duration)))
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    /// The moment `duration` earlier, or zero where that lies before the run.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_micros(duration)))
    }
}

impl fmt::Display for Moment {
    /// Seconds with three decimals, as people read them: `12.345 s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.as_secs_f64())
    }
}

fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(
            Moment::from_micros(5) - Duration::from_secs(1),
            Moment::ZERO
        );
        assert_eq!(
            Moment::FAR_FUTURE + Duration::from_secs(1),
            Moment::FAR_FUTURE
        );
        assert_eq!(Moment::ZERO.since(Moment::from_micros(9)), Duration::ZERO);
    }

    #[test]
    fn a_moment_is_a_bare_number_on_the_wire() {
        let moment = Moment::ZERO + Duration::from_millis(1_500);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "1500000");
        assert_eq!(serde_json::from_str::<Moment>("1500000").unwrap(), moment);
    }
}
