//! [`Finished`]: one scenario of a run of many, when it is over.

use std::time::Duration;

use super::document::Report;
use crate::verdict::Outcome;

/// A scenario that is over, with its report or without.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Name of the run.
    pub name: String,
    /// Its report, or why there is none: a child that died, a file that could not be written.
    pub report: Result<Report, String>,
    /// How long it took, real.
    pub wall: Duration,
}

impl Finished {
    /// The verdict; none where there is no report.
    pub fn outcome(&self) -> Option<Outcome> {
        let report = self.report.as_ref().ok()?;
        Some(report.verdict.outcome)
    }

    /// Whether it was not played at all, and counts neither way.
    pub fn is_skipped(&self) -> bool {
        self.outcome() == Some(Outcome::Skipped)
    }

    /// Whether it counts as passed; whatever else was played counts as failed.
    pub fn has_passed(&self) -> bool {
        self.outcome() == Some(Outcome::Pass)
    }
}
