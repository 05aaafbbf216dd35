//! Runs of many: every socket scenario in a child process of its own.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use clock::Stopwatch;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::child::Job;
use super::output;
use crate::progress::{Event, MARK};
use crate::report::Finished;
use crate::verdict::Outcome;

/// Something to play, and how much of the machine it takes.
#[derive(Clone, Debug)]
pub struct Task {
    /// What to play.
    pub job: Job,
    /// Requests per real second that it will send at its peak.
    pub requests_per_second: f64,
    /// How long its phases take, real.
    pub lasts: Duration,
}

/// How many tasks run at the same time.
#[derive(Clone, Copy, Debug)]
pub enum Jobs {
    /// At most so many.
    AtMost(usize),
    /// As many as send no more than so many requests per second together; at least one.
    ByRate(f64),
}

/// Hears what the running scenarios tell.
pub trait Audience: Send + Sync {
    /// News of the run of this name.
    fn hear(&self, name: &str, event: &Event);
    /// A run is over; in the order in which they end.
    fn over(&self, played: &Played);
}

/// A scenario that was played, with the exit code that stands for its outcome.
#[derive(Clone, Debug)]
pub struct Played {
    /// Its report, or why there is none.
    pub finished: Finished,
    /// 0, 1, 2, 98, 99 or 105.
    pub exit_code: u8,
}

impl Played {
    /// Why its rig was invalid, if it was: by its report, or before there was one, when ports or
    /// timers of a machine that did other things as well were not fit for it.
    fn invalid(&self) -> Option<Vec<String>> {
        match &self.finished.report {
            Ok(report) if report.verdict.outcome == Outcome::Invalid => {
                Some(report.verdict.invalid.clone())
            }
            Err(said) if self.exit_code == Outcome::Invalid.exit_code() => Some(vec![said.clone()]),
            Ok(_) | Err(_) => None,
        }
    }
}

/// How a child ended.
struct Ended {
    task: Task,
    played: Played,
}

/// Plays `tasks` in child processes; gives the finished runs in the order of the tasks.
///
/// A run whose rig was invalid is repeated once, alone, after all others; a failed one never.
/// Cancelling stops the children, which keep their partial evidence; those that were not started
/// by then are told as cancelled, too.
pub async fn play(
    tasks: Vec<Task>,
    jobs: Jobs,
    audience: &dyn Audience,
    cancel: CancellationToken,
) -> Vec<Played> {
    let order: Vec<String> = tasks.iter().map(|task| task.job.plan.clone()).collect();
    let mut ended = side_by_side(tasks, jobs, audience, &cancel).await;
    for ended in &mut ended {
        if let Some(invalid) = ended.played.invalid()
            && !cancel.is_cancelled()
        {
            let mut again = ended.task.clone();
            again.job.invalid_before = invalid;
            *ended = one(again, audience, &cancel).await;
            audience.over(&ended.played);
        }
    }
    ended.sort_by_key(|ended| {
        order
            .iter()
            .position(|name| *name == ended.played.finished.name)
    });
    ended.into_iter().map(|ended| ended.played).collect()
}

/// Plays each task once, several at a time.
///
/// The longest comes first, and whatever there is room for beside it: a long one that starts last
/// would keep everybody waiting. One at a time, they keep their order.
async fn side_by_side(
    tasks: Vec<Task>,
    jobs: Jobs,
    audience: &dyn Audience,
    cancel: &CancellationToken,
) -> Vec<Ended> {
    let mut waiting = tasks;
    if !matches!(jobs, Jobs::AtMost(1)) {
        waiting.sort_by_key(|task| Reverse(task.lasts));
    }
    let mut running = FuturesUnordered::new();
    let mut rate = 0.0;
    let mut ended = Vec::new();
    loop {
        while !cancel.is_cancelled()
            && let Some(next) =
                (waiting.iter()).position(|task| has_room(jobs, running.len(), rate, task))
        {
            let task = waiting.remove(next);
            rate += task.requests_per_second;
            running.push(one(task, audience, cancel));
        }
        let Some(over_now) = running.next().await else {
            ended.extend(waiting.into_iter().map(never_started));
            return ended;
        };
        rate -= over_now.task.requests_per_second;
        let is_repeated = over_now.played.invalid().is_some() && !cancel.is_cancelled();
        if !is_repeated {
            audience.over(&over_now.played);
        }
        ended.push(over_now);
    }
}

/// A task that was still waiting when the run was cancelled.
fn never_started(task: Task) -> Ended {
    let finished = Finished {
        name: task.job.plan.clone(),
        report: Err("cancelled before it started".to_owned()),
        wall: Duration::ZERO,
    };
    Ended {
        task,
        played: Played {
            finished,
            exit_code: 105,
        },
    }
}

