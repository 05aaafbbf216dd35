//! Scenarios in virtual time, one after the other in this process.

use std::sync::Arc;

use clock::Stopwatch;

use super::prepare::Ready;
use super::tell::Teller;
use super::view::watched;
use super::{Arguments, invocation};
use crate::report::{Finished, RunFacts};
use crate::run::parent::Played;
use crate::run::{Alterations, in_virtual_time, output};

/// Concludes each scenario with its dry run, which in virtual time is the run itself; only a
/// watched one is played again, for its audience.
pub(super) fn play(
    arguments: &Arguments,
    ready: Vec<Ready>,
    teller: &Teller,
) -> anyhow::Result<Vec<Played>> {
    let invocation = invocation(1);
    let mut all = Vec::new();
    for Ready {
        input, virtual_run, ..
    } in ready
    {
        let (conclusion, wall) = if let Some(run) = virtual_run.filter(|_| !arguments.watch) {
            run
        } else {
            let watch = Stopwatch::start();
            let plan = Arc::new(input.plan.clone());
            let conclusion = in_virtual_time(&plan, watched(), &Alterations::default())?;
            (conclusion, watch.elapsed())
        };
        let folder = teller.folder(&input.plan.folder());
        let run = RunFacts::new(invocation.clone(), wall, &conclusion.evidence.rig);
        output::write(&folder, &conclusion, &run)?;
        let played = Played {
            exit_code: conclusion.report.verdict.outcome.exit_code(),
            finished: Finished {
                name: input.plan.name,
                report: Ok(conclusion.report),
                wall,
            },
        };
        teller.tell(&played, &folder);
        all.push(played);
    }
    Ok(all)
}
