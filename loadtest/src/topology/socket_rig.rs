//! [`SocketRig`]: simulators and gateway on sockets of loopback, ours or somebody else's.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clock::Clock;
use gateway_under_test::server::{self, Bounds};
use gateway_under_test::{Gateway, upstream};
use simulator::Simulator;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::actor::{Actor, Handle};
use super::command::{self, StartedGateway};
use super::foreign::Foreign;
use super::ours::Ours;
use super::profile::BackendProfile;
use super::remote::RemoteSimulator;
use super::{
    AccessEntry, LedgerEntry, Profile, Records, ServerRuntime, SimulatorConfig, UsageEvent,
    no_gateway,
};
use crate::driver::{Act, Endpoint, Endpoints};
use crate::evidence::Source;
use crate::plan::Plan;

/// A rig that could not be set up; nothing was sent.
#[derive(Debug, Error)]
#[error("{0:#}")]
pub struct RigError(#[from] anyhow::Error);

/// Where servers listen that the plan does not place.
#[derive(Clone, Copy, Debug)]
pub enum Ports {
    /// On free ports.
    Free,
    /// On consecutive ports from this one: the gateway first, then the simulators by name.
    From(u16),
}

/// A running rig; its servers stop when it is dropped.
#[derive(Debug)]
pub struct SocketRig {
    simulators: BTreeMap<String, RunningSimulator>,
    gateway: RunningGateway,
    actor: Arc<Actor>,
    clock: Clock,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
enum RunningSimulator {
    Local {
        simulator: Simulator,
        address: SocketAddr,
    },
    Remote {
        remote: RemoteSimulator,
        url: String,
    },
}

#[derive(Debug)]
enum RunningGateway {
    Absent,
    Local {
        ours: Box<Ours>,
        address: SocketAddr,
    },
    Foreign {
        url: String,
        written: Box<Foreign>,
        started: Option<Box<StartedGateway>>,
    },
}

/// What setting up needs: who serves, on which clock, where, and until when.
struct SetUp<'a> {
    plan: &'a Plan,
    clock: &'a Clock,
    servers: &'a ServerRuntime,
    ports: PortSource,
    stop: watch::Receiver<bool>,
}

/// Hands out addresses of loopback.
struct PortSource(Option<u16>);

impl PortSource {
    fn next(&mut self) -> SocketAddr {
        let port = self.0.unwrap_or(0);
        self.0 = self.0.map(|port| port.saturating_add(1));
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }
}

impl SocketRig {
    /// Starts everything that the plan needs on `servers`; every port is bound when this returns.
    ///
    /// # Errors
    /// [`RigError`] that says what could not be set up: a taken port, a gateway that is never ready.
    pub async fn start(
        plan: &Plan,
        clock: &Clock,
        servers: &ServerRuntime,
        ports: Ports,
    ) -> Result<Self, RigError> {
        let (stop, stopped) = watch::channel(false);
        let ports = PortSource(match ports {
            Ports::Free => None,
            Ports::From(port) => Some(port),
        });
        let mut set_up = SetUp {
            plan,
            clock,
            servers,
            ports,
            stop: stopped,
        };
        let gateway_address = set_up.ports.next();
        let simulators = set_up.simulators().await?;
        let gateway = set_up.gateway(gateway_address, &simulators).await?;
        let handles = simulators
            .iter()
            .map(|(name, running)| (name.clone(), running.handle()))
            .collect();
        let actor = match &gateway {
            RunningGateway::Local { ours, .. } => Actor::new(handles, Some(ours)),
            _ => Actor::new(handles, None),
        };
        Ok(Self {
            simulators,
            gateway,
            actor: Arc::new(actor),
            clock: clock.clone(),
            stop,
        })
    }

    /// Where the clients find everything.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            gateway: self.gateway.url().map(Endpoint::Url),
            simulators: self
                .simulators
                .iter()
                .map(|(name, running)| (name.clone(), Endpoint::Url(running.url())))
                .collect(),
        }
    }

    /// Who does the plan's timed actions.
    pub fn actor(&self) -> Arc<dyn Act> {
        Arc::clone(&self.actor) as Arc<dyn Act>
    }

    /// What gateway and simulators recorded.
    pub async fn records(&self) -> Records {
        let mut ledgers = BTreeMap::new();
        for (name, running) in &self.simulators {
            ledgers.insert(name.clone(), running.ledger(&self.clock).await);
        }
        Records {
            gateway: self.gateway.log(),
            usage_events: self.gateway.usage_events().await,
            metrics: self.gateway.metrics().await,
            ledgers,
        }
    }

    /// The files that sinks of our gateway's usage write to, by the sink's name.
    pub fn usage_files(&self) -> Vec<(String, PathBuf)> {
        match &self.gateway {
            RunningGateway::Local { ours, .. } => ours.files().collect(),
            RunningGateway::Absent | RunningGateway::Foreign { .. } => Vec::new(),
        }
    }

    /// Stops the servers and ends a gateway that a command started.
    pub async fn stop(self) {
        // Nobody listening any more is what stopping means.
        let _ = self.stop.send(true);
        if let RunningGateway::Foreign {
            started: Some(started),
            ..
        } = self.gateway
        {
            started.stop().await;
        }
    }
}

