//! The traffic of a report: tables by phase and backend or class, and a chart over time.

use std::collections::BTreeMap;

use super::super::build::rank;
use super::super::chart::{Chart, Row, at_second, per_second};
use super::super::document::{BackendTraffic, Report, Traffic, succeeded};
use super::super::histogram::Percentiles;
use super::super::number;
use super::super::style::{Ink, Style};
use super::super::table::{Cell, Table};
use super::INDENT;

const LATENCY: &[&str] = &["p50", "p95", "p99"];
const STREAMS: &[&str] = &["p50", "p99"];
const TOKENS: &[&str] = &["prompt", "completion"];

/// One row per phase and backend: what clients got from it, and what it was asked.
pub(super) fn by_backend(report: &Report, style: &Style) -> Vec<String> {
    let mut table = Table::new(&["phase", "backend"])
        .group(
            "answers to clients",
            &["requests", "share", "per min", "hung up"],
        )
        .group(
            "at the backend",
            &["attempts", "2xx", "429", "other", "retries", "trips"],
        )
        .group("latency of 2xx", LATENCY)
        .group("first token", STREAMS)
        .group("token gap", STREAMS)
        .group("tokens", TOKENS);
    let phase_totals = phase_totals(report);
    for row in &report.backends {
        let total = phase_totals.get(row.phase.as_str()).copied().unwrap_or(0);
        let mut cells: Vec<Cell> = vec![row.phase.as_str().into(), row.backend.as_str().into()];
        cells.extend(answered(&row.traffic, total));
        cells.extend(seen(row));
        cells.extend(times(&row.traffic));
        cells.extend(tokens(&row.traffic));
        table.row(cells);
    }
    table.render(style, INDENT)
}

/// One row per phase and class; nothing where there is only one class.
pub(super) fn by_class(report: &Report, style: &Style) -> Vec<String> {
    let first = report.classes.first();
    if report
        .classes
        .iter()
        .all(|row| Some(&row.class) == first.map(|first| &first.class))
    {
        return Vec::new();
    }
    let mut table = Table::new(&["phase", "class"])
        .group(
            "answers to clients",
            &["requests", "2xx", "429", "other", "per min"],
        )
        .group("latency of 2xx", LATENCY)
        .group("first token", STREAMS)
        .group("token gap", STREAMS);
    for row in &report.classes {
        let traffic = &row.traffic;
        let mut cells: Vec<Cell> = vec![row.phase.as_str().into(), row.class.as_str().into()];
        cells.push(number::count(traffic.requests).into());
        cells.extend(statuses(&traffic.statuses, traffic.requests));
        cells.push(number::decimal(traffic.requests_per_minute).into());
        cells.extend(times(traffic));
        table.row(cells);
    }
    table.render(style, INDENT)
}

/// Answers per second of each backend, and of all refusals, with the phases below.
pub(super) fn over_time(report: &Report, style: &Style) -> Vec<String> {
    let series = &report.series;
    let mut names: Vec<_> = series.rows.iter().map(|row| row.backend.as_str()).collect();
    names.sort_by_key(|name| rank(name));
    names.dedup();
    let mut rows: Vec<_> = names
        .into_iter()
        .map(|name| Row {
            name,
            values: per_second(&series.sum(|row| row.backend == name), series.bucket_s),
            ink: Ink::Plain,
        })
        .collect();
    let refused = series.sum(|row| row.status == 429);
    if refused.iter().any(|count| *count > 0) {
        rows.push(Row {
            name: "all 429",
            values: per_second(&refused, series.bucket_s),
            ink: Ink::Doubt,
        });
    }
    let phases = report.phases.iter();
    let chart = Chart {
        unit: "answers per second",
        rows,
        from: clock::Moment::ZERO,
        until: at_second(series.bucket_s * series.buckets),
        phases: phases
            .map(|phase| (phase.name.as_str(), phase.start, phase.end))
            .collect(),
    };
    chart.render(style, INDENT)
}

fn phase_totals(report: &Report) -> BTreeMap<&str, u64> {
    let mut totals = BTreeMap::new();
    for row in &report.backends {
        *totals.entry(row.phase.as_str()).or_default() += row.traffic.requests;
    }
    totals
}

fn answered(traffic: &Traffic, total: u64) -> [Cell; 4] {
    [
        number::count(traffic.requests).into(),
        number::percent(traffic.requests, total)
            .unwrap_or_default()
            .into(),
        number::decimal(traffic.requests_per_minute).into(),
        noteworthy(Ink::Plain, traffic.aborted),
    ]
}

/// What the backend booked; blank for whoever keeps no ledger.
fn seen(row: &BackendTraffic) -> [Cell; 6] {
    let trips = noteworthy(Ink::Doubt, row.trips);
    if row.attempts == 0 {
        let blank = || Cell::from("");
        return [blank(), blank(), blank(), blank(), blank(), trips];
    }
    let [ok, throttled, other] = statuses(&row.attempt_statuses, row.attempts);
    let attempts = number::count(row.attempts).into();
    let retries = noteworthy(Ink::Plain, row.retries);
    [attempts, ok, throttled, other, retries, trips]
}

/// How many of `all` were answered 2xx, how many 429, and how many otherwise or not at all.
fn statuses(statuses: &BTreeMap<u16, u64>, all: u64) -> [Cell; 3] {
    let ok = succeeded(statuses);
    let throttled = statuses.get(&429).copied().unwrap_or(0);
    let other = all.saturating_sub(ok + throttled);
    [
        number::count(ok).into(),
        noteworthy(Ink::Doubt, throttled),
        noteworthy(Ink::Bad, other),
    ]
}

/// A count that is in `ink` where it happens, and blank where it does not.
fn noteworthy(ink: Ink, count: u64) -> Cell {
    let text = if count == 0 {
        String::new()
    } else {
        number::count(count)
    };
    Cell::new(ink, text)
}

/// What clients measured, as the columns of latency, first token and token gap ask.
fn times(traffic: &Traffic) -> [Cell; 7] {
    let time = |of: Option<Percentiles>, pick: fn(Percentiles) -> u64| {
        Cell::from(of.map(|p| number::micros(pick(p))).unwrap_or_default())
    };
    [
        time(traffic.latency, |p| p.p50_us),
        time(traffic.latency, |p| p.p95_us),
        time(traffic.latency, |p| p.p99_us),
        time(traffic.first_token, |p| p.p50_us),
        time(traffic.first_token, |p| p.p99_us),
        time(traffic.token_gap, |p| p.p50_us),
        time(traffic.token_gap, |p| p.p99_us),
    ]
}

fn tokens(traffic: &Traffic) -> [Cell; 2] {
    let sums = [traffic.prompt_tokens, traffic.completion_tokens];
    sums.map(|sum| noteworthy(Ink::Plain, sum))
}
