//! `list`: what there is to run.

use std::path::PathBuf;

use clap::Args;

use super::inputs::{self, Changes};
use super::terminal;
use crate::gate::Gate;
use crate::report::catalogue::{self, Row};

/// Flags of `list`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Files or folders
    #[arg(default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Only scenarios with this tag
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

pub(super) fn execute(arguments: &Arguments) -> u8 {
    let changes = Changes {
        speed: None,
        seed: None,
        overrides: Vec::new(),
        gateway: None,
        trace: None,
    };
    let inputs = match inputs::load(&arguments.paths, &changes) {
        Ok(inputs) => inputs.playable,
        Err(unusable) => {
            terminal::tell(unusable);
            return 2;
        }
    };
    let has_tag = |tags: &[String]| arguments.tag.as_ref().is_none_or(|tag| tags.contains(tag));
    let rows: Vec<Row> = inputs
        .into_iter()
        .filter(|input| has_tag(&input.plan.tags))
        .map(|input| Row {
            gates: input.plan.gates.iter().filter(|gate| is_on(gate)).count(),
            simulated: input.plan.end().since(clock::Moment::ZERO),
            name: input.plan.name,
            about: input.plan.about,
            tags: input.plan.tags,
        })
        .collect();
    terminal::print(&catalogue::text(&rows, &terminal::stdout_style()));
    0
}

fn is_on(gate: &Gate) -> bool {
    !gate.clauses().is_empty()
}
