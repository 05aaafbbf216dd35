//! [`Stage`]: what all users of a run share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use clock::{Clock, Moment};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::prober::Outside;
use super::queue::{Queue, queues};
use super::recorder::{MOST_OBSERVATIONS, Model, Origin, Recorder};
use super::{ClientEvidence, DriverError, Run};
use crate::client::{Attempt, Cookies, Exchange, RunName, Sizes, Template, Transport, exchange};
use crate::evidence::PhaseWindow;
use crate::observation::Observation;
use crate::plan::{Class, Phase, Plan, Target};

/// What all users of a run share.
///
/// The plan counts from the start of its first phase, the clock from its own zero. The
/// difference is fixed when everybody is ready; only this type knows both.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) plan: Arc<Plan>,
    pub(super) recorder: Recorder,
    /// Stops new requests.
    pub(super) cancel: CancellationToken,
    /// Ends requests in flight.
    pub(super) abandon: CancellationToken,
    clock: Clock,
    run: RunName,
    templates: Vec<Template>,
    probers: Vec<Outside>,
    queues: Vec<Queue>,
    ready: Semaphore,
    /// The clock's time at the plan's zero, in microseconds.
    zero: AtomicU64,
    /// How many phases may send requests.
    open_phases: AtomicUsize,
    /// Told when another phase opens. Wakes users in the order in which they began to wait; a
    /// `watch` channel would wake them in random order and spoil virtual runs.
    opens: Notify,
    /// The next logical request's number.
    next_request: AtomicU64,
    /// By class: the next request's ordinal. Open requests have theirs by the schedule, before these.
    next_ordinals: Vec<AtomicU64>,
}

/// A request to be made now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) model: Model,
    pub(super) phase: usize,
    pub(super) class: usize,
    pub(super) ordinal: u64,
    pub(super) sizes: Sizes,
    pub(super) worker: u32,
    /// On the clock.
    pub(super) planned: Moment,
}

impl Stage {
    /// The stage of `run`, before anybody is ready.
    pub(super) fn new(run: &Run) -> Result<Self, DriverError> {
        let template = |class: &Class| {
            Template::new(class, run.plan.seed).map_err(|error| DriverError::InvalidHeader {
                class: class.name.to_string(),
                header: error.0,
            })
        };
        let templates = run.plan.classes.iter().map(template);
        let templates = templates.collect::<Result<Vec<_>, _>>()?;
        let probers = run.plan.probers.iter();
        let probers = probers.map(|prober| Outside::new(prober, template));
        let mut ordinals = vec![0; run.plan.classes.len()];
        let queues = queues(&run.plan, &mut ordinals);
        Ok(Self {
            plan: run.plan.clone(),
            recorder: Recorder::new(MOST_OBSERVATIONS),
            cancel: run.cancel.clone(),
            abandon: CancellationToken::new(),
            clock: run.clock.clone(),
            run: RunName::new(run.run_id.clone()),
            templates,
            probers: probers.collect::<Result<_, _>>()?,
            queues,
            ready: Semaphore::new(0),
            zero: AtomicU64::new(0),
            open_phases: AtomicUsize::new(0),
            opens: Notify::new(),
            next_request: AtomicU64::new(0),
            next_ordinals: ordinals.into_iter().map(AtomicU64::new).collect(),
        })
    }

    /// Notes that one more user is ready.
    pub(super) fn user_is_ready(&self) {
        self.ready.add_permits(1);
    }

    /// Waits until `users` users are ready, then makes now the plan's zero, with the date that the
    /// scenario gives to its start.
    pub(super) async fn start(&self, users: u32) {
        let all = self.ready.acquire_many(users).await;
        all.expect("the semaphore is never closed").forget();
        let zero = self.clock.now();
        self.zero.store(zero.as_micros(), Ordering::Release);
        if let Some(starts_at) = self.plan.starts_at {
            self.clock.set_date(zero, starts_at);
        }
    }

