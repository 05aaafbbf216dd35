//! [`Gateway`]: a configuration, a clock and an upstream, made into something that serves.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use clock::Clock;
use http::{Request, Response};
use tower::{BoxError, Service};

use crate::access_log::AccessLog;
use crate::app;
use crate::config::{ConfigError, GatewayConfig};
use crate::drain::Traffic;
use crate::metrics::Metrics;
use crate::prober::{Probing, Tools};
use crate::routing::RoutingTable;
use crate::upstream::{self, Upstream};
use crate::usage::{Accounts, UsageEvent};

/// A gateway; a handle, all clones serve, reload and log as one.
///
/// # Examples
///
/// See the [crate's](crate) own.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    clock: Clock,
    upstream: Upstream,
    log: AccessLog,
    metrics: Arc<Metrics>,
    accounts: Arc<Accounts>,
    traffic: Traffic,
    probing: Probing,
    /// Locked only to clone or exchange the pointer.
    table: RwLock<Arc<RoutingTable>>,
}

impl Gateway {
    /// A gateway that takes its requests to `upstream`, which finds the backend by authority.
    ///
    /// # Errors
    /// Everything that is wrong with `config`, and files of sinks that cannot be written to.
    ///
    /// # Panics
    /// Outside a tokio runtime, if `config` has probers or sinks: these run on their own.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a gateway's configuration is its own; whoever keeps a copy says so"
    )]
    pub fn new<U>(
        config: GatewayConfig,
        clock: Clock,
        upstream: U,
    ) -> Result<Self, Vec<ConfigError>>
    where
        U: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
        U::Error: Into<BoxError>,
        U::Future: Send + 'static,
    {
        let metrics = Arc::new(Metrics::new());
        let table = Arc::new(RoutingTable::new(&config, None)?);
        let upstream = upstream::boxed(upstream);
        let probing = Probing::new(Tools {
            upstream: upstream.clone(),
            clock: clock.clone(),
            preferences: table.preferences().clone(),
            numbers: Arc::default(),
        });
        let accounts = Accounts::new(upstream.clone(), clock.clone(), metrics.clone());
        accounts.sinks.follow(&table.sinks)?;
        probing.follow(&table.probers);
        Ok(Self(Arc::new(Inner {
            table: RwLock::new(table),
            clock,
            upstream,
            log: AccessLog::new(metrics.clone()),
            metrics,
            accounts: Arc::new(accounts),
            traffic: Traffic::default(),
            probing,
        })))
    }

    /// The gateway as a service, for a server or to be called directly.
    pub fn router(&self) -> Router {
        app::router(self.clone())
    }

    /// What it did with each request.
    pub fn access_log(&self) -> AccessLog {
        self.0.log.clone()
    }

    /// Lets no more requests in, whether or not the future is awaited; it ends when those under
    /// way have been answered to their last byte or given up by their callers.
    ///
    /// Newcomers are refused with 503 and `connection: close`. There is no way back: a gateway
    /// that drains is about to stop. Sinks of usage are waited for, too, for ten seconds at most.
    pub fn drain(&self) -> impl Future<Output = ()> + Send + use<> {
        let drained = self.0.traffic.drain();
        let accounts = self.0.accounts.clone();
        async move {
            drained.await;
            accounts.sinks.finish().await;
        }
    }

    /// What each answer of a backend came to, in order of arrival; nothing without `[usage]`.
    ///
    /// They are told from the entries of the [access log](Self::access_log), so that the two
    /// agree; where its `first_number` is above 0, events of older requests are gone as well.
    pub fn usage_events(&self) -> Vec<UsageEvent> {
        match self.table().dimensions {
            Some(_) => self.0.accounts.events(&self.0.log.entries()),
            None => Vec::new(),
        }
    }

    /// Ends when the usage so far has been written to every sink, or given up.
    pub fn usage_written(&self) -> impl Future<Output = ()> + Send + use<> {
        let accounts = self.0.accounts.clone();
        async move { accounts.sinks.written().await }
    }

    /// What it has done, in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        let (table, now) = (self.table(), self.0.clock.now());
        let in_flight = self.0.traffic.under_way();
        self.0.metrics.text(in_flight, table.breakers(now))
    }

    /// Exchanges the configuration for requests that arrive from now on.
    ///
    /// Requests under way finish by the old one; counters of turns start anew. A backend whose
    /// url and breaker stay as they are is left alone for as long as it would have been.
    ///
    /// # Errors
    /// Everything that is wrong with `config`, as for a new gateway; the old one stays.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a gateway's configuration is its own; whoever keeps a copy says so"
    )]
    pub fn reload(&self, config: GatewayConfig) -> Result<(), Vec<ConfigError>> {
        let table = Arc::new(RoutingTable::new(&config, Some(&self.table()))?);
        self.0.accounts.sinks.follow(&table.sinks)?;
        self.0.probing.follow(&table.probers);
        *self.0.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(())
    }

    pub(crate) fn table(&self) -> Arc<RoutingTable> {
        let table = self.0.table.read();
        table.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn accounts(&self) -> &Arc<Accounts> {
        &self.0.accounts
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    pub(crate) fn upstream(&self) -> &Upstream {
        &self.0.upstream
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gateway").field(&self.table()).finish()
    }
}
