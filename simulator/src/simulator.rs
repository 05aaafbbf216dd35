//! [`Simulator`]: one resource with its deployments, and the handles to it.

use std::collections::HashMap;
use std::io;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::app::app;
use crate::config::{
    ConfigError, ConfigErrors, Content, Deployment, Estimate, Limiter, LimiterKind,
    SimulatorConfig, ToolCalls, patch,
};
use crate::deployment::Target;
use crate::fault::{Door, Faults, delivered};
use crate::ledger::Ledger;
use crate::model::{Model, UNDEFINED_CHAT, UNDEFINED_EMBEDDINGS};
use crate::openai::{Operation, Refusal};
use crate::prompt_cache::PromptCache;
use crate::seed::Key;
use crate::slot::Slots;
use crate::tokens::Counter;

/// A simulated resource; cheap to clone, all clones are the same simulator.
#[derive(Clone, Debug)]
pub struct Simulator(pub(crate) Arc<Shared>);

/// Changes a running simulator; cheap to clone.
#[derive(Clone, Debug)]
pub struct Control(Arc<Shared>);

/// What a simulator remembers of the requests it has seen.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// What limits have admitted.
    Limits,
    /// What faults have counted, and when they began.
    Faults,
    /// Prompts that are cached.
    Prompts,
    /// Entries and counters.
    Ledger,
}

impl Memory {
    const ALL: [Self; 4] = [Self::Limits, Self::Faults, Self::Prompts, Self::Ledger];

    /// Its name in queries.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Faults => "faults",
            Self::Prompts => "prompts",
            Self::Ledger => "ledger",
        }
    }
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    name: String,
    pub(crate) clock: Clock,
    pub(crate) ledger: Ledger,
    pub(crate) counter: Counter,
    pub(crate) prompts: PromptCache,
    live: RwLock<Arc<Live>>,
    /// Held while a patch is computed, so that two patches do not lose one of them.
    patching: Mutex<()>,
    /// Tells whoever listens that the configuration was replaced.
    pub(crate) changed: Notify,
}

/// A configuration at work; never changed, only replaced.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) config: SimulatorConfig,
    pub(crate) key: Key,
    pub(crate) region: HeaderValue,
    pub(crate) faults: Faults,
    /// Cancelled when the simulator is stopped; after a start there is a new one.
    pub(crate) up: CancellationToken,
    /// Whether requests may spill over.
    pub(crate) has_provisioned: bool,
    targets: HashMap<String, Target>,
    /// What is in flight at all deployments that are not configured: one server answers for them.
    undefined: Arc<Slots>,
}

impl Simulator {
    /// A simulator called `name` that answers by `config` in the time of `clock`.
    ///
    /// The name only keeps the draws of several simulators with one seed apart. The first
    /// simulator of a process loads vocabularies, about a quarter of a second each.
    pub fn new(name: &str, config: SimulatorConfig, clock: Clock) -> Self {
        // Loaded by the first request, they would be a latency nobody configured.
        for deployment in config.deployments.values() {
            deployment.model.encoding.load();
        }
        if config.allow_undefined_deployments {
            UNDEFINED_CHAT.encoding.load();
        }
        let live = Live::new(name, config, None, clock.now());
        Self(Arc::new(Shared {
            ledger: Ledger::new(clock.clone()),
            clock,
            counter: Counter::default(),
            prompts: PromptCache::default(),
            live: RwLock::new(Arc::new(live)),
            patching: Mutex::new(()),
            changed: Notify::new(),
            name: name.to_owned(),
        }))
    }

    /// The simulator's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether no key is configured, so that any key that is not empty is accepted.
    pub fn accepts_any_key(&self) -> bool {
        self.0.live().config.api_keys.is_empty()
    }

    /// The HTTP service; a `tower::Service` that needs no socket.
    ///
    /// Where a connection to a socket would fail, the response carries an [`std::io::ErrorKind`]
    /// as extension; [`delivered`](crate::delivered) turns it into the error.
    pub fn router(&self) -> Router {
        app(&self.0)
    }

