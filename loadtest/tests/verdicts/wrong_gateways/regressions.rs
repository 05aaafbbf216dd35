//! The labs' old defects: each fails the gate that has its name.

use super::assert_fails;
use crate::bugs::crashing_at_a_date;
use crate::support::{Experiment, ids};

const POOL: &str = "gateway.apis.backend-pool-load-balancing";

#[test]
fn r1_priorities_that_got_lost() {
    let flat = [2, 3, 4].map(|n| format!("{POOL}.balance.pool.members.foundry{n}.priority"));
    let flat = flat.each_ref().map(|path| (path.as_str(), "1"));
    assert_fails("regressions/priority-kept", &flat, ["R1"]);
}

#[test]
fn r2_a_pool_without_retry() {
    let none = [(&*format!("{POOL}.retry.on"), "['transport']")];
    assert_fails("regressions/tripping-refusal", &none, ["R2"]);
}

#[test]
fn r3_a_retry_on_the_same_backend() {
    let no_repick = [(
        "gateway.preset",
        "labs/backend-pool-load-balancing-no-repick",
    )];
    assert_fails("regressions/repick", &no_repick, ["R3"]);
}

#[test]
fn r4_a_503_that_is_not_retried() {
    let only_429 = [(&*format!("{POOL}.retry.on"), "[429]")];
    assert_fails("regressions/reason-texts", &only_429, ["R4"]);
}

#[test]
fn r5_an_outage_as_long_as_the_trip() {
    let deaf = [1, 2, 3].map(|n| format!("gateway.backends.foundry{n}.breaker.accept_retry_after"));
    let deaf = deaf.each_ref().map(|path| (path.as_str(), "false"));
    assert_fails("regressions/outage-length", &deaf, ["R5"]);
}

#[test]
fn r6_a_crash_at_the_moment_of_fail_over() {
    let balance = "gateway.apis.advanced-load-balancing.balance.by_retry_after";
    // Whoever crashes does not fail over after it.
    let only_429 = [(&*format!("{balance}.on"), "[429]")];
    let crashes = Experiment::with("regressions/retry-after-forms", &only_429)
        .with_backend("openai1", crashing_at_a_date);
    // Its word is not the backend's, either.
    let failures = ["R6", "books.attempts", "books.backend_claims"];
    assert_eq!(crashes.failures(), ids(failures));
}

#[test]
fn r9_two_retries_for_four_backends() {
    let lab = [("gateway.preset", "labs/backend-pool-load-balancing")];
    assert_fails("regressions/three-at-once", &lab, ["R9"]);
}

#[test]
fn r10_marks_that_get_lost() {
    let balance = "gateway.apis.advanced-load-balancing.balance.by_retry_after";
    let lost = ["max_wait", "default_wait"].map(|key| format!("{balance}.{key}"));
    let lost = lost.each_ref().map(|path| (path.as_str(), "100ms"));
    assert_fails("regressions/retry-after-forms", &lost, ["R10"]);
}

#[test]
fn r11_a_breaker_that_is_not_there() {
    let never = [("gateway.backends.openai1.breaker.count", "1000")];
    assert_fails("regressions/breaker-exercised", &never, ["R11"]);
}

#[test]
fn r12_a_story_too_short_for_its_subject() {
    let twice = r#"[{ name = "notebook", iterations = 2, users = { raw = 1 }, run_for = "10s" }]"#;
    let short = [("phases.play", twice)];
    assert_fails("regressions/breaker-exercised", &short, ["R11", "R12"]);
}