impl RunningSimulator {
    fn url(&self) -> String {
        match self {
            Self::Local { address, .. } => format!("http://{address}"),
            Self::Remote { url, .. } => url.clone(),
        }
    }

    fn handle(&self) -> Handle {
        match self {
            Self::Local { simulator, .. } => Handle::Local(simulator.control()),
            Self::Remote { remote, .. } => Handle::Remote(remote.clone()),
        }
    }

    async fn ledger(&self, clock: &Clock) -> Source<Vec<LedgerEntry>> {
        match self {
            Self::Local { simulator, .. } => Source::Given(simulator.ledger().entries()),
            Self::Remote { remote, .. } => match remote.ledger(clock).await {
                Ok(entries) => Source::Given(entries),
                Err(error) => Source::Missing(format!("{error:#}")),
            },
        }
    }
}

impl RunningGateway {
    fn url(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Local { address, .. } => Some(format!("http://{address}")),
            Self::Foreign { url, .. } => Some(url.clone()),
        }
    }

    fn log(&self) -> Source<Vec<AccessEntry>> {
        match self {
            Self::Absent => no_gateway(),
            Self::Local { ours, .. } => ours.log(),
            Self::Foreign { written, .. } => written.log(),
        }
    }

    async fn usage_events(&self) -> Source<Vec<UsageEvent>> {
        match self {
            Self::Absent => no_gateway(),
            Self::Local { ours, .. } => ours.usage_events().await,
            Self::Foreign { written, .. } => written.usage_events().await,
        }
    }

    async fn metrics(&self) -> Source<String> {
        match self {
            Self::Absent => no_gateway(),
            Self::Local { ours, .. } => ours.metrics(),
            Self::Foreign { written, .. } => written.metrics().await,
        }
    }
}

