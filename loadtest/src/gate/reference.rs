//! The language, printed: for `schema`, the docs and whoever writes a gate.

use std::fmt::Write as _;

use super::label::Label;
use super::metric::{Kind, METRICS};

/// The forms of a sentence, each by an example.
pub(super) const FORMS: &[(&str, &str)] = &[
    (
        "requests{status=429} == 0",
        "a count; also `!=`, `<`, `<=`, `>`, `>=`",
    ),
    (
        "attempts{backend=ptu-1} in 95..100",
        "a range, both ends included",
    ),
    (
        "requests{backend=a} - requests{backend=b} in -1..1",
        "`+ - * /` and parentheses, on either side",
    ),
    (
        "requests{phase=spike[60s..], class!=low, status=200|429} <= 5",
        "part of a phase, exclusion, alternatives",
    ),
    (
        "share of backend=ptu-1 in requests >= 98 %",
        "an exact share",
    ),
    (
        "random share of backend=a in requests in 62 %..71 %",
        "a drawn share: fails when its Wilson interval (α = 1e-6) and the range are disjoint",
    ),
    (
        "fit of backend to a=5, b=3 in requests > 0.001",
        "the p-value of the χ² test against weights",
    ),
    (
        "p99 of latency < 20ms wall",
        "a statistic of durations: `pN of` (nearest rank), `mean of`, `sum of`, `min of`, `max of`; `wall` means real time",
    ),
    (
        "min of header_value{name=remaining-tokens, class=low} >= 0",
        "the same of numbers in a header that the class watches",
    ),
    (
        "rises{name=remaining-tokens, phase=steady} <= 1",
        "how often such a number is larger than in the answer before",
    ),
    (
        "total_tokens{by=events, subscription=one} == total_tokens{by=client, subscription=one}",
        "one party's books against another's: `by=client`, `gateway`, `events`, `metrics` or a simulator",
    ),
    (
        "max in 60s of tokens_charged{backend=ptu-1} <= 100_000",
        "the fullest of all windows `[t, t + 60s)`; `min in` the emptiest inside the phase",
    ),
    (
        "most backend=a among 20 consecutive requests <= 12 and fewest … >= 8",
        "consecutive by the gateway's log; `…` repeats the term before",
    ),
    (
        "longest run of status=429 in requests <= 3",
        "an unbroken run",
    ),
    (
        "longest stretch of status=503 in requests <= 60s",
        "the time from the first to the last of an unbroken run",
    ),
    (
        "time to first status=200 in requests{phase=spike, class=low} <= 60s",
        "from the start of the phase to the first that matches",
    ),
    (
        "longest gap of status=200 in requests{class=low} < 30s",
        "between two consecutive ones that match",
    ),
    (
        "inversions of class=high over class=low within 1s in requests == 0",
        "those of the first kind answered 429 while one of the second, sent no more than 1s apart, was answered 200",
    ),
    (
        "fairness of subscription in total_tokens{by=client} >= 0.95",
        "Jain's index over all values of the label that ask: 1 for equal parts, 1/n if one of n got all",
    ),
    (
        "order of backend in requests is (a b)* a?",
        "the whole sequence; patterns know `. ( ) | * + ? {n} {n,m}` and `name:status`",
    ),
    (
        "order of header.remaining-tokens in requests is 41 0 none none 0",
        "the same of a header's values; `none` where an answer has none",
    ),
    (
        "each requests{status=429} has attempts [ptu-1:429 payg-1:429{3}]",
        "the attempts of each selected request",
    ),
    ("off: the reason", "turned off"),
];

/// The forms of a sentence, every metric with its labels, and every label, as Markdown.
pub fn reference() -> String {
    let mut text = String::from("| sentence | meaning |\n|---|---|\n");
    for (sentence, meaning) in FORMS {
        let cells = [sentence, meaning].map(|cell| cell.replace('|', "\\|"));
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {} |", cells[0], cells[1]);
    }
    text.push_str("\n| metric | counts or measures | labels |\n|---|---|---|\n");
    for row in METRICS {
        let labels = row.labels();
        let labels: Vec<_> = labels.iter().map(Label::name).collect();
        let kind = match row.kind {
            Kind::Count | Kind::Sum => "",
            Kind::Duration => " (a duration: needs `p50 of`, `max of`, …)",
            Kind::Number => " (a number: needs `sum of`, `max of`, …)",
        };
        let _ = writeln!(
            text,
            "| `{}` | {}{kind} | {} |",
            row.name,
            row.meaning,
            labels.join(", ")
        );
    }
    text.push_str("\n| label | values |\n|---|---|\n");
    for label in Label::ALL.into_iter().chain([Label::any_header()]) {
        let meaning = label.meaning().replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {meaning} |", label.name());
    }
    text
}
