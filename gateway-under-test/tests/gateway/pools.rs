//! The reference's pools and labs: golden sequences, in virtual time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use clock::Moment;
use gateway_under_test::GatewayConfig;

use crate::support::{Answer, Received, Reply, Rig, preset_config};

const LAB: &str = "labs/backend-pool-load-balancing";
const PATH: &str = "/openai/deployments/gpt/chat/completions";

/// Sends `n` chats to `path`, one after the other, `gap` after each answer.
async fn calls(rig: &Rig, path: &str, n: usize, gap: Duration) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..n {
        answers.push(rig.chat(path).await);
        rig.clock.sleep_until(rig.clock.now() + gap).await;
    }
    answers
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect()
}

/// The last character of the name of each serving backend, `-` where the gateway answered.
fn served(answers: &[Answer]) -> String {
    let last = |answer: &Answer| answer.header("x-gw-backend").chars().last().unwrap_or('-');
    answers.iter().map(last).collect()
}

/// Answers 200 ten times a minute, then 429 with the rest of the minute.
fn ten_per_minute() -> impl Fn(&Received) -> Reply + Send + Sync + 'static {
    let admitted: Mutex<BTreeMap<String, u32>> = Mutex::default();
    move |request| {
        let mut admitted = admitted.lock().unwrap();
        let count = admitted.entry(request.backend.clone()).or_default();
        *count += 1;
        match *count {
            ..=10 => Reply::Status(200),
            _ => Reply::Full(&[("retry-after", "58")]),
        }
    }
}

/// Always 429 from backends whose name ends in one of `full`, 200 from the others.
fn full(full: &'static [char], headers: &'static [(&str, &str)]) -> impl Fn(&Received) -> Reply {
    move |request| {
        if request.backend.ends_with(full) {
            Reply::Full(headers)
        } else {
            Reply::Status(200)
        }
    }
}

