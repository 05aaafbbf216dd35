//! [`Distribution`]: a duration that is constant or drawn.

mod percentiles;
mod tail;

use std::fmt;
use std::time::Duration;

use clock::Span;
use rand::Rng;
use rand_distr::{Distribution as _, Exp, Gamma, LogNormal, Normal, Uniform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use self::percentiles::Curve;
pub use self::percentiles::Percentiles;
pub use self::tail::Tail;

/// A duration that is constant or drawn from a distribution; a negative draw counts as zero.
///
/// In files a constant is written `"10ms"` and anything else as a table with one key, such as
/// `{ normal = { mean = "10ms", std_dev = "2ms" } }`.
#[derive(Clone, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same duration.
    Constant(Span),
    /// The normal distribution, cut off at zero.
    Normal {
        /// Centre.
        mean: Span,
        /// Standard deviation.
        std_dev: Span,
    },
    /// The log-normal distribution: what measured first-token times look like.
    LogNormal {
        /// The duration that half of the draws stay below.
        median: Span,
        /// Standard deviation of the logarithm; 0.3 is typical, 0 is constant.
        sigma: f64,
    },
    /// Every duration from `min` to `max` alike.
    Uniform {
        /// Shortest duration.
        min: Span,
        /// Longest duration.
        max: Span,
    },
    /// The exponential distribution: times between independent events.
    Exponential {
        /// Mean.
        mean: Span,
    },
    /// The gamma distribution; burstier than exponential below shape 1, calmer above.
    Gamma {
        /// Mean.
        mean: Span,
        /// Shape, above zero.
        shape: f64,
    },
    /// A table of percentiles: what people have on their dashboards.
    Percentiles(Percentiles),
    /// Another distribution with a tail: some draws take many times as long.
    Tail(Box<Tail>),
}

/// Parameters that describe no distribution.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum InvalidDistribution {
    /// A uniform distribution that ends before it starts.
    #[error("expected `min` not above `max`, found `{min}` and `{max}`")]
    Reversed {
        /// The lower bound as given.
        min: Span,
        /// The upper bound as given.
        max: Span,
    },
    /// A percentile below a lower one.
    #[error("expected ascending percentiles, found `{lower}` = `{low}` and `{higher}` = `{high}`")]
    Falling {
        /// The lower percentile.
        lower: &'static str,
        /// Its duration.
        low: Span,
        /// The next percentile given, or `max`.
        higher: &'static str,
        /// Its shorter duration.
        high: Span,
    },
    /// A median that nothing can be interpolated from.
    #[error("expected `p50` above zero, found `0s`")]
    NoMedian,
    /// A table that does not say how wide the distribution is.
    #[error("expected `p50` and at least one more percentile, found `p50` alone")]
    LonePercentile,
    /// A parameter out of range.
    #[error("expected `{name}` {expected}, found `{value}`")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its legal range in words.
        expected: &'static str,
        /// The value as given.
        value: f64,
    },
}

/// The names a table may use, for messages.
pub(super) const KINDS: &[&str] = &[
    "normal",
    "log_normal",
    "uniform",
    "exponential",
    "gamma",
    "percentiles",
    "tail",
];

/// The largest sigma accepted: beyond it one draw in forty is longer than a thousand medians.
const LARGEST_SIGMA: f64 = 3.5;

impl Distribution {
    /// No time at all.
    pub const ZERO: Self = Self::Constant(Span::ZERO);

    /// Always `duration`.
    pub const fn constant(duration: Duration) -> Self {
        Self::Constant(Span::new(duration))
    }

