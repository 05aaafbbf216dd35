//! One socket run, alone in its process: what the hidden subcommand `play` does.
//!
//! Goose's killswitch, its signal handler and its lines on stdout stay in here. The parent
//! writes a [`Job`], hears [`Event`](crate::progress::Event)s on stdout and finds report and
//! evidence in the job's folder.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clock::Speed;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

use super::parent::StopSignal;
use super::sockets::{SocketOptions, on_sockets};
use super::{RunError, output};
use crate::driver::EventSink;
use crate::plan::Plan;
use crate::progress::MARK;
use crate::report::{Invocation, RunFacts};
use crate::scenario::{self, Options};
use crate::topology::Profile;

/// What a child is to play.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// The scenario file.
    pub file: PathBuf,
    /// Name of the plan in it.
    pub plan: String,
    /// Its variant; empty for the file as it stands.
    pub variant: String,
    /// `--set`.
    pub overrides: Vec<(String, String)>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// The speed to play at.
    pub speed: Speed,
    /// `--gateway`, as given.
    pub gateway: Option<String>,
    /// `--trace`.
    pub trace: Option<PathBuf>,
    /// Where report and evidence go.
    pub folder: PathBuf,
    /// Requests that the closed phases send in virtual time.
    pub closed_in_virtual_time: Option<u64>,
    /// Why an earlier run was invalid, if this one is its repeat.
    pub invalid_before: Vec<String>,
    /// Who asked for it; part of `run.json`.
    pub invocation: Invocation,
}

/// Plays `job` and gives the exit code that stands for its outcome.
///
/// # Errors
/// [`RunError`] when there is no report.
pub async fn play(job: Job) -> Result<u8, RunError> {
    let plan = Arc::new(plan(&job)?);
    let cancel = CancellationToken::new();
    let listening = tokio::spawn(cancelled(StopSignal::listen()?, cancel.clone()));
    let options = SocketOptions {
        events: events(),
        cancel,
        closed_in_virtual_time: job.closed_in_virtual_time,
        invalid_before: job.invalid_before,
    };
    let (conclusion, wall) = on_sockets(&plan, options).await?;
    listening.abort();
    let run = RunFacts::new(job.invocation, wall, &conclusion.evidence.rig);
    output::write(&job.folder, &conclusion, &run)?;
    Ok(conclusion.report.verdict.outcome.exit_code())
}

fn plan(job: &Job) -> Result<Plan, RunError> {
    let gateway = job
        .gateway
        .as_deref()
        .map(Profile::from_argument)
        .transpose();
    let options = Options {
        overrides: job.overrides.clone(),
        seed: job.seed,
        speed: Some(job.speed),
        gateway: gateway.map_err(|error| RunError::Unsuitable(error.to_string()))?,
        trace: job.trace.clone(),
        variant: Some(job.variant.clone()),
    };
    let plans = scenario::load(&job.file, &options)
        .map_err(|errors| RunError::Unsuitable(errors.to_string()))?;
    let plan = plans.into_iter().find(|plan| plan.name == job.plan);
    plan.ok_or_else(|| {
        RunError::Unsuitable(format!(
            "{} holds no {} any more",
            job.file.display(),
            job.plan
        ))
    })
}

/// Events go to stdout, marked, a line each; a parent that is gone does not stop the run.
fn events() -> EventSink {
    EventSink::new(|event| {
        if let Ok(line) = serde_json::to_string(&event) {
            let mut stdout = std::io::stdout().lock();
            // Nobody may be listening any more; the evidence is what counts.
            let _ = writeln!(stdout, "{MARK}{line}").and_then(|()| stdout.flush());
        }
    })
}

/// Cancels the run on a signal, or when the parent is gone: its end of stdin closes with it.
async fn cancelled(mut signal: StopSignal, cancel: CancellationToken) {
    let mut nothing = [0_u8; 1];
    let mut stdin = tokio::io::stdin();
    let orphaned = Box::pin(stdin.read(&mut nothing));
    let signalled = Box::pin(signal.heard());
    futures::future::select(orphaned, signalled).await;
    cancel.cancel();
}

/// Reads the job that a parent wrote to `path`.
///
/// # Errors
/// When it is not there or not a job.
pub fn read_job(path: &std::path::Path) -> anyhow::Result<Job> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a job", path.display()))
}