    /// Sends a request without a socket and takes the answer to its end.
    ///
    /// # Errors
    /// What a client would see where the connection is refused, or breaks before the end.
    pub async fn send<B: Into<Body>>(&self, request: Request<B>) -> io::Result<Response<Bytes>> {
        let answer = self.router().oneshot(request.map(Into::into)).await;
        let (parts, body) = delivered(answer.unwrap_or_else(|never| match never {}))?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// Changes the configuration while running; see [`Control::set`].
    ///
    /// # Errors
    /// Every reason why the result would not be a valid configuration.
    pub fn set(&self, toml: &str) -> Result<(), ConfigErrors> {
        self.control().set(toml)
    }

    /// What has reached this simulator.
    pub fn ledger(&self) -> Ledger {
        self.0.ledger.clone()
    }

    /// Reads and changes the configuration while running.
    pub fn control(&self) -> Control {
        self.0.control()
    }
}

impl Shared {
    /// The configuration as of now.
    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn control(self: &Arc<Self>) -> Control {
        Control(Arc::clone(self))
    }
}

impl Control {
    /// The running configuration in its JSON form, without the keys.
    ///
    /// Beside the simulator's own keys it shows those of microsoft/aoai-api-simulator.
    pub fn config(&self) -> Value {
        patch::shown(&self.0.live().config)
    }

    /// Merges what a file would say into the running configuration, or changes nothing; lists
    /// are replaced whole.
    ///
    /// # Errors
    /// Every reason why the result would not be a valid configuration.
    ///
    /// # Examples
    /// ```
    /// # let server = simulator::Simulator::start("[deployments.gpt-4o]\nmodel = \"gpt-4o\"")?;
    /// server.set("faults = [{ when = { first = 2 }, play = { status = { code = 503 } } }]")?;
    /// server.set("deployments.gpt-4o.tokens_per_minute = 1_000")?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn set(&self, toml: &str) -> Result<(), ConfigErrors> {
        let patch = toml::from_str(toml).map_err(|error| {
            let nowhere: [&str; 0] = [];
            ConfigErrors(vec![ConfigError::new(nowhere, error.to_string())])
        })?;
        self.patch(&patch).map_err(ConfigErrors)
    }

    /// Merges a JSON merge patch (RFC 7396) into the running configuration, or changes nothing.
    ///
    /// Limit windows keep what they have admitted, requests in flight end as they began, unless
    /// the patch stops the simulator: then they end at once, and connections are refused. The
    /// configuration keys of microsoft/aoai-api-simulator are understood too.
    ///
    /// # Errors
    /// Every reason why the result would not be a valid configuration.
    pub fn patch(&self, patch: &Value) -> Result<(), Vec<ConfigError>> {
        let _one_at_a_time = self
            .0
            .patching
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.0.live();
        let config = patch::apply(&self.0.name, &before.config, patch)?;
        let now = self.0.clock.now();
        let after = Arc::new(Live::new(&self.0.name, config, Some(&before), now));
        *self.0.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        // Only now: whoever is thrown out and comes back at once must be refused.
        if after.config.stopped {
            after.up.cancel();
        }
        self.0.changed.notify_waiters();
        Ok(())
    }

    /// Empties limits, prompt caches and the ledger; faults count from now on.
    pub fn reset(&self) {
        for memory in Memory::ALL {
            self.forget(memory);
        }
    }

    /// Resets only `memory`.
    pub fn forget(&self, memory: Memory) {
        let (live, now) = (self.0.live(), self.0.clock.now());
        match memory {
            Memory::Limits => {
                let targets = live.targets.values();
                targets.for_each(|target| target.gate().reset(now));
            }
            Memory::Faults => live.faults.reset(now),
            Memory::Prompts => self.0.prompts.forget(),
            Memory::Ledger => self.0.ledger.reset(),
        }
    }
}

