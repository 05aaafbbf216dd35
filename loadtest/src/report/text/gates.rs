//! The gates of a report: failed ones with their evidence, unjudged ones with their reason, the
//! others in one line.

use super::super::document::{Counts, Report};
use super::super::number;
use super::super::style::{Ink, Style};
use super::super::table::width;
use super::super::wrap::{facts, hang, paragraph, room};
use super::INDENT;
use crate::verdict::{GateResult, Offender, Outcome, State, Verdict};

/// Which list of a verdict a result is from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Gate,
    MustObserve,
    Book,
}

/// Every result with its kind, in the order of the verdict.
fn all(verdict: &Verdict) -> impl Iterator<Item = (Kind, &GateResult)> {
    let gates = verdict.gates.iter().map(|result| (Kind::Gate, result));
    let observed = verdict.must_observe.iter();
    let books = verdict.books.iter().map(|result| (Kind::Book, result));
    gates
        .chain(observed.map(|result| (Kind::MustObserve, result)))
        .chain(books)
}

/// `2 of 3 gates failed, 1 never exercised, books do not close`; empty if nothing failed.
pub(super) fn failures(verdict: &Verdict) -> String {
    let failed = |list: &[GateResult]| list.iter().filter(|r| r.state.is_failure()).count() as u64;
    let mut parts = Vec::new();
    let gates = failed(&verdict.gates);
    if gates > 0 {
        let all = number::counted(GateResult::asked(&verdict.gates) as u64, "gate");
        parts.push(format!("{gates} of {all} failed"));
    }
    let unseen = failed(&verdict.must_observe);
    if unseen > 0 {
        parts.push(format!("{unseen} never exercised"));
    }
    if failed(&verdict.books) > 0 {
        parts.push("books do not close".to_owned());
    }
    parts.join(", ")
}

/// Each failed gate: its sentence, observed against declared, and the requests that show it.
pub(super) fn failed(verdict: &Verdict, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, result) in all(verdict).filter(|(_, result)| result.state.is_failure()) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let claim = match kind {
            Kind::MustObserve => " was never exercised",
            Kind::Gate | Kind::Book => "",
        };
        let id = style.paint(Ink::Bad, &format!("✗ {}{claim}", label(kind, result)));
        lines.push(format!("  {id}"));
        let said = [
            paragraph(&result.sentence, room(style, INDENT + 2)),
            comparison(result, style),
            paragraph(
                result.detail.as_deref().unwrap_or_default(),
                room(style, INDENT + 2),
            ),
        ];
        lines.extend(said.iter().flat_map(|text| hang("    ", text)));
        for offender in result.offenders.iter().take(3) {
            lines.extend(offence(offender, style));
        }
    }
    lines
}

fn label(kind: Kind, result: &GateResult) -> String {
    match kind {
        Kind::Gate | Kind::Book => result.id.clone(),
        Kind::MustObserve => format!("must_observe.{}", result.id),
    }
}

/// `observed 42.9 % of 420 samples, declared 28 %..32 %`, broken between the two if it has to be.
fn comparison(result: &GateResult, style: &Style) -> Vec<String> {
    let samples = number::counted(result.samples, "sample");
    let parts = [
        format!("observed {}", result.observed),
        format!("declared {}", result.declared),
        samples,
    ];
    let lines = facts(&parts, room(style, INDENT + 2));
    lines
        .iter()
        .map(|line| style.paint(Ink::Loud, line))
        .collect()
}

fn offence(offender: &Offender, style: &Style) -> Vec<String> {
    let first = format!("      request {}: ", offender.request);
    let summary = paragraph(&offender.summary, room(style, width(&first)));
    let mut lines = hang(&first, &summary);
    let attempts = offender.attempts.join(", ");
    let attempts = paragraph(&attempts, room(style, 8));
    let attempts: Vec<_> = attempts
        .iter()
        .map(|line| style.paint(Ink::Quiet, line))
        .collect();
    lines.extend(hang("        ", &attempts));
    lines
}

/// Each gate that says nothing about this run, with the reason.
pub(super) fn unjudged(verdict: &Verdict, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, result) in all(verdict) {
        let (mark, reason) = match &result.state {
            State::NotJudged(reason) => ("?", format!("not judged: {reason}")),
            State::Off(reason) => ("–", format!("off: {reason}")),
            State::Passed | State::Failed => continue,
        };
        let first = format!("  {mark} {}  ", label(kind, result));
        let reason = paragraph(&reason, room(style, width(&first)));
        let hung = hang(&first, &reason);
        lines.extend(hung.iter().map(|line| style.paint(Ink::Doubt, line)));
    }
    lines
}

/// One line on everything that holds.
pub(super) fn held(report: &Report, style: &Style) -> Vec<String> {
    let verdict = &report.verdict;
    let mut parts = Vec::new();
    match verdict.outcome {
        Outcome::Pass | Outcome::Fail => {}
        Outcome::Invalid => parts.push("on evidence that cannot be believed".to_owned()),
        Outcome::Cancelled => parts.push("on partial evidence".to_owned()),
        Outcome::Skipped => return Vec::new(),
    }
    parts.push(format!("{} passed", passed(&verdict.gates, "gate")));
    if !verdict.must_observe.is_empty() {
        let seen = count_passed(&verdict.must_observe);
        let all = verdict.must_observe.len() as u64;
        let of = if seen == all {
            String::new()
        } else {
            format!("{seen} of ")
        };
        parts.push(format!("{of}{all} observed"));
    }
    let (books, equations) = books(report);
    let mut all = parts.clone();
    all.push(format!("{books}{}", equations.join(", ")));
    let together = facts(&all, room(style, INDENT));
    if together.len() == 1 {
        return hang("  ", &together);
    }
    let mut lines = hang("  ", &facts(&parts, room(style, INDENT)));
    lines.extend(hang(&format!("  {books}"), &equations));
    lines
}

