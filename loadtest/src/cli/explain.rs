//! `explain`: from which records a gate of a past run was computed, or what became of a request.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::terminal;
use crate::judge;
use crate::run::output;
use crate::verdict::Outcome;

/// Flags of `explain`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A run's `report.json`, or its folder
    report: PathBuf,
    /// Id of a gate, as in the scenario file, or a request by its number or `x-request-id`;
    /// without it every gate is judged again
    #[arg(value_name = "GATE|REQUEST")]
    what: Option<String>,
}

pub(super) fn execute(arguments: &Arguments) -> u8 {
    let folder = if arguments.report.is_dir() {
        arguments.report.as_path()
    } else {
        arguments.report.parent().unwrap_or(Path::new("."))
    };
    if let Some(why) = skipped(folder) {
        terminal::print(&why);
        return 0;
    }
    let explained = output::read_evidence(folder).and_then(|(facts, context, evidence)| {
        let Some(what) = &arguments.what else {
            return Ok(judge::overview(&facts, &evidence, context));
        };
        let text = judge::explain(&facts, &evidence, context, what);
        text.with_context(|| format!("that run has no gate and no request `{what}`"))
    });
    match explained {
        Ok(text) => {
            terminal::print(&text);
            0
        }
        Err(error) => {
            terminal::tell(format_args!("error: {error:#}"));
            2
        }
    }
}

/// Why the run in `folder` was not made, if it was skipped; it left a report and no evidence.
fn skipped(folder: &Path) -> Option<String> {
    let verdict = output::read_report(folder).ok()?.verdict;
    let why = verdict.invalid.join("; ");
    (verdict.outcome == Outcome::Skipped).then(|| format!("skipped: {why}\n"))
}