const QUICK: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn the_pool_labs_notebook_is_served_ten_five_five_and_none() {
    let rig = Rig::new(preset_config(LAB), ten_per_minute());
    let answers = calls(&rig, PATH, 20, QUICK).await;
    assert_eq!(statuses(&answers), [200; 20]);
    assert_eq!(served(&answers), "11111111112323232323");
    assert_eq!(rig.received().len(), 21);
    assert_eq!(
        answers[10].header("x-gw-attempts"),
        "foundry1:429, foundry2:200"
    );
    let log = rig.log();
    let trips = log
        .iter()
        .flat_map(|entry| &entry.attempts)
        .filter(|a| a.tripped);
    assert_eq!(trips.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_picking_again_the_eleventh_call_gets_the_429() {
    let rig = Rig::new(preset_config(&format!("{LAB}-no-repick")), ten_per_minute());
    let answers = calls(&rig, PATH, 20, QUICK).await;
    assert_eq!(served(&answers), "11111111111232323232");
    let refused: Vec<_> = (0..20).filter(|&n| answers[n].status == 429).collect();
    assert_eq!(refused, [10]);
}

#[tokio::test(start_paused = true)]
async fn two_retries_do_not_reach_the_fourth_backend_and_three_do() {
    for (preset, expected) in [(LAB.to_owned(), 429), (format!("{LAB}-fixed"), 200)] {
        let rig = Rig::new(preset_config(&preset), full(&['1', '2', '3'], &[]));
        let answers = calls(&rig, PATH, 2, QUICK).await;
        assert_eq!(statuses(&answers), [expected, 200], "{preset}");
        assert_eq!(served(&answers[1..]), "4");
    }
}

#[tokio::test(start_paused = true)]
async fn when_all_are_open_the_gateway_says_503_and_nothing_of_the_pool() {
    let rig = Rig::new(preset_config(&format!("{LAB}-fixed")), |_| Reply::Full(&[]));
    calls(&rig, PATH, 1, QUICK).await;
    let [answer] = calls(&rig, PATH, 1, QUICK).await.try_into().unwrap();
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.text(),
        r#"{ "statusCode": 503, "message": "Service unavailable" }"#
    );
    assert_eq!(answer.header("x-gw-source"), "gateway");
    assert_eq!(answer.header("retry-after"), "");
    assert_eq!(rig.received().len(), 4);
    assert_eq!(rig.log()[1].refusal.as_deref(), Some("pool-exhausted"));
}

#[tokio::test(start_paused = true)]
async fn the_seed_of_the_pool_lab_shows_three_refusals_between_successes() {
    let mut config = preset_config(&format!("{LAB}-seed"));
    set(
        &mut config,
        "balance.pool.members = { openai1 = {}, openai2 = {} }",
    );
    let rig = Rig::new(config, full(&['1'], &[]));
    let answers = calls(&rig, PATH, 15, QUICK).await;
    let alternating = [429, 200, 429, 200, 429];
    assert_eq!(statuses(&answers), [&alternating[..], &[200; 10]].concat());
    assert_eq!(
        rig.received()
            .iter()
            .filter(|r| r.backend == "openai1")
            .count(),
        3
    );
}

/// Replaces the policy of the only API of `config` by what `balance` says.
fn set(config: &mut GatewayConfig, balance: &str) {
    let text = format!("[apis.x]\nprefix = \"/\"\n{balance}");
    let mut other = GatewayConfig::parse("balance.toml", &text).unwrap();
    let balance = other.apis.remove("x").unwrap().balance;
    config
        .apis
        .values_mut()
        .for_each(|api| api.balance = balance.clone());
}

#[tokio::test(start_paused = true)]
async fn the_circuit_lab_calls_its_backend_three_times() {
    let rig = Rig::new(preset_config("labs/backend-circuit-breaking"), |_| {
        Reply::Full(&[])
    });
    let answers = calls(&rig, PATH, 10, Duration::ZERO).await;
    assert_eq!(
        statuses(&answers),
        [[429; 3].as_slice(), &[503; 7]].concat()
    );
    assert_eq!(rig.received().len(), 3);
    let tripped: Vec<_> = rig.log()[..3]
        .iter()
        .map(|e| e.attempts[0].tripped)
        .collect();
    assert_eq!(tripped, [false, false, true]);
    assert_eq!(rig.log()[3].refusal.as_deref(), Some("breaker-open"));
    assert_eq!(answers[3].header("x-gw-attempts"), "");
}

#[tokio::test(start_paused = true)]
async fn the_circuit_lab_trips_every_eighth_call_at_one_in_ten_seconds() {
    let rig = Rig::new(preset_config("labs/backend-circuit-breaking"), |_| {
        Reply::Full(&[])
    });
    let answers = calls(&rig, PATH, 16, Duration::from_secs(10)).await;
    let period = [429, 429, 429, 503, 503, 503, 503, 503];
    assert_eq!(statuses(&answers), [period, period].concat());
}

#[tokio::test(start_paused = true)]
async fn the_recorded_fail_over_moves_away_for_half_a_minute() {
    // The recorded run: one call is served, the next finds the first backend full.
    let decide = |request: &Received| {
        let has_room = request.at < Moment::ZERO + Duration::from_secs(1)
            || request.at > Moment::ZERO + Duration::from_secs(30);
        match request.backend.as_str() {
            "backend1" if !has_room => Reply::Full(&[]),
            _ => Reply::Status(200),
        }
    };
    for (preset, tripping, by) in [
        ("lazauk", 503, "1-22222221"),
        ("lazauk-documented", 429, "1122222221"),
    ] {
        let rig = Rig::new(preset_config(&format!("pool-failover/{preset}")), decide);
        let answers = calls(&rig, PATH, 10, Duration::from_millis(3_800)).await;
        let expected = [&[200, tripping][..], &[200; 8]].concat();
        assert_eq!(statuses(&answers), expected);
        assert_eq!(served(&answers), by);
        assert_eq!(rig.log()[1].attempts[0].status, Some(429));
        assert!(rig.log()[1].attempts[0].tripped);
    }
}

#[tokio::test(start_paused = true)]
async fn the_landing_zones_pool_shares_one_to_three() {
    let path = "/simple-priority-weighted/openai/x";
    let rig = Rig::healthy(preset_config("landing-zone/priority-weighted"));
    calls(&rig, path, 40, QUICK).await;
    let count = |name: &str| rig.received().iter().filter(|r| r.backend == name).count();
    assert_eq!(["ptu-1", "payg-1", "payg-2"].map(count), [10, 0, 30]);
}

#[tokio::test(start_paused = true)]
async fn the_landing_zones_callers_see_no_429_while_anybody_is_free() {
    let path = "/simple-priority-weighted/openai/x";
    let preset = || preset_config("landing-zone/priority-weighted");
    let rig = Rig::new(preset(), |request| match request.backend.as_str() {
        "payg-1" => Reply::Status(200),
        _ => Reply::Full(&[]),
    });
    let answers = calls(&rig, path, 5, QUICK).await;
    assert_eq!(statuses(&answers), [200; 5]);
    assert_eq!(rig.received().len(), 7);

    let rig = Rig::new(preset(), |_| Reply::Full(&[]));
    let answers = calls(&rig, path, 2, QUICK).await;
    // The first finds all three full and then nobody; a 503 is not retried.
    assert_eq!(statuses(&answers), [503, 503]);
    assert_eq!(rig.received().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_spike_opens_the_ptus_breaker_and_the_rest_goes_to_payg() {
    let path = "/retry-with-payg-v2/openai/x";
    let rig = Rig::new(
        preset_config("manage-spikes-with-payg/breaker"),
        |request| match request.backend.as_str() {
            "ptu-1" => Reply::Full(&[("retry-after", "1")]),
            _ => Reply::Status(200),
        },
    );
    let answers = calls(&rig, path, 64, Duration::from_secs(1)).await;
    // Three trip it at 0, 1 and 2 s; a minute after the third it is asked again.
    let expected = [&[429; 3][..], &[200; 59], &[429; 2]].concat();
    assert_eq!(statuses(&answers), expected);
}

#[tokio::test(start_paused = true)]
async fn with_a_retry_no_caller_sees_what_opened_the_breaker() {
    let path = "/retry-with-payg-v2/openai/x";
    let rig = Rig::new(
        preset_config("manage-spikes-with-payg/breaker-with-retry"),
        |request| match request.backend.as_str() {
            "ptu-1" => Reply::Full(&[]),
            _ => Reply::Status(200),
        },
    );
    let [answer] = calls(&rig, path, 1, QUICK).await.try_into().unwrap();
    let attempts = "ptu-1:429, ptu-1:429, ptu-1:429, payg-1:200";
    assert_eq!(answer.header("x-gw-attempts"), attempts);
}

#[tokio::test(start_paused = true)]
async fn the_genai_gateways_breakers_open_on_server_errors_only() {
    let path = "/myAPI/openai/x";
    let preset = || preset_config("genai-gateway-apim/round-robin");
    let rig = Rig::new(preset(), full(&['1'], &[]));
    let answers = calls(&rig, path, 20, QUICK).await;
    assert_eq!(served(&answers), "12".repeat(10));
    let rig = Rig::new(preset(), |request| match request.backend.as_str() {
        "backend1" => Reply::Status(500),
        _ => Reply::Status(200),
    });
    let answers = calls(&rig, path, 10, QUICK).await;
    assert_eq!(served(&answers), "1212122222");
}

#[tokio::test(start_paused = true)]
async fn all_of_the_toolkits_v2_apis_stand_side_by_side() {
    let rig = Rig::new(preset_config("toolkit"), |request| {
        match request.backend.as_str() {
            "ptu-1" => Reply::Full(&[]),
            _ => Reply::Status(200),
        }
    });
    let v2 = calls(&rig, "/retry-with-payg-v2/openai/x", 4, QUICK).await;
    assert_eq!(statuses(&v2), [429, 429, 429, 200]);
    // The API that knows no breaker still asks the PTU first.
    let v1 = rig.chat("/retry-with-payg/openai/x").await;
    assert_eq!(v1.header("x-gw-attempts"), "ptu-1:429, payg-1:200");
    let turns = calls(&rig, "/round-robin-weighted-v2/openai/x", 6, QUICK).await;
    assert_eq!(served(&turns), "121121");
}

#[tokio::test(start_paused = true)]
async fn the_advanced_lab_asks_a_full_backend_every_ten_seconds() {
    let rig = Rig::new(
        preset_config("labs/advanced-load-balancing"),
        full(&['1'], &[]),
    );
    let answers = calls(&rig, PATH, 35, Duration::from_secs(1)).await;
    assert_eq!(statuses(&answers), [200; 35]);
    let received = rig.received();
    let first = received.iter().filter(|r| r.backend == "openai1");
    let asked: Vec<_> = first.map(|r| r.at.as_micros() / 1_000_000).collect();
    assert_eq!(asked, [0, 10, 20, 30]);
}

#[tokio::test(start_paused = true)]
async fn the_advanced_lab_asks_its_first_backend_when_all_are_out() {
    let rig = Rig::new(preset_config("labs/advanced-load-balancing"), |_| {
        Reply::Full(&[])
    });
    let answers = calls(&rig, PATH, 3, QUICK).await;
    assert_eq!(statuses(&answers), [429; 3]);
    let attempts: Vec<_> = rig.log().iter().map(|entry| entry.attempts.len()).collect();
    assert_eq!(attempts, [3, 1, 1]);
    assert_eq!(served(&answers[1..]), "11");
}

#[tokio::test(start_paused = true)]
async fn when_all_are_out_nobody_is_asked_and_the_least_wait_is_told() {
    let rig = Rig::new(
        preset_config("labs/advanced-load-balancing-fixed"),
        |request| match request.backend.as_str() {
            "openai1" => Reply::Full(&[("retry-after", "20")]),
            "openai2" => Reply::Full(&[("retry-after-ms", "7300")]),
            _ => Reply::Fails(std::io::ErrorKind::ConnectionRefused),
        },
    );
    let answers = calls(&rig, PATH, 2, QUICK).await;
    assert_eq!(rig.received().len(), 3);
    for (answer, millis) in answers.iter().zip(["7300", "7200"]) {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), "8");
        assert_eq!(answer.header("retry-after-ms"), millis);
        assert_eq!(answer.header("x-gw-source"), "gateway");
    }
    assert_eq!(rig.log()[1].retry_after_ms, Some(7_200));
    assert_eq!(rig.log()[1].refusal.as_deref(), Some("pool-exhausted"));
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_when_told_is_served() {
    let opens = Moment::ZERO + Duration::from_secs(3);
    let preset = preset_config("smart-load-balancing/priority");
    let rig = Rig::new(preset, move |request| {
        if request.at < opens {
            Reply::Full(&[("retry-after-ms", "3000")])
        } else {
            Reply::Status(200)
        }
    });
    let refused = rig.chat(PATH).await;
    assert_eq!(refused.header("retry-after-ms"), "3000");
    rig.clock
        .sleep_until(Moment::ZERO + Duration::from_secs(3))
        .await;
    assert_eq!(rig.chat(PATH).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_date_a_fraction_or_a_wait_of_a_day_crash_nothing() {
    for (header, still_out_s, back_s) in [
        ("Thu, 01 Jan 2026 00:00:07 GMT", 6, 7),
        ("6.5", 6, 7),
        ("86400", 3_599, 3_600),
        ("soon", 9, 10),
    ] {
        let header: &'static [_] = Box::leak(Box::new([("retry-after", header)]));
        let preset = preset_config("labs/advanced-load-balancing-fixed");
        let rig = Rig::new(preset, full(&['1'], header));
        for (at_s, times_asked) in [(0, 1), (still_out_s, 1), (back_s, 2)] {
            let at = Moment::ZERO + Duration::from_secs(at_s);
            rig.clock.sleep_until(at).await;
            assert_eq!(rig.chat(PATH).await.status, 200);
            let received = rig.received();
            let asked = received.iter().filter(|r| r.backend == "openai1");
            assert_eq!(asked.count(), times_asked, "{header:?} at {at}");
        }
    }
}
