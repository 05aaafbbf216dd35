//! Wrong gateways: each scenario notices each of them, by exactly the gates that are meant to.
//!
//! A gate that nothing can fail proves nothing, and a gate that fails with everything explains
//! nothing. So each test names the whole set of what fails.

mod labs;
mod latency_routing;
mod pools;
mod priority;
mod regressions;
mod resilience;
mod services;
mod simulators;
mod smart_load_balancing;
mod tenants;
mod throttling;
mod token_limit;
mod usage;

use gateway_under_test::config::{BalanceConfig, Condition};
use loadtest::topology::GatewayConfig;

use crate::support::{
    Experiment, ids, with_answer_twice, with_clients_key, without_body, without_log_line,
};

/// Plays the scenario with these values replaced: exactly `gates` fail.
fn assert_fails<const N: usize>(name: &str, sets: &[(&str, &str)], gates: [&str; N]) {
    let failures = Experiment::with(name, sets).failures();
    assert_eq!(failures, ids(gates), "{name} with {sets:?}");
}

/// Every scenario with a gateway.
const THROUGH_A_GATEWAY: [&str; 18] = [
    "genai-gateway-apim/round-robin",
    "landing-zone/priority-weighted",
    "load-balancing/failing-backend#breaker",
    "load-balancing/simple",
    "load-balancing/weighted",
    "load-balancing/weighted#smooth",
    "load-balancing/weighted#arbitrary",
    "manage-spikes-with-payg/breaker",
    "manage-spikes-with-payg/breaker-both-open",
    "manage-spikes-with-payg/breaker-with-retry",
    "manage-spikes-with-payg/landing-zone",
    "manage-spikes-with-payg/retry",
    "manage-spikes-with-payg/retry-first-fast",
    "manage-spikes-with-payg/retry-payg-saturated",
    "manage-spikes-with-payg/retry-ptu-error",
    "manage-spikes-with-payg/retry-ptu-timeout",
    "pool-failover/failover",
    "request-forwarding/transparent",
];

fn stuck_on_payg_1(config: &mut GatewayConfig) {
    for api in config.apis.values_mut() {
        api.balance = BalanceConfig::Single("payg-1".to_owned());
    }
}

fn with_weights_swapped(config: &mut GatewayConfig) {
    for api in config.apis.values_mut() {
        let (BalanceConfig::WeightedRandom { weights } | BalanceConfig::SmoothWeighted { weights }) =
            &mut api.balance
        else {
            panic!("the scenario's gateway has no weights");
        };
        let (one, two) = (weights["payg-1"], weights["payg-2"]);
        weights.extend([("payg-1".to_owned(), two), ("payg-2".to_owned(), one)]);
    }
}

fn without_retry(config: &mut GatewayConfig) {
    for api in config.apis.values_mut() {
        api.retry = None;
    }
}

fn retrying_onto_the_ptu(config: &mut GatewayConfig) {
    for retry in config
        .apis
        .values_mut()
        .filter_map(|api| api.retry.as_mut())
    {
        retry.to = Some("ptu-1".to_owned());
    }
}

fn retrying_after_timeouts(config: &mut GatewayConfig) {
    for retry in config
        .apis
        .values_mut()
        .filter_map(|api| api.retry.as_mut())
    {
        retry.on.push(Condition::Transport);
    }
}

#[test]
fn a_line_missing_from_the_access_log_keeps_the_books_open() {
    for name in THROUGH_A_GATEWAY {
        let failures = Experiment::of(name)
            .with_evidence(without_log_line)
            .failures();
        assert_eq!(
            failures,
            ids(["books.attempts", "books.requests"]),
            "{name}"
        );
    }
}

#[test]
fn a_response_counted_twice_keeps_the_books_open() {
    for name in THROUGH_A_GATEWAY {
        let failures = Experiment::of(name)
            .with_evidence(with_answer_twice)
            .failures();
        assert_eq!(failures, ids(["books.requests"]), "{name}");
    }
}

#[test]
fn a_gateway_stuck_on_one_backend_balances_nothing() {
    let simple = Experiment::of("load-balancing/simple").with_gateway(stuck_on_payg_1);
    assert_eq!(
        simple.failures(),
        ids(["RR-2", "RR-3", "RR-4", "both_served"])
    );
    let weighted = Experiment::of("load-balancing/weighted").with_gateway(stuck_on_payg_1);
    assert_eq!(weighted.failures(), ids(["W-1", "both_served"]));
    let smooth = Experiment::of("load-balancing/weighted#smooth").with_gateway(stuck_on_payg_1);
    assert_eq!(smooth.failures(), ids(["W-2", "both_served"]));
    let arbitrary =
        Experiment::of("load-balancing/weighted#arbitrary").with_gateway(stuck_on_payg_1);
    assert_eq!(arbitrary.failures(), ids(["W-3", "both_served"]));
}

