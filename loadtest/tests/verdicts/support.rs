//! Scenarios, wrong gateways and what fails with them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::map_request;
use http::HeaderValue;
use loadtest::driver::EventSink;
use loadtest::evidence::{Evidence, Source};
use loadtest::plan::Plan;
use loadtest::run::{Alterations, Conclusion, in_virtual_time};
use loadtest::scenario::{self, Options};
use loadtest::topology::GatewayConfig;
use loadtest::verdict::{GateResult, Verdict};

/// The folder of the shipped scenarios.
pub(crate) fn scenarios() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// The plan of a shipped scenario: `folder/file` or `folder/file#variant`.
pub(crate) fn plan(name: &str) -> Plan {
    plan_with(name, &[])
}

/// The same with values of the file replaced, as by `--set path=value`.
fn plan_with(name: &str, sets: &[(&str, &str)]) -> Plan {
    let (file, variant) = name.split_once('#').unwrap_or((name, ""));
    let path = scenarios().join(format!("{file}.toml"));
    let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let options = Options {
        overrides: sets.iter().map(own).collect(),
        variant: Some(variant.to_owned()),
        ..Options::default()
    };
    match scenario::load(&path, &options) {
        Ok(mut plans) => plans.remove(0),
        Err(errors) => panic!("{errors}"),
    }
}

/// A shipped scenario with something wrong.
pub(crate) struct Experiment {
    plan: Plan,
    alterations: Alterations,
}

impl Experiment {
    /// The scenario as it ships.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            plan: plan(name),
            alterations: Alterations::default(),
        }
    }

    /// The scenario with values of its file replaced: a gateway that is configured wrongly.
    pub(crate) fn with(name: &str, sets: &[(&str, &str)]) -> Self {
        Self {
            plan: plan_with(name, sets),
            alterations: Alterations::default(),
        }
    }

    /// The same with our gateway configured otherwise.
    pub(crate) fn with_gateway(mut self, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        change(
            &mut self
                .plan
                .gateway
                .as_mut()
                .expect("the scenario has a gateway")
                .config,
        );
        self
    }

    /// The same with nobody told to change anything: a gateway that does not do as it is told.
    pub(crate) fn without_actions(mut self) -> Self {
        self.plan.actions.clear();
        self
    }

    /// The same with something between the gateway and its backends, by their names.
    pub(crate) fn with_backends(
        mut self,
        bug: impl Fn(&str, Router) -> Router + Send + Sync + 'static,
    ) -> Self {
        self.alterations.wrap = Some(Arc::new(bug));
        self
    }

    /// The same with something between the gateway and one backend, or all of them (`*`).
    pub(crate) fn with_backend(self, backend: &'static str, bug: fn(Router) -> Router) -> Self {
        self.with_backends(move |name, router| {
            if name == backend || backend == "*" {
                bug(router)
            } else {
                router
            }
        })
    }

    /// The same with requests changed on their way from the gateway to one backend.
    pub(crate) fn with_requests_to(
        self,
        backend: &'static str,
        change: fn(Request) -> Request,
    ) -> Self {
        self.with_backends(move |name, router| {
            if name != backend && backend != "*" {
                return router;
            }
            router.layer(map_request(move |request: Request| async move {
                change(request)
            }))
        })
    }

    /// The same with evidence changed before it is judged.
    pub(crate) fn with_evidence(
        mut self,
        change: impl Fn(&mut Evidence) + Send + Sync + 'static,
    ) -> Self {
        self.alterations.tamper = Some(Arc::new(change));
        self
    }

    /// Plays it in virtual time.
    pub(crate) fn play(self) -> Conclusion {
        in_virtual_time(&Arc::new(self.plan), EventSink::none(), &self.alterations)
            .expect("it can be played")
    }

    /// Ids of everything that fails.
    pub(crate) fn failures(self) -> BTreeSet<String> {
        failures(&self.play().report.verdict)
    }
}

/// Ids of everything that fails in a verdict.
pub(crate) fn failures(verdict: &Verdict) -> BTreeSet<String> {
    let results = verdict
        .gates
        .iter()
        .chain(&verdict.must_observe)
        .chain(&verdict.books);
    results
        .filter(|result| result.state.is_failure())
        .map(|result: &GateResult| result.id.clone())
        .collect()
}

/// The set of these ids.
pub(crate) fn ids<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.into_iter().map(str::to_owned).collect()
}

/// A gateway that sends nothing of the body on.
pub(crate) fn without_body(request: Request) -> Request {
    let (mut parts, _) = request.into_parts();
    parts.headers.remove(http::header::CONTENT_LENGTH);
    Request::from_parts(parts, Body::empty())
}

/// A gateway that passes the client's key on beside its own credential.
pub(crate) fn with_clients_key(mut request: Request) -> Request {
    let key = HeaderValue::from_static("subscription-key-one");
    request
        .headers_mut()
        .insert("ocp-apim-subscription-key", key);
    request
}

/// An access log that lost the line of a request that reached a backend.
pub(crate) fn without_log_line(evidence: &mut Evidence) {
    let Source::Given(log) = &mut evidence.gateway else {
        panic!("the gateway is ours and writes a log");
    };
    let middle = log.len() / 2;
    let lost = (middle..log.len()).find(|at| !log[*at].attempts.is_empty());
    log.remove(lost.expect("some request reached a backend"));
}

/// Clients that counted an answer twice.
pub(crate) fn with_answer_twice(evidence: &mut Evidence) {
    let middle = evidence.observations.len() / 2;
    let twice = evidence.observations[middle].clone();
    evidence.observations.insert(middle, twice);
}