impl SetUp<'_> {
    async fn simulators(&mut self) -> anyhow::Result<BTreeMap<String, RunningSimulator>> {
        let mut running = BTreeMap::new();
        let plan = self.plan;
        for (name, config) in &plan.simulators {
            let place = plan
                .gateway
                .as_ref()
                .and_then(|gateway| gateway.profile.as_ref());
            let place = place.and_then(|profile| profile.backends.get(name));
            running.insert(name.clone(), self.simulator(name, config, place).await?);
        }
        Ok(running)
    }

    async fn simulator(
        &mut self,
        name: &str,
        config: &SimulatorConfig,
        place: Option<&BackendProfile>,
    ) -> anyhow::Result<RunningSimulator> {
        let fallback = self.ports.next();
        if let Some(BackendProfile {
            url: Some(url),
            key,
            ..
        }) = place
        {
            let remote = RemoteSimulator::set_up(url, key.as_deref(), config, self.clock).await?;
            return Ok(RunningSimulator::Remote {
                remote,
                url: url.trim_end_matches('/').to_owned(),
            });
        }
        let address = place
            .and_then(|place| place.listen)
            .or(config.listen)
            .unwrap_or(fallback);
        let simulator = Simulator::new(name, config.clone(), self.clock.clone());
        let address = self.simulate(name, address, simulator.clone()).await?;
        Ok(RunningSimulator::Local { simulator, address })
    }

    async fn gateway(
        &mut self,
        address: SocketAddr,
        simulators: &BTreeMap<String, RunningSimulator>,
    ) -> anyhow::Result<RunningGateway> {
        let Some(plan) = &self.plan.gateway else {
            return Ok(RunningGateway::Absent);
        };
        if let Some(profile) = &plan.profile {
            return self.foreign_gateway(profile, address, simulators).await;
        }
        let config = plan.with_addresses(&self.plan.simulators, |name| {
            simulators.get(name).map(RunningSimulator::url)
        });
        let clock = self.clock.clone();
        // Built on the servers' threads: the upstream's connections live on the runtime they start on.
        let starting =
            (self.servers).run(async move { Ours::new(config, clock, upstream::http()) });
        let ours = Box::new(starting.await?.map_err(anyhow::Error::msg)?);
        let address = self.serve_gateway(ours.gateway.clone(), address).await?;
        Ok(RunningGateway::Local { ours, address })
    }

    async fn foreign_gateway(
        &mut self,
        profile: &Profile,
        address: SocketAddr,
        simulators: &BTreeMap<String, RunningSimulator>,
    ) -> anyhow::Result<RunningGateway> {
        let (url, mut started) = if let Some(url) = &profile.url {
            (url.clone(), None)
        } else {
            let port = if address.port() == 0 {
                free_port().await?
            } else {
                address.port()
            };
            let host =
                |running: &RunningSimulator| running.url().trim_start_matches("http://").to_owned();
            let backends = simulators
                .iter()
                .map(|(name, running)| (name.clone(), host(running)));
            let started = StartedGateway::start(profile, port, &backends.collect())?;
            (format!("http://127.0.0.1:{port}"), Some(Box::new(started)))
        };
        command::ready(profile, &url, started.as_deref_mut()).await?;
        Ok(RunningGateway::Foreign {
            written: Box::new(Foreign::before(profile, &url).await),
            url,
            started,
        })
    }

    /// Binds `address` and serves `simulator` there until the rig stops.
    async fn simulate(
        &self,
        name: &str,
        address: SocketAddr,
        simulator: Simulator,
    ) -> anyhow::Result<SocketAddr> {
        let (listener, address) = self.bind(&format!("simulator {name}"), address).await?;
        let serving = simulator::serve(listener, simulator, stopped(self.stop.clone()));
        self.servers.handle().spawn(serving);
        Ok(address)
    }

    /// Binds `address` and serves `gateway` there until the rig stops.
    async fn serve_gateway(
        &self,
        gateway: Gateway,
        address: SocketAddr,
    ) -> anyhow::Result<SocketAddr> {
        let (listener, address) = self.bind("gateway", address).await?;
        let stop = stopped(self.stop.clone());
        let serving = server::serve(gateway, listener, Bounds::default(), stop);
        self.servers.handle().spawn(serving);
        Ok(address)
    }

    async fn bind(
        &self,
        who: &str,
        address: SocketAddr,
    ) -> anyhow::Result<(TcpListener, SocketAddr)> {
        let bound = self
            .servers
            .run(async move { server::listen(address) })
            .await?;
        let listener = bound.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                anyhow::anyhow!("the address {address} for the {who} is in use")
            }
            _ => anyhow::anyhow!("the {who} cannot listen on {address}: {error}"),
        })?;
        let address = listener
            .local_addr()
            .with_context(|| format!("the {who} has no address"))?;
        Ok((listener, address))
    }
}

/// Ends when the rig stops, or is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the rig is gone.
    let _ = stop.wait_for(|stopped| *stopped).await;
}

/// A port that was free a moment ago, for a command that must be told one.
async fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("there is no free port")?;
    Ok(listener.local_addr()?.port())
}
