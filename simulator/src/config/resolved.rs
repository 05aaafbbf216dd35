//! [`SimulatorConfig`]: every question answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};

use clock::Span;
use serde::{Serialize, Serializer};

use super::{
    Concurrency, DeploymentList, DeploymentSection, Fault, Identity, Latency, LimiterKind,
    OperationLatencies, RateLimitHeader, SimulatorSection, ToolCalls,
};
use crate::model::Model;

/// A simulator that can be run.
///
/// It serialises as the fully written section, so that a JSON merge patch onto it can be read
/// back and resolved again.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatorConfig {
    /// Address of a server of its own, if the file fixes one.
    pub listen: Option<SocketAddr>,
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
    /// Which rate limit headers answers carry.
    pub rate_limit_headers: Vec<RateLimitHeader>,
    /// The wait that refusals promise, instead of the true one.
    pub retry_after: Option<Span>,
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
}

/// Which requests a deployment admits; one variant per kind with exactly its own parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limiter {
    /// Everything.
    None,
    /// Sliding windows of 60 s of tokens and 10 s of requests.
    Legacy {
        /// Tokens that may be charged in any 60 s.
        tokens_per_minute: NonZeroU64,
        /// Requests per minute, enforced as a sixth in any 10 s; `None` = 6 per 1,000 tokens.
        requests_per_minute: Option<NonZeroU64>,
    },
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
        let (limiter, tokens_per_minute, requests_per_minute) = match deployment.limiter {
            // Left open, so that a patch may add a limit without naming a limiter.
            Limiter::None => (None, None, None),
            Limiter::Legacy {
                tokens_per_minute,
                requests_per_minute,
            } => (
                Some(LimiterKind::Legacy),
                Some(tokens_per_minute),
                requests_per_minute,
            ),
        };
        Self {
            like: None,
            model: Some(deployment.model.name.to_owned()),
            context_tokens: Some(deployment.context_tokens),
            limiter,
            tokens_per_minute,
            requests_per_minute,
            rate_limit_headers: Some(deployment.rate_limit_headers.clone()),
            retry_after: deployment.retry_after,
            latency: deployment.latency.clone().map(Into::into),
            concurrency: deployment.concurrency,
            prompt_caching: deployment.prompt_caching,
            embedding_size: Some(deployment.embedding_size),
            tool_calls: Some(deployment.tool_calls),
        }
    }
}
