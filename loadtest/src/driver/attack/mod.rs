//! [`attack()`]: the driver on sockets, and the only module that imports goose.
//!
//! Goose is the pool of users and the HTTP client, and its own count of requests checks ours.
//! Its load model, throttle, thresholds and latencies are not used: it knows users only, and
//! times a request only up to the response headers. Each of its users therefore runs one long
//! transaction: our loop.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clock::Clock;
use futures::FutureExt;
use goose::GooseAttack;
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{
    GooseMethod, GooseRequest, GooseUser, Scenario, Transaction, TransactionFunction,
};
use goose::metrics::GooseMetrics;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};
use tokio_util::task::AbortOnDropHandle;

use super::stage::Stage;
use super::user::{Role, cast};
use super::{ClientEvidence, DriverError, Endpoint, Run};
use crate::client::{Incoming, Outgoing, Template, Transport, socket_error};
use crate::observation::TransportError;
use crate::plan::Target;

/// Goose's killswitch is one per process: a second attack would stop the first.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Real time between two looks at goose's killswitch, which cannot be awaited.
const LOOK: Duration = Duration::from_millis(50);

/// Plays a run on sockets, in this process, on any tokio runtime.
///
/// Goose handles Ctrl-C while it runs: the first ends the run early with partial evidence, the
/// second exits the process. It writes a line to stdout, so nobody else should.
///
/// # Errors
/// [`DriverError`] if a class calls somebody who has no URL or has a header that cannot be sent,
/// or if goose refuses to run.
pub async fn attack(run: Run) -> Result<ClientEvidence, DriverError> {
    run.check_endpoints(|endpoint| matches!(endpoint, Endpoint::Url(_)))?;
    let _alone = ONE_AT_A_TIME.lock().await;
    let stage = Arc::new(Stage::new(&run)?);
    let cast = cast(&run.plan);
    let users = u32::try_from(cast.len()).unwrap_or(u32::MAX);
    let sockets = Arc::new(Sockets::new(&run, &stage)?);
    let crew = Crew {
        stage: stage.clone(),
        roles: Mutex::new(cast.into()),
        sockets: sockets.clone(),
    };
    let play = Box::pin(play(crew));
    let (counted, mut evidence) = run.lead(&stage, users, sockets, play).await?;
    evidence.rig.driver_requests = Some(counted);
    Ok(evidence)
}

/// What goose's users share.
struct Crew {
    stage: Arc<Stage>,
    /// The roles nobody plays yet.
    roles: Mutex<VecDeque<Role>>,
    sockets: Arc<Sockets>,
}

/// Where requests go, and the clients that send them.
struct Sockets {
    /// Keeps its connections.
    client: Client,
    /// Makes a connection for each request: probes are compared, and an open one would be a head
    /// start. The reference's prober makes one for each, too.
    probing: Client,
    /// One for each kind of request.
    routes: Vec<Route>,
    clock: Clock,
}

/// The URL that a class calls, parsed once.
struct Route {
    target: Target,
    path_and_query: String,
    url: Url,
}

/// A goose user as a transport.
struct GooseTransport<'a> {
    user: &'a mut GooseUser,
    sockets: &'a Sockets,
}

/// Runs goose until all its users are done; returns how many requests it counted.
async fn play(crew: Crew) -> Result<u64, DriverError> {
    let users = crew.roles().len();
    if users == 0 {
        return Ok(0);
    }
    let stage = crew.stage.clone();
    let _watch = AbortOnDropHandle::new(tokio::spawn(watch_killswitch(stage)));
    let metrics = match prepare(crew, users) {
        Ok(attack) => Box::pin(attack.execute()).await,
        Err(error) => Err(error),
    };
    let metrics = metrics.map_err(|error| DriverError::Failed(error.to_string()))?;
    Ok(requests(&metrics))
}

fn prepare(crew: Crew, users: usize) -> Result<GooseAttack, goose::GooseError> {
    // Goose would make a client of its own, with all certificates, for each of its users.
    let one_client = GooseClientBuilder::new().without_cookies();
    // Requests take their name from the transaction: one row in goose's table.
    let transaction =
        Transaction::new(transaction(crew)).set_name_for_transaction_and_requests("request");
    let scenario = Scenario::new("plan").register_transaction(transaction);
    let attack = GooseAttack::initialize_with_config(configuration(users))?;
    Ok(attack
        .set_client_builder_without_cookies(one_client)?
        .register_scenario(scenario))
}

/// Goose as quiet and as idle as it can be made: users at once, one iteration, counts only.
fn configuration(users: usize) -> GooseConfiguration {
    let mut configuration = GooseConfiguration::default();
    // Required, and never used: every request names its whole URL.
    configuration.host = Some("http://localhost".to_owned());
    configuration.users = Some(users);
    configuration.increase_rate = Some("100000".to_owned());
    configuration.iterations = Some(1);
    configuration.quiet = 2;
    configuration.no_telnet = true;
    configuration.no_print_metrics = true;
    configuration.no_transaction_metrics = true;
    configuration.no_scenario_metrics = true;
    configuration.no_status_codes = true;
    configuration.no_error_summary = true;
    configuration
}

