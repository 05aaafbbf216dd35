//! A report as a person wants to read it: what is wrong first, what is right in one line, then numbers.
//!
//! The order is that of the questions one asks. Did it pass? What failed, against which
//! declaration, shown by which requests? What was not looked at? Only then the traffic: by phase
//! and backend, over time, and whether the sources agree.

mod gates;
mod summary;
mod traffic;

pub use self::summary::summary;

use super::document::{Driver, Report, Scenario, TokenSums};
use super::facts::RunFacts;
use super::number;
use super::style::{Ink, Style};
use super::wrap::{facts, hang, paragraph, room};
use crate::verdict::{JoinSummary, Outcome};

/// Left margin of everything below the verdict.
const INDENT: usize = 2;

/// Draws `report`: verdict, gates, tables and chart.
pub fn render(report: &Report, style: &Style) -> String {
    let sections = [
        verdict(report, style),
        notes(report, style),
        gates::failed(&report.verdict, style),
        gates::unjudged(&report.verdict, style),
        gates::held(report, style),
        traffic::by_backend(report, style),
        traffic::by_class(report, style),
        traffic::over_time(report, style),
        agreement(report, style),
    ];
    let filled: Vec<_> = sections.iter().filter(|lines| !lines.is_empty()).collect();
    let blocks: Vec<_> = filled.iter().map(|lines| lines.join("\n")).collect();
    style.finish(&blocks.join("\n\n"))
}

/// Draws the closing note of a run: what was planned and sent, how late, and how long it took.
pub fn closing(report: &Report, run: &RunFacts, style: &Style) -> String {
    let rig = &run.rig;
    let mut parts = Vec::new();
    if rig.planned_open > 0 {
        let (planned, sent) = (
            number::count(rig.planned_open),
            number::count(rig.sent_open),
        );
        parts.push(format!("planned {planned}, sent {sent}"));
        let lag = [rig.lag_p50, rig.lag_p99].map(|lag| number::time(lag.get()));
        parts.push(format!("lag p50 {}, p99 {}", lag[0], lag[1]));
    }
    let end = number::length(report.end().since(clock::Moment::ZERO));
    let wall = number::length(run.wall.get());
    parts.push(format!("{end} simulated took {wall}"));
    if let Some(late) = rig.timer_p99 {
        parts.push(format!("timers late by p99 {}", number::time(late.get())));
    }
    let lines = hang("  ", &facts(&parts, room(style, INDENT)));
    style.finish(&lines.join("\n"))
}

/// The word for an outcome, and its ink.
fn word(outcome: Option<Outcome>) -> (&'static str, Ink) {
    match outcome {
        Some(Outcome::Pass) => ("PASS", Ink::Good),
        Some(Outcome::Fail) => ("FAIL", Ink::Bad),
        Some(Outcome::Invalid) => ("INVALID", Ink::Doubt),
        Some(Outcome::Cancelled) => ("CANCELLED", Ink::Doubt),
        Some(Outcome::Skipped) => ("SKIPPED", Ink::Quiet),
        None => ("ERROR", Ink::Bad),
    }
}

fn verdict(report: &Report, style: &Style) -> Vec<String> {
    let (word, ink) = word(Some(report.verdict.outcome));
    let name = style.paint(Ink::Loud, &report.scenario.name);
    let mut lines = vec![format!("{}  {name}", style.paint(ink, word))];
    let numbers = facts(&numbers(report), room(style, INDENT));
    lines.extend(hang("  ", &numbers));
    let about = paragraph(&report.scenario.about, room(style, INDENT));
    let about = about.iter().map(|line| style.paint(Ink::Quiet, line));
    lines.extend(hang("  ", &about.collect::<Vec<_>>()));
    lines
}

/// The one line of numbers below the verdict.
fn numbers(report: &Report) -> Vec<String> {
    let end = number::length(report.end().since(clock::Moment::ZERO));
    let time = match report.driver {
        Driver::Virtual => format!("{end} in virtual time"),
        Driver::Sockets => format!("{end} at speed {}", report.scenario.speed),
    };
    vec![
        gates::failures(&report.verdict),
        number::counted(report.counts.requests, "request"),
        answers(report),
        time,
        format!("seed {}", report.scenario.seed),
        gateway(&report.scenario),
    ]
}

