//! The AI-Gateway labs before wrong gateways.

use loadtest::evidence::Source;

use super::assert_fails;
use crate::bugs;
use crate::support::{Experiment, ids};

#[test]
fn a_breaker_that_never_trips_lets_the_refusals_through() {
    let never = [("gateway.backends.openai1.breaker.count", "1000")];
    let shown_by_load = [
        "BC-1",
        "BC-2",
        "BC-3",
        "BC-4",
        "BC-5",
        "breaker_tripped_twice",
    ];
    assert_fails("labs/backend-circuit-breaking", &never, shown_by_load);
    let shown_by_rhythm = ["BC-8", "BC-9", "breaker_tripped"];
    assert_fails(
        "labs/backend-circuit-breaking-paced",
        &never,
        shown_by_rhythm,
    );
}

#[test]
fn a_breaker_that_closes_too_early_is_noticed() {
    let half_a_minute = [("gateway.backends.openai1.breaker.trip", "30s")];
    assert_fails(
        "labs/backend-circuit-breaking",
        &half_a_minute,
        ["BC-3", "BC-4"],
    );
}

#[test]
fn a_breaker_that_counts_the_wrong_failures_is_noticed() {
    assert_fails(
        "labs/backend-circuit-breaking-paced#spread",
        &[("gateway.backends.openai1.breaker.interval", "5m")],
        ["BC-10", "breaker_tripped"],
    );
    // Two seconds do not hold two failures with an answer between them, let alone three.
    assert_fails(
        "labs/backend-circuit-breaking-paced#answers-between",
        &[("gateway.backends.openai1.breaker.interval", "2s")],
        ["BC-11", "breaker_tripped"],
    );
    assert_fails(
        "labs/backend-circuit-breaking-paced#server-errors",
        &[("gateway.backends.openai1.breaker.on", "[429, '500-599']")],
        ["BC-12", "breaker_tripped"],
    );
    assert_fails(
        "labs/backend-circuit-breaking-paced#accept-retry-after",
        &[(
            "gateway.backends.openai1.breaker.accept_retry_after",
            "false",
        )],
        ["BC-13"],
    );
    assert_fails(
        "labs/backend-circuit-breaking-paced#accept-retry-after",
        &[("gateway.backends.openai1.breaker.trip", "30s")],
        ["BC-14"],
    );
}

#[test]
fn a_pool_whose_retry_stays_where_it_was_shows_the_eleventh_call_its_429() {
    let failures = [
        "BP-1",
        "BP-2",
        "BP-3",
        "BP-8",
        "books.statuses",
        "retry_was_made",
    ];
    assert_fails(
        "labs/backend-pool-load-balancing",
        &[(
            "gateway.preset",
            "labs/backend-pool-load-balancing-no-repick",
        )],
        failures,
    );
}

#[test]
fn a_pool_without_breakers_never_spills() {
    let never = ["foundry1", "foundry2", "foundry3", "foundry4"]
        .map(|name| format!("gateway.backends.{name}.breaker.count"));
    let never: Vec<(&str, &str)> = never.iter().map(|path| (path.as_str(), "1000")).collect();
    let failures = [
        "BP-1",
        "BP-2",
        "BP-3",
        "BP-6",
        "BP-7",
        "books.statuses",
        "breaker_opened",
        "retry_was_made",
    ];
    assert_fails("labs/backend-pool-load-balancing", &never, failures);
}

#[test]
fn a_pool_without_priorities_uses_everybody_at_once() {
    let members = "gateway.apis.backend-pool-load-balancing.balance.pool.members";
    let flat = [2, 3].map(|n| format!("{members}.foundry{n}.priority"));
    let flat = flat.each_ref().map(|path| (path.as_str(), "1"));
    let failures = [
        "BP-2",
        "BP-3",
        "BP-6",
        "BP-7",
        "BP-8",
        "breaker_opened",
        "retry_was_made",
    ];
    assert_fails("labs/backend-pool-load-balancing", &flat, failures);
}

#[test]
fn a_retry_that_waits_is_noticed_by_the_time_alone() {
    let retry = "gateway.apis.backend-pool-load-balancing.retry";
    let (interval, first) = (
        format!("{retry}.interval"),
        format!("{retry}.first_fast_retry"),
    );
    assert_fails(
        "labs/backend-pool-load-balancing",
        &[(&interval, "1s"), (&first, "false")],
        ["BP-8"],
    );
}