fn transaction(crew: Crew) -> TransactionFunction {
    let crew = Arc::new(crew);
    Arc::new(move |user| {
        let crew = crew.clone();
        Box::pin(async move {
            let Some(role) = crew.roles().pop_front() else {
                return Ok(());
            };
            user.client = crew.sockets.client.clone();
            let mut transport = GooseTransport {
                user,
                sockets: &crew.sockets,
            };
            // Goose waits for ever for a user that panics.
            let playing = AssertUnwindSafe(role.play(&crew.stage, &mut transport));
            if playing.catch_unwind().await.is_err() {
                crew.stage.user_broke_down();
            }
            Ok(())
        })
    })
}

/// Cancels the run when goose was told to stop, by Ctrl-C.
async fn watch_killswitch(stage: Arc<Stage>) {
    while !goose::is_killswitch_triggered() {
        stage.pause(LOOK).await;
    }
    stage.cancel.cancel();
}

fn requests(metrics: &GooseMetrics) -> u64 {
    let requests = metrics.requests.values();
    requests
        .map(|counts| (counts.success_count + counts.fail_count) as u64)
        .sum()
}

impl Crew {
    fn roles(&self) -> std::sync::MutexGuard<'_, VecDeque<Role>> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sockets {
    fn new(run: &Run, stage: &Stage) -> Result<Self, DriverError> {
        let routes = stage.templates().filter_map(|template| {
            let base = match run.endpoints.of(template.target())? {
                Endpoint::Url(url) => url.trim_end_matches('/'),
                Endpoint::Service(_) => return None,
            };
            Some(Route::new(template, base))
        });
        let client =
            |kept_idle| client(kept_idle).map_err(|error| DriverError::Failed(error.to_string()));
        Ok(Self {
            client: client(usize::MAX)?,
            probing: client(0)?,
            routes: routes.collect::<Result<_, _>>()?,
            clock: run.clock.clone(),
        })
    }

    fn url(&self, outgoing: &Outgoing<'_>) -> Option<Url> {
        let is_route = |route: &&Route| {
            route.path_and_query == outgoing.path_and_query && route.target == *outgoing.target
        };
        Some(self.routes.iter().find(is_route)?.url.clone())
    }

    /// The request as `client` sends it; it gives up by itself at the deadline.
    fn request(
        &self,
        client: &Client,
        outgoing: Outgoing<'_>,
    ) -> Result<RequestBuilder, TransportError> {
        // As where nobody listens.
        let url = self.url(&outgoing).ok_or(TransportError::Refused)?;
        let mut request = reqwest::Request::new(outgoing.method, url);
        *request.headers_mut() = outgoing.headers;
        *request.body_mut() = Some(outgoing.body.into());
        *request.timeout_mut() = self.clock.wall(outgoing.deadline.since(self.clock.now()));
        Ok(RequestBuilder::from_parts(client.clone(), request))
    }
}

impl Route {
    fn new(template: &Template, base: &str) -> Result<Self, DriverError> {
        let url = format!("{base}{}", template.sent_path());
        Ok(Self {
            target: template.target().clone(),
            path_and_query: template.sent_path().to_owned(),
            url: Url::parse(&url)
                .map_err(|error| DriverError::Failed(format!("`{url}` is no URL: {error}")))?,
        })
    }
}

/// An HTTP client that sends exactly what it is told, once, and directly, and keeps so many idle
/// connections to each server.
///
/// A proxy of the environment would stand between us and loopback; a redirect followed, a retry
/// or an answer unpacked would hide what the gateway did.
fn client(kept_idle: usize) -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .no_gzip()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .pool_max_idle_per_host(kept_idle)
        .build()
}

impl Transport for GooseTransport<'_> {
    async fn send(&mut self, outgoing: Outgoing<'_>) -> Result<Incoming, TransportError> {
        // The client keeps the deadline, because goose does not count a request that is dropped.
        let request = self.sockets.request(&self.sockets.client, outgoing)?;
        let request = GooseRequest::builder()
            .method(GooseMethod::Post)
            .set_request_builder(request)
            .build();
        let answer = self.user.request(request).await;
        match answer {
            Ok(answer) => answer
                .response
                .map(Incoming::from)
                .map_err(|error| socket_error(&error)),
            Err(error) => Err(TransportError::Other(error.to_string())),
        }
    }
}

/// For requests that no user of goose sends: those of probers.
impl Transport for Arc<Sockets> {
    async fn send(&mut self, outgoing: Outgoing<'_>) -> Result<Incoming, TransportError> {
        let answer = self.request(&self.probing, outgoing)?.send().await;
        answer
            .map(Incoming::from)
            .map_err(|error| socket_error(&error))
    }
}

#[cfg(test)]
mod tests;
