//! [`VirtualRig`]: the whole rig in one thread, without sockets, on a paused clock.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use clock::Clock;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use simulator::{Simulator, delivered};
use tower::{Service, ServiceExt};

use super::actor::Actor;
use super::ours::Ours;
use super::{Records, no_gateway};
use crate::driver::{Act, Endpoint, Endpoints};
use crate::evidence::Source;
use crate::plan::Plan;

/// Changes what stands at an address, for tests that need a wrong gateway: gets the simulator's
/// name and its router as the gateway sees it, and gives what the gateway is to see instead.
pub type Wrap = Arc<dyn Fn(&str, Router) -> Router + Send + Sync>;

/// Simulators and gateway as services in this thread.
#[derive(Debug)]
pub struct VirtualRig {
    simulators: BTreeMap<String, Simulator>,
    gateway: Option<Ours>,
    actor: Arc<Actor>,
}

impl VirtualRig {
    /// Builds the rig of `plan` on the paused `clock`.
    ///
    /// # Errors
    /// A sentence if the gateway is not ours: nobody else's runs in virtual time.
    pub fn new(plan: &Plan, clock: &Clock, wrap: Option<&Wrap>) -> Result<Self, String> {
        let simulators: BTreeMap<_, _> = plan
            .simulators
            .iter()
            .map(|(name, config)| {
                (
                    name.clone(),
                    Simulator::new(name, config.clone(), clock.clone()),
                )
            })
            .collect();
        let gateway = match &plan.gateway {
            None => None,
            Some(gateway) if gateway.profile.is_some() => {
                return Err(format!(
                    "the gateway {} does not run in virtual time: use --driver sockets",
                    gateway.name
                ));
            }
            Some(gateway) => {
                let config =
                    gateway.with_addresses(&plan.simulators, |name| Some(format!("http://{name}")));
                let upstream = ByAuthority::new(&simulators, wrap);
                Some(Ours::new(config, clock.clone(), upstream)?)
            }
        };
        let controls = simulators
            .iter()
            .map(|(name, simulator)| (name.clone(), simulator.control().into()))
            .collect();
        let actor = Arc::new(Actor::new(controls, gateway.as_ref()));
        Ok(Self {
            simulators,
            gateway,
            actor,
        })
    }

    /// Where the clients find everything.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            gateway: self
                .gateway
                .as_ref()
                .map(|ours| Endpoint::Service(ours.gateway.router())),
            simulators: self
                .simulators
                .iter()
                .map(|(name, simulator)| (name.clone(), Endpoint::Service(simulator.router())))
                .collect(),
        }
    }

    /// Who does the plan's timed actions.
    pub fn actor(&self) -> Arc<dyn Act> {
        Arc::clone(&self.actor) as Arc<dyn Act>
    }

    /// What gateway and simulators recorded.
    pub async fn records(&self) -> Records {
        let (gateway, usage_events, metrics) = match &self.gateway {
            Some(ours) => (ours.log(), ours.usage_events().await, ours.metrics()),
            None => (no_gateway(), no_gateway(), no_gateway()),
        };
        Records {
            gateway,
            usage_events,
            metrics,
            ledgers: self
                .simulators
                .iter()
                .map(|(name, simulator)| {
                    (name.clone(), Source::Given(simulator.ledger().entries()))
                })
                .collect(),
        }
    }
}

/// The upstream of a gateway without sockets: routers by the authority of the request's URI.
#[derive(Clone)]
struct ByAuthority(Arc<BTreeMap<String, Router>>);

impl ByAuthority {
    fn new(simulators: &BTreeMap<String, Simulator>, wrap: Option<&Wrap>) -> Self {
        let routers = simulators.iter().map(|(name, simulator)| {
            let router = simulator.router();
            let seen = match wrap {
                Some(wrap) => wrap(name, router),
                None => router,
            };
            (name.clone(), seen)
        });
        Self(Arc::new(routers.collect()))
    }
}

impl Service<Request<Body>> for ByAuthority {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let router = request
            .uri()
            .host()
            .and_then(|host| self.0.get(host))
            .cloned();
        Box::pin(async move {
            if let Some(router) = router {
                let answer = router.oneshot(request).await;
                return delivered(answer.unwrap_or_else(|never| match never {}));
            }
            let mut nobody = Response::new(Body::from("no simulator of this name"));
            *nobody.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(nobody)
        })
    }
}
