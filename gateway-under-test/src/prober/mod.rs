//! [`Prober`]: measures backends from time to time, and sets their order for latency routing.
//!
//! A probe is a small request of its own, the same to each backend: what callers ask for differs
//! in length, so their times rank questions rather than backends. It is read to its last byte,
//! because the time to the first says nothing of how fast tokens follow. The median of a few and
//! a margin for overtaking keep the order still while nothing has changed; the reference's
//! prober, which takes one sample and swaps on any difference, flutters between equals.
//!
//! Probes pass no breaker and are in no log. Backends know them by `x-request-id: gw-probe-N`.

mod probing;
mod ranking;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use futures::future::join_all;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tracing::{debug, info};

pub(crate) use self::probing::Probing;
use self::ranking::Sample;
use crate::backend::Backend;
use crate::balance::Preferences;
use crate::config::{BackendConfig, ConfigError, GatewayConfig, ProbeOperation, ProberConfig};
use crate::forward::{Outbound, Payload, forward};
use crate::headers::X_REQUEST_ID;
use crate::helper::nobody_prefers;
use crate::routing::Backends;
use crate::upstream::Upstream;

// Source: Azure-Samples/apim-genai-gateway-toolkit, `latency.py` (read 2026-07).
const PROMPT: &str = "Once upon a time";

/// Measures, orders, and tells.
#[derive(Clone, Debug)]
pub(crate) struct Prober {
    config: ProberConfig,
    /// What its backends were configured as: with the same, it need not begin anew.
    of: Vec<BackendConfig>,
    backends: Vec<Arc<Backend>>,
}

/// What a prober works with.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) upstream: Upstream,
    pub(crate) clock: Clock,
    pub(crate) preferences: Preferences,
    /// The number of the next probe; all probers of a gateway count as one.
    pub(crate) numbers: Arc<AtomicU64>,
}

impl Prober {
    /// The prober `name`; what is wrong with it is added to `errors`.
    pub(crate) fn new(
        name: &str,
        config: &ProberConfig,
        known: &Backends,
        gateway: &GatewayConfig,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let at = |key| ["probers", name, key];
        if config.backends.is_empty() {
            let message = "expected at least one backend";
            errors.push(ConfigError::new(&at("backends"), message));
        }
        for (key, time) in [("every", config.every), ("timeout", config.timeout)] {
            if time.get().is_zero() {
                let message = "expected a time above 0, found `0s`";
                errors.push(ConfigError::new(&at(key), message));
            }
        }
        if gateway.preferring(&config.key).next().is_none() {
            errors.push(nobody_prefers(&at("key"), &config.key));
        }
        let is_strange = |name: &&String| {
            let mut users = gateway.preferring(&config.key);
            gateway.backends.contains_key(*name) && users.any(|user| !user.backends.contains(name))
        };
        errors.extend(config.backends.iter().filter(is_strange).map(|name| {
            let message = format!("expected one of those that are preferred, found `{name}`");
            ConfigError::new(&at("backends"), message)
        }));
        let mut find = |name| known.find(name, &at("backends"), errors);
        let backends = config.backends.iter().filter_map(|name| find(name));
        Self {
            config: config.clone(),
            backends: backends.collect(),
            of: config
                .backends
                .iter()
                .filter_map(|name| gateway.backends.get(name).cloned())
                .collect(),
        }
    }

