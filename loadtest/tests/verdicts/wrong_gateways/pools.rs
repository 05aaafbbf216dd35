//! Pools, breakers and the retry around them, each wrong in one way: what the scenarios of load
//! balancing, of spikes and of the three reference gateways make of it.
//!
//! Most bugs are a value of our own gateway's configuration. A breaker that counts failures in a
//! row, for one, is a breaker that never opens before a backend that fails now and then.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;

use super::assert_fails;
use crate::support::{Experiment, with_clients_key, without_body};

/// A scenario, a key of its gateway's configuration with a wrong value, and all that fails.
type Case = (
    &'static str,
    (&'static str, &'static str),
    &'static [&'static str],
);

fn each_fails_as_told(cases: &[Case]) {
    for (name, (key, value), expected) in cases {
        let key = format!("gateway.{key}");
        let failures = Experiment::with(name, &[(&key, value)]).failures();
        assert!(
            failures.iter().eq(*expected),
            "{name} with {key} = {value}: {failures:?}"
        );
    }
}

/// Backends whose answers do not say where they come from.
fn nowhere(backend: Router) -> Router {
    backend.layer(map_response(|mut response: Response| async {
        response.headers_mut().remove("x-ms-region");
        response
    }))
}

#[test]
#[rustfmt::skip]
fn a_pool_with_other_weights_is_noticed() {
    each_fails_as_told(&[
        ("load-balancing/simple#v2", ("apis.round-robin-simple-v2.balance.pool.members.payg-1.weight", "2"), &["RR-2", "RR-3", "RR-4"]),
        ("load-balancing/weighted#v2", ("apis.round-robin-weighted-v2.balance.pool.members.payg-2.weight", "4"), &["RR-2", "W-2"]),
        ("landing-zone/priority-weighted", ("apis.priority-weighted.balance.pool.members.payg-2.weight", "1"), &["LP-1", "LP-recovery"]),
        ("genai-gateway-apim/round-robin", ("apis.load-balancer.balance.pool.members.backend2.weight", "3"), &["GG-1-429", "GG-2"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_pool_that_draws_lots_is_not_in_turn() {
    each_fails_as_told(&[
        ("load-balancing/simple#v2", ("apis.round-robin-simple-v2.balance.pool.pick", "random"), &["RR-2", "RR-3", "RR-4"]),
        ("load-balancing/weighted#v2", ("apis.round-robin-weighted-v2.balance.pool.pick", "random"), &["W-2"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_refusal_that_is_retried_is_not_the_references() {
    each_fails_as_told(&[
        ("load-balancing/failing-backend", ("apis.round-robin-simple.retry", r#"{on=[429],count=1,interval="0s",to="payg-2"}"#), &["LB-F"]),
        ("load-balancing/failing-backend#v2", ("apis.round-robin-simple-v2.retry", r#"{on=[429],count=1,interval="0s",to="payg-2"}"#), &["LB-F"]),
        ("manage-spikes-with-payg/retry-ptu-error", ("apis.retry-with-payg.retry.on", r#"[429,"500-599"]"#), &["SP1-7"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_never_opens_lets_everybody_pay() {
    // As does one that counts failures in a row, before a backend that fails one time in four.
    each_fails_as_told(&[
        ("load-balancing/failing-backend#breaker", ("apis.round-robin-simple-v2.ignores_breakers", "true"), &["LB-F", "LB-F-count", "breaker_opened"]),
        ("manage-spikes-with-payg/breaker", ("apis.retry-with-payg-v2.ignores_breakers", "true"), &["SP2-2", "SP2-3", "SP2-4", "SP2-6", "payg_served"]),
        ("manage-spikes-with-payg/breaker#accept-retry-after", ("apis.retry-with-payg-v2.ignores_breakers", "true"), &["SP2-2", "SP2-3", "SP2-4", "SP2-6", "payg_served"]),
        ("manage-spikes-with-payg/breaker#short-retry-after", ("apis.retry-with-payg-v2.ignores_breakers", "true"), &["SP2-2", "SP2-3", "SP2-6", "payg_served"]),
        ("manage-spikes-with-payg/breaker-with-retry", ("apis.retry-with-payg-v2.ignores_breakers", "true"), &["SP2-3", "SP2-7", "books.statuses", "breaker_opened"]),
        ("manage-spikes-with-payg/breaker-both-open", ("apis.retry-with-payg-v2.ignores_breakers", "true"), &["SP2-2", "SP2-5", "SP2-8", "both_opened", "gateway_answered"]),
        ("landing-zone/priority-weighted", ("apis.priority-weighted.ignores_breakers", "true"), &["LP-2", "LP-3", "LP-4", "all_opened", "books.statuses"]),
        ("pool-failover/failover", ("apis.pool-failover.ignores_breakers", "true"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-golden", "books.statuses", "breaker_opened"]),
        ("pool-failover/failover#sdk", ("apis.pool-failover.ignores_breakers", "true"), &["CB-1", "CB-2", "CB-3", "CB-golden", "books.statuses", "breaker_opened", "sdk_retried"]),
        ("genai-gateway-apim/round-robin", ("apis.load-balancer.ignores_breakers", "true"), &["GG-1", "GG-1-hour"]),
        ("genai-gateway-apim/round-robin#fixed", ("apis.load-balancer.ignores_breakers", "true"), &["GG-1", "GG-1-429", "books.statuses"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_opens_too_early_is_noticed() {
    each_fails_as_told(&[
        ("load-balancing/failing-backend#breaker", ("backends.payg-1.breaker.count", "1"), &["LB-F-count"]),
        ("manage-spikes-with-payg/breaker", ("backends.ptu-1.breaker.count", "1"), &["SP2-2"]),
        ("manage-spikes-with-payg/breaker#short-retry-after", ("backends.ptu-1.breaker.count", "1"), &["SP2-2"]),
        ("manage-spikes-with-payg/breaker-both-open", ("backends.ptu-1.breaker.count", "1"), &["SP2-2"]),
        ("genai-gateway-apim/round-robin", ("backends.backend1.breaker.count", "1"), &["GG-1"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_opens_too_late_is_noticed() {
    each_fails_as_told(&[
        ("load-balancing/failing-backend#breaker", ("backends.payg-1.breaker.count", "12"), &["LB-F-count"]),
        ("manage-spikes-with-payg/breaker", ("backends.ptu-1.breaker.count", "12"), &["SP2-2"]),
        ("landing-zone/priority-weighted", ("backends.ptu-1.breaker.count", "3"), &["LP-2"]),
        ("pool-failover/failover", ("backends.backend1.breaker.count", "2"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-golden", "books.statuses", "breaker_opened"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_forgets_failures_too_soon_does_not_open() {
    each_fails_as_told(&[
        ("genai-gateway-apim/round-robin", ("backends.backend1.breaker.interval", "1s"), &["GG-1", "GG-1-hour"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_does_not_listen_is_open_for_its_own_time() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/breaker#accept-retry-after", ("backends.ptu-1.breaker.accept_retry_after", "false"), &["SP2-3", "SP2-5"]),
        ("manage-spikes-with-payg/breaker#short-retry-after", ("backends.ptu-1.breaker.accept_retry_after", "false"), &["SP2-3", "SP2-5", "SP2-6"]),
        ("manage-spikes-with-payg/breaker-with-retry", ("backends.ptu-1.breaker.accept_retry_after", "false"), &["SP2-3"]),
        ("manage-spikes-with-payg/breaker-both-open", ("backends.ptu-1.breaker.accept_retry_after", "false"), &["SP2-5"]),
        ("landing-zone/priority-weighted", ("backends.ptu-1.breaker.accept_retry_after", "false"), &["LP-2", "LP-recovery"]),
        ("pool-failover/failover#retry-after", ("backends.backend1.breaker.accept_retry_after", "false"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-5", "CB-golden", "breaker_opened"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_listens_unasked_is_noticed() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/breaker", ("backends.ptu-1.breaker.accept_retry_after", "true"), &["SP2-3", "SP2-4", "SP2-6"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_cuts_waits_short_comes_back_too_early() {
    each_fails_as_told(&[
        ("pool-failover/failover", ("backends.backend1.breaker.max_retry_after", "10s"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-golden", "breaker_opened"]),
        ("pool-failover/failover#documented", ("backends.backend1.breaker.max_retry_after", "10s"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-golden", "breaker_opened"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_closes_too_soon_is_noticed() {
    each_fails_as_told(&[
        ("load-balancing/failing-backend#breaker", ("backends.payg-1.breaker.trip", "5s"), &["LB-F", "LB-F-count"]),
        ("genai-gateway-apim/round-robin", ("backends.backend1.breaker.trip", "5s"), &["GG-1", "GG-1-hour"]),
        ("pool-failover/failover#server-errors", ("backends.backend1.breaker.trip", "10s"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-5", "CB-golden", "breaker_opened"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_never_closes_is_noticed() {
    each_fails_as_told(&[
        ("load-balancing/failing-backend#breaker", ("backends.payg-1.breaker.trip", "1h"), &["LB-F-count", "LB-F-recovers"]),
        ("manage-spikes-with-payg/breaker", ("backends.ptu-1.breaker.trip", "1h"), &["SP2-3", "SP2-5"]),
        ("genai-gateway-apim/round-robin#fixed", ("backends.backend1.breaker.trip", "1h"), &["GG-1-hour"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_retry_that_asks_nobody_new_meets_the_same_backend() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/breaker-with-retry", ("apis.retry-with-payg-v2.retry.repick", "false"), &["SP2-7", "books.server_errors", "books.statuses"]),
        ("landing-zone/priority-weighted", ("apis.priority-weighted.retry.repick", "false"), &["LP-2", "LP-3", "books.statuses"]),
        ("genai-gateway-apim/round-robin#fixed", ("apis.load-balancer.retry.repick", "false"), &["GG-1-429", "books.server_errors", "books.statuses"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn without_a_retry_clients_see_what_opens_a_breaker() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/breaker-with-retry", ("apis.retry-with-payg-v2.retry.on", "[418]"), &["SP2-7", "books.statuses", "gateway_retried"]),
        ("landing-zone/priority-weighted", ("apis.priority-weighted.retry.on", "[418]"), &["LP-2", "LP-3", "books.statuses"]),
        ("manage-spikes-with-payg/retry-first-fast", ("apis.retry-with-payg.retry.on", "[418]"), &["SP1-3", "SP1-4", "SP1-5", "books.statuses", "payg_served"]),
        ("manage-spikes-with-payg/landing-zone", ("apis.retry-with-payg.retry.on", "[418]"), &["SP1-3", "SP1-4", "books.statuses", "streams_spilled"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_first_retry_that_waits_is_not_fast() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/retry-first-fast", ("apis.retry-with-payg.retry.first_fast_retry", "false"), &["SP1-5", "payg_served"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_pool_without_members_is_not_asked_again() {
    each_fails_as_told(&[
        ("landing-zone/priority-weighted", ("apis.priority-weighted.retry.on", r#"[429,503,"exhausted"]"#), &["LP-4"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_list_of_reasons_without_one_of_them_is_noticed() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/retry-ptu-error#retry-on-list", ("apis.retry-with-payg.retry.on", "[429]"), &["SP1-7", "books.server_errors", "books.statuses"]),
        ("manage-spikes-with-payg/retry-ptu-timeout#fails-over", ("apis.retry-with-payg.retry.on", "[429]"), &["SP1-7", "SP1-7-wait", "gateway_gave_up"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_pool_without_priorities_uses_who_should_stand_by() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/breaker", ("apis.retry-with-payg-v2.balance.pool.members.payg-1.priority", "1"), &["SP2-1", "SP2-3", "SP2-4", "SP2-5"]),
        ("manage-spikes-with-payg/breaker-with-retry", ("apis.retry-with-payg-v2.balance.pool.members.payg-1.priority", "1"), &["SP2-1", "SP2-3"]),
        ("landing-zone/priority-weighted", ("apis.priority-weighted.balance.pool.members.payg-1.priority", "1"), &["LP-1", "LP-recovery"]),
        ("pool-failover/failover", ("apis.pool-failover.balance.pool.members.backend2.priority", "1"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-golden"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn an_exhausted_pool_or_an_opening_breaker_that_answers_otherwise_is_noticed() {
    each_fails_as_told(&[
        ("manage-spikes-with-payg/breaker-both-open", ("apis.retry-with-payg-v2.exhausted", "too-many-requests"), &["SP2-2", "SP2-8"]),
        ("manage-spikes-with-payg/breaker-both-open#too-many-requests", ("apis.retry-with-payg-v2.exhausted", "unavailable"), &["SP2-8", "books.server_errors", "books.statuses"]),
        ("pool-failover/failover", ("backends.backend1.breaker.tripping_answer", "backend"), &["CB-1", "CB-golden", "books.statuses"]),
        ("pool-failover/failover#documented", ("backends.backend1.breaker.tripping_answer", "unavailable"), &["CB-1", "CB-golden", "books.server_errors", "books.statuses"]),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_breaker_that_counts_the_wrong_failures_is_noticed() {
    each_fails_as_told(&[
        ("pool-failover/failover#server-errors", ("backends.backend1.breaker.on", "[429]"), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-5", "CB-golden", "books.server_errors", "books.statuses", "breaker_opened"]),
        ("pool-failover/failover", ("backends.backend1.breaker.on", r#"["500-599"]"#), &["CB-1", "CB-2", "CB-3", "CB-4", "CB-golden", "books.statuses", "breaker_opened"]),
        ("genai-gateway-apim/round-robin", ("backends.backend1.breaker.on", r#"[429,"500-599"]"#), &["GG-1", "GG-1-429", "backend_1_failed"]),
        ("genai-gateway-apim/round-robin#fixed", ("backends.backend1.breaker.on", r#"["500-599"]"#), &["GG-1", "GG-1-429", "books.statuses"]),
    ]);
}

#[test]
fn bodies_keys_and_regions_that_do_not_pass_are_noticed() {
    let lost = Experiment::of("manage-spikes-with-payg/landing-zone");
    let lost = lost.with_requests_to("payg-1", without_body).failures();
    // PAYG answers 400 to nothing.
    let spill = ["SP1-3", "SP1-4", "SP1-8", "books.statuses"];
    assert!(lost.iter().eq(spill), "{lost:?}");
    for (name, gate) in [
        ("manage-spikes-with-payg/landing-zone", "FW-credentials"),
        ("landing-zone/priority-weighted", "LP-identity"),
        ("genai-gateway-apim/round-robin", "GG-identity"),
    ] {
        let leaked = Experiment::of(name).with_requests_to("*", with_clients_key);
        let leaked = leaked.failures();
        assert!(leaked.iter().eq([gate]), "{name}: {leaked:?}");
    }
    for (name, gate) in [
        ("genai-gateway-apim/round-robin", "GG-4"),
        ("pool-failover/failover", "CB-golden"),
    ] {
        let unnamed = Experiment::of(name).with_backend("*", nowhere).failures();
        assert!(unnamed.iter().eq([gate]), "{name}: {unnamed:?}");
    }
}

#[test]
fn a_limit_that_is_shared_or_higher_is_noticed() {
    let limit = "gateway.apis.load-balancer.token_limit";
    assert_fails(
        "genai-gateway-apim/token-limit",
        &[(&format!("{limit}.key"), "\"everyone\"")],
        ["GG-3", "GG-3-isolated", "GG-3-used"],
    );
    assert_fails(
        "genai-gateway-apim/token-limit",
        &[(&format!("{limit}.tokens_per_minute"), "6000")],
        ["GG-3", "GG-3-used"],
    );
    assert_fails(
        "genai-gateway-apim/token-limit",
        &[(&format!("{limit}.retry_after_header"), "\"x-wait\"")],
        ["GG-3-wait"],
    );
    assert_fails(
        "genai-gateway-apim/token-limit",
        &[("gateway.apis.load-balancer.balance.single", "\"backend1\"")],
        ["GG-3-backends"],
    );
}