#[test]
fn a_retry_where_the_lab_had_none_is_noticed() {
    assert_fails(
        "labs/backend-pool-load-balancing#no-retry",
        &[(
            "gateway.apis.backend-pool-load-balancing.retry.on",
            "[429, 503]",
        )],
        ["BP-1", "BP-2", "BP-3", "retry_was_made"],
    );
}

#[test]
fn equal_weights_are_not_eighty_to_ten() {
    assert_fails(
        "labs/backend-pool-weights",
        &[(
            "gateway.apis.backend-pool-load-balancing.balance.pool.members.openai1.weight",
            "10",
        )],
        ["BP-10", "BP-11"],
    );
}

#[test]
fn a_breaker_that_trips_at_once_hides_the_first_pools_refusals() {
    assert_fails(
        "labs/backend-pool-2024",
        &[("gateway.backends.openai1.breaker.count", "1")],
        ["BP-13", "BP-14"],
    );
}

#[test]
fn waits_that_are_cut_short_call_a_backend_too_early() {
    let balance = "gateway.apis.advanced-load-balancing.balance.by_retry_after";
    assert_fails(
        "labs/advanced-load-balancing",
        &[(&format!("{balance}.default_wait"), "1s")],
        ["AL-2", "AL-3"],
    );
    assert_fails(
        "labs/advanced-load-balancing#retry-after",
        &[(&format!("{balance}.max_wait"), "1s")],
        ["AL-2", "AL-3"],
    );
}

#[test]
fn each_answer_to_an_exhausted_pool_is_told_from_the_other() {
    let exhausted = "gateway.apis.advanced-load-balancing.exhausted";
    assert_fails(
        "labs/advanced-load-balancing#all-throttled",
        &[(exhausted, "too-many-requests")],
        ["AL-7"],
    );
    assert_fails(
        "labs/advanced-load-balancing#all-throttled-fixed",
        &[(exhausted, "first-backend")],
        ["AL-3", "AL-7", "failed_over"],
    );
}

#[test]
fn weights_that_are_read_and_those_that_are_not_are_told_apart() {
    let weights = "gateway.apis.advanced-load-balancing.balance.by_retry_after.weights";
    let lab = "labs/advanced-load-balancing-weights";
    assert_fails(lab, &[(weights, "honoured")], ["AL-8"]);
    assert_fails(&format!("{lab}#fixed"), &[(weights, "ignored")], ["AL-8"]);
}

#[test]
fn a_model_router_that_permits_or_mixes_models_is_noticed() {
    let router = "gateway.apis.model-routing.balance.by_model";
    // What nobody forbids is merely unknown.
    assert_fails(
        "labs/model-routing",
        &[(&format!("{router}.deny"), "[]")],
        ["MR-4", "some_refused"],
    );
    let anybody = r#"[{ models = ["gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5"],
        backends = ["foundry1", "foundry2", "foundry3"] }]"#;
    assert_fails(
        "labs/model-routing",
        &[(&format!("{router}.routes"), anybody)],
        ["MR-1", "MR-2", "MR-3"],
    );
}

#[test]
fn conversations_with_and_without_their_cookie_are_told_apart() {
    assert_fails(
        "labs/session-awareness",
        &[("gateway.preset", "labs/session-awareness-without-affinity")],
        ["SA-1", "SA-2", "SA-4"],
    );
    assert_fails(
        "labs/session-awareness#without",
        &[("gateway.preset", "labs/session-awareness")],
        ["SA-1", "SA-4"],
    );
}

#[test]
fn tiers_that_share_or_exchange_their_limits_are_noticed() {
    let shared = ("gateway.products.silver.token_limit.key", "\"product\"");
    assert_fails("labs/finops", &[shared], ["FO-2"]);
    let gold = (
        "gateway.products.gold.token_limit.tokens_per_minute",
        "2000",
    );
    assert_fails("labs/finops", &[gold], ["FO-1"]);
    let untold = ["platinum", "gold", "silver"]
        .map(|name| format!("gateway.products.{name}.token_limit.retry_after_header"));
    let untold = untold.each_ref().map(|path| (path.as_str(), "\"x-wait\""));
    assert_fails("labs/finops", &untold, ["FO-3"]);
}

#[test]
fn a_month_that_is_never_over_or_never_full_is_noticed() {
    let quota = "gateway.products.silver.token_limit.token_quota";
    assert_fails(
        "labs/finops#quota",
        &[(quota, "1_000_000")],
        ["FO-2", "FO-4", "quota_was_reached"],
    );
    let yearly = (
        "gateway.products.silver.token_limit.token_quota_period",
        "\"yearly\"",
    );
    assert_fails("labs/finops#quota", &[yearly], ["FO-4", "FO-5"]);
}