    /// Lets the phases below this index send requests.
    pub(super) fn open_phases(&self, phases: usize) {
        self.open_phases.store(phases, Ordering::Release);
        self.opens.notify_waiters();
    }

    /// Whether the phase of this index may send requests.
    pub(super) fn is_open(&self, phase: usize) -> bool {
        self.open_phases.load(Ordering::Acquire) > phase
    }

    /// Waits until the phase of this index may send requests; false if the run was cancelled.
    pub(super) async fn phase_opens(&self, phase: usize) -> bool {
        loop {
            // Made before the look, so that no opening falls between the two.
            let opens = self.opens.notified();
            if self.is_open(phase) {
                return !self.cancel.is_cancelled();
            }
            if self.cancel.run_until_cancelled(opens).await.is_none() {
                return false;
            }
        }
    }

    /// Time since the plan's zero.
    pub(super) fn now(&self) -> Moment {
        self.in_plan(self.clock.now())
    }

    /// A moment of the plan on the clock.
    pub(super) fn on_clock(&self, moment: Moment) -> Moment {
        moment + self.zero().since(Moment::ZERO)
    }

    /// A moment of the clock in the plan.
    pub(super) fn in_plan(&self, moment: Moment) -> Moment {
        moment - self.zero().since(Moment::ZERO)
    }

    fn zero(&self) -> Moment {
        Moment::from_micros(self.zero.load(Ordering::Acquire))
    }

    /// Waits for a moment of the plan; false if the run was cancelled.
    pub(super) async fn reaches(&self, moment: Moment) -> bool {
        let moment = self.on_clock(moment);
        if self.clock.now() >= moment {
            return !self.cancel.is_cancelled();
        }
        let wait = self.clock.sleep_until(moment);
        self.cancel.run_until_cancelled(wait).await.is_some()
    }

    /// Waits `real` of real time, or as much simulated time where time is paused.
    pub(super) async fn pause(&self, real: Duration) {
        let speed = if self.clock.is_paused() {
            1.0
        } else {
            self.clock.speed().as_f64()
        };
        let deadline = self.clock.now() + real.mul_f64(speed);
        self.clock.sleep_until(deadline).await;
    }

