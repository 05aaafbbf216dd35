//! What scenarios of the simulator itself notice: gateways that mend or break what is odd, and
//! services or clients that do not do as they say.

use super::assert_fails;
use crate::bugs;
use crate::support::{Experiment, ids};

/// What fails in `stream-faults/client-kinds` with this between gateway and simulator.
fn kinds_through(bug: fn(axum::Router) -> axum::Router) -> std::collections::BTreeSet<String> {
    let experiment = Experiment::of("stream-faults/client-kinds");
    experiment.with_backend("payg-1", bug).failures()
}

#[test]
fn a_gateway_that_mends_what_is_broken_is_noticed() {
    let hidden = kinds_through(bugs::hiding_cuts);
    assert_eq!(hidden, ids(["SF-1", "SF-6", "SF-8"]));
    let ended = kinds_through(bugs::ending_every_stream);
    assert_eq!(ended, ids(["SF-2", "SF-8"]));
    let repeated = kinds_through(bugs::repeating_cut_streams);
    assert_eq!(
        repeated,
        ids([
            "SF-6",
            "books.attempts",
            "books.backend_claims",
            "books.tokens"
        ])
    );
}

#[test]
fn a_gateway_that_refuses_what_it_cannot_read_is_noticed() {
    let refused = [
        "SF-3",
        "SF-6",
        "books.attempts",
        "books.backend_claims",
        "books.server_errors",
        "books.statuses",
    ];
    assert_eq!(kinds_through(bugs::refusing_what_is_no_json), ids(refused));
}

#[test]
fn a_fault_that_is_not_what_it_says_is_noticed() {
    let fails = |action: &str, play: &str, gates: &[&str]| {
        let fault = format!("[{{ when = {{ deployment = 'shaky' }}, play = {play} }}]");
        let path = format!("actions.{action}.simulators.payg-1.faults");
        let experiment = Experiment::with("stream-faults/client-kinds", &[(&path, &fault)]);
        assert_eq!(
            experiment.failures(),
            gates.iter().map(ToString::to_string).collect(),
            "{action}"
        );
    };
    let in_one_go = "{ slow_body = { bytes = 4000, every = '100ms' } }";
    fails("slow", in_one_go, &["SF-5"]);
    let twice = "{ duplicate = { after_tokens = 5 } }";
    fails("no-usage", twice, &["SF-4", "streams_met_each_fault"]);
    let everybody = [(
        "actions.error.simulators.payg-1.faults",
        "[{ play = { error = { after_tokens = 5 } } }]",
    )];
    assert_fails("stream-faults/client-kinds", &everybody, ["SF-7"]);
}

#[test]
fn a_wait_in_another_form_is_noticed() {
    for (style, how, gates) in [
        ("seconds", "retry_after = '3s'", &["RS-1", "RS-3"][..]),
        (
            "ms",
            "retry_after = '2500ms', retry_after_style = 'ms'",
            &["RS-1", "RS-4"],
        ),
        ("both", "headers = { retry-after = '4' }", &["RS-1", "RS-5"]),
        (
            "http-date",
            "retry_after = '500ms', retry_after_style = 'http-date'",
            &["RS-6"],
        ),
        ("none", "retry_after = '2s'", &["RS-7"]),
        ("over-60", "retry_after = '60s'", &["RS-1", "RS-8", "RS-10"]),
    ] {
        let fault = format!(
            "[{{ when = {{ first = 3 }}, play = {{ status = {{ code = 429, {how} }} }} }}]"
        );
        let path = format!("actions.{style}.simulators.azure.faults");
        let experiment = Experiment::with("baseline/retry-after-styles", &[(&path, &fault)]);
        assert_eq!(
            experiment.failures(),
            gates.iter().map(ToString::to_string).collect(),
            "{style}"
        );
    }
}

#[test]
fn a_client_with_other_rules_is_noticed() {
    let styles = "baseline/retry-after-styles";
    let node = [("clients.python.retries", "'openai-node'")];
    assert_fails(styles, &node, ["RS-8", "RS-9", "RS-10"]);
    let python = [("clients.node.retries", "'openai-python'")];
    assert_fails(styles, &python, ["RS-8", "RS-10"]);
    let never = [("clients.python.max_retries", "0")];
    let waits = ["RS-2", "RS-3", "RS-4", "RS-5", "RS-6", "RS-7", "RS-8"];
    assert_fails(styles, &never, waits);
}

#[test]
fn a_full_ptu_that_is_no_ptu_or_costs_an_answer_is_noticed() {
    let name = "provisioned/spill";
    let never = [("gateway.apis.resilience.retry.on", "[418]")];
    assert_fails(name, &never, ["PU-1", "PU-3", "PU-4", "books.statuses"]);
    let deaf = [("gateway.backends.ptu-1.breaker.accept_retry_after", "false")];
    assert_fails(name, &deaf, ["PU-5", "ptu_was_full"]);
    let forgets = [
        ("gateway.apis.resilience.ignores_breakers", "true"),
        ("gateway.apis.resilience.retry.repick", "false"),
        ("gateway.apis.resilience.retry.to", "'payg-1'"),
        ("gateway.apis.resilience.retry.budget.at_least", "1000"),
    ];
    assert_fails(name, &forgets, ["PU-6"]);
    let flat = "gateway.apis.resilience.balance.pool.members.payg-1.priority";
    let without_preference = [
        "PU-2",
        "PU-3",
        "PU-4",
        "PU-7",
        "ptu_said_so",
        "ptu_was_full",
    ];
    assert_fails(name, &[(flat, "1")], without_preference);
    let large = [("simulators.ptu-1.deployments.gpt-4o.ptus", "60")];
    let never_full = ["PU-3", "PU-4", "ptu_said_so", "ptu_was_full"];
    assert_fails(name, &large, never_full);
    let small = [("simulators.ptu-1.deployments.gpt-4o.ptus", "5")];
    assert_fails(name, &small, ["PU-3", "PU-5", "PU-7"]);
}

#[test]
fn a_service_that_spills_over_says_so() {
    let name = "provisioned/spillover";
    let large = [("simulators.azure.deployments.gpt-4o.ptus", "60")];
    assert_fails(name, &large, ["SO-3", "SO-5", "it_spilled"]);
    let small = [("simulators.azure.deployments.gpt-4o.ptus", "5")];
    assert_fails(name, &small, ["SO-2", "SO-3"]);
    let standard = "simulators.azure.deployments.gpt-4o-standard.tokens_per_minute";
    let both_full = ["SO-1", "SO-3", "books.statuses", "it_spilled"];
    assert_fails(name, &[(standard, "2000")], both_full);
    let hidden = Experiment::of(name).with_backend("azure", bugs::hiding_spillover);
    assert_eq!(hidden.failures(), ids(["SO-3", "SO-4", "SO-5"]));
}
