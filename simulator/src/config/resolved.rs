//! [`SimulatorConfig`]: every question answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};

use clock::Span;
use serde::{Serialize, Serializer};

use super::{
    Concurrency, Content, DeploymentList, DeploymentSection, Estimate, Fault, Identity, Latency,
    Length, Limiter, LimiterKind, OperationLatencies, RateLimitHeader, RefusalText,
    SimulatorSection, Throughput, ToolCalls,
};
use crate::model::Model;
use crate::openai::Dialect;

/// A simulator that can be run.
///
/// It serialises as the fully written section, so that a JSON merge patch onto it can be read
/// back and resolved again.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatorConfig {
    /// Address of a server of its own, if the file fixes one.
    pub listen: Option<SocketAddr>,
    /// Whose paths are served; `None` = both.
    pub dialect: Option<Dialect>,
    /// Azure region, told in `x-ms-region`.
    pub region: String,
    /// Keys that are accepted; empty: any non-empty key is.
    pub api_keys: Vec<String>,
    /// Seed of everything drawn.
    pub seed: u64,
    /// Whether an unknown deployment name is served, without limits.
    pub allow_undefined_deployments: bool,
    /// Largest request body in bytes.
    pub max_body_bytes: NonZeroU64,
    /// Latencies of deployments that state none.
    pub latency: OperationLatencies,
    /// Whether connections are refused, and requests in flight reset.
    pub stopped: bool,
    /// Tokens instead of keys.
    pub identity: Identity,
    /// What goes wrong; of several that hold, the first is played.
    pub faults: Vec<Fault>,
    /// Whether a request may ask for a fault.
    pub faults_by_header: bool,
    /// Deployments by name.
    pub deployments: BTreeMap<String, Deployment>,
}

/// A deployment that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    /// The model behind it.
    pub model: &'static Model,
    /// Context window in tokens.
    pub context_tokens: NonZeroU32,
    /// Which requests are admitted.
    pub limiter: Limiter,
    /// How the cost of a request is estimated.
    pub estimate: Estimate,
    /// The standard deployment that serves what this provisioned one does not.
    pub spillover: Option<String>,
    /// Which rate limit headers answers carry.
    pub rate_limit_headers: Vec<RateLimitHeader>,
    /// The wait that refusals promise, instead of the true one.
    pub retry_after: Option<Span>,
    /// What a refusal says on Azure's paths.
    pub refusal_text: RefusalText,
    /// How long answers take, unless the simulator's latency of the operation applies.
    pub latency: Option<Latency>,
    /// How many requests are worked on at once; `None` = without a bound.
    pub concurrency: Option<Concurrency>,
    /// Whether prompts are cached, unless as the model does.
    pub prompt_caching: Option<bool>,
    /// Numbers in an embedding.
    pub embedding_size: NonZeroU32,
    /// When answers call tools that they may call.
    pub tool_calls: ToolCalls,
    /// What answers say.
    pub content: Content,
    /// How long random words are, if not as long as a request allows.
    pub answer_tokens: Option<Length>,
    /// How much is thought before anything is said, if not as the model does.
    pub reasoning_tokens: Option<Length>,
}

impl Serialize for SimulatorConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SimulatorSection::from(self).serialize(serializer)
    }
}

impl From<&SimulatorConfig> for SimulatorSection {
    fn from(config: &SimulatorConfig) -> Self {
        let deployments = config.deployments.iter();
        let table = deployments.map(|(name, deployment)| (name.clone(), deployment.into()));
        Self {
            listen: config.listen,
            dialect: config.dialect,
            region: Some(config.region.clone()),
            api_keys: config.api_keys.clone(),
            seed: Some(config.seed),
            allow_undefined_deployments: Some(config.allow_undefined_deployments),
            max_body_bytes: Some(config.max_body_bytes),
            latency: Some(config.latency.clone().into()),
            stopped: Some(config.stopped),
            identity: Some(config.identity.into()),
            faults: config.faults.clone(),
            faults_by_header: Some(config.faults_by_header),
            deployments: DeploymentList::Table(table.collect()),
        }
    }
}

impl From<&Deployment> for DeploymentSection {
    fn from(deployment: &Deployment) -> Self {
        let kind = deployment.limiter.kind();
        let rate = deployment.limiter.rate();
        let section = Self {
            // Left open, so that a patch may add a limit without naming a limiter.
            limiter: (kind != LimiterKind::None).then_some(kind),
            tokens_per_minute: rate.map(|rate| rate.tokens_per_minute),
            requests_per_minute: rate.and_then(|rate| rate.requests_per_minute),
            requests_window: rate.and_then(|rate| rate.requests_window),
            spillover: deployment.spillover.clone(),
            // What the kind decides is left open too, so that a patch may change the kind.
            estimate: Some(deployment.estimate).filter(|it| *it != Estimate::default_of(kind)),
            refusal_text: Some(deployment.refusal_text).filter(|it| *it != kind.refusal_text()),
            rate_limit_headers: Some(deployment.rate_limit_headers.clone())
                .filter(|it| it != kind.rate_limit_headers()),
            ..Self::default()
        };
        let section = match deployment.limiter {
            Limiter::None | Limiter::Legacy(_) => section,
            Limiter::Modern {
                refused_are_charged,
                ..
            } => Self {
                refused_are_charged: Some(refused_are_charged),
                ..section
            },
            Limiter::OpenAi {
                requests_per_day, ..
            } => Self {
                requests_per_day,
                ..section
            },
            Limiter::Provisioned(provisioned) => Self {
                ptus: Some(provisioned.ptus),
                throughput: Some(provisioned.throughput)
                    .filter(|it| Some(*it) != Throughput::of(deployment.model)),
                utilization_window: Some(provisioned.utilization_window),
                ..section
            },
        };
        Self {
            like: None,
            model: Some(deployment.model.name.to_owned()),
            context_tokens: Some(deployment.context_tokens),
            retry_after: deployment.retry_after,
            latency: deployment.latency.clone().map(Into::into),
            concurrency: deployment.concurrency,
            prompt_caching: deployment.prompt_caching,
            embedding_size: Some(deployment.embedding_size),
            tool_calls: Some(deployment.tool_calls),
            content: (deployment.content != Content::Lorem).then(|| deployment.content.clone()),
            answer_tokens: deployment.answer_tokens,
            reasoning_tokens: deployment.reasoning_tokens,
            ..section
        }
    }
}