impl Live {
    /// Puts `config` to work at `now`; deployments keep what they admitted under the configuration
    /// `before`, and unchanged faults what they counted.
    fn new(name: &str, config: SimulatorConfig, before: Option<&Self>, now: Moment) -> Self {
        let deployments = config.deployments.iter();
        let targets = deployments.map(|(name, deployment)| {
            let known = before.and_then(|before| before.targets.get(name));
            if let Some(known) = known {
                // What the limits let go until now they let go as they were.
                known.gate().drain(known.limiter(), now);
            }
            let (gate, slots) = known
                .map(|known| (Arc::clone(known.gate()), Arc::clone(known.slots())))
                .unwrap_or_default();
            let latencies = config.latency.clone();
            let target = Target::new(name, deployment, latencies, gate, slots);
            (name.clone(), target)
        });
        let mut limiters = config.deployments.values().map(|it| it.limiter);
        Self {
            has_provisioned: limiters.any(|it| matches!(it, Limiter::Provisioned(_))),
            targets: targets.collect(),
            undefined: before.map_or_else(Arc::default, |before| Arc::clone(&before.undefined)),
            faults: Faults::new(&config.faults, before.map(|before| &before.faults), now),
            up: match before {
                Some(before) if !before.up.is_cancelled() => before.up.clone(),
                _ => CancellationToken::new(),
            },
            key: Key::new(config.seed).named(name),
            // A region that is no header value is a slip in a file; it must not stop a run.
            region: HeaderValue::from_bytes(config.region.as_bytes())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            config,
        }
    }

    /// Whether connections are taken as of `now`.
    pub(crate) fn door(&self, now: Moment) -> Door {
        let door = self.faults.door(now);
        Door {
            is_open: door.is_open && !self.config.stopped,
            ..door
        }
    }

    /// The deployment called `name`, if it serves `operation`.
    pub(crate) fn target(&self, name: &str, operation: Operation) -> Result<Target, Refusal> {
        let target = match self.targets.get(name) {
            Some(target) => target.clone(),
            None if self.config.allow_undefined_deployments => self.undefined(name, operation),
            None => return Err(Refusal::UnknownDeployment(name.to_owned())),
        };
        if target.model().serves(operation) {
            Ok(target)
        } else {
            Err(Refusal::WrongOperation(operation, name.to_owned()))
        }
    }

    /// The deployment called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<&Target> {
        self.targets.get(name)
    }

    /// The deployment that OpenAI's clients mean by `name`: the one called so, or the first one of
    /// a model called so.
    pub(crate) fn serving<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.targets.contains_key(name) {
            return Some(name);
        }
        let mut deployments = self.config.deployments.iter();
        let found = deployments.find(|(_, deployment)| {
            [deployment.model.name, deployment.model.version].contains(&name)
        });
        found.map(|(name, _)| name.as_str())
    }

    /// A deployment without limits that serves `operation`.
    fn undefined(&self, name: &str, operation: Operation) -> Target {
        let model = match operation {
            Operation::ChatCompletions | Operation::Completions => UNDEFINED_CHAT,
            Operation::Embeddings => UNDEFINED_EMBEDDINGS,
        };
        let deployment = Deployment {
            model,
            context_tokens: NonZeroU32::new(model.context_tokens).unwrap_or(NonZeroU32::MAX),
            limiter: Limiter::None,
            estimate: Estimate::Flat16,
            spillover: None,
            rate_limit_headers: LimiterKind::None.rate_limit_headers().to_vec(),
            retry_after: None,
            refusal_text: LimiterKind::None.refusal_text(),
            latency: None,
            concurrency: None,
            prompt_caching: None,
            // The size of ada-002.
            embedding_size: const { NonZeroU32::new(1_536).expect("not zero") },
            tool_calls: ToolCalls::default(),
            content: Content::Lorem,
            answer_tokens: None,
            reasoning_tokens: None,
        };
        let latencies = self.config.latency.clone();
        let slots = Arc::clone(&self.undefined);
        Target::new(name, &deployment, latencies, Arc::default(), slots)
    }

    /// The key of all embeddings by `model`: the same for every simulator with this seed.
    pub(crate) fn embedding_key(&self, model: &Model) -> Key {
        Key::new(self.config.seed).named(model.name)
    }
}
