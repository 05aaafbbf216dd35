//! Scenarios on sockets, each in a child process, several at a time.

use std::num::NonZeroUsize;

use clock::Moment;
use tokio_util::sync::CancellationToken;

use super::prepare::Ready;
use super::tell::Teller;
use super::view::Audience;
use super::{Arguments, invocation};
use crate::cli::terminal;
use crate::report::Invocation;
use crate::run::child::Job;
use crate::run::parent::{self, Jobs, Played, StopSignal, Task};

/// Requests per second that one core sends, carries and answers with a third of its time.
const REQUESTS_PER_SECOND_AND_CORE: f64 = 500.0;

/// Plays each scenario; a signal stops all of them and keeps what they have.
pub(super) fn play(
    arguments: &Arguments,
    ready: Vec<Ready>,
    teller: &Teller,
) -> anyhow::Result<Vec<Played>> {
    let invocation = invocation(arguments.jobs.map_or(ready.len(), usize::from));
    let tasks: Vec<Task> = ready
        .into_iter()
        .map(|ready| task(arguments, teller, ready, &invocation))
        .collect();
    let folders = tasks
        .iter()
        .map(|task| (task.job.plan.clone(), task.job.folder.clone()))
        .collect();
    let audience = Audience::new(arguments.watch, teller, folders);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let cancel = CancellationToken::new();
        let stopping = tokio::spawn(stop_on_signal(StopSignal::listen()?, cancel.clone()));
        let played = parent::play(tasks, jobs(arguments), &audience, cancel).await;
        stopping.abort();
        Ok(played)
    })
}

async fn stop_on_signal(mut signal: StopSignal, cancel: CancellationToken) {
    signal.heard().await;
    terminal::tell("stopping: requests in flight may finish, evidence is kept");
    cancel.cancel();
}

fn jobs(arguments: &Arguments) -> Jobs {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    match arguments.jobs {
        Some(jobs) => Jobs::AtMost(usize::from(jobs)),
        // Somebody else's gateway serves one scenario at a time: two would share its state.
        None if arguments.changes.gateway.is_some() => Jobs::AtMost(1),
        #[expect(clippy::cast_precision_loss, reason = "a handful of cores")]
        None => Jobs::ByRate(REQUESTS_PER_SECOND_AND_CORE * cores as f64),
    }
}

fn task(arguments: &Arguments, teller: &Teller, ready: Ready, invocation: &Invocation) -> Task {
    let Ready {
        input,
        closed_requests,
        busiest_second,
        ..
    } = ready;
    let speed = input.plan.speed;
    #[expect(clippy::cast_precision_loss, reason = "requests of one second")]
    let requests_per_second = busiest_second as f64 * speed.as_f64();
    Task {
        requests_per_second,
        lasts: (input.plan.end().since(Moment::ZERO)).div_f64(speed.as_f64()),
        job: Job {
            folder: teller.folder(&input.plan.folder()),
            plan: input.plan.name,
            file: input.file,
            variant: input.variant,
            overrides: arguments.changes.overrides.clone(),
            seed: arguments.changes.seed,
            speed,
            gateway: arguments.changes.gateway.clone(),
            trace: arguments.changes.trace.clone(),
            closed_in_virtual_time: Some(closed_requests),
            invalid_before: Vec::new(),
            invocation: invocation.clone(),
        },
    }
}
