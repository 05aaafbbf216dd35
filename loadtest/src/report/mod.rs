//! Everything a person or a CI system reads: a [`Report`] and what is drawn from it.
//!
//! [`build()`] folds plan, evidence and verdict into one serialisable value; text, `JUnit` and the
//! tables are pure functions of it, so that any of them can be drawn again from a past
//! `report.json`. What a run tells *while* it runs are [`progress::Event`](crate::progress)s:
//! [`progress`] draws them small on stderr, [`watch`] large. Before a run there is no evidence
//! yet: [`plan`] draws what will be sent, [`catalogue`] what there is to run.
//!
//! Renderers take a [`Style`] and return strings; only [`progress`] and [`watch`] have a shell
//! that writes. Nothing here reads the environment.

mod build;
pub mod catalogue;
mod chart;
mod document;
mod facts;
mod finished;
#[cfg(test)]
mod fixture;
pub mod histogram;
pub mod junit;
mod number;
pub mod plan;
pub mod progress;
mod schema;
mod series;
mod style;
mod table;
pub mod text;
pub mod watch;
mod wrap;

pub use self::build::{Facts, GATEWAY, NOBODY, UNKNOWN, build};
pub use self::document::{
    BackendTraffic, ClassLoad, ClassTraffic, Counts, Driver, FORMAT_VERSION, LoadModel, Override,
    PhaseSummary, Report, Scenario, TokenSums, TokenTotals, Traffic,
};
pub use self::facts::{Invocation, RigFacts, RunFacts};
pub use self::finished::Finished;
pub use self::schema::json_schema;
pub use self::series::{MOST_BUCKETS, Series, SeriesRow};
pub use self::style::{DEFAULT_WIDTH, Ink, Stream, Style};
