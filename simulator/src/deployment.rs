//! A deployment at work: its configuration, what it has admitted, and how fast it answers.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use crate::config::{Deployment, Limiter, OperationLatencies, ToolCalls};
use crate::latency::Pace;
use crate::limit::{self, Charge, Gate, Promise, Standing, Wait};
use crate::model::{Kind, Model};
use crate::openai::{Limited, Operation, Refusal, Server};
use crate::seed::Key;
use crate::slot::{Slot, Slots};
use crate::tokens::Encoding;

/// A deployment at work; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    header: HeaderValue,
    session: HeaderValue,
    deployment: Deployment,
    gate: Arc<Gate>,
    slots: Arc<Slots>,
    fingerprint: String,
    latencies: OperationLatencies,
}

/// When the servers of the model were started. Source: openllmetry, a recording of 2026-03.
const ROLLOUT: &str = "d20260330170902";

impl Target {
    /// A deployment called `name`; `gate` remembers what earlier configurations of it admitted,
    /// `slots` what is in flight.
    pub(crate) fn new(
        name: &str,
        deployment: &Deployment,
        latencies: OperationLatencies,
        gate: Arc<Gate>,
        slots: Arc<Slots>,
    ) -> Self {
        let version = deployment.model.version;
        let fingerprint = Key::new(0).named(version).digits();
        let session = format!("{ROLLOUT}-{}", &Key::new(0).named(name).digits()[..12]);
        // A name that is no header value can still be asked for; its header then stays empty.
        let header = HeaderValue::from_bytes(name.as_bytes());
        Self(Arc::new(Inner {
            name: name.to_owned(),
            header: header.unwrap_or_else(|_| HeaderValue::from_static("")),
            session: HeaderValue::try_from(session).expect("letters, digits and a hyphen"),
            gate,
            slots,
            fingerprint: format!("fp_{}", &fingerprint[..10]),
            latencies,
            deployment: deployment.clone(),
        }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// What answers tell of it.
    pub(crate) fn server(&self) -> Server<'_> {
        Server {
            deployment: &self.0.header,
            session: &self.0.session,
            is_text: !self.model().serves(Operation::Embeddings),
        }
    }

    pub(crate) fn deployment(&self) -> &Deployment {
        &self.0.deployment
    }

    pub(crate) fn model(&self) -> &'static Model {
        self.0.deployment.model
    }

    /// What `system_fingerprint` says: stable for a model.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.0.gate
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.deployment.limiter
    }

    pub(crate) fn context_tokens(&self) -> u64 {
        self.0.deployment.context_tokens.get().into()
    }

    /// Whether prompts are cached. Source:
    /// <https://learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching>: "gpt-4o or newer",
    /// which are the models with the newer tokenizer.
    pub(crate) fn caches_prompts(&self) -> bool {
        let configured = self.0.deployment.prompt_caching;
        configured.unwrap_or(self.model().encoding == Encoding::O200k)
    }

    /// Numbers in an embedding, and whether a request may choose fewer.
    pub(crate) fn embedding(&self) -> (u32, bool) {
        let takes_dimensions = match self.model().kind {
            Kind::Embeddings {
                takes_dimensions, ..
            } => takes_dimensions,
            Kind::Chat | Kind::ChatAndCompletions | Kind::Completions | Kind::Audio => false,
        };
        (self.0.deployment.embedding_size.get(), takes_dimensions)
    }

    /// When answers call tools that they may call.
    pub(crate) fn tool_calls(&self) -> ToolCalls {
        self.0.deployment.tool_calls
    }

    /// How fast it answers.
    pub(crate) fn pace(&self, operation: Operation) -> Pace {
        let own = self.0.deployment.latency.as_ref();
        own.unwrap_or(self.0.latencies.of(operation)).into()
    }

    /// What is in flight, and who waits for that.
    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.0.slots
    }

    /// A slot for a request, or a place in the queue for one.
    pub(crate) fn enter(&self) -> Result<Slot, Refusal> {
        let limit = self.0.deployment.concurrency.as_ref();
        self.slots().enter(limit).map_err(Refusal::QueueFull)
    }

    /// Writes what answers tell of the limits.
    pub(crate) fn write_limits(
        &self,
        headers: &mut HeaderMap,
        standing: &Standing,
        refused: Option<&Promise<'_>>,
    ) {
        let chosen = &self.0.deployment.rate_limit_headers;
        limit::write(headers, chosen, standing, refused);
    }

    /// What a request costs by the deployment's estimate.
    pub(crate) fn cost(&self, charge: &Charge<'_>) -> u64 {
        charge.cost(&self.0.deployment.estimate, self.limiter())
    }

    /// The refusal of a request, as it is told to its caller.
    pub(crate) fn limited(
        &self,
        operation: Operation,
        region: &str,
        refusal: limit::Refusal,
    ) -> Limited {
        let refusal = match self.0.deployment.retry_after {
            None => refusal,
            Some(told) => limit::Refusal {
                wait: Wait::For(told.get()),
                said: Wait::For(told.get()),
                ..refusal
            },
        };
        Limited {
            operation,
            deployment: self.name().to_owned(),
            model: self.model().name,
            region: region.to_owned(),
            text: self.0.deployment.refusal_text,
            refusal,
        }
    }
}
