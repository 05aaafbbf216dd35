//! [`Quantity`]: a number in a scenario that may be a constant, a sequence or a distribution.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp, Gamma, LogNormal, Normal, Uniform};

/// A non-negative number drawn anew for every request.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// Always this.
    Constant(f64),
    /// These in turn, by the ordinal of the class's request, from the start again at the end.
    Sequence(Vec<f64>),
    /// Anything between, equally likely.
    Uniform {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// Normal; a negative draw counts as zero.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std_dev: f64,
    },
    /// Log-normal.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Exponential.
    Exponential {
        /// Mean.
        mean: f64,
    },
    /// Gamma.
    Gamma {
        /// Mean.
        mean: f64,
        /// Shape k; 1 is exponential, larger is more regular.
        shape: f64,
    },
}

/// What keys a draw: the same key gives the same number, on any driver and at any speed.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// The scenario's seed.
    pub seed: u64,
    /// What the number is for: `think_time`, `prompt_tokens`, …
    pub purpose: &'a str,
    /// Name of the class.
    pub class: &'a str,
    /// Ordinal of the request within its class, from 0.
    pub ordinal: u64,
}

impl Draw<'_> {
    /// A generator that depends on this key only.
    pub fn rng(&self) -> ChaCha8Rng {
        let mut key = self.seed ^ fnv(self.purpose.as_bytes());
        key = key.rotate_left(17) ^ fnv(self.class.as_bytes());
        let mut rng = ChaCha8Rng::seed_from_u64(key);
        rng.set_stream(self.ordinal);
        rng
    }
}

/// FNV-1a: a stable hash for keys, equal on every machine and in every version.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Quantity {
    /// The number for `draw`; never negative.
    ///
    /// # Panics
    /// With parameters that its distribution refuses; reading a scenario refuses them before.
    pub fn draw(&self, draw: Draw<'_>) -> f64 {
        const VALID: &str = "parameters were checked when the scenario was read";
        let rng = &mut draw.rng();
        let number = match self {
            Self::Constant(number) => *number,
            Self::Sequence(numbers) => {
                numbers[usize::try_from(draw.ordinal % numbers.len() as u64).unwrap_or(0)]
            }
            Self::Uniform { min, max } => {
                Uniform::new_inclusive(*min, *max).expect(VALID).sample(rng)
            }
            Self::Normal { mean, std_dev } => {
                Normal::new(*mean, *std_dev).expect(VALID).sample(rng)
            }
            Self::LogNormal { median, sigma } => LogNormal::new(median.ln(), *sigma)
                .expect(VALID)
                .sample(rng),
            Self::Exponential { mean } => Exp::new(1.0 / mean).expect(VALID).sample(rng),
            Self::Gamma { mean, shape } => {
                Gamma::new(*shape, mean / shape).expect(VALID).sample(rng)
            }
        };
        number.max(0.0)
    }

    /// The same, rounded to a whole number.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to u32"
    )]
    pub fn draw_whole(&self, draw: Draw<'_>) -> u32 {
        self.draw(draw).round().min(f64::from(u32::MAX)) as u32
    }

    /// The expected value.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Constant(number) | Self::Exponential { mean: number } => *number,
            #[expect(clippy::cast_precision_loss, reason = "a handful of entries")]
            Self::Sequence(numbers) => numbers.iter().sum::<f64>() / numbers.len() as f64,
            Self::Uniform { min, max } => f64::midpoint(*min, *max),
            Self::Normal { mean, .. } | Self::Gamma { mean, .. } => *mean,
            Self::LogNormal { median, sigma } => median * (sigma * sigma / 2.0).exp(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(ordinal: u64) -> Draw<'static> {
        Draw {
            seed: 42,
            purpose: "think_time",
            class: "low",
            ordinal,
        }
    }

    #[test]
    fn a_sequence_repeats_by_ordinal() {
        let sequence = Quantity::Sequence(vec![59.0, 55.0]);
        assert_eq!(
            [0, 1, 2, 3].map(|n| sequence.draw_whole(draw(n))),
            [59, 55, 59, 55]
        );
    }

    #[test]
    fn equal_keys_give_equal_draws_and_other_ordinals_give_others() {
        let exponential = Quantity::Exponential { mean: 1.0 };
        let bits = |ordinal| exponential.draw(draw(ordinal)).to_bits();
        assert_eq!(bits(7), bits(7));
        assert_ne!(bits(7), bits(8));
    }

    #[test]
    fn sample_means_agree_with_declared_means() {
        let quantities = [
            Quantity::Uniform { min: 1.0, max: 3.0 },
            Quantity::Exponential { mean: 2.0 },
            Quantity::Gamma {
                mean: 2.0,
                shape: 4.0,
            },
            Quantity::LogNormal {
                median: 2.0,
                sigma: 0.3,
            },
        ];
        for quantity in quantities {
            let mean = (0..4_000).map(|n| quantity.draw(draw(n))).sum::<f64>() / 4_000.0;
            // Four standard errors of the widest of them (standard deviation 2).
            assert!(
                (mean - quantity.mean()).abs() < 0.13,
                "{quantity:?}: {mean}"
            );
        }
    }
}
