//! Latency routing before wrong gateways.

use super::assert_fails;

const PREFERRED: &str = "gateway.apis.latency-routing.balance.preferred";

#[test]
fn a_gateway_that_forgets_its_reports_stays_with_the_default() {
    let forgets = [(&*format!("{PREFERRED}.ttl"), "1s")];
    assert_fails("latency-routing/outside-prober", &forgets, ["LR-4", "LR-5"]);
    assert_fails("latency-routing/failing-probe", &forgets, ["LR-10"]);
}

#[test]
fn a_gateway_that_never_forgets_is_noticed() {
    let never = [(&*format!("{PREFERRED}.ttl"), "12000s")];
    assert_fails("latency-routing/expiry", &never, ["LR-8"]);
}

#[test]
fn another_default_is_noticed_before_the_first_report() {
    let other = [(&*format!("{PREFERRED}.default"), "payg-2")];
    assert_fails("latency-routing/outside-prober", &other, ["LR-1"]);
}

#[test]
fn a_retry_that_stays_with_the_full_backend_serves_nobody() {
    assert_fails(
        "latency-routing/second-choice",
        &[("gateway.apis.latency-routing.retry.repick", "false")],
        ["LR-7", "LR-7-200", "LR-7-wait", "second_served"],
    );
}

#[test]
fn a_retry_at_once_is_not_the_references() {
    assert_fails(
        "latency-routing/second-choice",
        &[(
            "gateway.apis.latency-routing.retry.first_fast_retry",
            "true",
        )],
        ["LR-7-wait", "LR-7-waits"],
    );
}

#[test]
fn the_reference_believes_in_backends_that_do_not_exist() {
    assert_fails(
        "latency-routing/wrong-names",
        &[("gateway.preset", "latency-routing/preferred")],
        [
            "LR-9",
            "LR-9-200",
            "books.server_errors",
            "books.statuses",
            "report_was_refused",
        ],
    );
}

#[test]
fn a_prober_that_takes_one_sample_for_the_truth_moves_users_to_and_fro() {
    let nervous = [
        ("gateway.probers.latency.samples", "1"),
        ("gateway.probers.latency.hysteresis", "0.0"),
    ];
    assert_fails("latency-routing/probing", &nervous, ["LR-B1", "LR-B4"]);
}

#[test]
fn a_prober_that_hardly_ever_looks_follows_nobody() {
    assert_fails(
        "latency-routing/probing",
        &[("gateway.probers.latency.every", "10m")],
        ["LR-B2", "probes_ran_into_silence"],
    );
}
