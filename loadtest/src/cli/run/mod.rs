//! `run`: play scenarios, judge them, tell the verdicts.

mod prepare;
mod sockets;
mod tell;
mod view;
mod virtually;

pub(super) use self::prepare::check;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use clock::Stopwatch;
use tempfile::TempDir;

use self::prepare::{Ready, prepare};
use self::tell::Teller;
use super::inputs::{Changes, Skipped};
use super::terminal;
use crate::report::{self, Finished, Invocation, text};
use crate::run::output;
use crate::run::parent::Played;
use crate::verdict::Outcome;

/// Flags of `run`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Scenario files, `FILE#variant`, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// How to play them
    #[arg(long, value_enum, default_value_t = DriverName::Sockets)]
    driver: DriverName,
    #[command(flatten)]
    changes: Changes,
    /// Scenarios at the same time; by default as many as this machine carries
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Keep reports and evidence in this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show a live view of a single scenario while it runs
    #[arg(long)]
    watch: bool,
    /// Tell every run in full, also where many have passed
    #[arg(long, short)]
    verbose: bool,
}

/// The two drivers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum DriverName {
    /// Real sockets on loopback, at the scenario's speed
    Sockets,
    /// No sockets: everything in one thread on a virtual clock, in an instant
    Virtual,
}

pub(super) fn execute(arguments: &Arguments) -> anyhow::Result<u8> {
    let watch = Stopwatch::start();
    match prepare(arguments) {
        Ok((ready, skipped)) => run(arguments, ready, skipped, watch),
        Err(unusable) => {
            terminal::tell(unusable);
            Ok(2)
        }
    }
}

fn run(
    arguments: &Arguments,
    ready: Vec<Ready>,
    skipped: Vec<Skipped>,
    watch: Stopwatch,
) -> anyhow::Result<u8> {
    let scratch = TempDir::new().context("cannot make a folder for the runs")?;
    let out = arguments.out.as_deref().unwrap_or(scratch.path());
    let teller = Teller::new(out, arguments.verbose || ready.len() == 1);
    let played = match arguments.driver {
        DriverName::Virtual => virtually::play(arguments, ready, &teller)?,
        DriverName::Sockets => sockets::play(arguments, ready, &teller)?,
    };
    let mut finished: Vec<Finished> = played
        .iter()
        .map(|played| played.finished.clone())
        .collect();
    for skipped in skipped {
        finished.push(skip(&skipped, &teller)?);
    }
    let style = terminal::stdout_style();
    terminal::print(&text::summary(&finished, watch.elapsed(), &style));
    if arguments.out.is_some() {
        let junit = out.join("junit.xml");
        std::fs::write(&junit, report::junit::write(&finished))
            .with_context(|| format!("cannot write {}", junit.display()))?;
    }
    Ok(exit_code(&played))
}

/// Writes the report of a scenario that is not played, which is all there is of it.
fn skip(skipped: &Skipped, teller: &Teller) -> anyhow::Result<Finished> {
    let report = crate::run::skipped(&skipped.plan, &skipped.reason);
    output::write_report(&teller.folder(&skipped.plan.folder()), &report)?;
    Ok(Finished {
        name: skipped.plan.name.clone(),
        report: Ok(report),
        wall: Duration::ZERO,
    })
}

/// The exit code of many runs: the first of 1, 2, 105, 99 and 98 that any of them has, else 0; 98
/// where nothing was played, because then nothing was judged.
fn exit_code(played: &[Played]) -> u8 {
    if played.is_empty() {
        return Outcome::Invalid.exit_code();
    }
    let worst_first = [1, 2, 105, 99, 98];
    let found = |code: &u8| played.iter().any(|played| played.exit_code == *code);
    worst_first.into_iter().find(found).unwrap_or(0)
}

/// Who ran it; part of `run.json`.
fn invocation(jobs: usize) -> Invocation {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Invocation {
        started_at: clock::now_utc(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        jobs,
        command_line: std::env::args().collect(),
        versions: [("aoai-loadtest".to_owned(), version)].into(),
    }
}