    /// Whether every draw is zero, so that nothing needs to be drawn.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// Checks that the parameters describe a distribution.
    ///
    /// # Errors
    /// [`InvalidDistribution`] names the parameter that is out of its range.
    pub fn validate(self) -> Result<Self, InvalidDistribution> {
        let out_of_range = |name, expected, value| {
            Err(InvalidDistribution::OutOfRange {
                name,
                expected,
                value,
            })
        };
        match &self {
            Self::Uniform { min, max } if min > max => {
                let (min, max) = (*min, *max);
                return Err(InvalidDistribution::Reversed { min, max });
            }
            Self::LogNormal { sigma, .. } if !(0.0..=LARGEST_SIGMA).contains(sigma) => {
                return out_of_range("sigma", "from 0 to 3.5", *sigma);
            }
            Self::Gamma { shape, .. } if !(0.001..=1e6).contains(shape) => {
                return out_of_range("shape", "from 0.001 to 1000000", *shape);
            }
            Self::Percentiles(percentiles) => percentiles.validate()?,
            Self::Tail(tail) => tail.validate()?,
            _ => {}
        }
        Ok(self)
    }

    /// The distribution ready to be drawn from, with its constants computed once.
    pub(crate) fn sampler(&self) -> Sampler {
        let micros = |span: Span| span.get().as_secs_f64() * 1e6;
        let positive = |span: Span| micros(span) > 0.0;
        let drawn = match *self {
            Self::Constant(span) => return Sampler::Constant(span.get()),
            Self::Percentiles(ref percentiles) => {
                return Sampler::Percentiles(Curve::new(percentiles));
            }
            Self::Tail(ref tail) => {
                return Sampler::Tail(Box::new(tail.of.sampler()), tail.clone());
            }
            Self::Normal { mean, std_dev } => Normal::new(micros(mean), micros(std_dev))
                .ok()
                .map(Sampler::Normal),
            Self::LogNormal { median, sigma } if positive(median) => {
                LogNormal::new(micros(median).ln(), sigma)
                    .ok()
                    .map(Sampler::LogNormal)
            }
            Self::Uniform { min, max } => Uniform::new_inclusive(micros(min), micros(max))
                .ok()
                .map(Sampler::Uniform),
            Self::Exponential { mean } if positive(mean) => {
                Exp::new(1.0 / micros(mean)).ok().map(Sampler::Exponential)
            }
            Self::Gamma { mean, shape } if positive(mean) => {
                Gamma::new(shape, micros(mean) / shape)
                    .ok()
                    .map(Sampler::Gamma)
            }
            // A scale of zero leaves a single possible value.
            Self::LogNormal { .. } | Self::Exponential { .. } | Self::Gamma { .. } => None,
        };
        drawn.unwrap_or(Sampler::Constant(Duration::ZERO))
    }
}

/// A [`Distribution`] with its constants computed, in microseconds.
#[derive(Clone, Debug)]
pub(crate) enum Sampler {
    Constant(Duration),
    Normal(Normal<f64>),
    LogNormal(LogNormal<f64>),
    Uniform(Uniform<f64>),
    Exponential(Exp<f64>),
    Gamma(Gamma<f64>),
    Percentiles(Curve),
    Tail(Box<Sampler>, Box<Tail>),
}

impl Sampler {
    /// Whether drawing needs no randomness.
    pub(crate) fn constant(&self) -> Option<Duration> {
        match self {
            Self::Constant(duration) => Some(*duration),
            _ => None,
        }
    }

    /// Draws a duration, whole microseconds, never negative.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Duration {
        let micros = match self {
            Self::Constant(duration) => return *duration,
            Self::Normal(normal) => normal.sample(rng),
            Self::LogNormal(log_normal) => log_normal.sample(rng),
            Self::Uniform(uniform) => uniform.sample(rng),
            Self::Exponential(exponential) => exponential.sample(rng),
            Self::Gamma(gamma) => gamma.sample(rng),
            Self::Percentiles(curve) => curve.draw(rng),
            Self::Tail(body, tail) => body.draw(rng).as_secs_f64() * 1e6 * tail.factor(rng),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and a negative draw is meant to be zero"
        )]
        Duration::from_micros(micros.round() as u64)
    }
}

/// The table form, one key; deriving it keeps the position of every mistake inside.
#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { mean = \"10ms\", std_dev = \"2ms\" }"
)]
struct NormalTable {
    mean: Span,
    std_dev: Span,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { median = \"500ms\", sigma = 0.3 }"
)]
struct LogNormalTable {
    median: Span,
    sigma: f64,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { min = \"1ms\", max = \"9ms\" }"
)]
struct UniformTable {
    min: Span,
    max: Span,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { mean = \"10ms\" }")]
