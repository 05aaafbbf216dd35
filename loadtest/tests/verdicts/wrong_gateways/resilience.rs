//! The bugs that users of gateways file, one after the other: each fails the gates that are
//! about it, and no others.

use crate::bugs;
use crate::support::{Experiment, ids};

/// Asks the PTU for every request, and PAYG whenever the PTU fails.
const REMEMBERS_NOTHING: [(&str, &str); 4] = [
    ("gateway.apis.resilience.ignores_breakers", "true"),
    ("gateway.apis.resilience.retry.repick", "false"),
    ("gateway.apis.resilience.retry.to", "\"payg-1\""),
    ("gateway.apis.resilience.retry.budget.at_least", "1000"),
];
const IGNORES_RETRY_AFTER: (&str, &str) =
    ("gateway.backends.ptu-1.breaker.accept_retry_after", "false");
const NEVER_RETRIES: (&str, &str) = ("gateway.apis.resilience.retry.on", "[418]");

/// What fails in the scenario of `resilience` with these values replaced.
fn failures(name: &str, sets: &[(&str, &str)]) -> std::collections::BTreeSet<String> {
    Experiment::with(&format!("resilience/{name}"), sets).failures()
}

/// What fails in the scenario of `resilience` with this between the gateway and `backend`.
fn failures_through(
    name: &str,
    backend: &'static str,
    bug: fn(axum::Router) -> axum::Router,
) -> std::collections::BTreeSet<String> {
    let experiment = Experiment::of(&format!("resilience/{name}"));
    experiment.with_backend(backend, bug).failures()
}

#[test]
fn a_lost_retry_after_brings_clients_back_too_early() {
    for name in [
        "retry-after-reaches-clients",
        "retry-after-reaches-clients#http-date",
    ] {
        let failures = failures_through(name, "payg-1", bugs::losing_retry_after);
        assert_eq!(failures, ids(["RA-1", "RA-2"]), "{name}");
    }
}

#[test]
fn a_reworded_refusal_is_noticed() {
    let failures = failures_through(
        "retry-after-reaches-clients",
        "payg-1",
        bugs::rewording_errors,
    );
    assert_eq!(failures, ids(["RA-3"]));
}

#[test]
fn a_gateway_that_ignores_retry_after_comes_back_when_it_likes() {
    for form in ["", "#milliseconds", "#fraction", "#http-date", "#absurd"] {
        let name = format!("retry-after-forms{form}");
        assert_eq!(
            failures(&name, &[IGNORES_RETRY_AFTER]),
            ids(["RF-2"]),
            "{name}"
        );
    }
    let unreadable = failures(
        "retry-after-forms#unreadable",
        &[("gateway.backends.ptu-1.breaker.trip", "\"2s\"")],
    );
    assert_eq!(unreadable, ids(["RF-2"]));
}

#[test]
fn a_day_of_silence_is_a_lost_backend() {
    let uncapped = (
        "gateway.backends.ptu-1.breaker.max_retry_after",
        "\"86400s\"",
    );
    assert_eq!(
        failures("retry-after-forms#absurd", &[uncapped]),
        ids(["RF-2", "RF-3"])
    );
}

#[test]
fn a_shorter_deadline_that_wins_is_noticed() {
    let failures = failures_through("later-deadline-wins", "ptu-1", bugs::cutting_waits_short);
    assert_eq!(failures, ids(["CD-1", "CD-2"]));
}

#[test]
fn all_throttled_is_no_reason_to_wait_or_to_say_nothing() {
    let unavailable = ("gateway.apis.resilience.exhausted", "\"unavailable\"");
    let nothing_said = [
        "AT-1",
        "AT-2",
        "AT-3",
        "books.server_errors",
        "books.statuses",
    ];
    assert_eq!(failures("all-throttled", &[unavailable]), ids(nothing_said));
    // The pool is not asked again, so the wait of the last backend is told, which is longer.
    let last_word = ("gateway.apis.resilience.retry.count", "1");
    assert_eq!(failures("all-throttled", &[last_word]), ids(["AT-1"]));
    let waits = [
        ("gateway.apis.resilience.retry.honours_retry_after", "true"),
        ("gateway.apis.resilience.retry.on", "[429, \"exhausted\"]"),
    ];
    assert_eq!(failures("all-throttled", &waits), ids(["AT-3"]));
}

#[test]
fn a_full_backend_that_is_asked_for_every_request_is_noticed() {
    assert_eq!(
        failures("no-hit-while-cooling", &REMEMBERS_NOTHING),
        ids(["CD-4", "CD-5"])
    );
    assert_eq!(
        failures("one-throttled-one-healthy", &REMEMBERS_NOTHING),
        ids(["EX-2", "EX-3"])
    );
}

#[test]
fn without_a_second_try_the_client_pays_for_each_probe() {
    assert_eq!(
        failures("one-throttled-one-healthy", &[NEVER_RETRIES]),
        ids(["EX-1", "books.statuses"])
    );
}

