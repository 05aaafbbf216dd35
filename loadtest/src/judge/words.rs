//! Numbers as people read them.

use crate::gate::{Expression, Kind, Metric, Operator, Related, Selection, Term, Value};
use crate::verdict::Offender;

use super::case::Case;

/// What a number counts or measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unit {
    /// So many of this, named in the singular.
    Count(&'static str),
    /// A part of a whole.
    Share,
    /// A probability.
    Probability,
    /// Microseconds.
    Duration,
    /// Money, in the currency of the scenario's prices.
    Cost,
    /// Nothing in particular.
    Number,
}

/// What `value` is counted or measured in.
pub(crate) fn unit_of(value: &Value) -> Unit {
    match &value.expression {
        Expression::Number(_) => Unit::Number,
        Expression::Share(_) => Unit::Share,
        Expression::Micros(_) => Unit::Duration,
        Expression::Term(term) => unit_of_term(term),
        Expression::Negative(inner) => unit_of(inner),
        Expression::Binary(operator, left, right) => {
            match (operator, unit_of(left), unit_of(right)) {
                (Operator::Over, a, b) if a == b => Unit::Number,
                (_, a, Unit::Share | Unit::Number) => a,
                (_, Unit::Share | Unit::Number, b) => b,
                (Operator::Plus | Operator::Minus, a, b) if a == b => a,
                _ => Unit::Number,
            }
        }
    }
}

/// What `term` is counted or measured in.
pub(crate) fn unit_of_term(term: &Term) -> Unit {
    match term {
        Term::Total(selection)
        | Term::Statistic(_, selection)
        | Term::Window { of: selection, .. } => unit_of_record(selection),
        Term::LongestRun { is_timed: true, .. } => Unit::Duration,
        Term::Share { .. } => Unit::Share,
        Term::Fit { .. } => Unit::Probability,
        Term::Related(related) => match **related {
            Related::TimeToFirst { .. } | Related::LongestGap { .. } => Unit::Duration,
            Related::Inversions { .. } => Unit::Count("inversion"),
            Related::Fairness { .. } => Unit::Number,
        },
        Term::Among { .. } | Term::LongestRun { .. } => {
            Unit::Count(term.selection().metric.row().unit)
        }
    }
}

/// What one record of `selection` is counted or measured in.
pub(crate) fn unit_of_record(selection: &Selection) -> Unit {
    let row = selection.metric.row();
    match row.kind {
        _ if row.metric == Metric::Cost => Unit::Cost,
        Kind::Count | Kind::Sum => Unit::Count(row.unit),
        Kind::Duration => Unit::Duration,
        Kind::Number => Unit::Number,
    }
}

/// A number with its unit: `1 request`, `66_912 tokens`, `99.83 %`, `1.004 s`.
pub(crate) fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count(unit) => {
            let number = plain(value);
            let plural = if number.trim_start_matches('-') == "1" {
                ""
            } else {
                "s"
            };
            format!("{number} {unit}{plural}")
        }
        Unit::Share => share(value),
        Unit::Probability => probability(value),
        Unit::Duration => duration(value),
        Unit::Cost => grouped(&format!("{value:.9}")),
        Unit::Number => plain(value),
    }
}

/// A percentage: two decimals, more where they would hide that something is missing.
pub(crate) fn share(value: f64) -> String {
    let percent = value * 100.0;
    let is_hidden = |decimals: usize| {
        let shown = format!("{percent:.decimals$}");
        let shown: f64 = shown.parse().unwrap_or(percent);
        (shown <= 0.0 && percent > 0.0) || (shown >= 100.0 && percent < 100.0)
    };
    let decimals = (2..8).find(|decimals| !is_hidden(*decimals)).unwrap_or(8);
    format!("{} %", trimmed(&format!("{percent:.decimals$}")))
}

/// A duration in the unit that suits it.
pub(crate) fn duration(micros: f64) -> String {
    let size = micros.abs();
    let (value, unit) = if size >= 1e6 {
        (micros / 1e6, "s")
    } else if size >= 1e3 {
        (micros / 1e3, "ms")
    } else {
        (micros, "us")
    };
    format!("{} {unit}", trimmed(&format!("{value:.3}")))
}

fn probability(value: f64) -> String {
    if value > 0.0 && value < 1e-3 {
        format!("p = {value:.1e}")
    } else {
        format!("p = {}", trimmed(&format!("{value:.3}")))
    }
}

/// A number without a unit; long ones grouped as sentences write them.
pub(crate) fn plain(value: f64) -> String {
    grouped(&format!("{value:.3}"))
}

fn grouped(text: &str) -> String {
    let text = trimmed(text);
    let (whole, part) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(w, p)| (w, Some(p)));
    let digits = whole.trim_start_matches('-');
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len() > 4 && (digits.len() - index) % 3 == 0 {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let part = part.map_or(String::new(), |part| format!(".{part}"));
    format!("{sign}{grouped}{part}")
}

fn trimmed(text: &str) -> String {
    if !text.contains('.') {
        return text.to_owned();
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `1 request`, `2 requests`.
pub(crate) fn count(number: usize, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

impl Case<'_> {
    /// A request as an offender: what it was, and its attempts.
    pub(crate) fn offender(&self, request: usize) -> Offender {
        let request = self.request(request);
        let result = self.result(request);
        let outcome = match &result.outcome {
            crate::observation::Outcome::Status(status) => format!("status {status}"),
            crate::observation::Outcome::TransportError(error) => error.to_string(),
        };
        let latency = result.ended.since(result.planned).as_micros();
        #[expect(clippy::cast_precision_loss, reason = "display only")]
        let latency = duration(latency as f64);
        let attempts = request.attempts.iter().map(|attempt| {
            let entry = self.booked(attempt);
            format!(
                "{}:{} at {}",
                attempt.simulator, entry.status, entry.arrived
            )
        });
        Offender {
            request: result.request,
            summary: format!(
                "{}, {}, planned {}, {outcome}, {latency}",
                result.phase, result.class, result.planned
            ),
            attempts: attempts.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_unit_and_long_ones_groups() {
        assert_eq!(number(1.0, Unit::Count("request")), "1 request");
        assert_eq!(number(0.0, Unit::Count("request")), "0 requests");
        assert_eq!(number(66_912.0, Unit::Count("token")), "66_912 tokens");
        assert_eq!(
            number(-1_234_567.0, Unit::Count("token")),
            "-1_234_567 tokens"
        );
    }

    #[test]
    fn a_cost_shows_a_thousandth_of_a_millionth() {
        assert_eq!(number(0.000_000_15, Unit::Cost), "0.00000015");
        assert_eq!(number(12_345.5, Unit::Cost), "12_345.5");
    }

    #[test]
    fn a_share_never_rounds_a_loss_away() {
        assert_eq!(share(0.98), "98 %");
        assert_eq!(share(0.9983), "99.83 %");
        assert_eq!(share(0.999_999), "99.9999 %");
        assert_eq!(share(0.000_001), "0.0001 %");
        assert_eq!(share(1.0), "100 %");
    }

    #[test]
    fn durations_choose_their_unit() {
        assert_eq!(duration(250.0), "250 us");
        assert_eq!(duration(9_500.0), "9.5 ms");
        assert_eq!(duration(1_004_000.0), "1.004 s");
        assert_eq!(duration(-2_000_000.0), "-2 s");
    }

    #[test]
    fn probabilities_show_their_size() {
        assert_eq!(number(0.4321, Unit::Probability), "p = 0.432");
        assert_eq!(number(3.14e-7, Unit::Probability), "p = 3.1e-7");
    }
}
