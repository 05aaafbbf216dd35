//! Real time, for the health of the rig only: how long a run took, how late its timers are.

use std::time::Duration;

use tokio::time::Instant;

/// Measures real time that passes, for rig health; verdicts use simulated time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the edge that reads the machine's clock"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Real time since the start.
    #[expect(
        clippy::disallowed_methods,
        reason = "this crate is the edge that reads the machine's clock"
    )]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How late `samples` real timers of length `probe` fire here, one after the other.
///
/// The rig multiplies a high percentile of this by its speed to know how finely it can tell
/// simulated times apart on this machine at this moment.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate is the edge that reads the machine's clock"
)]
pub async fn timer_overshoots(probe: Duration, samples: usize) -> Vec<Duration> {
    let mut overshoots = Vec::with_capacity(samples);
    for _ in 0..samples {
        let deadline = Instant::now() + probe;
        async_io::Timer::at(deadline.into_std()).await;
        overshoots.push(deadline.elapsed());
    }
    overshoots
}
