//! What a patch may change, and how it is refused.

use serde_json::json;

use super::*;

fn config() -> SimulatorConfig {
    let section: SimulatorSection = serde_json::from_value(json!({
        "api_keys": ["secret"],
        "deployments": {
            "chat": {
                "model": "gpt-4o",
                "tokens_per_minute": 1_000,
                "latency": { "time_to_first_token": "500ms", "per_token": "20ms" },
            },
        },
    }))
    .unwrap();
    section.resolve("sim", &BTreeMap::new()).unwrap()
}

#[track_caller]
fn refused(patch: &Value) -> String {
    let errors = apply("sim", &config(), patch).unwrap_err();
    let lines = errors.iter().map(|error| {
        let line = error.to_string();
        // The list of keys grows.
        let known = line.split_once(" `like`, ");
        known.map_or(line.clone(), |(before, _)| format!("{before} [KEYS]"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_patch_changes_nothing() {
    assert_eq!(apply("sim", &config(), &json!({})).unwrap(), config());
}

#[test]
fn what_is_shown_can_be_sent_back() {
    assert_eq!(
        apply("sim", &config(), &shown(&config())).unwrap(),
        config()
    );
}

#[test]
fn keys_are_not_shown() {
    assert!(!shown(&config()).to_string().contains("secret"));
}

#[test]
fn one_value_is_changed_and_its_neighbours_stay() {
    let patch = json!({ "deployments": { "chat": { "latency": { "per_token": "100ms" } } } });
    let changed = apply("sim", &config(), &patch).unwrap();
    let expected = Timing::PerToken {
        time_to_first_token: Some(Distribution::constant(Duration::from_millis(500))),
        per_token: Distribution::constant(Duration::from_millis(100)),
    };
    let latency = changed.deployments["chat"].latency.clone().unwrap();
    assert_eq!(latency.timing, expected);
    assert_eq!(
        changed.deployments["chat"].limiter,
        config().deployments["chat"].limiter
    );
    assert_eq!(changed.api_keys, ["secret"]);
}

#[test]
fn null_takes_a_value_back_to_its_default() {
    let patch = json!({ "deployments": { "chat": { "latency": null } } });
    let changed = apply("sim", &config(), &patch).unwrap();
    assert_eq!(changed.deployments["chat"].latency, None);
}

#[test]
fn deployments_come_and_go() {
    let patch = json!({ "deployments": { "chat": null, "new": { "model": "gpt-4.1" } } });
    let changed = apply("sim", &config(), &patch).unwrap();
    assert_eq!(changed.deployments.keys().collect::<Vec<_>>(), ["new"]);
}

#[test]
fn a_bad_patch_is_refused_with_every_reason() {
    let patch = json!({
        "seed": "x",
        "deployments": { "chat": { "tokens_per_minute": 0, "colour": "red" }, "other": 7 },
        "simulator_mode": "record",
    });
    insta::assert_snapshot!(refused(&patch), @r#"
    simulator_mode: expected `generate`, the only mode, found `"record"`
    deployments.chat.tokens_per_minute: invalid value: integer `0`, expected a nonzero u64
    deployments.chat.colour: unknown field `colour`, expected one of [KEYS]
    deployments.other: expected an object, found `7`
    seed: invalid type: string "x", expected u64
    "#);
}

#[test]
fn a_value_is_checked_against_its_neighbours() {
    let patch = json!({ "deployments": { "chat": { "latency": { "per_request": "1s" } } } });
    insta::assert_snapshot!(refused(&patch), @"deployments.chat.latency.per_request: expected either `per_request` or `per_token`, found both; help: remove one of them; in a patch, set it to null");
}

#[test]
fn what_is_no_object_is_refused() {
    insta::assert_snapshot!(refused(&json!([1])), @"expected an object, found `[1]`");
    insta::assert_snapshot!(refused(&json!({ "deployments": [] })), @"deployments: expected an object, found `[]`");
    insta::assert_snapshot!(refused(&json!({ "listen": "127.0.0.1:1" })), @"listen: expected an unchanged `listen` while running");
}

#[test]
fn latencies_of_the_reference_are_changed_one_number_at_a_time() {
    let first =
        json!({ "latency": { "open_ai_chat_completions": { "mean": 19, "std_dev": 6.5 } } });
    let changed = apply("sim", &config(), &first).unwrap();
    let second = json!({ "latency": { "open_ai_chat_completions": { "mean": 0.5 } } });
    let changed = apply("sim", &changed, &second).unwrap();
    let shown = &shown(&changed)["latency"];
    assert_eq!(
        shown["open_ai_chat_completions"],
        json!({ "mean": 0.5, "std_dev": 6.5 })
    );
    assert_eq!(
        shown["open_ai_embeddings"],
        json!({ "mean": 0.0, "std_dev": 0.0 })
    );
    let normal = json!({ "normal": { "mean": "500us", "std_dev": "6500us" } });
    assert_eq!(shown["chat_completions"], json!({ "per_token": normal }));
}

#[test]
fn embeddings_of_the_reference_take_their_time_per_request() {
    let patch = json!({ "latency": { "open_ai_embeddings": { "mean": 100, "std_dev": 30 } } });
    let changed = apply("sim", &config(), &patch).unwrap();
    assert!(matches!(
        changed.latency.embeddings.timing,
        Timing::PerRequest(Distribution::Normal { .. })
    ));
}

#[test]
fn numbers_of_the_reference_are_validated_unlike_there() {
    let mistakes = json!({ "latency": {
        "open_ai_chat_completions": { "mean": "fast" },
        "open_ai_embeddings": { "median": 1 },
        "open_ai_completions": { "mean": -1 },
    } });
    insta::assert_snapshot!(refused(&mistakes), @r#"
    latency.open_ai_embeddings: expected `mean` and `std_dev`, found `median`
    latency.open_ai_completions: expected `mean` in milliseconds, found `-1`
    latency.open_ai_chat_completions: expected `mean` in milliseconds, found `"fast"`
    "#);
}

#[test]
fn a_patch_replaces_all_faults_and_null_removes_them() {
    let fault = |code| json!({ "faults": [{ "play": { "status": { "code": code } } }] });
    let once = apply("sim", &config(), &fault(503)).unwrap();
    let twice = apply("sim", &once, &fault(429)).unwrap();
    assert_eq!(
        twice.faults,
        apply("sim", &config(), &fault(429)).unwrap().faults
    );
    let stopped = apply("sim", &twice, &json!({ "stopped": true })).unwrap();
    assert_eq!(stopped.faults, twice.faults);
    assert_eq!(
        apply("sim", &twice, &json!({ "faults": null })).unwrap(),
        config()
    );
    assert_eq!(apply("sim", &twice, &shown(&twice)).unwrap(), twice);
}

#[test]
fn a_wrong_fault_in_a_patch_is_told_with_its_place() {
    insta::assert_snapshot!(refused(&json!({ "faults": [{ "play": "explode" }] })), @"faults: unknown variant `explode`, expected one of `status`, `delay`, `silence`, `refused`, `reset`, `cut`, `stall`, `slow_headers`, `truncated`, `malformed`, `error`, `duplicate`, `no_usage`, `no_done`, `content_type`, `slow_body`");
    insta::assert_snapshot!(refused(&json!({ "faults": [
        { "play": "silence" },
        { "when": { "deployment": "chap" }, "play": "silence" },
    ] })), @"faults.1.when.deployment: simulator `sim` has no deployment `chap`");
}
