//! [`Clock`]: the mapping between simulated time and the machine.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::time::Instant;

use crate::{Moment, Speed};

/// The date of a virtual run's zero unless the scenario says otherwise: 2026-01-01T00:00:00Z.
///
/// Fixed, so that two virtual runs print the same dates.
pub const DEFAULT_ANCHOR: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Waits up to this long are left to tokio's timers, which round up to whole milliseconds.
///
/// Longer ones get a timer of the system's resolution: at speed 20 a millisecond is 20 simulated
/// ones, and users who think for a second and wait for two timers in it would send four percent
/// fewer requests. Streams of tokens a fraction of a millisecond apart stay coarse: their
/// deadlines are absolute, so nothing adds up, and a system timer each would cost more than the
/// tokens.
const COARSE: Duration = Duration::from_millis(2);

/// A deadline passed before the awaited future was ready.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the deadline passed")]
pub struct Elapsed;

/// Tells and awaits simulated time; cheap to clone, all clones agree.
///
/// Conversions are integer arithmetic in nanoseconds: a sleeper wakes at the first machine
/// instant whose simulated time is not before its moment, so `now()` after
/// `sleep_until(m)` is never before `m`.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    zero: Instant,
    /// The date of [`Moment::ZERO`].
    anchor: RwLock<Timestamp>,
    speed: Speed,
    is_paused: bool,
}

impl Clock {
    /// A clock that starts now at [`Moment::ZERO`] and runs at `speed`; zero has the date `anchor`.
    pub fn real(speed: Speed, anchor: Timestamp) -> Self {
        Self::new(speed, anchor, false)
    }

    /// A clock at speed 1 whose zero is now, dated by the machine: what a server uses by default.
    pub fn system() -> Self {
        Self::real(Speed::REAL_TIME, now_utc())
    }

    /// A clock for a current-thread runtime whose tokio time is paused; zero has the date `anchor`.
    ///
    /// It runs at 1/1000, one simulated microsecond per tokio millisecond: paused timers round
    /// up to whole milliseconds, which at this rate is exactly the resolution of [`Moment`].
    pub fn paused(anchor: Timestamp) -> Self {
        Self::new(Speed::PAUSED, anchor, true)
    }

