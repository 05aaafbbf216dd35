//! The end of a run of many scenarios: a line each, totals, and the line that scripts look for.

use std::time::Duration;

use super::super::document::Report;
use super::super::finished::Finished;
use super::super::number;
use super::super::style::{Ink, Style};
use super::super::table::{Cell, Table};
use super::super::wrap::{hang, paragraph, room};
use super::word;
use crate::verdict::{GateResult, Outcome, State, Verdict};

/// Draws one line per scenario and the totals of a run that took `elapsed` of real time, which is
/// less than the sum where scenarios ran side by side; the last line is exactly `N passed, N failed`.
///
/// Whatever was played and is not a pass counts as failed there. How many of those are no verdict
/// on the gateway at all (invalid, cancelled, without a report), and how many scenarios were not
/// played, is on the lines before.
pub fn summary(runs: &[Finished], elapsed: Duration, style: &Style) -> String {
    let mut lines = listing(runs, style);
    lines.push(String::new());
    let skipped = runs.iter().filter(|run| run.is_skipped()).count();
    let passed = runs.iter().filter(|run| run.has_passed()).count();
    let failed = runs.len() - skipped - passed;
    lines.push(totals(runs, elapsed));
    lines.extend(not_verdicts(runs));
    lines.extend((skipped > 0).then(|| format!("not counted: {skipped} skipped")));
    let ink = if failed == 0 { Ink::Good } else { Ink::Bad };
    lines.push(style.paint(ink, &format!("{passed} passed, {failed} failed")));
    style.finish(&lines.join("\n"))
}

fn listing(runs: &[Finished], style: &Style) -> Vec<String> {
    let mut table = Table::new(&["", "scenario"])
        .group("", &["gates", "requests"])
        .group("", &["simulated", "took"]);
    for run in runs {
        table.row(row(run));
    }
    let block = table.unbroken(style);
    let mut lines = block.head;
    for (run, line) in runs.iter().zip(block.rows) {
        lines.push(line);
        let remarks = paragraph(&remarks(run), room(style, 6));
        lines.extend(hang("      ", &remarks));
    }
    lines
}

fn row(run: &Finished) -> Vec<Cell> {
    let (word, ink) = word(run.outcome());
    let report = played(run);
    let number = |of: fn(&Report) -> String| Cell::from(report.map(of).unwrap_or_default());
    vec![
        Cell::new(ink, word),
        run.name.as_str().into(),
        number(gates),
        number(|report| number::count(report.counts.requests)),
        number(|report| number::length(length(report))),
        number::length(run.wall).into(),
    ]
}

/// The report of a run that was made.
fn played(run: &Finished) -> Option<&Report> {
    run.report.as_ref().ok().filter(|_| !run.is_skipped())
}

/// `14`, or `12/14` where not all hold; what the scenario turned off is not asked.
fn gates(report: &Report) -> String {
    let gates = &report.verdict.gates;
    let (held, asked) = (held(gates.iter()), GateResult::asked(gates));
    if held == asked {
        return held.to_string();
    }
    format!("{held}/{asked}")
}

fn held<'a>(results: impl Iterator<Item = &'a GateResult>) -> usize {
    results
        .filter(|result| result.state == State::Passed)
        .count()
}

/// What failed, what was not judged, why there is no verdict, and whether this run is a repeat.
fn remarks(run: &Finished) -> String {
    let report = match &run.report {
        Ok(report) => report,
        Err(reason) => return reason.clone(),
    };
    let verdict = &report.verdict;
    let mut parts = verdict.invalid.clone();
    if run.is_skipped() {
        return parts.join("; ");
    }
    let failed = ids(verdict, State::is_failure);
    let unjudged = ids(verdict, |state| matches!(state, State::NotJudged(_)));
    parts.extend(failed.map(|ids| format!("failed: {ids}")));
    parts.extend(unjudged.map(|ids| format!("not judged: {ids}")));
    let before = report.invalid_before.iter();
    parts.extend(before.map(|reason| format!("repeated alone: {reason}")));
    parts.join("; ")
}

/// The ids of all results in a state that `belongs`; none if there are none.
fn ids(verdict: &Verdict, belongs: impl Fn(&State) -> bool) -> Option<String> {
    let results = all(verdict).filter(|result| belongs(&result.state));
    let ids: Vec<_> = results.map(|result| result.id.as_str()).collect();
    (!ids.is_empty()).then(|| ids.join(", "))
}

fn all(verdict: &Verdict) -> impl Iterator<Item = &GateResult> {
    let lists = [&verdict.gates, &verdict.must_observe, &verdict.books];
    lists.into_iter().flatten()
}

fn length(report: &Report) -> Duration {
    report.end().since(clock::Moment::ZERO)
}

fn totals(runs: &[Finished], elapsed: Duration) -> String {
    let reports: Vec<_> = runs.iter().filter_map(played).collect();
    let made = runs.iter().filter(|run| !run.is_skipped()).count();
    let results: Vec<_> = reports
        .iter()
        .flat_map(|report| &report.verdict.gates)
        .collect();
    let requests = reports.iter().map(|report| report.counts.requests).sum();
    let simulated: Duration = reports.iter().map(|report| length(report)).sum();
    format!(
        "{} · {} of {} passed · {} · {} simulated in {}",
        number::counted(made as u64, "scenario"),
        held(results.iter().copied()),
        number::counted(GateResult::asked(results.iter().copied()) as u64, "gate"),
        number::counted(requests, "request"),
        number::length(simulated),
        number::length(elapsed),
    )
}

/// `counted as failed: 1 invalid, 1 without a report`, if there are such runs.
fn not_verdicts(runs: &[Finished]) -> Option<String> {
    let count = |outcome| runs.iter().filter(|run| run.outcome() == outcome).count();
    let kinds = [
        (count(Some(Outcome::Invalid)), "invalid"),
        (count(Some(Outcome::Cancelled)), "cancelled"),
        (count(None), "without a report"),
    ];
    let some = kinds.iter().filter(|(count, _)| *count > 0);
    let some: Vec<_> = some
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    (!some.is_empty()).then(|| format!("counted as failed: {}", some.join(", ")))
}