#[test]
fn a_gateway_that_never_asks_the_ptu_does_not_use_what_is_paid_for() {
    let retry = Experiment::of("manage-spikes-with-payg/retry").with_gateway(stuck_on_payg_1);
    // Nothing is refused, so nothing is retried: no gate about the spill has its samples.
    let everything_about_the_ptu = [
        "SP1-1",
        "SP1-2",
        "SP1-3",
        "SP1-4",
        "SP1-5",
        "SP1-9",
        "ptu_was_full",
    ];
    assert_eq!(retry.failures(), ids(everything_about_the_ptu));
    let saturated = Experiment::of("manage-spikes-with-payg/retry-payg-saturated")
        .with_gateway(stuck_on_payg_1);
    assert_eq!(
        saturated.failures(),
        ids(["SP1-6-attempts", "SP1-6-ptu-once"])
    );
    let timeout =
        Experiment::of("manage-spikes-with-payg/retry-ptu-timeout").with_gateway(stuck_on_payg_1);
    assert_eq!(
        timeout.failures(),
        ids(["SP1-1", "SP1-7", "SP1-7-wait", "gateway_gave_up"])
    );
}

#[test]
fn swapped_weights_are_noticed() {
    for (name, gate) in [
        ("load-balancing/weighted", "W-1"),
        ("load-balancing/weighted#smooth", "W-2"),
        ("load-balancing/weighted#arbitrary", "W-3"),
    ] {
        let failures = Experiment::of(name)
            .with_gateway(with_weights_swapped)
            .failures();
        assert_eq!(failures, ids([gate]), "{name}");
    }
}

#[test]
fn without_retry_a_full_ptu_is_the_clients_problem() {
    let retry = Experiment::of("manage-spikes-with-payg/retry").with_gateway(without_retry);
    assert_eq!(
        retry.failures(),
        ids(["SP1-3", "SP1-4", "SP1-5", "books.statuses", "payg_served"])
    );
    let saturated =
        Experiment::of("manage-spikes-with-payg/retry-payg-saturated").with_gateway(without_retry);
    assert_eq!(saturated.failures(), ids(["SP1-6-attempts", "SP1-6-wait"]));
}

#[test]
fn a_retry_onto_the_full_ptu_helps_nobody() {
    let retry = Experiment::of("manage-spikes-with-payg/retry").with_gateway(retrying_onto_the_ptu);
    assert_eq!(
        retry.failures(),
        ids(["SP1-3", "SP1-4", "SP1-5", "books.statuses", "payg_served"])
    );
    let saturated = Experiment::of("manage-spikes-with-payg/retry-payg-saturated")
        .with_gateway(retrying_onto_the_ptu);
    assert_eq!(
        saturated.failures(),
        ids(["SP1-6-attempts", "SP1-6-ptu-once"])
    );
}

#[test]
fn a_gateway_that_fails_over_after_a_timeout_is_not_the_references() {
    let timeout = Experiment::of("manage-spikes-with-payg/retry-ptu-timeout")
        .with_gateway(retrying_after_timeouts);
    assert_eq!(
        timeout.failures(),
        ids(["SP1-7", "SP1-7-wait", "gateway_gave_up"])
    );
}

#[test]
fn a_body_that_is_not_replayed_is_noticed() {
    let retry =
        Experiment::of("manage-spikes-with-payg/retry").with_requests_to("payg-1", without_body);
    // PAYG answers 400 to nothing, so the spill fails as a whole and not only in its bytes.
    assert_eq!(
        retry.failures(),
        ids(["SP1-3", "SP1-4", "SP1-5", "SP1-8", "books.statuses"])
    );
    let transparent =
        Experiment::of("request-forwarding/transparent").with_requests_to("payg-1", without_body);
    let forwarding = [
        "FW-200",
        "FW-bodies",
        "FW-streams",
        "books.statuses",
        "streams_were_relayed",
    ];
    assert_eq!(transparent.failures(), ids(forwarding));
}

#[test]
fn a_clients_key_at_a_backend_is_noticed() {
    let transparent =
        Experiment::of("request-forwarding/transparent").with_requests_to("*", with_clients_key);
    assert_eq!(transparent.failures(), ids(["FW-credentials"]));
}