    /// A clock in step with tokio's own time, where that is paused: one simulated second is one of
    /// tokio's.
    ///
    /// For code under test that sleeps with tokio itself, which [`paused`](Self::paused) would be
    /// a thousand times slower than. Sleeps round up to whole milliseconds.
    pub fn paused_with_tokio(anchor: Timestamp) -> Self {
        Self::new(Speed::REAL_TIME, anchor, true)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the edge that reads the machine's clock"
    )]
    fn new(speed: Speed, anchor: Timestamp, is_paused: bool) -> Self {
        Self(Arc::new(Inner {
            zero: Instant::now(),
            anchor: RwLock::new(anchor),
            speed,
            is_paused,
        }))
    }

    /// Simulated time now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the edge that reads the machine's clock"
    )]
    pub fn now(&self) -> Moment {
        simulated(self.0.zero.elapsed(), self.0.speed)
    }

    /// Waits until simulated time has reached `deadline`; returns at once if it has.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the edge that awaits the machine's clock"
    )]
    pub async fn sleep_until(&self, deadline: Moment) {
        let instant = self.instant(deadline);
        if !self.0.is_paused && instant.saturating_duration_since(Instant::now()) > COARSE {
            async_io::Timer::at(instant.into_std()).await;
        } else {
            tokio::time::sleep_until(instant).await;
        }
    }

    /// Awaits `future`, but not past `deadline`.
    ///
    /// # Errors
    /// [`Elapsed`] if simulated time reached `deadline` first; the future is dropped.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the edge that awaits the machine's clock"
    )]
    pub async fn timeout_at<F: Future>(
        &self,
        deadline: Moment,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        tokio::time::timeout_at(self.instant(deadline), future)
            .await
            .map_err(|_| Elapsed)
    }

    /// The date of `moment`.
    pub fn utc(&self, moment: Moment) -> Timestamp {
        let anchor = self.0.anchor.read().unwrap_or_else(PoisonError::into_inner);
        let since_zero = jiff::SignedDuration::try_from(moment.since(Moment::ZERO));
        since_zero
            .ok()
            .and_then(|since_zero| anchor.checked_add(since_zero).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Gives `moment` the date `date`, for all clones: a run begins when everybody is ready, and
    /// only then is it known how long after the clock's zero that is.
    pub fn set_date(&self, moment: Moment, date: Timestamp) {
        let mut anchor = self
            .0
            .anchor
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let since_zero = jiff::SignedDuration::try_from(moment.since(Moment::ZERO));
        let zero = since_zero
            .ok()
            .and_then(|since_zero| date.checked_sub(since_zero).ok());
        *anchor = zero.unwrap_or(Timestamp::MIN);
    }

    /// Simulated seconds per real second; meaningless for a paused clock, see [`is_paused`](Self::is_paused).
    pub fn speed(&self) -> Speed {
        self.0.speed
    }

    /// Whether this clock follows tokio's paused time, where nothing takes real time.
    pub fn is_paused(&self) -> bool {
        self.0.is_paused
    }

    /// The real time that `simulated` takes on this clock, or `None` where time is paused.
    pub fn wall(&self, simulated: Duration) -> Option<Duration> {
        (!self.0.is_paused).then(|| simulated.div_f64(self.0.speed.as_f64()))
    }

    /// The first machine instant whose simulated time is not before `moment`.
    fn instant(&self, moment: Moment) -> Instant {
        let delay = real(moment, self.0.speed);
        // Thirty years stand for a deadline that never comes, as in tokio itself.
        self.0
            .zero
            .checked_add(delay)
            .unwrap_or_else(|| self.0.zero + Duration::from_hours(30 * 8_766))
    }
}

/// The machine's date and time, for anchors and file names at the edge.
pub fn now_utc() -> Timestamp {
    Timestamp::now()
}

/// Simulated time after `elapsed` of real time: rounded down.
fn simulated(elapsed: Duration, speed: Speed) -> Moment {
    let micros = elapsed.as_nanos() * u128::from(speed.thousandths()) / 1_000_000;
    Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// Real time from zero until `moment`: rounded up.
fn real(moment: Moment, speed: Speed) -> Duration {
    let nanos =
        (u128::from(moment.as_micros()) * 1_000_000).div_ceil(u128::from(speed.thousandths()));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two hundred simulated years, in microseconds.
    const LONG: u64 = 6_311_520_000_000_000;

    proptest! {
        #[test]
        fn a_sleeper_never_wakes_before_its_moment(micros in 0..LONG, thousandths in 1.0..1_000_000.0f64) {
            let speed = Speed::try_from(thousandths / 1_000.0).unwrap();
            let moment = Moment::from_micros(micros / 200);
            prop_assert!(simulated(real(moment, speed), speed) >= moment);
        }

        #[test]
        fn a_sleeper_wakes_within_a_microsecond_of_its_moment(micros in 0..LONG, speed in 1.0..1_000.0f64) {
            let speed = Speed::try_from(speed).unwrap();
            let moment = Moment::from_micros(micros);
            let woken = simulated(real(moment, speed), speed);
            // One nanosecond of real time is at most one microsecond at the highest speed.
            prop_assert!(woken.since(moment) <= Duration::from_micros(1));
        }

        #[test]
        fn the_paused_rate_is_exact(micros in 0..LONG / 1_000) {
            let moment = Moment::from_micros(micros);
            let delay = real(moment, Speed::PAUSED);
            prop_assert_eq!(delay, Duration::from_millis(micros));
            prop_assert_eq!(simulated(delay, Speed::PAUSED), moment);
        }

        #[test]
        fn simulated_time_never_runs_backwards(a in 0u64..u64::MAX / 2, b in 0u64..u64::MAX / 2, speed in 0.001..1_000.0f64) {
            let speed = Speed::try_from(speed).unwrap();
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(simulated(Duration::from_nanos(early), speed) <= simulated(Duration::from_nanos(late), speed));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn paused_sleeps_end_exactly_at_their_moment() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        for micros in [1, 7, 999, 1_000, 123_456_789] {
            clock.sleep_until(Moment::from_micros(micros)).await;
            assert_eq!(clock.now(), Moment::from_micros(micros));
        }
    }

    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "code that keeps tokio's time")]
    async fn a_clock_in_step_with_tokio_sees_its_sleeps_as_they_are() {
        let clock = Clock::paused_with_tokio(DEFAULT_ANCHOR);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(clock.now(), Moment::ZERO + Duration::from_mins(1));
        let before = Instant::now();
        clock
            .sleep_until(clock.now() + Duration::from_millis(250))
            .await;
        assert_eq!(before.elapsed(), Duration::from_millis(250));
    }

    #[tokio::test(start_paused = true)]
    async fn ten_simulated_minutes_pass_at_once() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let never = std::future::pending::<()>();
        let deadline = Moment::ZERO + Duration::from_mins(10);
        assert_eq!(clock.timeout_at(deadline, never).await, Err(Elapsed));
        assert_eq!(clock.now(), deadline);
    }

    #[test]
    fn a_faster_clock_sleeps_proportionally_less() {
        let speed = Speed::try_from(20.0).unwrap();
        let minute = Duration::from_mins(1);
        assert_eq!(real(Moment::ZERO + minute, speed), Duration::from_secs(3));
        let clock = Clock::real(speed, DEFAULT_ANCHOR);
        assert_eq!(clock.wall(minute), Some(Duration::from_secs(3)));
    }

    #[tokio::test]
    async fn a_real_sleeper_never_wakes_before_its_moment() {
        let clock = Clock::real(Speed::try_from(100.0).unwrap(), DEFAULT_ANCHOR);
        for millis in [1, 150, 151, 600] {
            let deadline = Moment::ZERO + Duration::from_millis(millis);
            clock.sleep_until(deadline).await;
            assert!(clock.now() >= deadline);
        }
    }

    #[test]
    fn dates_follow_simulated_time_from_the_anchor() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let date = clock.utc(Moment::ZERO + Duration::from_millis(90_500));
        assert_eq!(date.to_string(), "2026-01-01T00:01:30.5Z");
        assert_eq!(clock.utc(Moment::FAR_FUTURE), Timestamp::MAX);
    }

    #[test]
    fn a_moment_can_be_given_a_date_that_all_clones_tell() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let clone = clock.clone();
        let start = Moment::ZERO + Duration::from_secs(7);
        clock.set_date(start, "2026-03-01T12:00:00Z".parse().unwrap());
        let date = clone.utc(start + Duration::from_secs(1));
        assert_eq!(date.to_string(), "2026-03-01T12:00:01Z");
    }
}
