//! [`Percentiles`]: a distribution as dashboards show it.
//!
//! Between two percentiles the logarithm of the duration grows evenly with the normal score of
//! the probability: each piece is a piece of a log-normal distribution, what measured
//! first-token times look like, the whole is monotone, and draws meet every entry of the table
//! exactly. Interpolating between durations instead would make the tail, where percentiles lie
//! far apart, much too heavy.

use clock::Span;
use rand::Rng;
use rand_distr::{Distribution as _, StandardNormal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InvalidDistribution;

/// Durations that the given share of draws stays below: `p50` and at least one more.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { p50 = \"639ms\", p95 = \"1144ms\", p99 = \"4517ms\" }"
)]
pub struct Percentiles {
    /// Median, above zero. Below it draws go on as between it and the next percentile.
    pub p50: Span,
    /// 75 % of draws stay below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p75: Option<Span>,
    /// 90 % of draws stay below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<Span>,
    /// 95 % of draws stay below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<Span>,
    /// 99 % of draws stay below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Span>,
    /// 99.9 % of draws stay below.
    #[serde(rename = "p99.9", skip_serializing_if = "Option::is_none")]
    pub p99_9: Option<Span>,
    /// The longest draw; twice the highest percentile by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Span>,
}

/// Normal scores of the percentiles, in the order of the table's keys.
const SCORES: [f64; 6] = [
    0.0,
    0.674_489_750,
    1.281_551_566,
    1.644_853_627,
    2.326_347_874,
    3.090_232_306,
];

/// Normal score at which `max` is reached: that of one draw in ten thousand.
const MAX_SCORE: f64 = 3.719_016_485;

impl Percentiles {
    /// The keys given with their durations and scores, `max` left out.
    fn entries(&self) -> impl Iterator<Item = (&'static str, Span, f64)> {
        let entries = [
            ("p50", Some(self.p50)),
            ("p75", self.p75),
            ("p90", self.p90),
            ("p95", self.p95),
            ("p99", self.p99),
            ("p99.9", self.p99_9),
        ];
        let entries = entries.into_iter().zip(SCORES);
        entries.filter_map(|((name, span), score)| Some((name, span?, score)))
    }

    pub(super) fn validate(&self) -> Result<(), InvalidDistribution> {
        if self.p50 == Span::ZERO {
            return Err(InvalidDistribution::NoMedian);
        }
        let max = self.max.map(|max| ("max", max, MAX_SCORE));
        let entries: Vec<_> = self.entries().chain(max).collect();
        if self.entries().count() < 2 {
            return Err(InvalidDistribution::LonePercentile);
        }
        let falls = entries.windows(2).find(|pair| pair[0].1 > pair[1].1);
        falls.map_or(Ok(()), |pair| {
            Err(InvalidDistribution::Falling {
                lower: pair[0].0,
                low: pair[0].1,
                higher: pair[1].0,
                high: pair[1].1,
            })
        })
    }
}

/// The quantile function: logarithms of microseconds by normal score, both ascending.
#[derive(Clone, Debug)]
pub(crate) struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// The curve through `percentiles`, which are valid.
    pub(super) fn new(percentiles: &Percentiles) -> Self {
        let micros = |span: Span| span.get().as_secs_f64() * 1e6;
        let entries = percentiles.entries();
        let mut points: Vec<_> = entries
            .map(|(_, span, score)| (score, micros(span)))
            .collect();
        let highest = points.last().map_or(0.0, |&(_, micros)| micros);
        points.push((MAX_SCORE, percentiles.max.map_or(2.0 * highest, micros)));
        let points = points.into_iter();
        Self(points.map(|(score, micros)| (score, micros.ln())).collect())
    }

    /// Draws a number of microseconds.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> f64 {
        self.at(StandardNormal.sample(rng)).exp()
    }

    /// The logarithm at `score`; before the first piece as along it, after the last no higher.
    fn at(&self, score: f64) -> f64 {
        let score = score.min(MAX_SCORE);
        let pieces = self.0.windows(2);
        let piece = pieces
            .into_iter()
            .find(|piece| score <= piece[1].0)
            .expect("the last point is at the largest score");
        let ((from, low), (to, high)) = (piece[0], piece[1]);
        low + (high - low) * (score - from) / (to - from)
    }
}
