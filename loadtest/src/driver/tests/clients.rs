//! Clients that do more than wait for their answer, in virtual time.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use rand::RngExt;

use super::*;
use crate::plan::{Draw, Retries, RetryStyle};

/// Plays one phase of ten seconds with a user of `class` through `gateway`.
async fn play_with(class: Class, load: Load, gateway: Router) -> ClientEvidence {
    let plan = Plan {
        classes: vec![class],
        phases: vec![phase("only", 0.0, 10.0, load)],
        ..plan()
    };
    let clock = Clock::paused(DEFAULT_ANCHOR);
    virtual_time(run(plan, &clock, Endpoint::Service(gateway)))
        .await
        .unwrap()
}

fn retrying(style: RetryStyle) -> Class {
    Class {
        retries: Some(Retries { style, most: 2 }),
        ..class("chat")
    }
}

/// Refuses every first attempt and asks for this wait, in milliseconds; none asks for nothing.
fn refusing(retry_after_ms: Option<&'static str>) -> Router {
    Router::new().fallback(move |request: Request| async move {
        let id = request.headers()["x-request-id"].to_str().unwrap();
        match retry_after_ms {
            Some(wait) if id.ends_with("-0") => (429, wait).told(),
            Some(_) => "{\"choices\":[{}]}".into_response(),
            None => http::StatusCode::TOO_MANY_REQUESTS.into_response(),
        }
    })
}

trait Told {
    fn told(self) -> Response;
}

impl Told for (u16, &'static str) {
    fn told(self) -> Response {
        let status = http::StatusCode::from_u16(self.0).unwrap();
        (status, [("retry-after-ms", self.1)]).into_response()
    }
}

#[tokio::test(start_paused = true)]
async fn an_sdk_waits_as_documented_to_the_microsecond() {
    let once = requests(1, &[0.0]);
    let evidence = play_with(retrying(RetryStyle::OpenAiNode), once, refusing(None)).await;
    let draw = Draw {
        seed: 42,
        purpose: "retry_jitter",
        class: "chat",
        ordinal: 0,
    };
    let random: Vec<f64> = draw.rng().random_iter().take(2).collect();
    let wait =
        |seconds: f64, random: f64| Duration::from_secs_f64(seconds).mul_f64(1.0 - 0.25 * random);
    let second = Moment::ZERO + wait(0.5, random[0]);
    let third = second + wait(1.0, random[1]);
    let sent: Vec<_> = evidence.observations.iter().map(|seen| seen.sent).collect();
    assert_eq!(sent, [Moment::ZERO, second, third]);
    assert_ne!(random[0].to_bits(), random[1].to_bits());
    assert!(second >= at(0.375) && second <= at(0.5));
}

#[tokio::test(start_paused = true)]
async fn attempts_of_one_request_share_its_number_and_wait_as_asked() {
    let once = requests(1, &[1.0]);
    for style in [RetryStyle::OpenAiPython, RetryStyle::RetryAfter] {
        let gateway = refusing(Some("1500.5"));
        let evidence = play_with(retrying(style), once.clone(), gateway).await;
        let seen: Vec<_> = evidence
            .observations
            .iter()
            .map(|seen| {
                (
                    seen.request_id.as_str(),
                    seen.planned,
                    seen.sent,
                    seen.status(),
                )
            })
            .collect();
        let expected = [
            ("k3-0-0", at(1.0), at(1.0), Some(429)),
            ("k3-0-1", at(1.0), at(2.500_5), Some(200)),
        ];
        assert_eq!(seen, expected);
        // A retry is neither another request of the schedule nor late.
        let rig = &evidence.rig;
        assert_eq!((rig.sent_open, rig.sent_again), (1, 1));
        assert_eq!(rig.lag_max, Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_raw_client_takes_a_refusal_as_its_answer() {
    let gateway = refusing(Some("1500"));
    let evidence = play_with(class("chat"), requests(1, &[0.0]), gateway).await;
    assert_eq!(evidence.observations.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_to_try_again_after_the_end_of_the_run() {
    let gateway = refusing(Some("86400000"));
    let class = retrying(RetryStyle::RetryAfter);
    let evidence = play_with(class, requests(1, &[0.0]), gateway).await;
    assert_eq!(evidence.observations.len(), 1);
    assert_eq!(evidence.rig.faults, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn each_user_keeps_the_cookies_it_was_given() {
    let members = Arc::new(AtomicU64::new(0));
    let gateway = Router::new().fallback(move |request: Request| {
        let members = members.clone();
        async move {
            let sent = request.headers().get("cookie").cloned();
            let member = || members.fetch_add(1, Ordering::Relaxed);
            let cookie = sent.map_or_else(
                || format!("member={}; Path=/; HttpOnly", member()),
                |sent| sent.to_str().unwrap().to_owned(),
            );
            ([("set-cookie", cookie)], "{\"choices\":[{}]}")
        }
    });
    let watching = Class {
        watched_headers: vec!["set-cookie".to_owned()],
        ..class("chat")
    };
    let keeping = Class {
        keeps_cookies: true,
        ..watching.clone()
    };
    let given = |evidence: &ClientEvidence, worker: u32| -> Vec<String> {
        let of_worker = evidence
            .observations
            .iter()
            .filter(|seen| seen.worker == worker);
        of_worker
            .map(|seen| seen.headers["set-cookie"].clone())
            .take(3)
            .collect()
    };
    let evidence = play_with(keeping, users(2), gateway.clone()).await;
    assert_eq!(
        given(&evidence, 0),
        ["member=0; Path=/; HttpOnly", "member=0", "member=0"]
    );
    assert_eq!(
        given(&evidence, 1),
        ["member=1; Path=/; HttpOnly", "member=1", "member=1"]
    );

    let forgetful = play_with(watching, users(1), gateway).await;
    assert!(
        given(&forgetful, 0)
            .iter()
            .all(|cookie| cookie.ends_with("HttpOnly"))
    );
}

fn notebook(users: u32, iterations: u32) -> Load {
    Load::Notebook {
        users: vec![users],
        iterations,
        gap: Duration::from_millis(100),
    }
}

#[tokio::test(start_paused = true)]
async fn a_notebook_makes_its_requests_one_after_the_other_and_no_more() {
    let plan = Plan {
        phases: vec![
            phase("notebook", 0.0, 5.0, notebook(2, 3)),
            phase("load", 5.0, 6.0, users(1)),
        ],
        ..plan()
    };
    let evidence = play(plan, QUARTER).await;
    let of_user = |worker| {
        let of_user = evidence.observations.iter();
        let of_user = of_user.filter(move |seen| seen.worker == worker);
        seconds(of_user.map(|seen| seen.planned))
    };
    // A quarter of a second for the answer, a tenth for the gap; then the next phase, thinking.
    assert_eq!(of_user(0), [0.0, 0.35, 0.7, 5.0]);
    assert_eq!(of_user(1), [0.0, 0.35, 0.7]);
    assert_eq!(evidence.rig.faults, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_notebook_that_does_not_finish_makes_the_rig_invalid() {
    let plan = Plan {
        phases: vec![phase("notebook", 0.0, 1.0, notebook(1, 20))],
        ..plan()
    };
    let evidence = play(plan, QUARTER).await;
    assert_eq!(
        evidence.rig.faults,
        ["The notebook `notebook` ended after 3 of its 20 requests: give it a longer `run_for`."]
    );
}
