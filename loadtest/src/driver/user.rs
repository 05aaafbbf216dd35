//! [`Role`]: the loop that each user of a run plays, on any transport.

use std::time::Duration;

use clock::Moment;

use super::queue::Queue;
use super::recorder::Model;
use super::stage::{Order, Stage};
use crate::client::{Cookies, Sizes, Transport};
use crate::plan::{Activity, Arrival, Crowd, Load, Plan};
use crate::workload::{activity, drawn_class};

/// Least simulated time from one request of a closed user to its next.
///
/// In virtual time an answer may take none, and a user who does not think would ask for ever at
/// the same moment. On sockets every answer takes longer.
const SHORTEST_ROUND: Duration = Duration::from_micros(10);

/// What one user does in a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// User `number` of a crowd: asks, waits for the answer, thinks, and asks again.
    Closed {
        /// Whose requests it makes.
        crowd: Crowd,
        /// Its number within the crowd, from 0.
        number: u32,
    },
    /// Worker `number` of the open phases: sends what is due, whatever the answers do.
    Open {
        /// Its number, from 0.
        number: u32,
    },
}

/// Everybody whom a plan needs, in the order of classes, then those of mixes.
///
/// A closed user keeps its role through all phases; its crowd has as many as its
/// fullest phase.
/// The workers of open phases are shared by them.
pub(super) fn cast(plan: &Plan) -> Vec<Role> {
    let crowds = (0..plan.classes.len()).map(Crowd::Class);
    let closed = crowds.chain([Crowd::Mix]).flat_map(|crowd| {
        let phases = plan.phases.iter();
        let peak = phases.map(|phase| phase.load.most_users(crowd)).max();
        let peak = peak.unwrap_or(0);
        (0..peak).map(move |number| Role::Closed { crowd, number })
    });
    let workers = plan.phases.iter().filter_map(|phase| match &phase.load {
        Load::Open { workers, arrivals } => {
            // More workers than requests would never have anything to do.
            let requests = u32::try_from(arrivals.len()).unwrap_or(u32::MAX);
            Some((*workers).min(requests))
        }
        Load::Closed(_) | Load::Mixed { .. } | Load::Notebook { .. } | Load::Idle => None,
    });
    let open = (0..workers.max().unwrap_or(0)).map(|number| Role::Open { number });
    closed.chain(open).collect()
}

impl Role {
    /// Plays the role until the plan is over for it.
    pub(super) async fn play(self, stage: &Stage, transport: &mut impl Transport) {
        stage.user_is_ready();
        // No phase opens before the plan's zero is known.
        if !stage.phase_opens(0).await {
            return;
        }
        match self {
            Self::Closed { crowd, number } => closed(stage, transport, crowd, number).await,
            Self::Open { number } => open(stage, transport, number).await,
        }
    }
}

async fn closed(stage: &Stage, transport: &mut impl Transport, crowd: Crowd, number: u32) {
    let end = stage.plan.end();
    let (mut round, mut cookies) = (Round::default(), one_jar_each(stage));
    let mut goes_on = true;
    while goes_on {
        let now = stage.now();
        goes_on = match activity(&stage.plan, crowd, number, now) {
            Activity::Over => return,
            Activity::Idle { until } => stage.reaches(until).await,
            Activity::Active { phase } if !stage.is_open(phase) => stage.phase_opens(phase).await,
            Activity::Active { phase } if round.is_done(stage, phase) => {
                stage.reaches(stage.plan.phases[phase].end).await
            }
            Activity::Active { phase } => {
                let class = round.next_class(stage, crowd, phase, number);
                let ordinal = stage.next_ordinal(class);
                let order = Order {
                    model: Model::Closed,
                    phase,
                    class,
                    ordinal,
                    sizes: Sizes::default(),
                    worker: number,
                    planned: stage.on_clock(now),
                };
                let ended =
                    stage.in_plan(stage.perform(order, &mut cookies[class], transport).await);
                let pause = match stage.plan.phases[phase].load {
                    Load::Notebook { gap, .. } => gap,
                    _ => stage.think_time(class, ordinal),
                };
                let since = if stage.is_paced(class) {
                    round.turn(now, pause)
                } else {
                    ended
                };
                let next = (since + pause).max(ended).max(now + SHORTEST_ROUND);
                round.due = Some(next);
                // Nobody waits for a thought that outlasts the run.
                stage.reaches(next.min(end)).await
            }
        };
    }
}

/// What a user has made until now.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    phase: usize,
    /// Requests of the notebook of that phase.
    made: u32,
    /// Requests of mixes.
    drawn: u32,
    /// When the next request is due, if one was made.
    due: Option<Moment>,
}

impl Round {
    /// The moment from which a paced user counts `pause` for a request made now: when it was due, so
    /// that timers which are a little late each time do not add up; now, if it had none.
    fn turn(&self, now: Moment, pause: Duration) -> Moment {
        let is_recent = |due: &Moment| *due <= now && now < *due + pause;
        self.due.filter(is_recent).unwrap_or(now)
    }

    /// Whether all requests of this phase are made, if it is a notebook; if not, one more is now.
    fn is_done(&mut self, stage: &Stage, phase: usize) -> bool {
        let Load::Notebook { iterations, .. } = stage.plan.phases[phase].load else {
            return false;
        };
        if self.phase != phase {
            (self.phase, self.made) = (phase, 0);
        }
        self.made += 1;
        self.made > iterations
    }

    /// The class of the request that the user makes next.
    fn next_class(&mut self, stage: &Stage, crowd: Crowd, phase: usize, user: u32) -> usize {
        match (crowd, &stage.plan.phases[phase].load) {
            (Crowd::Class(class), _) => class,
            (Crowd::Mix, Load::Mixed { weights, .. }) => {
                self.drawn += 1;
                drawn_class(stage.plan.seed, weights, user, self.drawn - 1)
            }
            (Crowd::Mix, _) => unreachable!("those of a mix are active in mixed phases only"),
        }
    }
}

/// Who makes requests of several classes is one user of each.
fn one_jar_each(stage: &Stage) -> Vec<Cookies> {
    vec![Cookies::default(); stage.plan.classes.len()]
}

async fn open(stage: &Stage, transport: &mut impl Transport, number: u32) {
    let mut cookies = one_jar_each(stage);
    for queue in stage.queues().iter().filter(|queue| number < queue.workers) {
        // Taken in order of time, so a free worker always waits for the next request that is due.
        while let Some((arrival, ordinal)) = queue.next() {
            if !stage.reaches(arrival.at).await || !stage.phase_opens(queue.phase).await {
                return;
            }
            let order = order(stage, queue, &arrival, ordinal, number);
            let cookies = &mut cookies[arrival.class];
            stage.perform(order, cookies, transport).await;
        }
    }
}

fn order(stage: &Stage, queue: &Queue, arrival: &Arrival, ordinal: u64, worker: u32) -> Order {
    Order {
        model: Model::Open,
        phase: queue.phase,
        class: arrival.class,
        ordinal,
        sizes: Sizes {
            prompt_tokens: arrival.prompt_tokens,
            max_tokens: arrival.max_tokens,
        },
        worker,
        planned: stage.on_clock(arrival.at),
    }
}
