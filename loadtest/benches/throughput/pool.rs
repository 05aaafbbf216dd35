//! Pools of users: our driver on goose, against goose by itself.
//!
//! Both have the same number of users who never think, ask a bare route, and read its answer to
//! the end. Ours also writes each prompt, hashes both bodies, reads the answer's counts and keeps
//! a record of it. The rate is counted by the server, so neither side's bookkeeping is trusted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use async_trait::async_trait;
use axum::extract::Request;
use axum::middleware::map_request;
use clock::{Clock, Moment, Speed, Stopwatch};
use goose::GooseAttack;
use goose::config::GooseConfiguration;
use goose::goose::{
    GooseMethod, GooseRequest, GooseUser, Scenario, Transaction, TransactionResult,
};
use goose::transaction;
use loadtest::driver::{self, Act, CancellationToken, Endpoint, Endpoints, EventSink, Run};
use loadtest::plan::{
    Api, BooksPlan, Class, Load, Operation, Phase, Plan, Prompt, Quantity, Ramp, Target,
    TimedAction,
};
use tokio::runtime::{Builder, Runtime};

use super::chat::{PATH, bare_router, one_prompt};
use super::contest::{Side, Sides};
use super::server::Server;

/// As many as the lean load has connections.
const USERS: u32 = 16;

/// Our driver against goose, both before the same bare route.
pub(crate) fn driver_and_goose() -> anyhow::Result<Sides> {
    let meter = Arc::new(Meter::default());
    let (counting, bare) = (Arc::clone(&meter), bare_router()?);
    let server = Arc::new(Server::start(move || {
        Ok(bare.layer(map_request(move |request: Request| {
            counting.count();
            std::future::ready(request)
        })))
    })?);
    Ok(Sides {
        ours: side("our-driver", &server, &meter),
        yardstick: side("goose-alone", &server, &meter),
    })
}

/// A side that plays in a process of its own, where goose's lines on stdout disturb nobody.
fn side(pool: &'static str, server: &Arc<Server>, meter: &Arc<Meter>) -> Side {
    let (server, meter) = (Arc::clone(server), Arc::clone(meter));
    Box::new(move |length| {
        meter.restart();
        let status = Command::new(std::env::current_exe()?)
            .args([pool, &server.address.to_string()])
            .arg(length.as_secs_f64().to_string())
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "the pool {pool} ended with {status}");
        Ok(meter.rate())
    })
}

/// Counts requests between the first and the last.
struct Meter {
    watch: Stopwatch,
    requests: AtomicU64,
    first_us: AtomicU64,
    last_us: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            watch: Stopwatch::start(),
            requests: AtomicU64::new(0),
            first_us: AtomicU64::new(0),
            last_us: AtomicU64::new(0),
        }
    }
}

impl Meter {
    /// Forgets everything; nobody is sending.
    fn restart(&self) {
        self.requests.store(0, Ordering::Relaxed);
        self.first_us.store(u64::MAX, Ordering::Relaxed);
    }

