//! `check`: what is wrong with scenario files, and what they would run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use clock::Moment;

use super::inputs::{self, Changes, Input};
use super::terminal;
use crate::gate::{Gate, Planned};
use crate::report::Driver;
use crate::report::plan::{self as preview, Offer, PlanPreview};
use crate::run::forecast::DryRun;
use crate::topology::{LedgerEntry, Limiter, SimulatorConfig};

/// Flags of `check`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Scenario files, `FILE#variant`, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Only say what is wrong
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    changes: Changes,
}

pub(super) fn execute(arguments: &Arguments) -> u8 {
    let inputs = match inputs::load(&arguments.paths, &arguments.changes) {
        Ok(inputs) => inputs,
        Err(unusable) => {
            terminal::tell(unusable);
            return 2;
        }
    };
    for skipped in &inputs.skipped {
        let (name, reason) = (&skipped.plan.name, &skipped.reason);
        terminal::tell(format_args!("skipped: {name}: {reason}"));
    }
    let mut exit_code = 0;
    for input in &inputs.playable {
        match super::run::check(input, &arguments.changes) {
            Ok(dry_run) if !arguments.quiet => terminal::print(&shown(input, &dry_run)),
            Ok(_) => {}
            Err(unusable) => {
                terminal::tell(format_args!("{unusable}\n"));
                exit_code = 2;
            }
        }
    }
    if exit_code == 0 {
        terminal::tell(format_args!(
            "{} scenarios are in order",
            inputs.playable.len()
        ));
    }
    exit_code
}

fn shown(input: &Input, dry_run: &DryRun) -> String {
    let plan = &input.plan;
    let planned = dry_run.check_gates(&input.own).unwrap_or_default();
    let preview = PlanPreview {
        plan,
        driver: Driver::Sockets,
        offers: offers(input, dry_run),
        samples: planned.into_iter().map(samples).collect(),
        wall: Some(plan.end().since(Moment::ZERO).div_f64(plan.speed.as_f64())),
        notices: Vec::new(),
    };
    preview::render(&preview, &terminal::stdout_style())
}

/// A gate's id with the samples that its weakest clause counts on.
fn samples((gate, clauses): (&Gate, Vec<Planned>)) -> (String, u64) {
    (
        gate.id.clone(),
        clauses
            .iter()
            .map(|clause| clause.samples)
            .min()
            .unwrap_or(0),
    )
}

/// What arrived at each deployment in the dry run, by phase, against its limits.
fn offers(input: &Input, dry_run: &DryRun) -> Vec<Offer> {
    let mut offers = Vec::new();
    for phase in &input.plan.phases {
        for (name, config) in &input.own.simulators {
            let ledger = dry_run
                .conclusion
                .evidence
                .ledgers
                .get(name)
                .and_then(|ledger| ledger.given());
            let arrived = ledger
                .into_iter()
                .flatten()
                .filter(|entry| phase.start <= entry.arrived && entry.arrived < phase.end);
            let minutes = phase.end.since(phase.start).as_secs_f64() / 60.0;
            offers.extend(by_deployment(arrived).into_iter().map(
                |(deployment, (requests, tokens))| {
                    let (request_limit, token_limit) = limits(config, &deployment);
                    Offer {
                        phase: phase.name.to_string(),
                        simulator: name.clone(),
                        deployment,
                        requests_per_minute: requests / minutes,
                        tokens_per_minute: tokens / minutes,
                        request_limit,
                        token_limit,
                    }
                },
            ));
        }
    }
    offers
}

/// Requests and estimated tokens by deployment.
#[expect(clippy::cast_precision_loss, reason = "tokens of one phase")]
fn by_deployment<'a>(
    entries: impl Iterator<Item = &'a LedgerEntry>,
) -> BTreeMap<String, (f64, f64)> {
    let mut sums = BTreeMap::new();
    for entry in entries {
        let Some(deployment) = &entry.deployment else {
            continue;
        };
        let sum: &mut (f64, f64) = sums.entry(deployment.clone()).or_default();
        sum.0 += 1.0;
        sum.1 += entry.tokens_estimated as f64;
    }
    sums
}

/// Requests and tokens per minute that a deployment admits.
#[expect(clippy::cast_precision_loss, reason = "limits far below 2^52")]
fn limits(config: &SimulatorConfig, deployment: &str) -> (Option<f64>, Option<f64>) {
    let limiter = config.deployments.get(deployment).map(|it| it.limiter);
    let Some(rate) = limiter.and_then(|limiter| limiter.rate()) else {
        return (None, None);
    };
    let tokens = rate.tokens_per_minute.get() as f64;
    let given = rate
        .requests_per_minute
        .map(|requests| requests.get() as f64);
    let requests = given.or(match limiter {
        // Six requests per minute and thousand tokens, unless the deployment says otherwise.
        Some(Limiter::Legacy(_)) => Some((tokens / 1_000.0).ceil() * 6.0),
        Some(Limiter::Modern { .. }) => Some((tokens / 1_000.0).ceil()),
        _ => None,
    });
    (requests, Some(tokens))
}