    /// Whether `other` would do the same.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.config == other.config && self.of == other.of
    }

    /// Measures and tells, at once and then at every turn of its interval, until it is dropped.
    pub(crate) async fn run(self, tools: Tools) {
        let Tools {
            clock, preferences, ..
        } = &tools;
        let every = self.config.every.get();
        let mut due = clock.now();
        let mut order = None;
        loop {
            let medians = self.measure(&tools).await;
            let ranked = ranking::rank(&medians, order.clone(), self.config.hysteresis);
            let name = |&position: &usize| self.backends[position].name.clone();
            let names: Vec<String> = ranked.iter().map(name).collect();
            if order.as_ref() != Some(&ranked) {
                info!(order = ?names, ?medians, "backends by latency");
            }
            preferences.set(&self.config.key, names, clock.now());
            order = Some(ranked);
            due = next_turn(due, every, clock.now());
            clock.sleep_until(due).await;
        }
    }

    /// The median of each backend; backends are measured side by side, as callers use them.
    async fn measure(&self, tools: &Tools) -> Vec<Sample> {
        let median = async |backend: &Arc<Backend>| {
            let mut samples = Vec::new();
            for _ in 0..self.config.samples.get() {
                samples.push(self.sample(backend, tools).await);
            }
            ranking::median(samples)
        };
        join_all(self.backends.iter().map(median)).await
    }

    /// The time of one answer; `None` if there is none in time or it is no success.
    async fn sample(&self, backend: &Backend, tools: &Tools) -> Sample {
        let clock = &tools.clock;
        let begun = clock.now();
        let deadline = begun + self.config.timeout.get();
        let answered = clock.timeout_at(deadline, self.probe(backend, tools, deadline));
        let is_success = answered.await.unwrap_or_default();
        let time = clock.now().since(begun);
        debug!(backend = backend.name, is_success, ?time, "probe");
        is_success.then_some(time)
    }

    /// Whether `backend` answers a probe to its last byte.
    async fn probe(&self, backend: &Backend, tools: &Tools, deadline: Moment) -> bool {
        let number = tools.numbers.fetch_add(1, Ordering::Relaxed);
        let Some(mut outbound) = self.outbound(number) else {
            return false;
        };
        let Ok(credential) = backend.credential(&tools.upstream, &tools.clock).await else {
            return false;
        };
        let (upstream, clock) = (&tools.upstream, &tools.clock);
        let answer = forward(
            upstream,
            clock,
            &mut outbound,
            backend,
            credential,
            deadline,
        )
        .await;
        let Ok(response) = answer else {
            return false;
        };
        let is_success = response.status() == StatusCode::OK;
        is_success && has_ended_well(response.into_body()).await
    }

    fn outbound(&self, number: u64) -> Option<Outbound> {
        let ProberConfig {
            operation,
            deployment,
            api_version,
            max_tokens,
            ..
        } = &self.config;
        let (operation, body) = match operation {
            ProbeOperation::Completions => (
                "completions",
                serde_json::json!({ "prompt": PROMPT, "max_tokens": max_tokens }),
            ),
            ProbeOperation::ChatCompletions => (
                "chat/completions",
                serde_json::json!({
                    "messages": [{ "role": "user", "content": PROMPT }],
                    "max_tokens": max_tokens,
                }),
            ),
            ProbeOperation::Embeddings => ("embeddings", serde_json::json!({ "input": PROMPT })),
        };
        let path = format!("/openai/deployments/{deployment}/{operation}");
        let request = Request::post(format!("{path}?api-version={api_version}"))
            .header(CONTENT_TYPE, "application/json")
            .header(X_REQUEST_ID, format!("gw-probe-{number}"));
        let (parts, ()) = request.body(()).ok()?.into_parts();
        let payload = Payload::Replayed(Bytes::from(body.to_string()));
        Some(Outbound::new(parts, &path, payload, Arc::default()))
    }
}

/// Reads `body` to its end, without keeping it.
async fn has_ended_well(mut body: Body) -> bool {
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

/// The first turn after `now` of those that are `every` apart since `last`; turns that a slow
/// measurement took up are left out.
fn next_turn(last: Moment, every: Duration, now: Moment) -> Moment {
    let micros = every.as_micros().max(1);
    let passed = u64::try_from(now.since(last).as_micros() / micros).unwrap_or(u64::MAX);
    let turns = u32::try_from(passed.saturating_add(1)).unwrap_or(u32::MAX);
    last + every.saturating_mul(turns)
}
