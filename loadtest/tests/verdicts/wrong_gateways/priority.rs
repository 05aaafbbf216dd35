//! Gateways that let low priority yield wrongly: too little, too much, unasked, or unseen.
//!
//! What a policy can be told is a value of its configuration; what it says of itself is changed
//! on its way to the judge, as a gateway with other words would have it.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use loadtest::evidence::Evidence;

use super::assert_fails;
use crate::support::{Experiment, ids};

/// The policy that counts, and of the deployments in its list the one that `calculating` calls.
const CALCULATING: &str =
    "gateway.apis.prioritization-token-calculating.prioritize.token_calculating";

/// The policy that remembers.
const TRACKING: &str = "gateway.apis.prioritization-token-tracking.prioritize.token_tracking";

/// Plays the scenario with one value of one policy replaced: exactly `gates` fail.
fn fails<const N: usize>(name: &str, policy: &str, key: &str, value: &str, gates: [&str; N]) {
    assert_fails(name, &[(&format!("{policy}.{key}"), value)], gates);
}

/// Evidence in which this answer's header says something else; `None`: nothing.
fn telling(
    header: &'static str,
    class: &'static str,
    value: Option<&'static str>,
) -> impl Fn(&mut Evidence) + Send + Sync + 'static {
    move |evidence| {
        let answers = evidence.observations.iter_mut();
        for answer in answers.filter(|answer| &*answer.class == class) {
            let was_told = answer.headers.remove(header).is_some();
            if let Some(value) = value.filter(|_| was_told || header == "x-test") {
                answer.headers.insert(header.to_owned(), value.to_owned());
            }
        }
    }
}

/// Answers from which nobody learns what is left, nor for how long nothing is.
fn saying_nothing_of_limits(backend: Router) -> Router {
    backend.layer(map_response(|mut response: Response| async {
        let of_limits = |name: &&http::HeaderName| name.as_str().starts_with("x-ratelimit-");
        let headers = response.headers();
        let names: Vec<_> = headers.keys().filter(of_limits).cloned().collect();
        for name in names {
            response.headers_mut().remove(name);
        }
        response
    }))
}

#[test]
fn a_gateway_that_keeps_nothing_back_hurts_high_priority() {
    let reserve = |threshold: &str| format!("deployments.embedding100k.low_priority_{threshold}");
    let nothing = [
        (
            &*format!("{CALCULATING}.{}", reserve("tokens_threshold")),
            "0",
        ),
        (
            &*format!("{CALCULATING}.{}", reserve("requests_threshold")),
            "0",
        ),
    ];
    let everything = [
        "PR-1",
        "PR-2",
        "PR-4",
        "PR-4-high",
        "PR-5-told",
        "reserve_bit",
    ];
    assert_fails("prioritization/calculating", &nothing, everything);
    fails(
        "prioritization/fixed-calculating",
        CALCULATING,
        &reserve("tokens_threshold"),
        "0",
        ["FX-low", "FX-unhurt", "low_was_refused"],
    );
    fails(
        "prioritization/calculating#low-10k",
        CALCULATING,
        "deployments.embedding.low_priority_tokens_threshold",
        "0",
        ["PC-5", "PR-5-told", "reserve_bit"],
    );
}

#[test]
fn a_gateway_that_keeps_too_much_back_starves_low_priority() {
    fails(
        "prioritization/calculating#low",
        CALCULATING,
        "deployments.embedding100k.low_priority_tokens_threshold",
        "60_000",
        ["PR-1", "PR-2", "PR-5-told", "ptu_was_full"],
    );
    let chats = "deployments.gpt-35-turbo-100k-token";
    fails(
        "prioritization/calculating#chat",
        CALCULATING,
        &format!("{chats}.low_priority_requests_threshold"),
        "100",
        ["PC-2", "PR-5-told", "PR-8"],
    );
    fails(
        "prioritization/calculating#chat",
        CALCULATING,
        &format!("{chats}.low_priority_tokens_threshold"),
        "98_000",
        ["PC-2", "PR-5-told", "PR-8", "reserve_bit"],
    );
}

#[test]
fn a_gateway_that_takes_high_for_low_gives_it_the_rest() {
    assert_fails(
        "prioritization/calculating#high",
        &[("clients.high.headers.x-priority", "low")],
        ["PR-3", "PR-6", "PR-7", "ptu_was_full"],
    );
}

#[test]
fn a_gateway_that_waits_with_what_is_refused_is_not_the_references() {
    assert_fails(
        "prioritization/calculating",
        &[(
            "gateway.apis.prioritization-token-calculating.retry",
            r#"{ on = [429], count = 5, interval = "20s" }"#,
        )],
        ["PR-3", "PR-9", "ptu_was_full"],
    );
}