    /// What requests share: those of each class, by index in the plan, then those of probers.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let probers = self.probers.iter().flat_map(Outside::templates);
        self.templates.iter().chain(probers)
    }

    /// What the prober of this index in the plan sends.
    pub(super) fn prober(&self, index: usize) -> &Outside {
        &self.probers[index]
    }

    /// The name of the run.
    pub(super) fn run(&self) -> &RunName {
        &self.run
    }

    /// The clock's time now.
    pub(super) fn clock_now(&self) -> Moment {
        self.clock.now()
    }

    /// The schedules of open phases, in order.
    pub(super) fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// The ordinal of the class's next closed request.
    pub(super) fn next_ordinal(&self, class: usize) -> u64 {
        self.next_ordinals[class].fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a user of the class thinks from its request on, not from the answer.
    pub(super) fn is_paced(&self, class: usize) -> bool {
        self.templates[class].is_paced()
    }

    /// How long a user thinks after the class's request of this ordinal.
    pub(super) fn think_time(&self, class: usize, ordinal: u64) -> Duration {
        self.templates[class].think_time(ordinal)
    }

    /// Makes a logical request, with as many attempts as its client makes, and returns when the
    /// last of them ended, on the clock.
    ///
    /// A retry that would start after the plan's end is not made: nobody waits for it.
    pub(super) async fn perform(
        &self,
        order: Order,
        cookies: &mut Cookies,
        transport: &mut impl Transport,
    ) -> Moment {
        let template = &self.templates[order.class];
        let request = self.next_request();
        let prepared = template.prepare(request, order.ordinal, order.sizes);
        let mut number = 0;
        loop {
            let cookie = cookies.header();
            let attempt = Attempt {
                run: &self.run,
                template,
                prepared: &prepared,
                request,
                attempt: number,
                phase: &self.plan.phases[order.phase].name,
                worker: order.worker,
                planned: order.planned,
                cookie: cookie.as_ref(),
            };
            let exchange = self.attempt(attempt, transport).await;
            let ended = exchange.observation.ended;
            if template.keeps_cookies() {
                let given = exchange.advice.set_cookies.iter();
                given.for_each(|cookie| cookies.take(cookie));
            }
            let again = template.retries_after(&exchange);
            self.record(order.model, order.phase, order.class, exchange, template);
            let again = again.map(|wait| self.in_plan(ended + wait));
            match again.filter(|again| *again <= self.plan.end()) {
                Some(again) if self.reaches(again).await => number += 1,
                _ => return ended,
            }
        }
    }

    /// The number of the run's next logical request.
    pub(super) fn next_request(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes one attempt, which [`record`](Self::record) must follow.
    pub(super) async fn attempt(
        &self,
        attempt: Attempt<'_>,
        transport: &mut impl Transport,
    ) -> Exchange {
        self.recorder.begin();
        exchange(attempt, transport, &self.clock, &self.abandon).await
    }

    /// Keeps what came of an attempt with `template` in the phase and class of these indices.
    pub(super) fn record(
        &self,
        model: Model,
        phase: usize,
        class: usize,
        exchange: Exchange,
        template: &Template,
    ) {
        let origin = Origin {
            model,
            phase,
            class,
            callee: match template.target() {
                Target::Gateway { .. } => "gateway",
                Target::Simulator(name) => name,
            },
        };
        self.recorder.record(origin, exchange);
    }

    /// Notes that a user's loop panicked: its requests are missing.
    pub(super) fn user_broke_down(&self) {
        self.recorder
            .fault("A user of the load driver broke down.".to_owned());
    }

    /// What the clients leave behind.
    pub(super) fn evidence(&self) -> ClientEvidence {
        let recorded = self.recorder.finish();
        let mut rig = recorded.rig;
        rig.planned_open = self.plan.planned_open();
        rig.cancelled = self.cancel.is_cancelled();
        if !rig.cancelled {
            rig.faults.extend(self.unfinished(&recorded.observations));
        }
        ClientEvidence {
            timeline: self.timeline(rig.cancelled),
            observations: recorded.observations,
            gaps: recorded.gaps,
            rig,
        }
    }

    /// Notebooks that their phases' ends cut short, one sentence each.
    fn unfinished(&self, observations: &[Observation]) -> Vec<String> {
        let notebooks = self
            .plan
            .phases
            .iter()
            .filter(|phase| phase.load.is_notebook());
        let faults = notebooks.filter_map(|phase| {
            let classes = 0..self.plan.classes.len();
            let planned: u64 = classes.filter_map(|class| phase.load.exact(class)).sum();
            let is_ours = |seen: &&Observation| {
                let is_users = self.plan.class(&seen.class).is_some();
                is_users && seen.attempt == 0 && seen.phase == phase.name
            };
            let made = observations.iter().filter(is_ours).count() as u64;
            (made < planned).then(|| {
                format!(
                    "The notebook `{}` ended after {made} of its {planned} requests: give it a longer `run_for`.",
                    phase.name
                )
            })
        });
        faults.collect()
    }

    /// When each phase ran; a cancelled run ends now.
    fn timeline(&self, is_cancelled: bool) -> Vec<PhaseWindow> {
        let last = if is_cancelled {
            self.clock.now()
        } else {
            Moment::FAR_FUTURE
        };
        let window = |phase: &Phase| PhaseWindow {
            name: phase.name.clone(),
            start: self.on_clock(phase.start),
            end: self.on_clock(phase.end).min(last),
        };
        let windows = self.plan.phases.iter().map(window);
        windows.filter(|window| window.start < last).collect()
    }
}
