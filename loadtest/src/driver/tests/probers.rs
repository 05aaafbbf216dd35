//! Probers in virtual time: whom they ask, what they report, and whom they keep waiting.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::{Json, Router};
use clock::Speed;
use serde_json::Value;
use tokio::net::TcpListener;

use super::*;
use crate::driver::attack;
use crate::plan::{Api, Operation, Probe, Prober, Target};

/// Measures `payg-1` to `payg-3`, each within two seconds.
fn prober(samples: u32) -> Prober {
    let asked = |target| Class {
        target,
        timeout: Duration::from_secs(2),
        ..class("outside")
    };
    let probe = |name: &str| Probe {
        id: format!("{name}-id"),
        class: asked(Target::Simulator(name.to_owned())),
    };
    Prober {
        name: Arc::from("outside"),
        probes: ["payg-1", "payg-2", "payg-3"].map(probe).to_vec(),
        samples,
        report: Class {
            operation: Operation::Helper,
            api: Api::Path("/helpers/set".to_owned()),
            ..asked(Target::Gateway {
                prefix: String::new(),
            })
        },
    }
}

fn probes(seconds: f64) -> TimedAction {
    TimedAction {
        prober: Some(0),
        ..action("outside", seconds)
    }
}

/// Plays `plan` with a gateway that answers at once and backends that take so many seconds;
/// gives what was seen and what the helper was told.
async fn play_before(plan: Plan, backends: [f64; 3]) -> (ClientEvidence, Vec<Value>) {
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hears = told.clone();
    let helper = move |Json(report): Json<Value>| async move {
        hears
            .lock()
            .unwrap()
            .push(report["preferredBackends"].clone());
        "{}"
    };
    let gateway =
        slow_gateway(&clock, Duration::ZERO).route("/helpers/set", axum::routing::post(helper));
    let latencies = backends.map(Duration::from_secs_f64);
    let simulators: BTreeMap<_, _> = ["payg-1", "payg-2", "payg-3"]
        .into_iter()
        .zip(latencies)
        .map(|(name, latency)| {
            let backend = slow_gateway(&clock, latency);
            (name.to_owned(), Endpoint::Service(backend))
        })
        .collect();
    let mut run = run(plan, &clock, Endpoint::Service(gateway));
    run.endpoints.simulators = simulators;
    let evidence = virtual_time(run).await.unwrap();
    let told = told.lock().unwrap().clone();
    (evidence, told)
}

fn probing(samples: u32, at: &[f64]) -> Plan {
    Plan {
        probers: vec![prober(samples)],
        phases: vec![phase("only", 0.0, 4.0, users(1))],
        actions: at.iter().map(|second| probes(*second)).collect(),
        ..plan()
    }
}

#[tokio::test(start_paused = true)]
async fn backends_are_reported_fastest_first_and_who_does_not_answer_last() {
    let (evidence, told) = play_before(probing(1, &[0.0]), [0.5, 3.0, 0.2]).await;
    assert_eq!(told, [json!(["payg-3-id", "payg-1-id", "payg-2-id"])]);
    let of_prober = evidence.observations.iter();
    let of_prober = of_prober.filter(|seen| &*seen.class == "outside");
    let seen: Vec<_> = of_prober
        .map(|seen| (seen.direct.as_deref(), seen.operation.as_deref(), seen.sent))
        .collect();
    let expected = [
        (Some("payg-1"), None, at(0.0)),
        (Some("payg-2"), None, at(0.5)),
        (Some("payg-3"), None, at(2.5)),
        (None, Some("helper"), at(2.7)),
    ];
    assert_eq!(seen, expected);
    // A helper's answer is no completion, and is not taken for one that is broken.
    let report = evidence
        .observations
        .iter()
        .find(|seen| seen.operation.is_some());
    assert_eq!(report.unwrap().malformed, None);
    // What no user sent is not counted as theirs.
    let others = evidence.observations.len() - expected.len();
    assert_eq!(evidence.rig.sent_closed, others as u64);
}

#[tokio::test(start_paused = true)]
async fn equally_fast_backends_stay_in_the_order_of_the_file() {
    let (_, told) = play_before(probing(3, &[0.0]), [0.1, 0.1, 0.1]).await;
    assert_eq!(told, [json!(["payg-1-id", "payg-2-id", "payg-3-id"])]);
}

#[tokio::test]
async fn no_probe_finds_a_connection_that_another_one_opened() {
    let peers = Arc::new(Mutex::new(Vec::new()));
    let seen = peers.clone();
    let server = Router::new().fallback(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
        seen.lock().unwrap().push(peer);
        "{}"
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = server.into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async { axum::serve(listener, server).await });
    let clock = Clock::real(Speed::try_from(20.0).unwrap(), DEFAULT_ANCHOR);
    let idle = Plan {
        phases: vec![phase("only", 0.0, 4.0, Load::Idle)],
        ..probing(2, &[0.0, 1.0])
    };
    let mut run = run(idle, &clock, Endpoint::Url(url.clone()));
    let backends = ["payg-1", "payg-2", "payg-3"];
    let backends = backends.map(|name| (name.to_owned(), Endpoint::Url(url.clone())));
    run.endpoints.simulators = backends.into();
    attack(run).await.unwrap();
    serving.abort();
    let mut peers = peers.lock().unwrap().clone();
    // Two samples of each backend and a report, twice.
    assert_eq!(peers.len(), 14);
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_probe_at_the_start_is_over_before_the_first_request_and_a_later_one_holds_up_nobody() {
    let (evidence, told) = play_before(probing(1, &[0.0, 1.0]), [0.1, 0.1, 9.0]).await;
    let of_users = evidence
        .observations
        .iter()
        .filter(|seen| &*seen.class == "chat");
    // Two backends of a tenth and one that times out; then a request each second.
    assert_eq!(seconds(of_users.map(|seen| seen.sent)), [2.2, 3.2]);
    assert_eq!(told.len(), 2);
    let last = evidence.observations.last().unwrap();
    // The second probing began when the first was over, and outlasts the plan's end.
    assert_eq!(
        (last.operation.as_deref(), last.sent),
        (Some("helper"), at(4.4))
    );
}