#[test]
fn everybody_at_once_after_a_pause_is_a_cliff() {
    let reset = ("gateway.backends.ptu-1.breaker.recovery", "\"reset\"");
    // So many tries fail at once that the budget does not cover their retries.
    let cliff = ["RP-1", "RP-2", "books.server_errors", "books.statuses"];
    assert_eq!(failures("single-probe", &[reset]), ids(cliff));
}

#[test]
fn patience_with_a_silent_backend_is_the_clients_loss() {
    let patient = ("gateway.apis.resilience.forward_timeout", "\"300s\"");
    assert_eq!(
        failures("silent-upstream", &[patient]),
        ids(["TO-1", "TO-2", "TO-3", "TO-4"])
    );
    assert_eq!(
        failures("silent-upstream", &REMEMBERS_NOTHING),
        ids(["TO-4"])
    );
}

#[test]
fn a_flapping_backend_is_neither_hammered_nor_forgotten() {
    assert_eq!(
        failures("flapping-backend", &REMEMBERS_NOTHING),
        ids(["FL-2"])
    );
    let forgotten = ("gateway.backends.ptu-1.breaker.trip", "\"60s\"");
    assert_eq!(
        failures("flapping-backend", &[forgotten]),
        ids(["FL-3", "FL-4", "ptu_failed_each_time"])
    );
}

#[test]
fn layers_of_retries_multiply() {
    assert_eq!(
        failures("amplification", &REMEMBERS_NOTHING),
        ids(["AM-1", "AM-2"])
    );
    let unbounded = ("gateway.apis.resilience.retry.budget.percent", "100");
    assert_eq!(
        failures("retry-budget", &[unbounded]),
        ids(["AM-4", "AM-5"])
    );
}

#[test]
fn a_wrong_request_that_is_tried_again_or_counted_is_noticed() {
    for name in ["client-errors", "client-errors#context-length"] {
        let retries = ("gateway.apis.resilience.retry.on", "[400]");
        assert_eq!(failures(name, &[retries]), ids(["NR-1"]), "{name}");
        let counts = ("gateway.backends.ptu-1.breaker.on", "[400]");
        assert_eq!(
            failures(name, &[counts]),
            ids(["HS-1", "some_were_wrong"]),
            "{name}"
        );
        let reworded = failures_through(name, "ptu-1", bugs::rewording_errors);
        assert_eq!(reworded, ids(["NR-2"]), "{name}");
    }
}

#[test]
fn a_cut_stream_is_neither_hidden_nor_repeated() {
    let hidden = failures_through("cut-stream", "ptu-1", bugs::hiding_cuts);
    assert_eq!(hidden, ids(["ST-1", "ST-3"]));
    let repeated = failures_through("cut-stream", "ptu-1", bugs::repeating_cut_streams);
    assert_eq!(
        repeated,
        ids([
            "ST-1",
            "ST-2",
            "ST-3",
            "books.attempts",
            "books.backend_claims"
        ])
    );
}

#[test]
fn a_stalled_stream_that_is_kept_is_noticed() {
    let patient = ("gateway.apis.resilience.silence_timeout", "\"60s\"");
    assert_eq!(failures("stalled-stream", &[patient]), ids(["ST-5"]));
}

#[test]
fn a_backend_that_is_not_let_go_is_noticed() {
    let stalled = failures_through("stalled-stream", "ptu-1", bugs::reading_on_alone);
    assert_eq!(stalled, ids(["ST-7"]));
    let left = failures_through(
        "stalled-stream#client-gives-up",
        "ptu-1",
        bugs::reading_on_alone,
    );
    assert_eq!(left, ids(["ST-5", "ST-7"]));
    let abort = failures_through("client-abort", "ptu-1", bugs::reading_on_alone);
    assert_eq!(abort, ids(["AB-1", "AB-2"]));
}

#[test]
fn a_gateway_that_stops_at_once_breaks_its_word() {
    let cut = failures_through("drain", "*", bugs::cutting_long_answers);
    assert_eq!(cut, ids(["DR-1", "DR-4", "books.transport"]));
    let deaf = Experiment::of("resilience/drain").without_actions();
    assert_eq!(deaf.failures(), ids(["DR-2", "DR-3"]));
}

#[test]
fn a_reload_that_loses_requests_or_changes_nothing_is_noticed() {
    let (old, new) = bugs::dropping_what_is_in_flight();
    let lost = Experiment::of("resilience/reload").with_backends(move |name, backend| match name {
        "ptu-1" => old(backend),
        "payg-2" => new(backend),
        _ => backend,
    });
    assert_eq!(lost.failures(), ids(["RL-1", "RL-3", "books.transport"]));
    let kept = (
        "actions.exchange.gateway.apis.resilience.balance.pool.members.ptu-1.weight",
        "1",
    );
    assert_eq!(failures("reload", &[kept]), ids(["RL-2", "both_served"]));
}