#[test]
fn a_gateway_that_reads_marks_or_lists_otherwise_is_noticed() {
    let shouted = [("clients.shouted.headers.x-priority", "low")];
    assert_fails("prioritization/marks", &shouted, ["PR-7"]);
    fails(
        "prioritization/marks",
        CALCULATING,
        "deployments.unlisted",
        "{ tokens_per_minute = 100_000, low_priority_tokens_threshold = 30_000, \
         requests_per_10s = 100, low_priority_requests_threshold = 30 }",
        ["PR-10", "PR-10-high"],
    );
    fails(
        "prioritization/marks#tracking",
        TRACKING,
        "deployments.unlisted",
        "{ low_priority_tokens_threshold = 30_000, low_priority_requests_threshold = 30 }",
        ["PR-10"],
    );
}

#[test]
fn a_gateway_that_does_not_say_why_is_noticed() {
    for (header, value, gates) in [
        ("x-gw-ratelimit-reason", None, &["PR-5", "PR-5-told"][..]),
        ("x-gw-ratelimit-value", Some("3000"), &["PR-5-told"]),
        ("x-gw-priority", Some("high"), &["PR-7"]),
    ] {
        let name = "prioritization/calculating#low-10k";
        let wrong = Experiment::of(name).with_evidence(telling(header, "low", value));
        assert!(wrong.failures().iter().eq(gates), "{header}");
    }
}

#[test]
fn a_gateway_that_calculates_otherwise_is_noticed() {
    let prompts = "counts_prompts";
    fails(
        "prioritization/costs",
        CALCULATING,
        prompts,
        "true",
        ["PC-3-answers", "PC-4"],
    );
    fails(
        "prioritization/costs#with-prompts",
        CALCULATING,
        prompts,
        "false",
        ["PC-3-answers"],
    );
    let short = telling("x-gw-consumed-tokens", "text", Some("243"));
    let costs = Experiment::of("prioritization/costs").with_evidence(short);
    assert_eq!(costs.failures(), ids(["PC-3-embeddings", "PC-4"]));
}

#[test]
fn a_gateway_that_counts_afterwards_lets_bursts_through() {
    let counting = ("counting", "when-answered");
    fails(
        "prioritization/fixed-calculating",
        CALCULATING,
        counting.0,
        counting.1,
        ["FX-burst", "burst_was_capped"],
    );
    fails(
        "prioritization/fixed-calculating#high",
        CALCULATING,
        counting.0,
        counting.1,
        ["FX-backend", "FX-labels", "low_was_refused"],
    );
}

#[test]
fn refusals_without_labels_or_waits_are_noticed() {
    let fixed = "prioritization/fixed-calculating";
    fails(
        fixed,
        CALCULATING,
        "labels_every_refusal",
        "false",
        ["FX-labels"],
    );
    fails(
        fixed,
        CALCULATING,
        "tells_retry_after",
        "false",
        ["FX-come-back"],
    );
    let fixed = "prioritization/fixed-tracking";
    fails(
        fixed,
        TRACKING,
        "tells_retry_after",
        "false",
        ["FX-come-back"],
    );
}

#[test]
fn without_probes_low_priority_stands_still() {
    let off = ("probe", "off");
    fails("prioritization/tracking", TRACKING, off.0, off.1, ["PR-8"]);
    let low = ["PR-2", "PT-2", "ptu_was_full"];
    fails("prioritization/tracking#low", TRACKING, off.0, off.1, low);
    fails(
        "prioritization/tracking#low-without-probe",
        TRACKING,
        "probe",
        "on",
        ["PR-2", "PT-1"],
    );
}

#[test]
fn probes_by_the_dozen_are_noticed() {
    fails(
        "prioritization/fixed-tracking",
        TRACKING,
        "probe",
        "on",
        ["PT-3"],
    );
    let probes = telling("x-test", "high", Some("allowing-extra-low-pri-request"));
    let high = Experiment::of("prioritization/tracking#high").with_evidence(probes);
    assert_eq!(high.failures(), ids(["PT-4"]));
}

#[test]
fn a_gateway_that_is_deaf_to_its_backend_keeps_nothing_back() {
    let key = |key| format!("{TRACKING}.{key}");
    let patient = [
        (&*key("missing_reset"), "pass"),
        (&*key("missing_remaining"), "unknown"),
    ];
    let deaf = Experiment::with("prioritization/tracking", &patient)
        .with_backend("ptu-1", saying_nothing_of_limits);
    let nothing_kept = [
        "PR-1",
        "PR-2",
        "PR-4",
        "PR-4-high",
        "PR-5-told",
        "PT-5",
        "reserve_bit",
    ];
    assert_eq!(deaf.failures(), ids(nothing_kept));
}

#[test]
fn a_429_without_a_reset_that_becomes_a_500_is_noticed() {
    fails(
        "prioritization/fixed-tracking#without-reset",
        TRACKING,
        "missing_reset",
        "error",
        ["PT-6", "books.server_errors", "books.statuses"],
    );
}
