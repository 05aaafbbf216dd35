//! Which backends requests go to.

use futures::future::join_all;

use crate::support::{Reply, Rig, chat, preset_config};

/// Which backend served each request, in order of arrival.
fn serving(rig: &Rig) -> Vec<String> {
    rig.log().into_iter().filter_map(|e| e.backend).collect()
}

fn count(backends: &[String], name: &str) -> usize {
    backends.iter().filter(|&backend| backend == name).count()
}

#[tokio::test(start_paused = true)]
async fn simple_round_robin_alternates_from_the_second_backend() {
    let rig = Rig::healthy(preset_config("load-balancing/simple"));
    for _ in 0..5 {
        rig.chat("/round-robin-simple/openai/x").await;
    }
    let turns = ["payg-2", "payg-1", "payg-2", "payg-1", "payg-2"];
    assert_eq!(serving(&rig), turns);
}

#[tokio::test(start_paused = true)]
async fn simple_round_robin_splits_concurrent_requests_evenly() {
    let rig = Rig::healthy(preset_config("load-balancing/simple"));
    join_all((0..101).map(|_| rig.chat("/round-robin-simple/openai/x"))).await;
    let served = serving(&rig);
    assert_eq!(count(&served, "payg-1"), 50);
    assert_eq!(count(&served, "payg-2"), 51);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_is_refused_takes_nobodys_turn() {
    let rig = Rig::healthy(preset_config("load-balancing/simple"));
    for key in [
        "wrong",
        "subscription-key-one",
        "wrong",
        "subscription-key-one",
    ] {
        let mut request = chat("/round-robin-simple/openai/x");
        request
            .headers_mut()
            .insert("api-key", key.parse().unwrap());
        rig.call(request).await;
    }
    assert_eq!(serving(&rig), ["payg-2", "payg-1"]);
}

#[tokio::test(start_paused = true)]
async fn smooth_weights_are_met_in_any_three_consecutive_requests() {
    let rig = Rig::healthy(preset_config("load-balancing/weighted-smooth"));
    for _ in 0..30 {
        rig.chat("/round-robin-weighted-smooth/openai/x").await;
    }
    for window in serving(&rig).windows(3) {
        assert_eq!(count(window, "payg-1"), 2, "{window:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn random_weights_are_met_on_average() {
    let rig = Rig::healthy(preset_config("load-balancing/weighted"));
    for _ in 0..2_000 {
        rig.chat("/round-robin-weighted/openai/x").await;
    }
    // 1333.3 ± 4·sqrt(2000·2/9) = 1333.3 ± 84.3.
    let first = count(&serving(&rig), "payg-1");
    assert!((1_249..=1_417).contains(&first), "{first}");
}

#[tokio::test(start_paused = true)]
async fn a_named_request_draws_the_same_backend_in_every_run() {
    let mut runs = Vec::new();
    for order in [[1, 2, 3, 4, 5, 6, 7, 8], [8, 7, 6, 5, 4, 3, 2, 1]] {
        let rig = Rig::healthy(preset_config("load-balancing/weighted"));
        for n in order {
            let mut request = chat("/round-robin-weighted/openai/x");
            let id = format!("run-{n}-0").parse().unwrap();
            request.headers_mut().insert("x-request-id", id);
            rig.call(request).await;
        }
        let mut drawn: Vec<_> = rig
            .log()
            .into_iter()
            .map(|entry| (entry.request_id, entry.backend))
            .collect();
        drawn.sort();
        runs.push(drawn);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(start_paused = true)]
async fn a_refusing_backend_keeps_its_turns() {
    let rig = Rig::new(preset_config("load-balancing/simple"), |request| {
        let is_full = request.backend == "payg-1";
        if is_full {
            Reply::Full(&[])
        } else {
            Reply::Status(200)
        }
    });
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let answer = rig.chat("/round-robin-simple/openai/x").await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 429, 200, 429]);
}

#[tokio::test(start_paused = true)]
async fn responses_name_the_backend_in_both_vocabularies() {
    let rig = Rig::new(preset_config("toolkit"), |_| Reply::Full(&[]));
    // Not an error of the gateway: outbound policies run for a refusal that is passed on.
    let answer = rig.chat("/round-robin-simple/openai/x").await;
    assert_eq!(answer.header("x-gw-backend"), "payg-2");
    assert_eq!(answer.header("x-gw-attempts"), "payg-2:429");
    assert_eq!(answer.header("x-apim-backend"), "payg-backend-2");

    let answer = rig.chat("/forward/openai/x").await;
    assert_eq!(answer.header("x-gw-backend"), "payg-1");
    assert_eq!(answer.header("x-apim-backend"), "");
}
