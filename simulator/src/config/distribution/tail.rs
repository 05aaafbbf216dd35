//! [`Tail`]: a distribution whose draws now and then take many times as long.
//!
//! Providers stall: one first token in fifty comes four to ten times as late as the others. No
//! single distribution with a plausible body says that, so a tail is laid over a body.

use rand::{Rng, RngExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, InvalidDistribution};

/// Another distribution, some of whose draws are multiplied by a Pareto-distributed factor.
///
/// The factor follows a Pareto distribution that starts at `min_factor`, cut off at `max_factor`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { of = \"500ms\", probability = 0.02, min_factor = 4.0, max_factor = 10.0, shape = 1.5 }"
)]
pub struct Tail {
    /// The body: what all other draws look like.
    pub of: Distribution,
    /// Share of draws that are multiplied, from 0 to 1.
    pub probability: f64,
    /// Smallest factor, from 1 to 1000.
    pub min_factor: f64,
    /// Largest factor, from `min_factor` to 1000.
    pub max_factor: f64,
    /// How fast large factors become rare, from 0.01 to 100; 1.5 is typical, more is faster.
    pub shape: f64,
}

impl Tail {
    pub(super) fn validate(&self) -> Result<(), InvalidDistribution> {
        let checks = [
            ("probability", "from 0 to 1", self.probability, 0.0..=1.0),
            ("min_factor", "from 1 to 1000", self.min_factor, 1.0..=1e3),
            (
                "max_factor",
                "from `min_factor` to 1000",
                self.max_factor,
                self.min_factor..=1e3,
            ),
            ("shape", "from 0.01 to 100", self.shape, 0.01..=100.0),
        ];
        let wrong = checks
            .into_iter()
            .find(|(_, _, value, range)| !range.contains(value));
        wrong.map_or(Ok(()), |(name, expected, value, _)| {
            Err(InvalidDistribution::OutOfRange {
                name,
                expected,
                value,
            })
        })
    }

    /// What a draw of the body is multiplied by.
    pub(super) fn factor(&self, rng: &mut impl Rng) -> f64 {
        if rng.random::<f64>() >= self.probability {
            return 1.0;
        }
        // The quantile function of the Pareto distribution, as far as `max_factor`.
        let beyond = (self.min_factor / self.max_factor).powf(self.shape);
        let left = 1.0 - rng.random::<f64>() * (1.0 - beyond);
        self.min_factor * left.powf(-1.0 / self.shape)
    }
}
