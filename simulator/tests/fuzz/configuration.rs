//! Changes of a running simulator, and configuration files.

use axum::body::Body;
use clock::Clock;
use http::{Request, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::config::File;
use simulator::{Simulator, SimulatorConfig};

use crate::support::{Outcome, Rig, SMALL, on_paused_clock};
use crate::values::changed;

/// Changes that are in order, with every key that there is.
fn patches() -> Vec<Value> {
    let lines = include_str!("patches.jsonl").lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

const FILE: &str = r#"
[simulators.a]
listen = "127.0.0.1:8001"
region = "East US"
api_keys = ["k"]
seed = 3
deployments = ["x", "y"]
faults = [{ when = { first = 2 }, play = { status = { code = 503 } } }]

[simulators.b.deployments.z]
like = "x"
tokens_per_minute = 1_000

[deployments.x]
model = "gpt-4o"
limiter = "legacy"
rate_limit_headers = ["remaining", "retry-after"]
latency = { time_to_first_token = "500ms", per_token = { log_normal = { median = "20ms", sigma = 0.5 } } }

[deployments.y]
model = "text-embedding-3-large"
latency = { per_request = { uniform = { from = "1ms", to = "2ms" } } }
"#;

/// A text with some of its lines and words elsewhere, gone, or something else.
fn mangled(text: &'static str) -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "",
        "-1",
        "0",
        "nan",
        "inf",
        "1e400",
        "\"\"",
        "[]",
        "{}",
        "=",
        "\n",
        "\"",
        "[deployments]",
        "like = \"x\"",
        "99999999999999999999",
        "\u{0}",
        "é",
    ]);
    let cut = (any::<prop::sample::Index>(), 0..12usize, words);
    prop::collection::vec(cut, 0..4).prop_map(move |cuts| {
        let mut text: Vec<char> = text.chars().collect();
        for (place, length, word) in cuts {
            let start = place.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, word.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn a_change_is_made_or_refused_with_reasons_and_nothing_between(patch in changed(patches())) {
        on_paused_clock(async {
            let rig = Rig::new(SMALL);
            let before = rig.simulator.control().config();
            let request = Request::patch("/++/config").header("content-type", "application/json");
            let request = request.body(Body::from(patch)).unwrap();
            let Outcome::Answered(status, _, bytes) = rig.send(request).await else {
                return Err(TestCaseError::fail("no answer"));
            };
            if status == StatusCode::OK {
                // What is shown can be sent back, and changes nothing.
                let after = rig.simulator.control().config();
                prop_assert_eq!(rig.simulator.control().patch(&after), Ok(()));
                prop_assert_eq!(rig.simulator.control().config(), after);
            } else {
                prop_assert_eq!(status, StatusCode::BAD_REQUEST);
                let answer: Value = serde_json::from_slice(&bytes).unwrap();
                prop_assert!(answer["error"]["message"].is_string(), "{answer}");
                prop_assert_eq!(rig.simulator.control().config(), before);
            }
            // However it is configured now, requests end or are left, and the books hold.
            for stream in [false, true] {
                let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 5, "stream": stream });
                let request = Request::post("/v1/chat/completions").header("api-key", "key");
                rig.send(request.body(Body::from(body.to_string())).unwrap()).await;
            }
            rig.simulator.ledger().settled().await;
            Ok(())
        })?;
    }

    #[test]
    fn a_file_is_read_or_every_mistake_has_its_line(text in mangled(FILE)) {
        match File::resolve("fuzz.toml", &text) {
            Ok(simulators) => for (name, config) in simulators {
                on_paused_clock(async { Simulator::new(&name, config, Clock::paused(clock::DEFAULT_ANCHOR)).control().config() });
            },
            Err(found) => {
                prop_assert!(!found.0.is_empty());
                prop_assert!(found.to_string().starts_with("fuzz.toml:"));
            }
        }
    }

    #[test]
    fn a_simulator_by_itself_is_read_or_every_mistake_has_its_line(text in mangled(SMALL)) {
        if let Err(found) = text.parse::<SimulatorConfig>() {
            prop_assert!(found.to_string().starts_with("simulator:"), "{found}");
        }
    }
}

#[test]
fn every_change_that_others_are_made_of_is_made() {
    for patch in patches() {
        on_paused_clock(async {
            let changed = Rig::new(SMALL).simulator.control().patch(&patch);
            assert_eq!(changed, Ok(()), "{patch}");
        });
    }
}
