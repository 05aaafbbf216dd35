//! `play`, hidden: one job of a run, in this process.

use std::path::PathBuf;

use clap::Args;

use super::terminal;
use crate::run::child;

/// Flags of `play`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The job, as `run` wrote it
    job: PathBuf,
}

/// Plays the job; without a report the reason is the only thing on stderr.
pub(super) fn execute(arguments: &Arguments) -> anyhow::Result<u8> {
    let job = child::read_job(&arguments.job)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let played = runtime.block_on(child::play(job));
    // The task that listens for the parent's end is still reading; it must not hold the process.
    runtime.shutdown_background();
    played.or_else(|error| {
        terminal::tell(&error);
        Ok(error.exit_code())
    })
}
