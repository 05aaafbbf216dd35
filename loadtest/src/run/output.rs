//! What a run leaves in `--out DIR`: `DIR/<folder>/<scenario>/` with its report and its evidence.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Conclusion;
use crate::evidence::{Evidence, PhaseWindow, Source};
use crate::judge::{Facts, JudgeContext};
use crate::observation::Observation;
use crate::report::{Report, RunFacts};

/// The report of a run, in its folder.
pub const REPORT: &str = "report.json";

/// What is true of this one run on this one machine.
pub const RUN: &str = "run.json";

/// What the judge needs to know of the plan, so that a gate can be explained later.
const FACTS: &str = "facts.json";

/// The clients' side of the evidence.
const OBSERVATIONS: &str = "observations.jsonl";

/// The gateway's side.
const ACCESS_LOG: &str = "access-log.jsonl";

/// The gateway's usage events.
const USAGE_EVENTS: &str = "usage.jsonl";

/// The gateway's metrics page after the run.
const METRICS: &str = "metrics.txt";

/// Which phase ran when, and which sources the topology did not give.
const SOURCES: &str = "sources.json";

/// First part of the name of each simulator's ledger.
const LEDGER: &str = "ledger-";

/// The part of the evidence that is no list of records.
#[derive(Debug, serde::Deserialize, Serialize)]
struct Sources {
    run_id: String,
    timeline: Vec<PhaseWindow>,
    gateway: Source<()>,
    #[serde(default)]
    usage_events: Source<()>,
    #[serde(default)]
    metrics: Source<()>,
    ledgers: std::collections::BTreeMap<String, Source<()>>,
}

/// Writes everything of a run into `folder`, which is made.
///
/// # Errors
/// The first file that cannot be written, by name.
pub fn write(folder: &Path, conclusion: &Conclusion, run: &RunFacts) -> anyhow::Result<()> {
    write_report(folder, &conclusion.report)?;
    let evidence = &conclusion.evidence;
    write_json(&folder.join(RUN), run)?;
    write_json(
        &folder.join(FACTS),
        &(Facts::of(&conclusion.plan), conclusion.context),
    )?;
    write_json(&folder.join(SOURCES), &sources(evidence))?;
    write_lines(&folder.join(OBSERVATIONS), &evidence.observations)?;
    if let Source::Given(log) = &evidence.gateway {
        write_lines(&folder.join(ACCESS_LOG), log)?;
    }
    if let Source::Given(events) = &evidence.usage_events {
        write_lines(&folder.join(USAGE_EVENTS), events)?;
    }
    if let Source::Given(page) = &evidence.metrics {
        write_text(&folder.join(METRICS), page)?;
    }
    for (name, ledger) in &evidence.ledgers {
        if let Source::Given(entries) = ledger {
            write_lines(&ledger_path(folder, name), entries)?;
        }
    }
    Ok(())
}

/// Writes only the report into `folder`, which is made.
///
/// # Errors
/// When it cannot be written.
pub fn write_report(folder: &Path, report: &Report) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    write_json(&folder.join(REPORT), report)
}

/// Reads the report in `folder`.
///
/// # Errors
/// When there is none, or it is not one of ours.
pub fn read_report(folder: &Path) -> anyhow::Result<Report> {
    read_json(&folder.join(REPORT))
}

/// Reads the circumstances of the run in `folder`.
///
/// # Errors
/// When there are none.
pub fn read_run(folder: &Path) -> anyhow::Result<RunFacts> {
    read_json(&folder.join(RUN))
}

/// Reads back what the judge needs to explain a gate of the run in `folder`.
///
/// # Errors
/// The first file that is missing or not as expected, by name.
pub fn read_evidence(folder: &Path) -> anyhow::Result<(Facts, JudgeContext, Evidence)> {
    let (facts, context): (Facts, JudgeContext) = read_json(&folder.join(FACTS))?;
    let sources: Sources = read_json(&folder.join(SOURCES))?;
    let observations: Vec<Observation> = read_lines(&folder.join(OBSERVATIONS))?;
    let lines = |name: &str| folder.join(name);
    let gateway = present(sources.gateway, || read_lines(&lines(ACCESS_LOG)))?;
    let usage_events = present(sources.usage_events, || read_lines(&lines(USAGE_EVENTS)))?;
    let metrics = present(sources.metrics, || read_text(&lines(METRICS)))?;
    let mut ledgers = std::collections::BTreeMap::new();
    for (name, source) in sources.ledgers {
        let ledger = present(source, || read_lines(&ledger_path(folder, &name)))?;
        ledgers.insert(name, ledger);
    }
    Ok((
        facts,
        context,
        Evidence {
            run_id: sources.run_id,
            timeline: sources.timeline,
            observations,
            gateway,
            usage_events,
            metrics,
            ledgers,
            gaps: Vec::new(),
            rig: crate::evidence::RigHealth::default(),
        },
    ))
}

fn sources(evidence: &Evidence) -> Sources {
    Sources {
        run_id: evidence.run_id.clone(),
        timeline: evidence.timeline.clone(),
        gateway: presence(&evidence.gateway),
        usage_events: presence(&evidence.usage_events),
        metrics: presence(&evidence.metrics),
        ledgers: evidence
            .ledgers
            .iter()
            .map(|(name, ledger)| (name.clone(), presence(ledger)))
            .collect(),
    }
}

fn presence<T>(source: &Source<T>) -> Source<()> {
    match source {
        Source::Given(_) => Source::Given(()),
        Source::Missing(why) => Source::Missing(why.clone()),
    }
}

/// What `read` reads, if it was given.
fn present<T>(
    source: Source<()>,
    read: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<Source<T>> {
    Ok(match source {
        Source::Given(()) => Source::Given(read()?),
        Source::Missing(why) => Source::Missing(why),
    })
}

fn ledger_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{LEDGER}{name}.jsonl"))
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    write_text(path, &text)
}

fn write_text(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn write_lines<T: Serialize>(path: &Path, records: &[T]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(fs::File::create(path).with_context(failed)?);
    for record in records {
        serde_json::to_writer(&mut file, record).with_context(failed)?;
        file.write_all(b"\n").with_context(failed)?;
    }
    file.flush().with_context(failed)
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = read_text(path)?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not a file of this version's runs", path.display()))
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = read_text(path)?;
    let records = text.lines().enumerate().map(|(number, line)| {
        serde_json::from_str(line)
            .with_context(|| format!("{}:{} is not a record", path.display(), number + 1))
    });
    records.collect()
}
