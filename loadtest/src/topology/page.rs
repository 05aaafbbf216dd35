//! [`since()`]: a metrics page, as if its gateway had been started for this run.
//!
//! Counters only rise, so what they had counted before a run can be taken off. Gauges are now
//! what they are, whoever looks.

use std::collections::BTreeMap;
use std::fmt::Write;

/// How the names of counters end, in the text format of Prometheus.
// Source: https://prometheus.io/docs/practices/naming and …/docs/concepts/metric_types (read
// 2026-08): counters end in `_total`, histograms and summaries in the others.
const COUNTERS: [&str; 4] = ["_total", "_bucket", "_count", "_sum"];

/// The page `after` without what its counters counted `before`.
pub(super) fn since(before: &str, after: &str) -> String {
    let counted: BTreeMap<&str, f64> = before.lines().filter_map(counter).collect();
    let mut page = String::with_capacity(after.len());
    for line in after.lines() {
        let written = match counter(line) {
            Some((series, value)) => {
                let before = counted.get(series).copied().unwrap_or(0.0);
                // A counter that fell began anew, with its gateway.
                let value = if value < before {
                    value
                } else {
                    value - before
                };
                writeln!(page, "{series} {value}")
            }
            None => writeln!(page, "{line}"),
        };
        written.expect("a string takes what it is given");
    }
    page
}

/// The series of a counter and its value, if `line` is of one.
fn counter(line: &str) -> Option<(&str, f64)> {
    if line.starts_with('#') {
        return None;
    }
    // Values of labels may hold anything, spaces too; what follows the series does not hold braces.
    let end = line.rfind('}').map(|brace| brace + 1);
    let (series, rest) = line.split_at(end.or_else(|| line.find(' '))?);
    let name = series.split('{').next().unwrap_or_default();
    let is_counter = COUNTERS.iter().any(|ending| name.ends_with(ending));
    // A moment may follow the value.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    is_counter.then_some((series, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_begin_at_the_run_and_everything_else_stays() {
        let before = "# TYPE tokens counter\n\
            tokens_total{key=\"a b\"} 100\n\
            in_flight 3\n\
            restarted_total 9\n";
        let after = "# TYPE tokens counter\n\
            tokens_total{key=\"a b\"} 159 1700000000\n\
            tokens_total{key=\"new\"} 55\n\
            in_flight 1\n\
            restarted_total 2\n\
            # EOF\n";
        insta::assert_snapshot!(since(before, after), @r#"
        # TYPE tokens counter
        tokens_total{key="a b"} 59
        tokens_total{key="new"} 55
        in_flight 1
        restarted_total 2
        # EOF
        "#);
    }
}
