//! [`Price`] and [`Cost`]: money as whole numbers, so that rows add up to their total to the last
//! digit. Floating point would not: a tenth is none, and the order of events would show.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Digits after the point that a price may have.
const PRICE_DIGITS: usize = 9;

/// Digits after the point that the cost of single tokens has: those, and six of the million.
const COST_DIGITS: usize = PRICE_DIGITS + 6;

/// Digits before the point that a price may have; the cost of any file then fits.
const MOST_WHOLE_DIGITS: usize = 6;

/// What a million tokens cost, in billionths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Price(u64);

/// A sum of money, in billionths of millionths.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cost(u128);

impl Price {
    /// The price written as `text`: digits, perhaps a point and up to nine more.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.replace('_', "");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let fits = whole.len() <= MOST_WHOLE_DIGITS && fraction.len() <= PRICE_DIGITS;
        if whole.is_empty() || !fits || !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        format!("{whole}{fraction:0<PRICE_DIGITS$}")
            .parse()
            .ok()
            .map(Self)
    }

    /// What `tokens` cost.
    pub(super) fn of(self, tokens: u64) -> Cost {
        Cost(u128::from(self.0) * u128::from(tokens))
    }
}

impl Cost {
    /// How many digits after the point it needs, two at least.
    pub(super) fn digits(self) -> usize {
        let mut digits = COST_DIGITS;
        let mut rest = self.0;
        while digits > 2 && rest.is_multiple_of(10) {
            rest /= 10;
            digits -= 1;
        }
        digits
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

/// Exact; with as many digits after the point as asked for, or as many as it needs.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10u128.pow(u32::try_from(COST_DIGITS).unwrap_or_default());
        let (whole, fraction) = (self.0 / one, self.0 % one);
        let digits = f.precision().unwrap_or(0).max(self.digits());
        let fraction = format!("{fraction:0COST_DIGITS$}");
        write!(f, "{whole}.{fraction:0<digits$.digits$}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    #[test]
    fn costs_are_exact_to_the_last_digit() {
        assert_eq!(price("2.5").of(59).to_string(), "0.0001475");
        assert_eq!(price("0.1").of(3).to_string(), "0.0000003");
        assert_eq!(price("10").of(1_000_000).to_string(), "10.00");
        assert_eq!(
            price("999999.999999999").of(1).to_string(),
            "0.999999999999999"
        );
        assert_eq!(format!("{:.4}", price("1_000").of(500)), "0.5000");
    }

    #[test]
    fn what_is_no_price_is_none() {
        for text in [
            "",
            "-1",
            "1e3",
            ".5",
            "inf",
            "nan",
            "1.0000000001",
            "1000000",
            "1.2.3",
        ] {
            assert_eq!(Price::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_cost_what_the_whole_costs(
            billionths in 0..1_000_000_000u64,
            parts in proptest::collection::vec(0..10_000_000u64, 0..50),
        ) {
            let price = price(&format!("3.{billionths:09}"));
            let cost: Cost = parts.iter().map(|&tokens| price.of(tokens)).sum();
            prop_assert_eq!(cost, price.of(parts.iter().sum()));
        }
    }
}