fn count_passed(list: &[GateResult]) -> u64 {
    list.iter()
        .filter(|result| result.state == State::Passed)
        .count() as u64
}

/// `14 gates`, or `12 of 14 gates` where not all hold.
fn passed(list: &[GateResult], noun: &str) -> String {
    let (passed, all) = (count_passed(list), GateResult::asked(list) as u64);
    let all_counted = number::counted(all, noun);
    if passed == all {
        return all_counted;
    }
    format!("{passed} of {all_counted}")
}

/// Whether the books close, and the equations that say so.
fn books(report: &Report) -> (&'static str, Vec<String>) {
    let mut books = report.verdict.books.iter();
    if books.any(|book| book.state.is_failure()) {
        return ("books open: ", equations(&report.counts));
    }
    let mut books = report.verdict.books.iter();
    if books.any(|book| book.state == State::Passed) {
        return ("books closed: ", equations(&report.counts));
    }
    ("books ", vec!["not judged".to_owned()])
}

/// `3 812 requests = 3 812 log entries` and `4 110 attempts = 4 110 ledger entries`.
///
/// Requests meet the gateway's log, its attempts meet the ledgers; where it never retried, all
/// three are one number and one equation. Requests past the gateway and attempts that arrived
/// nowhere stand beside them. Numbers that differ stand around a `≠`.
fn equations(counts: &Counts) -> Vec<String> {
    let noun = if counts.client_attempts == counts.requests {
        "request"
    } else {
        "client attempt"
    };
    let mut first = number::counted(counts.client_attempts, noun);
    let mut left = counts.client_attempts;
    if let Some(logged) = counts.gateway_entries {
        first.push_str(&equals(left.saturating_sub(counts.direct), logged, "log"));
        first.push_str(&also("+", counts.direct, "direct"));
        left = logged;
    }
    let Some(booked) = counts.ledger_entries else {
        return vec![first];
    };
    let Counts {
        direct,
        lost_attempts,
        ..
    } = *counts;
    let is_other = |tried: &u64| *tried != left || direct + lost_attempts > 0;
    match counts.gateway_attempts.filter(is_other) {
        Some(tried) => {
            let mut attempts = number::counted(tried, "attempt");
            attempts.push_str(&also("+", direct, "direct"));
            attempts.push_str(&also("-", lost_attempts, "that arrived nowhere"));
            let arrived = (tried + direct).saturating_sub(lost_attempts);
            vec![first, attempts + &equals(arrived, booked, "ledger")]
        }
        None => vec![first + &equals(left, booked, "ledger")],
    }
}

/// ` + 20 direct`; empty for none.
fn also(sign: &str, number: u64, what: &str) -> String {
    if number == 0 {
        return String::new();
    }
    format!(" {sign} {} {what}", number::count(number))
}

/// ` = 3 812 log entries`.
fn equals(left: u64, right: u64, book: &str) -> String {
    let relation = if left == right { "=" } else { "≠" };
    let noun = if right == 1 { "entry" } else { "entries" };
    format!(" {relation} {} {book} {noun}", number::count(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_NUMBER: Counts = Counts {
        requests: 3_812,
        client_attempts: 3_812,
        gateway_entries: Some(3_812),
        gateway_attempts: Some(3_812),
        lost_attempts: 0,
        direct: 0,
        ledger_entries: Some(3_812),
    };

    #[test]
    fn without_retries_all_books_hold_one_number() {
        let equation = "3 812 requests = 3 812 log entries = 3 812 ledger entries";
        assert_eq!(equations(&ONE_NUMBER), [equation]);
    }

    #[test]
    fn retries_of_the_gateway_are_its_attempts() {
        let counts = Counts {
            gateway_attempts: Some(4_110),
            ledger_entries: Some(4_110),
            ..ONE_NUMBER
        };
        let expected = [
            "3 812 requests = 3 812 log entries",
            "4 110 attempts = 4 110 ledger entries",
        ];
        assert_eq!(equations(&counts), expected);
    }

    #[test]
    fn retries_of_clients_are_client_attempts() {
        let counts = Counts {
            requests: 3_000,
            gateway_entries: None,
            gateway_attempts: None,
            ..ONE_NUMBER
        };
        let expected = ["3 812 client attempts = 3 812 ledger entries"];
        assert_eq!(equations(&counts), expected);
    }

    #[test]
    fn what_went_past_the_gateway_or_arrived_nowhere_stands_beside() {
        let counts = Counts {
            client_attempts: 3_912,
            requests: 3_912,
            gateway_attempts: Some(4_110),
            lost_attempts: 10,
            direct: 100,
            ledger_entries: Some(4_200),
            ..ONE_NUMBER
        };
        let expected = [
            "3 912 requests = 3 812 log entries + 100 direct",
            "4 110 attempts + 100 direct - 10 that arrived nowhere = 4 200 ledger entries",
        ];
        assert_eq!(equations(&counts), expected);
    }

    #[test]
    fn a_line_missing_from_a_book_shows() {
        let counts = Counts {
            gateway_entries: Some(3_811),
            gateway_attempts: Some(3_811),
            ..ONE_NUMBER
        };
        let equation = "3 812 requests ≠ 3 811 log entries ≠ 3 812 ledger entries";
        assert_eq!(equations(&counts), [equation]);
    }
}
