//! The two drivers send the same and see the same, whatever kind of client sends.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use clock::Speed;
use futures::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::plan::{HangUp, Retries, RetryStyle};

const TOKEN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";

/// Refuses each request's first attempt, gives a cookie to who has none, and streams a token
/// each second to who asks for a stream.
fn gateway(clock: &Clock) -> Router {
    let clock = clock.clone();
    Router::new().fallback(move |request: Request| async move { answer(&clock, &request) })
}

fn answer(clock: &Clock, request: &Request) -> Response {
    let headers = request.headers();
    let id = headers["x-request-id"].to_str().unwrap();
    let is_first = id.ends_with("-0");
    let retries = headers.contains_key("x-retries");
    let cookie = headers.get("cookie").cloned();
    if is_first && retries {
        let refusal = http::StatusCode::SERVICE_UNAVAILABLE;
        return (refusal, [("retry-after-ms", "700")]).into_response();
    }
    let had = cookie.map_or("none".to_owned(), |cookie| {
        cookie.to_str().unwrap().to_owned()
    });
    let headers = [("set-cookie", "member=7"), ("x-had", had.as_str())];
    if request.headers().contains_key("x-streams") {
        let clock = clock.clone();
        let tokens = stream::iter(0..20).then(move |_| {
            let clock = clock.clone();
            async move {
                clock
                    .sleep_until(clock.now() + Duration::from_secs(1))
                    .await;
                Ok::<_, std::io::Error>(Bytes::from_static(TOKEN.as_bytes()))
            }
        });
        let stream = [("content-type", "text/event-stream")];
        return (headers, stream, Body::from_stream(tokens)).into_response();
    }
    (headers, "{\"choices\":[{}]}").into_response()
}

/// One user of each kind of client.
fn kinds() -> Vec<(&'static str, Class)> {
    let watching = Class {
        watched_headers: vec!["x-had".to_owned()],
        think_time_s: Quantity::Constant(0.0),
        ..class("chat")
    };
    let retrying = |style| Class {
        retries: Some(Retries { style, most: 2 }),
        headers: vec![("x-retries".to_owned(), "yes".to_owned())],
        ..watching.clone()
    };
    let streaming = Class {
        streams: true,
        headers: vec![("x-streams".to_owned(), "yes".to_owned())],
        ..watching.clone()
    };
    vec![
        ("python", retrying(RetryStyle::OpenAiPython)),
        ("node", retrying(RetryStyle::OpenAiNode)),
        ("polite", retrying(RetryStyle::RetryAfter)),
        (
            "tokens",
            Class {
                hangs_up: Some(HangUp::AfterTokens(2)),
                ..streaming.clone()
            },
        ),
        (
            "time",
            Class {
                hangs_up: Some(HangUp::After(Duration::from_millis(3_500))),
                ..streaming
            },
        ),
        (
            "cookies",
            Class {
                keeps_cookies: true,
                ..watching
            },
        ),
    ]
}

/// Three requests of one user of `class`.
fn three(class: Class) -> Plan {
    let notebook = Load::Notebook {
        users: vec![1],
        iterations: 3,
        gap: Duration::from_millis(100),
    };
    Plan {
        classes: vec![class],
        phases: vec![phase("notebook", 0.0, 15.0, notebook)],
        ..plan()
    }
}

/// Three users who send requests of two classes for four seconds.
fn mixed() -> Plan {
    let users = Ramp {
        from: 3,
        to: 3,
        over: Duration::ZERO,
    };
    let weights = vec![1.0, 2.0];
    Plan {
        classes: vec![class("one"), class("two")],
        phases: vec![phase("mixed", 0.0, 4.5, Load::Mixed { users, weights })],
        ..plan()
    }
}

/// What both drivers must see alike: by attempt its id, status, whether the client left, tokens
/// and what the watched header said.
fn seen(evidence: &ClientEvidence) -> Vec<(String, Option<u16>, bool, u64, String)> {
    assert_eq!(evidence.rig.faults, [""; 0]);
    let attempts = evidence.observations.iter().map(|seen| {
        (
            seen.request_id.clone(),
            seen.status(),
            seen.aborted,
            seen.content_events,
            seen.headers.get("x-had").cloned().unwrap_or_default(),
        )
    });
    attempts.collect()
}

async fn on_sockets(plan: Plan) -> ClientEvidence {
    let clock = Clock::real(Speed::try_from(20.0).unwrap(), DEFAULT_ANCHOR);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let mut servers = JoinSet::new();
    let gateway = gateway(&clock);
    servers.spawn(async move { axum::serve(listener, gateway).await.unwrap() });
    let endpoint = Endpoint::Url(format!("http://{address}"));
    attack(run(plan, &clock, endpoint)).await.unwrap()
}

fn in_virtual_time(plan: Plan) -> ClientEvidence {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let endpoint = Endpoint::Service(gateway(&clock));
        virtual_time(run(plan, &clock, endpoint)).await.unwrap()
    })
}

#[test]
fn both_drivers_see_the_same_of_every_kind_of_client() {
    for (kind, class) in kinds() {
        let sockets = tokio::runtime::Runtime::new().unwrap();
        let sockets = sockets.block_on(on_sockets(three(class.clone())));
        let alike = |evidence| {
            let mut seen = seen(evidence);
            // How many tokens reach a socket within a time is the machine's business.
            if kind == "time" {
                for (_, _, _, tokens, _) in &mut seen {
                    *tokens = 0;
                }
            }
            seen
        };
        assert_eq!(
            alike(&sockets),
            alike(&in_virtual_time(three(class))),
            "{kind}"
        );
        let rig = &sockets.rig;
        assert_eq!(
            rig.driver_requests,
            Some(rig.sent_closed + rig.sent_again),
            "{kind}"
        );
    }
}

#[test]
fn both_drivers_draw_the_same_classes_for_each_user_of_a_mix() {
    let sockets = tokio::runtime::Runtime::new().unwrap();
    let sockets = sockets.block_on(on_sockets(mixed()));
    let paused = in_virtual_time(mixed());
    let classes = |evidence: &ClientEvidence, user| -> Vec<String> {
        let seen = evidence.observations.iter();
        let of_user = seen.filter(|seen| seen.worker == user);
        of_user.map(|seen| seen.class.to_string()).collect()
    };
    for user in 0..3 {
        // One at once, and one after each second of thinking; on sockets each takes a little longer.
        let (paused, sockets) = (classes(&paused, user), classes(&sockets, user));
        assert_eq!(paused.len(), 5);
        assert!(sockets.len() >= 3 && paused.starts_with(&sockets));
    }
    assert_ne!(classes(&paused, 0), classes(&paused, 1));
}

#[test]
fn who_hangs_up_has_what_arrived_until_then() {
    for (kind, class) in kinds() {
        let tokens = match kind {
            "tokens" => 2,
            "time" => 3,
            _ => continue,
        };
        let (id, status, aborted, events, _) = seen(&in_virtual_time(three(class))).remove(2);
        assert_eq!(
            (id.as_str(), status, aborted, events),
            ("k3-2-0", Some(200), true, tokens)
        );
    }
}