/// Which gateway answered, where the scenario's name does not say it.
fn gateway(scenario: &Scenario) -> String {
    match &scenario.gateway {
        None => "no gateway".to_owned(),
        Some(name) if *name == scenario.name => String::new(),
        Some(name) => format!("gateway {name}"),
    }
}

/// `3 790 × 200, 22 × 429, 1 without an answer`.
fn answers(report: &Report) -> String {
    let statuses = report.statuses().into_iter();
    let mut parts: Vec<_> = statuses
        .map(|(status, count)| format!("{} × {status}", number::count(count)))
        .collect();
    let errors = report.transport_errors();
    if errors > 0 {
        parts.push(format!("{} without an answer", number::count(errors)));
    }
    parts.join(", ")
}

/// Why the rig is invalid, what was overridden, what was repeated.
fn notes(report: &Report, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    let mut note = |ink, mark: &str, text: &str| {
        let text = paragraph(text, room(style, INDENT + 2));
        let prefix = format!("  {} ", style.paint(ink, mark));
        let mut lines_of_note = text.into_iter();
        lines.extend(lines_of_note.next().map(|line| format!("{prefix}{line}")));
        lines.extend(lines_of_note.map(|line| format!("    {line}")));
    };
    for reason in &report.verdict.invalid {
        note(Ink::Doubt, "!", reason);
    }
    for reason in &report.invalid_before {
        note(
            Ink::Doubt,
            "!",
            &format!("repeated alone, because the first run was invalid: {reason}"),
        );
    }
    for set in &report.scenario.overrides {
        note(
            Ink::Doubt,
            "!",
            &format!("overridden: --set {}={}", set.path, set.value),
        );
    }
    lines
}

/// Whether the sources agree: joins, tokens, and the totals of closed phases.
fn agreement(report: &Report, style: &Style) -> Vec<String> {
    if report.counts.requests == 0 {
        return Vec::new();
    }
    let mut lines = vec![tokens(report), joins(&report.verdict.join)];
    if let Some(shortfall) = report.closed_shortfall {
        let direction = if shortfall < 0.0 { "more" } else { "fewer" };
        let percent = shortfall.abs() * 100.0;
        lines.push(format!(
            "closed phases sent {percent:.1} % {direction} requests than the virtual dry run"
        ));
    }
    let wrapped = lines
        .iter()
        .flat_map(|line| hang("  ", &paragraph(line, room(style, INDENT))));
    wrapped.map(|line| style.paint(Ink::Quiet, &line)).collect()
}

fn tokens(report: &Report) -> String {
    let totals = &report.tokens;
    let sources = [
        ("trace", totals.planned),
        ("clients", Some(totals.client)),
        ("usage events", totals.usage_events),
        ("ledgers", totals.ledgers),
    ];
    let given = sources
        .into_iter()
        .filter_map(|(name, sums)| Some((name, sums?)));
    let given: Vec<_> = given.collect();
    if given.iter().all(|(_, sums)| *sums == totals.client) {
        let names: Vec<_> = given.iter().map(|(name, _)| *name).collect();
        return format!("tokens: {} ({})", sums(totals.client), names.join(" = "));
    }
    let each = given
        .iter()
        .map(|(name, each)| format!("{name} {}", sums(*each)));
    format!("tokens differ: {}", each.collect::<Vec<_>>().join("; "))
}

fn sums(sums: TokenSums) -> String {
    let (prompt, completion) = (number::count(sums.prompt), number::count(sums.completion));
    format!("{prompt} prompt + {completion} completion")
}

fn joins(join: &JoinSummary) -> String {
    let kinds = [
        (join.by_request_id, "by x-request-id"),
        (join.by_other_header, "by another header"),
        (join.by_prompt_mark, "by the prompt's first words"),
    ];
    let unjoined = [
        (join.unjoined_client, "client attempts"),
        (join.unjoined_gateway, "log entries"),
        (join.unjoined_ledger, "ledger entries"),
    ];
    let list = |kinds: [(u64, &str); 3]| {
        let some = kinds.into_iter().filter(|(count, _)| *count > 0);
        let some: Vec<_> = some
            .map(|(count, kind)| format!("{} {kind}", number::count(count)))
            .collect();
        if some.is_empty() {
            "nothing".to_owned()
        } else {
            some.join(", ")
        }
    };
    format!("joined: {}; unjoined: {}", list(kinds), list(unjoined))
}

#[cfg(test)]
mod tests;
