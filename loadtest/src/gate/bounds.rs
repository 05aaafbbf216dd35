//! Interval arithmetic: which values a sentence's value can have under the plan.

use std::fmt;

use super::forecast::Forecast;
use super::metric::Kind;
use super::sentence::{Expression, Operator, Term, Value};
use super::types::Type;

/// The least and the largest value that something can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reach {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Whether the values are parts of a whole, for display.
    is_share: bool,
}

impl Reach {
    const fn new(low: f64, high: f64) -> Self {
        Self {
            low,
            high,
            is_share: false,
        }
    }

    const fn exactly(value: f64) -> Self {
        Self::new(value, value)
    }

    const SHARE: Self = Self {
        low: 0.0,
        high: 1.0,
        is_share: true,
    };

    fn negative(self) -> Self {
        Self::new(-self.high, -self.low)
    }

    fn plus(self, other: Self) -> Self {
        Self::new(self.low + other.low, self.high + other.high)
    }

    fn times(self, other: Self) -> Self {
        let product = |a: f64, b: f64| if a == 0.0 || b == 0.0 { 0.0 } else { a * b };
        Self::around([
            product(self.low, other.low),
            product(self.low, other.high),
            product(self.high, other.low),
            product(self.high, other.high),
        ])
    }

    fn over(self, other: Self) -> Self {
        if other.low <= 0.0 && other.high >= 0.0 {
            return Self::new(f64::NEG_INFINITY, f64::INFINITY);
        }
        self.times(Self::around([1.0 / other.low, 1.0 / other.high]))
    }

    fn around<const N: usize>(values: [f64; N]) -> Self {
        let low = values.into_iter().fold(f64::INFINITY, f64::min);
        let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Self::new(low, high)
    }
}

impl fmt::Display for Reach {
    /// `its value is never below 0`, `its value is always from 0 % to 100 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_share {
            return f.write_str("a share is always from 0 % to 100 %");
        }
        match (self.low.is_finite(), self.high.is_finite()) {
            (true, true) => write!(f, "its value is always from {} to {}", self.low, self.high),
            (true, false) => write!(f, "its value is never below {}", self.low),
            (false, true) => write!(f, "its value is never above {}", self.high),
            (false, false) => f.write_str("its value can be anything"),
        }
    }
}

/// Which values `value` can have under the plan.
pub(super) fn reach(value: &Value, forecast: &Forecast) -> Reach {
    match &value.expression {
        Expression::Number(number) | Expression::Micros(number) => Reach::exactly(*number),
        Expression::Share(share) => Reach::exactly(*share),
        Expression::Term(term) => reach_of_term(term, forecast),
        Expression::Negative(inner) => reach(inner, forecast).negative(),
        Expression::Binary(operator, left, right) => {
            let (a, b) = (reach(left, forecast), reach(right, forecast));
            match operator {
                Operator::Minus if left.is_same_as(right) => Reach::exactly(0.0),
                Operator::Plus => a.plus(b),
                Operator::Minus => a.plus(b.negative()),
                Operator::Times => a.times(b),
                Operator::Over => a.over(b),
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a plan sends fewer than 2^53 requests"
)]
fn reach_of_term(term: &Term, forecast: &Forecast) -> Reach {
    let selection = term.selection();
    let most = match selection.metric.row().kind {
        Kind::Count => forecast.most(selection).map_or(f64::INFINITY, |n| n as f64),
        Kind::Sum | Kind::Duration | Kind::Number => f64::INFINITY,
    };
    match term {
        Term::Share { .. } | Term::Fit { .. } => Reach::SHARE,
        Term::Among { length, .. } => Reach::new(0.0, *length as f64),
        Term::Related(related) => match related.kind() {
            Type::Share => Reach::new(0.0, 1.0),
            Type::Count => Reach::new(0.0, most),
            Type::Duration | Type::Number => Reach::new(0.0, f64::INFINITY),
        },
        // A wrong gateway may well say a number below zero.
        Term::Statistic(_, selection) if selection.metric.row().kind == Kind::Number => {
            Reach::new(f64::NEG_INFINITY, f64::INFINITY)
        }
        Term::Statistic(..) | Term::LongestRun { is_timed: true, .. } => {
            Reach::new(0.0, f64::INFINITY)
        }
        Term::Total(_) | Term::Window { .. } | Term::LongestRun { .. } => Reach::new(0.0, most),
    }
}