fn has_room(jobs: Jobs, running: usize, rate: f64, task: &Task) -> bool {
    match jobs {
        _ if running == 0 => true,
        Jobs::AtMost(most) => running < most,
        Jobs::ByRate(most) => rate + task.requests_per_second <= most,
    }
}

/// Plays one task in a child process.
async fn one(task: Task, audience: &dyn Audience, cancel: &CancellationToken) -> Ended {
    let watch = Stopwatch::start();
    let (exit_code, report) = match Box::pin(run_child(&task.job, audience, cancel)).await {
        Ok(ChildEnd { exit_code, said }) if said.is_empty() => {
            (exit_code, output::read_report(&task.job.folder))
        }
        Ok(ChildEnd { exit_code, said }) => (exit_code, Err(anyhow::Error::msg(said))),
        Err(error) => (1, Err(error)),
    };
    let finished = Finished {
        name: task.job.plan.clone(),
        report: report.map_err(|error| format!("{error:#}")),
        wall: watch.elapsed(),
    };
    Ended {
        task,
        played: Played {
            finished,
            exit_code,
        },
    }
}

/// A child's last words; without any it left a report.
struct ChildEnd {
    exit_code: u8,
    said: String,
}

/// Starts the child, hears its events and waits for its end.
async fn run_child(
    job: &Job,
    audience: &dyn Audience,
    cancel: &CancellationToken,
) -> anyhow::Result<ChildEnd> {
    std::fs::create_dir_all(&job.folder)
        .with_context(|| format!("cannot make {}", job.folder.display()))?;
    let path: PathBuf = job.folder.join("job.json");
    std::fs::write(&path, serde_json::to_string(job)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    let mut child = spawn(&path)?;
    // The child takes the closing of its stdin for the parent's end: it stays open until then.
    let stdin = child.stdin.take();
    let stderr = child
        .stderr
        .take()
        .map(|stderr| tokio::spawn(read_all(stderr)));
    let heard = hear(&mut child, &job.plan, audience, cancel).await;
    let status = child
        .wait()
        .await
        .context("cannot wait for the run's process")?;
    drop(stdin);
    let said = match stderr {
        Some(reading) => reading.await.unwrap_or_default(),
        None => String::new(),
    };
    // The job was for the child only.
    let _ = std::fs::remove_file(&path);
    heard?;
    Ok(outcome_of(status, said))
}

fn spawn(job: &std::path::Path) -> anyhow::Result<Child> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command
        .arg("play")
        .arg(job)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own: the terminal's Ctrl-C reaches this process, which tells the children.
    command.process_group(0).kill_on_drop(true);
    command.spawn().context("cannot start the run's process")
}

async fn read_all(mut stderr: tokio::process::ChildStderr) -> String {
    let mut text = Vec::new();
    // What could be read is what there is to tell.
    let _ = stderr.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Hears the child's events until its stdout closes; on cancel asks it to stop and hears on.
async fn hear(
    child: &mut Child,
    name: &str,
    audience: &dyn Audience,
    cancel: &CancellationToken,
) -> anyhow::Result<()> {
    let stdout = child
        .stdout
        .take()
        .context("the run's process has no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    let mut is_asked = false;
    loop {
        let line = if is_asked {
            lines.next_line().await
        } else {
            let next = Box::pin(lines.next_line());
            match futures::future::select(next, Box::pin(cancel.cancelled())).await {
                futures::future::Either::Left((line, _)) => line,
                futures::future::Either::Right(_) => {
                    is_asked = true;
                    ask_to_stop(child);
                    continue;
                }
            }
        };
        let Some(line) = line.context("cannot hear the run's process")? else {
            return Ok(());
        };
        if let Some(event) = line
            .strip_prefix(MARK)
            .and_then(|event| serde_json::from_str::<Event>(event).ok())
        {
            audience.hear(name, &event);
        }
    }
}

fn ask_to_stop(child: &Child) {
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // A child that has ended already needs no signal.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

/// A child with a verdict left a report, whatever a library wrote to its stderr; any other end is
/// told in its own words.
fn outcome_of(status: ExitStatus, said: String) -> ChildEnd {
    let exit_code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    let left_a_report = matches!(exit_code, 0 | 99 | 105) || (exit_code == 98 && said.is_empty());
    let said = match said {
        _ if left_a_report => String::new(),
        said if said.is_empty() => {
            format!("the run's process ended with {status} and said nothing")
        }
        said => said,
    };
    ChildEnd { exit_code, said }
}

/// Ctrl-C and SIGTERM, heard from the moment this is made.
#[derive(Debug)]
pub struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// Listens from now on, also before anybody waits.
    ///
    /// # Errors
    /// When the system does not let this process listen.
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them.
    pub async fn heard(&mut self) {
        futures::future::select(
            Box::pin(self.interrupt.recv()),
            Box::pin(self.terminate.recv()),
        )
        .await;
    }
}
