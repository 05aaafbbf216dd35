//! [`conduct()`]: everything of a run that is not a request.
//!
//! Opens phases, has timed actions done, tells the news, and ends requests that outlast a
//! cancellation. An action at a phase's start is finished before the phase opens, so no request
//! meets a rig that is half changed.

use std::sync::Arc;
use std::time::Duration;

use clock::Moment;
use tokio::task::JoinSet;

use super::Run;
use super::prober::{Shift, probe};
use super::stage::Stage;
use crate::client::Transport;
use crate::plan::{Phase, TimedAction};
use crate::progress::Event;

/// Real time that requests in flight get to end after a cancellation: enough for most answers,
/// short enough for whoever pressed Ctrl-C.
const GRACE: Duration = Duration::from_secs(1);

const SECOND: Duration = Duration::from_secs(1);

/// Starts a run when `users` users are ready and leads it through its phases; probers send over
/// copies of `transport`.
pub(super) async fn conduct<T: Transport + Clone + 'static>(
    stage: &Arc<Stage>,
    run: &Run,
    users: u32,
    transport: T,
) {
    stage.start(users).await;
    run.events.tell(started(run));
    let mut probing = JoinSet::new();
    for (index, phase) in run.plan.phases.iter().enumerate() {
        if !stage.reaches(phase.start).await {
            return;
        }
        run.events.tell(Event::Phase {
            name: phase.name.to_string(),
            at: phase.start,
            say: phase.say.clone(),
        });
        let (at_start, later) = actions(run, phase);
        for action in at_start {
            if let Some(shift) = act(stage, run, action, index).await {
                probe(stage, shift, &mut transport.clone()).await;
            }
        }
        stage.open_phases(index + 1);
        for action in later {
            // A probe may wait long for its answer; what comes after it must not.
            if let Some(shift) = act(stage, run, action, index).await {
                let (stage, mut transport) = (stage.clone(), transport.clone());
                probing.spawn(async move { probe(&stage, shift, &mut transport).await });
            }
        }
    }
    stage.reaches(run.plan.end()).await;
    while let Some(probed) = probing.join_next().await {
        if probed.is_err() {
            stage.user_broke_down();
        }
    }
}

/// Tells the news of every simulated second until dropped.
pub(super) async fn tell_news(stage: &Stage, run: &Run) {
    if !stage.phase_opens(0).await {
        return;
    }
    let mut at = Moment::ZERO + SECOND;
    while stage.reaches(at).await {
        run.events.tell(stage.recorder.news(at));
        at += SECOND;
    }
}

/// Ends requests in flight some time after the run was cancelled.
pub(super) async fn abandon_when_cancelled(stage: &Stage) {
    stage.cancel.cancelled().await;
    stage.pause(GRACE).await;
    stage.abandon.cancel();
}

/// Tells the last news of a run.
pub(super) fn tell_end(stage: &Stage, run: &Run, requests: u64) {
    let at = stage.now();
    let news = stage.recorder.news(at);
    if !matches!(&news, Event::Second { answers, .. } if answers.is_empty()) {
        run.events.tell(news);
    }
    run.events.tell(Event::Finished { at, requests });
}

/// Has an action of the phase of this index done; gives the prober that is to work now.
async fn act(stage: &Stage, run: &Run, action: &TimedAction, phase: usize) -> Option<Shift> {
    if !stage.reaches(action.at).await {
        return None;
    }
    if let Err(reason) = run.actor.act(action).await {
        let name = &action.name;
        stage
            .recorder
            .fault(format!("The action `{name}` failed: {reason}."));
    }
    run.events.tell(Event::Action {
        name: action.name.clone(),
        at: stage.now(),
    });
    action.prober.map(|prober| Shift { prober, phase })
}

/// The actions of a phase: those at its start, and the others.
fn actions<'a>(run: &'a Run, phase: &Phase) -> (&'a [TimedAction], &'a [TimedAction]) {
    let actions = &run.plan.actions;
    let before = |moment: Moment| actions.partition_point(|action| action.at < moment);
    let of_phase = &actions[before(phase.start)..before(phase.end)];
    of_phase.split_at(of_phase.partition_point(|action| action.at <= phase.start))
}

fn started(run: &Run) -> Event {
    Event::Started {
        name: run.plan.name.clone(),
        about: run.plan.about.clone(),
        end: run.plan.end(),
        speed: (!run.clock.is_paused()).then(|| run.clock.speed().as_f64()),
        backends: run.plan.simulators.keys().cloned().collect(),
    }
}
