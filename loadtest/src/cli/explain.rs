//! `explain`: from which records a gate of a past run was computed.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::terminal;
use crate::judge;
use crate::run::output;

/// Flags of `explain`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// A run's `report.json`, or its folder
    report: PathBuf,
    /// Id of the gate, as in the scenario file
    gate: String,
}

pub(super) fn execute(arguments: &Arguments) -> u8 {
    let folder = if arguments.report.is_dir() {
        arguments.report.as_path()
    } else {
        arguments.report.parent().unwrap_or(Path::new("."))
    };
    let explained = output::read_evidence(folder).and_then(|(facts, context, evidence)| {
        let text = judge::explain(&facts, &evidence, context, &arguments.gate);
        text.with_context(|| format!("that run has no gate `{}`", arguments.gate))
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