struct ExponentialTable {
    mean: Span,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { mean = \"10ms\", shape = 2.0 }"
)]
struct GammaTable {
    mean: Span,
    shape: f64,
}

impl Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        if let Self::Constant(span) = self {
            return span.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match *self {
            Self::Constant(_) => {}
            Self::Percentiles(ref table) => map.serialize_entry("percentiles", table)?,
            Self::Tail(ref tail) => map.serialize_entry("tail", tail)?,
            Self::Normal { mean, std_dev } => {
                map.serialize_entry("normal", &NormalTable { mean, std_dev })?;
            }
            Self::LogNormal { median, sigma } => {
                map.serialize_entry("log_normal", &LogNormalTable { median, sigma })?;
            }
            Self::Uniform { min, max } => {
                map.serialize_entry("uniform", &UniformTable { min, max })?;
            }
            Self::Exponential { mean } => {
                map.serialize_entry("exponential", &ExponentialTable { mean })?;
            }
            Self::Gamma { mean, shape } => {
                map.serialize_entry("gamma", &GammaTable { mean, shape })?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistributionVisitor)
    }
}

struct DistributionVisitor;

impl<'de> Visitor<'de> for DistributionVisitor {
    type Value = Distribution;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"10ms\" or a distribution such as { normal = { mean = \"10ms\", std_dev = \"2ms\" } }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Distribution, E> {
        text.parse().map(Distribution::Constant).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distribution, A::Error> {
        let one_key = || A::Error::custom(format!("expected one of `{}`", KINDS.join("`, `")));
        let kind: String = map.next_key()?.ok_or_else(one_key)?;
        let distribution = match kind.as_str() {
            "normal" => {
                let NormalTable { mean, std_dev } = map.next_value()?;
                Distribution::Normal { mean, std_dev }
            }
            "log_normal" => {
                let LogNormalTable { median, sigma } = map.next_value()?;
                Distribution::LogNormal { median, sigma }
            }
            "uniform" => {
                let UniformTable { min, max } = map.next_value()?;
                Distribution::Uniform { min, max }
            }
            "exponential" => {
                let ExponentialTable { mean } = map.next_value()?;
                Distribution::Exponential { mean }
            }
            "gamma" => {
                let GammaTable { mean, shape } = map.next_value()?;
                Distribution::Gamma { mean, shape }
            }
            "percentiles" => Distribution::Percentiles(map.next_value()?),
            "tail" => Distribution::Tail(map.next_value()?),
            other => return Err(A::Error::unknown_field(other, KINDS)),
        };
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom(format!(
                "expected a single distribution, found another beside `{kind}`"
            )));
        }
        distribution.validate().map_err(A::Error::custom)
    }
}

impl JsonSchema for Distribution {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Distribution".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let constant = generator.subschema_for::<Span>();
        let tables = [
            ("normal", generator.subschema_for::<NormalTable>()),
            ("log_normal", generator.subschema_for::<LogNormalTable>()),
            ("uniform", generator.subschema_for::<UniformTable>()),
            ("exponential", generator.subschema_for::<ExponentialTable>()),
            ("gamma", generator.subschema_for::<GammaTable>()),
            ("percentiles", generator.subschema_for::<Percentiles>()),
            ("tail", generator.subschema_for::<Tail>()),
        ]
        .map(|(name, table)| {
            json_schema!({
                "type": "object",
                "properties": { name: table },
                "required": [name],
                "additionalProperties": false,
            })
        });
        let one_of: Vec<_> = std::iter::once(constant).chain(tables).collect();
        json_schema!({
            "description": "A duration that is constant, \"10ms\", or drawn: { normal = { mean, std_dev } }, { log_normal = { median, sigma } }, { uniform = { min, max } }, { exponential = { mean } }, { gamma = { mean, shape } }, { percentiles = { p50, p75, p90, p95, p99, \"p99.9\", max } } or, around another, { tail = { of, probability, min_factor, max_factor, shape } }.",
            "oneOf": one_of,
        })
    }
}

#[cfg(test)]
mod tests;
