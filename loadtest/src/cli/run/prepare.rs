//! [`prepare`]: everything is loaded, played dry and checked before anything runs.

use std::sync::Arc;
use std::time::Duration;

use clock::Stopwatch;

use super::super::inputs::{self, Changes, Input, Skipped, Unusable};
use super::{Arguments, DriverName};
use crate::run::Conclusion;
use crate::run::forecast::{self, DryRun};
use crate::scenario;

/// A scenario that may run, and what its dry run told of it.
pub(super) struct Ready {
    pub(super) input: Input,
    /// Requests that the closed phases send in virtual time.
    pub(super) closed_requests: u64,
    /// Most requests that it sends in a simulated second.
    pub(super) busiest_second: u64,
    /// The dry run itself, where it is the run that was asked for, and how long it took.
    pub(super) virtual_run: Option<(Conclusion, Duration)>,
}

/// Loads the scenarios, plays each dry and checks each gate; what cannot be played is set apart.
pub(super) fn prepare(arguments: &Arguments) -> Result<(Vec<Ready>, Vec<Skipped>), Unusable> {
    let inputs = inputs::load(&arguments.paths, &arguments.changes)?;
    check_flags(arguments, &inputs.playable)?;
    let keeps_dry_run = arguments.driver == DriverName::Virtual;
    let mut wrong = Vec::new();
    let mut ready = Vec::new();
    for input in inputs.playable {
        let watch = Stopwatch::start();
        match check(&input, &arguments.changes) {
            Ok(dry_run) => ready.push(Ready {
                input,
                closed_requests: dry_run.closed_requests(),
                busiest_second: dry_run.busiest_second(),
                virtual_run: keeps_dry_run.then(|| (dry_run.conclusion, watch.elapsed())),
            }),
            Err(Unusable(message)) => wrong.push(message),
        }
    }
    if wrong.is_empty() {
        Ok((ready, inputs.skipped))
    } else {
        Err(Unusable(wrong.join("\n\n")))
    }
}

fn check_flags(arguments: &Arguments, inputs: &[Input]) -> Result<(), Unusable> {
    if arguments.watch && inputs.len() > 1 {
        let (count, first) = (inputs.len(), &inputs[0].plan.name);
        return Err(Unusable(format!(
            "error: --watch shows one scenario, these are {count}\nhelp: name one, such as {first}"
        )));
    }
    if arguments.driver == DriverName::Virtual && arguments.changes.gateway.is_some() {
        let message =
            "error: --gateway needs --driver sockets: only our own parties run in virtual time";
        return Err(Unusable(message.to_owned()));
    }
    Ok(())
}

/// Plays `input` dry and holds its gates against what it sends.
pub(in crate::cli) fn check(input: &Input, changes: &Changes) -> Result<DryRun, Unusable> {
    let own = Arc::new(input.own.clone());
    let dry_run = forecast::dry_run(&own)
        .map_err(|error| Unusable(format!("error: {}: {error}", input.plan.name)))?;
    let Err(refused) = dry_run.check_gates(&own) else {
        return Ok(dry_run);
    };
    let refused: Vec<_> = refused
        .into_iter()
        .map(|(gate, error)| (gate.id.clone(), error))
        .collect();
    let errors = scenario::refusal(&input.file, &changes.options()?, &input.variant, &refused);
    Err(Unusable(errors.to_string()))
}
