//! `schema`: the JSON Schema of scenario files and reports, and the language of gates.

use clap::{Args, ValueEnum};

use super::terminal;
use crate::{gate, report, scenario};

/// Flags of `schema`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// What to describe
    #[arg(value_enum, default_value_t = Of::Scenario)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// JSON Schema of scenario files, for editors
    Scenario,
    /// JSON Schema of `report.json`
    Report,
    /// The metrics, labels and sentences of gates
    Gates,
}

pub(super) fn execute(arguments: &Arguments) -> anyhow::Result<u8> {
    let text = match arguments.of {
        Of::Scenario => serde_json::to_string_pretty(&scenario::schema())? + "\n",
        Of::Report => serde_json::to_string_pretty(&report::json_schema())? + "\n",
        Of::Gates => gate::reference(),
    };
    terminal::print(&text);
    Ok(0)
}
