//! [`Run`]: everything a driver is given, and [`ClientEvidence`], what it gives back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::conductor::{abandon_when_cancelled, conduct, tell_end, tell_news};
use super::stage::Stage;
use crate::client::Transport;
use crate::evidence::{GapHistogram, PhaseWindow, RigHealth};
use crate::observation::Observation;
use crate::plan::{Plan, Prober, Target, TimedAction};
use crate::progress::Event;

/// Everything a driver needs to play a plan.
#[derive(Clone)]
pub struct Run {
    /// What to play.
    pub plan: Arc<Plan>,
    /// First part of every `x-request-id`.
    pub run_id: Arc<str>,
    /// The clock that all parties share.
    pub clock: Clock,
    /// Where the targets of the plan's classes are.
    pub endpoints: Endpoints,
    /// Who does the plan's timed actions.
    pub actor: Arc<dyn Act>,
    /// Who hears the news of the run.
    pub events: EventSink,
    /// Cancelling this stops new requests at once and abandons those in flight after a grace.
    pub cancel: CancellationToken,
}

/// Where the plan's targets are.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    /// The gateway, if there is one.
    pub gateway: Option<Endpoint>,
    /// The simulators by name.
    pub simulators: BTreeMap<String, Endpoint>,
}

/// One target.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// A server: `http://127.0.0.1:8080`, without a slash at its end.
    Url(String),
    /// A service in this process.
    Service(axum::Router),
}

/// Does timed actions.
#[async_trait]
pub trait Act: Send + Sync {
    /// Does `action`; one at a phase's start delays the phase's first request until this returns.
    ///
    /// # Errors
    /// A sentence that says what failed; it makes the rig invalid.
    async fn act(&self, action: &TimedAction) -> Result<(), String>;
}

/// Receives the news of a run. Moments in them count from the start of the first phase.
#[derive(Clone)]
pub struct EventSink(Arc<dyn Fn(Event) + Send + Sync>);

/// What the clients of a run leave behind; the client's part of the evidence.
#[derive(Clone, Debug)]
pub struct ClientEvidence {
    /// When each phase ran, on the run's clock.
    pub timeline: Vec<PhaseWindow>,
    /// Client attempts, ordered by `(request, attempt)`.
    pub observations: Vec<Observation>,
    /// Gaps between content events of streams.
    pub gaps: Vec<GapHistogram>,
    /// Whether the generator kept up.
    pub rig: RigHealth,
}

/// Why a run could not start, or how the driver itself broke.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// A class calls somebody whom the topology does not offer in the way this driver needs.
    #[error("class `{class}` calls {target}, which this topology does not offer")]
    MissingEndpoint {
        /// Name of the class.
        class: String,
        /// Whom it calls.
        target: String,
    },
    /// A class has a header that cannot be sent.
    #[error("class `{class}` has a header `{header}` that cannot be sent")]
    InvalidHeader {
        /// Name of the class.
        class: String,
        /// Name of the header.
        header: String,
    },
    /// The socket driver's machinery refused to run.
    #[error("the load driver failed: {0}")]
    Failed(String),
}

impl Run {
    /// Checks that every class has an endpoint that is `usable`.
    pub(super) fn check_endpoints(
        &self,
        usable: impl Fn(&Endpoint) -> bool,
    ) -> Result<(), DriverError> {
        let outside = self.plan.probers.iter().flat_map(Prober::classes);
        for class in self.plan.classes.iter().chain(outside) {
            if !self.endpoints.of(&class.target).is_some_and(&usable) {
                return Err(DriverError::MissingEndpoint {
                    class: class.name.to_string(),
                    target: match &class.target {
                        Target::Gateway { .. } => "the gateway".to_owned(),
                        Target::Simulator(name) => format!("the simulator `{name}`"),
                    },
                });
            }
        }
        Ok(())
    }

    /// Leads the run while `users` users play in the future `play`, until all has ended; its
    /// probers send over copies of `transport`.
    ///
    /// Phases go on to the plan's end when the users are done before it: one may be a pause in
    /// which only actions happen.
    pub(super) async fn lead<T>(
        self,
        stage: &Arc<Stage>,
        users: u32,
        transport: impl Transport + Clone + 'static,
        play: impl Future<Output = Result<T, DriverError>>,
    ) -> Result<(T, ClientEvidence), DriverError> {
        let run = Arc::new(self);
        let conductor = spawn(&run, stage, move |run, stage| async move {
            // Users would wait for ever for phases that nobody opens.
            let broke_down = stage.cancel.clone().drop_guard();
            conduct(&stage, &run, users, transport).await;
            broke_down.disarm();
        });
        let _news = spawn(&run, stage, |run, stage| async move {
            tell_news(&stage, &run).await;
        });
        let _grace = spawn(&run, stage, |_, stage| async move {
            abandon_when_cancelled(&stage).await;
        });
        let played = play.await?;
        if conductor.await.is_err() {
            let sentence = "The task that plays phases and actions broke down.";
            stage.recorder.fault(sentence.to_owned());
        }
        let evidence = stage.evidence();
        tell_end(
            stage,
            &run,
            evidence.rig.sent_open + evidence.rig.sent_closed,
        );
        Ok((played, evidence))
    }
}

/// Spawns a task of the run that ends with its handle.
fn spawn<F: Future<Output = ()> + Send + 'static>(
    run: &Arc<Run>,
    stage: &Arc<Stage>,
    task: impl FnOnce(Arc<Run>, Arc<Stage>) -> F,
) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(task(run.clone(), stage.clone())))
}

impl Endpoints {
    /// Where `target` is.
    pub(super) fn of(&self, target: &Target) -> Option<&Endpoint> {
        match target {
            Target::Gateway { .. } => self.gateway.as_ref(),
            Target::Simulator(name) => self.simulators.get(name),
        }
    }
}

impl EventSink {
    /// Calls `hear` with every event, from the tasks of the run: it must return quickly.
    pub fn new(hear: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    /// Nobody listens.
    pub fn none() -> Self {
        Self::new(|_| ())
    }

    /// Tells the listener.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("plan", &self.plan.name)
            .field("run_id", &self.run_id)
            .finish_non_exhaustive()
    }
}
