//! A deployment at work: its configuration, what it has admitted, and how fast it answers.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use crate::config::{Deployment, Limiter, OperationLatencies, RateLimitHeader, ToolCalls};
use crate::latency::Pace;
use crate::limit::{Admission, Gate, Wait};
use crate::model::{Kind, Model};
use crate::openai::{Operation, Refusal, headers};
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
    deployment: Deployment,
    gate: Arc<Gate>,
    slots: Arc<Slots>,
    fingerprint: String,
    latencies: OperationLatencies,
}

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
        // A name that is no header value can still be asked for; its header then stays empty.
        let header = HeaderValue::from_bytes(name.as_bytes());
        Self(Arc::new(Inner {
            name: name.to_owned(),
            header: header.unwrap_or_else(|_| HeaderValue::from_static("")),
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

    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0.header
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

    pub(crate) fn rate_limit_headers(&self) -> &[RateLimitHeader] {
        &self.0.deployment.rate_limit_headers
    }

    /// The wait that a refusal promises where the true one is `wait`.
    pub(crate) fn told_wait(&self, wait: Wait) -> Wait {
        let told = self.0.deployment.retry_after;
        told.map_or(wait, |told| Wait::For(told.get()))
    }

    /// Writes what an admitted request is told of the limits.
    pub(crate) fn write_limits(&self, headers: &mut HeaderMap, admission: Admission) {
        let Admission::Within {
            remaining_tokens,
            remaining_requests,
            ..
        } = admission
        else {
            return;
        };
        if self
            .rate_limit_headers()
            .contains(&RateLimitHeader::Remaining)
        {
            headers.insert(headers::REMAINING_TOKENS, remaining_tokens.into());
            headers.insert(headers::REMAINING_REQUESTS, remaining_requests.into());
        }
        self.write_limit(headers);
    }

    /// Writes the limits themselves, if they are told.
    pub(crate) fn write_limit(&self, headers: &mut HeaderMap) {
        let Limiter::Legacy {
            tokens_per_minute,
            requests_per_minute,
        } = *self.limiter()
        else {
            return;
        };
        if self.rate_limit_headers().contains(&RateLimitHeader::Limit) {
            let requests =
                Limiter::requests_per_ten_seconds(tokens_per_minute, requests_per_minute);
            headers.insert(headers::LIMIT_TOKENS, tokens_per_minute.get().into());
            headers.insert(headers::LIMIT_REQUESTS, requests.into());
        }
    }
}