#[test]
fn a_key_that_is_not_switched_off_or_not_on_again_is_noticed() {
    let never_off = [(
        "actions.disable.gateway.subscriptions.silver-1.enabled",
        "true",
    )];
    assert_fails("labs/finops", &never_off, ["FO-5", "key_was_disabled"]);
    let never_on = [(
        "actions.enable.gateway.subscriptions.silver-1.enabled",
        "false",
    )];
    assert_fails("labs/finops", &never_on, ["FO-4"]);
}

#[test]
fn a_bill_that_knows_no_products_is_noticed() {
    let failures = Experiment::of("labs/finops").with_evidence(|evidence| {
        let Source::Given(events) = &mut evidence.usage_events else {
            panic!("the gateway is ours and keeps its events");
        };
        for event in events {
            event.product = Some("silver".to_owned());
        }
    });
    assert_eq!(failures.failures(), ids(["FO-7"]));
}

#[test]
fn a_token_limit_of_another_kind_is_noticed() {
    let lab = "labs/token-rate-limiting";
    let limit = |key: &str| format!("gateway.apis.token-rate-limiting.token_limit.{key}");
    let window = limit("window");
    let slides = ["TR-1", "TR-2", "TR-3", "TR-6", "TR-7"];
    assert_fails(lab, &[(&window, "bucket")], slides);
    let shared = ["TR-1", "TR-2", "TR-3", "TR-5"];
    assert_fails(lab, &[(&limit("key"), "everyone")], shared);
    let untold = ["TR-3", "TR-6"];
    assert_fails(lab, &[(&limit("retry_after_header"), "x-wait")], untold);
    let shared = ["TR-1", "TR-2", "TR-5"];
    let today = "labs/token-rate-limiting#per-subscription";
    assert_fails(today, &[(&limit("key"), "everyone")], shared);
    let bucket = ["TB-1", "TB-2", "TB-3"];
    assert_fails("labs/token-bucket", &[(&window, "bucket")], bucket);
    assert_fails("labs/token-bucket#bucket", &[(&window, "sliding")], bucket);
}

#[test]
fn a_limited_backend_that_is_asked_more_often_than_answers_need_is_noticed() {
    let twice = Experiment::of("labs/token-rate-limiting");
    let twice = twice.with_backend("openai1", bugs::asking_twice);
    assert_eq!(
        twice.failures(),
        ids(["TR-4", "TR-8", "books.attempts", "books.backend_claims"])
    );
}

#[test]
fn the_parts_of_a_gateway_that_do_not_fit_together_are_noticed() {
    let lab = "labs/zero-to-production";
    let api = |key: &str| format!("gateway.apis.zero-to-production.{key}");
    let starved = ["ZP-4", "failed_over", "pool_was_out"];
    assert_fails(lab, &[(&api("token_limit.key"), "everyone")], starved);
    let alone = ["ZP-1", "ZP-2", "ZP-3", "ZP-4", "failed_over"];
    assert_fails(lab, &[(&api("retry.on"), "[418]")], alone);
    let more = ["ZP-1", "ZP-5"];
    let limit = api("token_limit.tokens_per_minute");
    assert_fails(lab, &[(&limit, "1_000")], more);
}

#[test]
fn what_costs_more_than_it_should_is_noticed() {
    let lab = || Experiment::of("labs/zero-to-production");
    let twice = lab().with_backend("*", bugs::asking_twice);
    assert_eq!(
        twice.failures(),
        ids(["ZP-2", "ZP-6", "books.attempts", "books.backend_claims"])
    );
    let charged = lab().with_evidence(|evidence| {
        let Source::Given(log) = &mut evidence.gateway else {
            panic!("the gateway is ours and writes a log");
        };
        let answer = log.iter().find_map(|entry| entry.usage);
        let refused = log.iter_mut().filter(|entry| entry.status == 503);
        refused.for_each(|entry| entry.usage = answer);
    });
    assert_eq!(charged.failures(), ids(["ZP-2", "ZP-7", "ZP-8"]));
    let untold = lab().with_evidence(|evidence| {
        let Source::Given(events) = &mut evidence.usage_events else {
            panic!("the gateway is ours and tells its usage");
        };
        events.pop();
    });
    assert_eq!(untold.failures(), ids(["ZP-8", "books.usage"]));
}
