//! The statistics of `random` and `fit`.
//!
//! Own implementations, because the whole need is three functions, and a dependency would bring
//! fifty distributions. Each is tested against published values.

/// How often a gate that holds may fail by chance.
///
/// Forty statistical gates, run a hundred times a week at 0.05, make most green builds red; at
/// one in a million a year passes without a false failure.
pub(crate) const ALPHA: f64 = 1e-6;

/// The standard normal quantile of `1 - ALPHA / 2`.
///
/// Source: bisection of the complementary error function; R: `qnorm(1 - 5e-7)` = 4.891638475699...
pub(crate) const Z: f64 = 4.891_638_475_699_156;

/// An interval that holds the true share unless something very unlikely happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// The Wilson score interval of `share` of `samples`, at [`ALPHA`].
    ///
    /// Not Wald's: that one has no width at 0 % and 100 %, where gates stand most often.
    pub(crate) fn wilson(share: f64, samples: f64) -> Self {
        if samples <= 0.0 {
            return Self {
                low: 0.0,
                high: 1.0,
            };
        }
        let z2 = Z * Z;
        let centre = share + z2 / (2.0 * samples);
        let spread = Z * (share * (1.0 - share) / samples + z2 / (4.0 * samples * samples)).sqrt();
        let scale = 1.0 + z2 / samples;
        Self {
            low: ((centre - spread) / scale).clamp(0.0, share),
            high: ((centre + spread) / scale).clamp(share, 1.0),
        }
    }

    pub(crate) fn width(self) -> f64 {
        self.high - self.low
    }

    /// Whether both have a point in common.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }

    /// The point of the interval at which a share varies most: the nearest to one half.
    pub(crate) fn worst_share(self) -> f64 {
        0.5f64.clamp(self.low, self.high.max(self.low))
    }
}

/// The probability that χ² with so many degrees of freedom exceeds `statistic`.
pub(crate) fn chi_square_p(statistic: f64, degrees: u32) -> f64 {
    if degrees == 0 {
        return 1.0;
    }
    upper_gamma(f64::from(degrees) / 2.0, statistic / 2.0)
}

/// Terms of the series or the fraction; both converge in about `sqrt(a)` of them.
const MOST_TERMS: u32 = 10_000;

/// The regularised upper incomplete gamma function Q(a, x).
///
/// Series below `a + 1`, continued fraction (modified Lentz) above it.
// Source: Numerical Recipes, section 6.2 "Incomplete Gamma Function".
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        (1.0 - scale * lower_series(a, x)).clamp(0.0, 1.0)
    } else {
        (scale * upper_fraction(a, x)).clamp(0.0, 1.0)
    }
}

fn lower_series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for n in 1..MOST_TERMS {
        term *= x / (a + f64::from(n));
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

fn upper_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let nonzero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut partial = x + 1.0 - a;
    let mut ratio = 1.0 / TINY;
    let mut inverse = 1.0 / nonzero(partial);
    let mut fraction = inverse;
    for term in 1..MOST_TERMS {
        let term = f64::from(term);
        let numerator = term * (a - term);
        partial += 2.0;
        inverse = 1.0 / nonzero(numerator * inverse + partial);
        ratio = nonzero(partial + numerator / ratio);
        fraction *= ratio * inverse;
        if (ratio * inverse - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    fraction
}

/// The logarithm of Γ at a positive multiple of one half, the only arguments χ² has.
fn ln_gamma(a: f64) -> f64 {
    let ln_root_pi = std::f64::consts::PI.ln() / 2.0;
    let (mut at, mut sum) = if a.fract() == 0.0 {
        (1.0, 0.0)
    } else {
        (0.5, ln_root_pi)
    };
    while at < a {
        sum += f64::ln(at);
        at += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_near(found: f64, expected: f64) {
        let error = (found - expected).abs();
        assert!(
            error < 1e-9 * expected.abs().max(1e-3),
            "{found} instead of {expected}"
        );
    }

    #[test]
    fn chi_square_agrees_with_published_tables() {
        // R: pchisq(x, df, lower.tail = FALSE)
        assert_near(chi_square_p(3.841_458_820_694_124, 1), 0.05);
        assert_near(chi_square_p(5.991_464_547_107_979, 2), 0.05);
        assert_near(chi_square_p(13.815_510_557_964_274, 2), 0.001);
        assert_near(chi_square_p(16.266_236_196_238_13, 3), 0.001);
        assert_near(chi_square_p(18.307_038_053_275_146, 10), 0.05);
        // With two degrees of freedom the tail is exp(-x / 2).
        assert_near(chi_square_p(1.0, 2), (-0.5f64).exp());
    }

    #[test]
    fn chi_square_of_a_perfect_fit_is_one() {
        assert_near(chi_square_p(0.0, 3), 1.0);
        assert_near(chi_square_p(0.0, 0), 1.0);
    }

    #[test]
    fn z_leaves_alpha_in_the_two_tails() {
        // The square of a standard normal is χ² with one degree of freedom.
        assert_near(chi_square_p(Z * Z, 1), ALPHA);
    }

    #[test]
    fn wilson_widths_agree_with_the_computed_table() {
        // Worst half-widths in percent at 1 - 1e-6, by p and n.
        let worst = |share: f64, n: f64| {
            let interval = Interval::wilson(share, n);
            let side = (share - interval.low).max(interval.high - share);
            format!("{:.1}", side * 100.0)
        };
        assert_eq!(worst(0.5, 100.0), "22.0");
        assert_eq!(worst(0.5, 1_000.0), "7.6");
        assert_eq!(worst(0.9, 300.0), "11.6");
        assert_eq!(worst(0.9, 10_000.0), "1.6");
    }

    proptest! {
        #[test]
        fn wilson_contains_the_observed_share(hits in 0u32..5_000, more in 0u32..5_000) {
            let samples = f64::from(hits + more + 1);
            let share = f64::from(hits) / samples;
            let interval = Interval::wilson(share, samples);
            prop_assert!(interval.low <= share && share <= interval.high);
        }

        #[test]
        fn wilson_narrows_with_every_sample(percent in 0u32..=100, samples in 1u32..10_000) {
            let share = f64::from(percent) / 100.0;
            let wide = Interval::wilson(share, f64::from(samples));
            let narrow = Interval::wilson(share, f64::from(samples + 1));
            prop_assert!(narrow.width() < wide.width());
        }

        #[test]
        fn a_worse_fit_is_never_more_probable(statistic in 0.0..200.0f64, more in 0.0..10.0f64, degrees in 1u32..20) {
            prop_assert!(chi_square_p(statistic + more, degrees) <= chi_square_p(statistic, degrees) + 1e-12);
        }
    }
}
