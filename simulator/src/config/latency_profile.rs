//! [`LatencyProfile`]: how fast known models answer.
//!
//! First-token times are tables of percentiles, because that is how they were measured: by
//! modelstats.ai, probes every five minutes for a day, in the US; its slowest first tokens took
//! 5 to 7 s. Times per token are the slopes of the header `openai-processing-ms` over the number
//! of tokens in 564 recorded answers that were no streams; how much single gaps vary was not
//! recorded, so they are constant.
//!
//! They are starting points: the numbers of one's own dashboard belong beside the profile.

use std::time::Duration;

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, LatencySection, Percentiles};

/// A model whose latencies were measured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum LatencyProfile {
    /// A median of 639 ms to the first token, then 22 ms per token.
    #[serde(rename = "gpt-4o")]
    Gpt4o,
    /// A median of 536 ms to the first token, then 30 ms per token.
    #[serde(rename = "gpt-4o-mini")]
    Gpt4oMini,
    /// A median of 726 ms to the first token, then 12 ms per token.
    #[serde(rename = "gpt-4.1")]
    Gpt41,
    /// A median of 661 ms to the first token, then 11 ms per token.
    #[serde(rename = "gpt-4.1-mini")]
    Gpt41Mini,
    /// A median of 861 ms to the first token, then 17.5 ms per token.
    #[serde(rename = "gpt-5-mini")]
    Gpt5Mini,
    /// A median of 524 ms to the first token, then 12 ms per token.
    #[serde(rename = "o3-mini")]
    O3Mini,
    /// A median of 105 ms per request.
    #[serde(rename = "text-embedding-3-small")]
    TextEmbedding3Small,
}

const fn millis(millis: u64) -> Span {
    Span::new(Duration::from_millis(millis))
}

/// The slowest first token that modelstats.ai saw in a day.
const SLOWEST_FIRST_TOKEN: Span = millis(7_000);

/// The spread that the answers of reasoning models had in the recordings, at its lower end.
const SIGMA: f64 = 0.33;

impl LatencyProfile {
    /// The keys it stands for.
    pub(super) fn section(self) -> LatencySection {
        match self {
            Self::Gpt4o => measured([639, 1_144, 4_517], 22_000),
            // Assumed: no time per token was recorded for the two small models. They take what a
            // provisioned deployment promises for 99 % of tokens: 33 and 90 of them per second.
            // Source: the table of provisioned throughput in Azure's documentation (read 2026-05).
            Self::Gpt4oMini => measured([536, 844, 4_461], 30_000),
            Self::Gpt41Mini => measured([661, 1_087, 2_169], 11_000),
            Self::Gpt41 => measured([726, 1_220, 1_946], 12_000),
            // The intercepts of the recorded answers; no first token was timed.
            Self::Gpt5Mini => fitted(861, 17_500),
            Self::O3Mini => fitted(524, 12_000),
            Self::TextEmbedding3Small => LatencySection {
                // Recorded answers took 70 to 241 ms. Assumed: the slowest of them is p99.
                per_request: Some(Distribution::Percentiles(Percentiles {
                    p50: millis(105),
                    p99: Some(millis(241)),
                    ..Percentiles::default()
                })),
                ..LatencySection::default()
            },
        }
    }
}

/// First-token times at p50, p95 and p99 in milliseconds; time per token in microseconds.
fn measured([p50, p95, p99]: [u64; 3], per_token_us: u64) -> LatencySection {
    let percentiles = Percentiles {
        p50: millis(p50),
        p95: Some(millis(p95)),
        p99: Some(millis(p99)),
        max: Some(SLOWEST_FIRST_TOKEN),
        ..Percentiles::default()
    };
    per_token(Distribution::Percentiles(percentiles), per_token_us)
}

/// The median of first-token times in milliseconds; time per token in microseconds.
fn fitted(median_ms: u64, per_token_us: u64) -> LatencySection {
    let first = Distribution::LogNormal {
        median: millis(median_ms),
        sigma: SIGMA,
    };
    per_token(first, per_token_us)
}

fn per_token(first: Distribution, per_token_us: u64) -> LatencySection {
    LatencySection {
        time_to_first_token: Some(first),
        per_token: Some(Distribution::constant(Duration::from_micros(per_token_us))),
        ..LatencySection::default()
    }
}
