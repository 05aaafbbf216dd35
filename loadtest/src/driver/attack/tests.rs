use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::http::StatusCode;
use clock::{DEFAULT_ANCHOR, Speed};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::driver::EventSink;
use crate::driver::support::{class, phase, plan, requests as requests_at, run, users};
use crate::observation::Outcome;
use crate::plan::{Class, Plan, Quantity};
use crate::progress::Event;

const BODY: &str = r#"{"choices":[{}],"usage":{"prompt_tokens":27,"completion_tokens":10}}"#;

/// Serves `router` on a free port until the tasks are dropped.
async fn serve(router: Router, servers: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn fast() -> Clock {
    Clock::real(Speed::try_from(20.0).unwrap(), DEFAULT_ANCHOR)
}

#[tokio::test]
async fn requests_are_counted_alike_by_goose_by_us_and_by_the_server() {
    let served = Arc::new(AtomicU64::new(0));
    let count = served.clone();
    // Every third request is refused: goose may count it as failed, but must count it.
    let router = Router::new().fallback(move || async move {
        match count.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => (StatusCode::TOO_MANY_REQUESTS, "{}"),
            _ => (StatusCode::OK, BODY),
        }
    });
    let mut servers = JoinSet::new();
    let url = format!("http://{}/", serve(router, &mut servers).await);
    let plan = Plan {
        phases: vec![
            phase("open", 0.0, 2.0, requests_at(4, &[0.0, 0.5, 0.5, 1.0, 1.9])),
            phase("closed", 2.0, 6.0, users(3)),
        ],
        ..plan()
    };
    let evidence = attack(run(plan, &fast(), Endpoint::Url(url)))
        .await
        .unwrap();
    let seen = evidence.observations.len() as u64;
    assert_eq!(evidence.rig.sent_open, 5);
    assert_eq!(seen, 5 + evidence.rig.sent_closed);
    assert_eq!(served.load(Ordering::Relaxed), seen);
    assert_eq!(evidence.rig.driver_requests, Some(seen));
    assert_eq!(evidence.rig.faults, [""; 0]);
    let refused = Outcome::Status(429);
    let refusals = evidence
        .observations
        .iter()
        .filter(|seen| seen.outcome == refused);
    assert_eq!(refusals.count() as u64, seen.div_ceil(3));
}

/// The one outcome of a request to `address` by a client that waits for one simulated second.
async fn outcome(address: SocketAddr) -> (Outcome, Option<u64>) {
    let plan = Plan {
        classes: vec![Class {
            timeout: Duration::from_secs(1),
            think_time_s: Quantity::Constant(10.0),
            ..class("chat")
        }],
        phases: vec![phase("only", 0.0, 0.5, users(1))],
        ..plan()
    };
    let endpoint = Endpoint::Url(format!("http://{address}"));
    let evidence = attack(run(plan, &fast(), endpoint)).await.unwrap();
    let outcome = evidence.observations[0].outcome.clone();
    (outcome, evidence.rig.driver_requests)
}

#[tokio::test]
async fn failures_of_sockets_have_names_and_are_counted() {
    let mut servers = JoinSet::new();
    let silent = Router::new().fallback(std::future::pending::<()>);
    let silent = serve(silent, &mut servers).await;
    let timed_out = Outcome::TransportError(TransportError::TimedOut);
    assert_eq!(outcome(silent).await, (timed_out, Some(1)));

    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = rude.local_addr().unwrap();
    servers.spawn(async move {
        while let Ok((stream, _)) = rude.accept().await {
            drop(stream);
        }
    });
    let reset = Outcome::TransportError(TransportError::Reset);
    assert_eq!(outcome(address).await, (reset, Some(1)));

    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    let refused = Outcome::TransportError(TransportError::Refused);
    assert_eq!(outcome(address).await, (refused, Some(1)));
}

#[tokio::test]
async fn a_cancelled_attack_ends_soon_and_keeps_what_it_has() {
    let mut servers = JoinSet::new();
    let router = Router::new().fallback(|| async { BODY });
    let url = format!("http://{}", serve(router, &mut servers).await);
    let plan = Plan {
        phases: vec![phase("only", 0.0, 1_000_000.0, users(2))],
        ..plan()
    };
    let clock = fast();
    let mut run = run(plan, &clock, Endpoint::Url(url));
    let cancel = run.cancel.clone();
    // Pulls the cord when the first answers are told.
    run.events = EventSink::new(move |event| {
        if matches!(event, Event::Second { .. }) {
            cancel.cancel();
        }
    });
    let evidence = attack(run).await.unwrap();
    assert!(evidence.rig.cancelled);
    assert_eq!(evidence.rig.sent_closed, evidence.observations.len() as u64);
    assert!(evidence.rig.sent_closed >= 2);
}

#[test]
fn the_client_knows_no_proxy() {
    // A client prints its proxies, the system's among them, if it has any.
    let by_default = Client::builder().build().unwrap();
    assert!(format!("{by_default:?}").contains("proxies"));
    assert!(!format!("{:?}", client(0).unwrap()).contains("proxies"));
}

#[tokio::test]
async fn a_target_without_a_url_is_an_error() {
    let here = Endpoint::Service(Router::new());
    let error = attack(run(plan(), &fast(), here)).await.unwrap_err();
    assert!(matches!(error, DriverError::MissingEndpoint { .. }));
}