    fn count(&self) {
        let now_us = u64::try_from(self.watch.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.first_us.fetch_min(now_us, Ordering::Relaxed);
        self.last_us.store(now_us, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "requests of some seconds")]
    fn rate(&self) -> f64 {
        let requests = self.requests.load(Ordering::Relaxed) as f64;
        let last_us = self.last_us.load(Ordering::Relaxed);
        let first_us = self.first_us.load(Ordering::Relaxed);
        requests / Duration::from_micros(last_us.saturating_sub(first_us)).as_secs_f64()
    }
}

/// The runtime that a run's own process has.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// Goose's users, each of whom repeats a transaction of one request.
pub(crate) fn goose_alone(target: SocketAddr, seconds: f64) -> anyhow::Result<()> {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(format!("http://{target}"));
    configuration.users = Some(USERS as usize);
    configuration.increase_rate = Some("100000".to_owned());
    // Goose counts whole seconds; the server counts over those in which requests came.
    configuration.run_time = Some(seconds.ceil().to_string());
    configuration.quiet = 2;
    configuration.no_telnet = true;
    configuration.no_print_metrics = true;
    let scenario = Scenario::new("chats").register_transaction(transaction!(small_chat));
    let attack = GooseAttack::initialize_with_config(configuration)?.register_scenario(scenario);
    runtime()?.block_on(attack.execute())?;
    Ok(())
}

async fn small_chat(user: &mut GooseUser) -> TransactionResult {
    let builder = user
        .get_request_builder(&GooseMethod::Post, PATH)?
        .header("content-type", "application/json")
        .header("api-key", "subscription-key-one")
        .body(one_prompt(0));
    let request = GooseRequest::builder()
        .method(GooseMethod::Post)
        .set_request_builder(builder)
        .build();
    let answer = user.request(request).await?;
    if let Ok(response) = answer.response {
        // Goose has counted it; reading to the end lets the connection be used again.
        drop(response.bytes().await);
    }
    Ok(())
}

/// The users of our driver, in a plan of one phase.
pub(crate) fn our_driver(target: SocketAddr, seconds: f64) -> anyhow::Result<()> {
    let backend = "payg-1".to_owned();
    let endpoint = Endpoint::Url(format!("http://{target}"));
    let run = Run {
        plan: Arc::new(plan(&backend, Duration::from_secs_f64(seconds))),
        run_id: Arc::from("bench"),
        clock: Clock::system(),
        endpoints: Endpoints {
            gateway: None,
            simulators: BTreeMap::from([(backend, endpoint)]),
        },
        actor: Arc::new(Nothing),
        events: EventSink::none(),
        cancel: CancellationToken::new(),
    };
    let evidence = runtime()?.block_on(driver::attack(run))?;
    ensure!(evidence.rig.faults.is_empty(), "{:?}", evidence.rig.faults);
    Ok(())
}

fn plan(backend: &str, length: Duration) -> Plan {
    Plan {
        name: "bench/throughput".to_owned(),
        about: String::new(),
        source: String::new(),
        tags: Vec::new(),
        seed: 42,
        speed: Speed::REAL_TIME,
        starts_at: None,
        simulators: BTreeMap::new(),
        gateway: None,
        classes: vec![class(backend)],
        phases: vec![phase(length)],
        probers: Vec::new(),
        actions: Vec::new(),
        books: BooksPlan {
            allowed_statuses: vec![200],
            opted_out: BTreeMap::new(),
        },
        prices: BTreeMap::new(),
        gates: Vec::new(),
        must_observe: Vec::new(),
        overrides: Vec::new(),
    }
}

fn phase(length: Duration) -> Phase {
    Phase {
        name: Arc::from("steady"),
        start: Moment::ZERO,
        end: Moment::ZERO + length,
        say: None,
        load: Load::Closed(vec![Ramp {
            from: USERS,
            to: USERS,
            over: Duration::ZERO,
        }]),
    }
}

fn class(backend: &str) -> Class {
    Class {
        name: Arc::from("chat"),
        operation: Operation::ChatCompletions,
        target: Target::Simulator(backend.to_owned()),
        api: Api::AzureDated {
            api_version: Some("2024-10-21".to_owned()),
        },
        deployment: "chat".to_owned(),
        prompt: Prompt::Tokens(Quantity::Constant(23.0)),
        max_tokens: Some(Quantity::Constant(10.0)),
        streams: false,
        includes_usage: false,
        base64_embeddings: false,
        headers: Vec::new(),
        query: Vec::new(),
        credential: None,
        subscription: None,
        think_time_s: Quantity::Constant(0.0),
        is_paced: false,
        timeout: Duration::from_secs(30),
        marks_prompts: true,
        retries: None,
        hangs_up: None,
        keeps_cookies: false,
        watched_headers: Vec::new(),
        backend_header: String::new(),
    }
}

/// The plan has no actions.
struct Nothing;

#[async_trait]
impl Act for Nothing {
    async fn act(&self, _: &TimedAction) -> Result<(), String> {
        Ok(())
    }
}
