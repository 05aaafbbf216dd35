//! Tenants and classes of callers: each way of giving one what is another's is noticed by the
//! gates that are about it, and by no others.

use gateway_under_test::config::RateLimitConfig;
use loadtest::topology::GatewayConfig;

use super::assert_fails;
use crate::support::{Experiment, ids};

const QUOTA_1: &str = "gateway.products.product1.quota";
const TENANTS: &str = "gateway.apis.multi-tenancy";
const ADAPTIVE: &str = "gateway.apis.adaptive-rate-limiting.adaptive";
const WORKAROUND: &str = "gateway.apis.rate-limiting-workaround.rate_limit";

/// Fails exactly `gates` with the value of `key` in `table` replaced.
fn noticed<const N: usize>(name: &str, table: &str, key: &str, value: &str, gates: [&str; N]) {
    assert_fails(name, &[(&format!("{table}.{key}"), value)], gates);
}

/// The API's limit in place of the product's, and the product's in place of the API's.
fn with_scopes_swapped(config: &mut GatewayConfig) {
    let product = config.products.get_mut("product1").expect("it is there");
    let api = config.apis.get_mut("multi-tenancy").expect("it is there");
    std::mem::swap(&mut product.quota, &mut api.quota);
    std::mem::swap(&mut product.rate_limit, &mut api.rate_limit);
}

/// Two places, which nobody gives back.
fn with_places_lost(config: &mut GatewayConfig) {
    let api = config.apis.get_mut("multi-tenancy").expect("it is there");
    api.limit_concurrency = None;
    let text = "key = 'subscription'\ncalls = 2\nrenewal_period = '300s'";
    let limit: RateLimitConfig = toml::from_str(text).expect("it is right");
    api.rate_limit = Some(limit);
}

#[test]
fn a_quota_of_other_size_time_or_owner_is_noticed() {
    let name = "multi-tenancy/quota";
    noticed(
        name,
        "gateway.products.product2.quota",
        "calls",
        "4",
        ["MT-1", "MT-3"],
    );
    let early = "\"2026-01-01T00:01:20Z\"";
    noticed(
        name,
        QUOTA_1,
        "first_period_start",
        early,
        ["MT-1-wait", "MT-3"],
    );
    noticed(
        name,
        QUOTA_1,
        "renewal_period",
        "\"600s\"",
        ["MT-1-wait", "MT-3"],
    );
    noticed(
        name,
        QUOTA_1,
        "key",
        "\"product\"",
        ["MT-1", "MT-2", "MT-3"],
    );
}

#[test]
fn a_key_that_opens_too_much_or_too_little_is_noticed() {
    let name = "multi-tenancy/entitlement";
    let product = "gateway.products.product2";
    noticed(
        name,
        product,
        "apis",
        "[\"multi-tenancy\", \"premium\"]",
        ["EN-1"],
    );
    noticed(
        name,
        product,
        "apis",
        "[\"premium\"]",
        ["EN-1", "EN-4", "EN-5"],
    );
    let three = "gateway.subscriptions.three";
    noticed(
        name,
        &format!("actions.disable.{three}"),
        "enabled",
        "true",
        ["EN-2"],
    );
    noticed(
        name,
        &format!("actions.enable.{three}"),
        "enabled",
        "false",
        ["EN-3"],
    );
}

#[test]
fn an_api_that_is_asked_before_the_product_is_noticed() {
    let name = "multi-tenancy/order";
    let swapped = Experiment::of(name).with_gateway(with_scopes_swapped);
    assert_eq!(swapped.failures(), ids(["OR-2", "OR-3", "OR-4"]));
    let limit = format!("{TENANTS}.rate_limit");
    noticed(name, &limit, "calls", "3", ["OR-1", "OR-3"]);
    noticed(name, &limit, "retry_after_header", "\"x-retry\"", ["OR-4"]);
}

#[test]
fn an_address_that_is_not_believed_and_a_window_of_other_size_are_noticed() {
    let name = "multi-tenancy/addresses";
    let limit = format!("{TENANTS}.rate_limit");
    let mixed_up = ["IP-1", "IP-2", "IP-3", "IP-4"];
    noticed(name, &limit, "key", "\"subscription\"", mixed_up);
    noticed(name, "gateway", "client_ip_header", "\"x-other\"", mixed_up);
    noticed(name, &limit, "renewal_period", "\"40s\"", ["IP-1", "IP-4"]);
    noticed(name, &limit, "calls", "6", ["IP-1", "IP-3"]);
    let header = "remaining_calls_header";
    noticed(name, &limit, header, "\"x-other\"", ["IP-3"]);
    noticed(name, &limit, "retry_after_header", "\"x-other\"", ["IP-4"]);
}

#[test]
fn places_of_streams_that_are_too_many_shared_or_lost_are_noticed() {
    let name = "multi-tenancy/concurrency";
    let limit = format!("{TENANTS}.limit_concurrency");
    noticed(name, &limit, "max_count", "3", ["CC-1"]);
    noticed(name, &limit, "key", "\"everyone\"", ["CC-1", "CC-2"]);
    let lost = Experiment::of(name).with_gateway(with_places_lost);
    assert_eq!(lost.failures(), ids(["CC-1", "CC-2", "CC-3", "CC-4"]));
}

#[test]
fn classes_that_get_too_much_or_are_lent_nothing_are_noticed() {
    let name = "adaptive-limits/adaptive";
    let global = format!("{ADAPTIVE}.global");
    let all_but_consumed = ["AD-1", "AD-2", "AD-3", "AD-4"];
    noticed(name, &global, "tokens_per_minute", "5000", all_but_consumed);
    noticed(
        name,
        &format!("{ADAPTIVE}.high"),
        "tokens_per_minute",
        "450",
        ["AD-1"],
    );
    noticed(name, ADAPTIVE, "spare_percent", "0", ["AD-2"]);
    noticed(
        name,
        &global,
        "remaining_tokens_header",
        "\"x-other\"",
        ["AD-3"],
    );
    let of_high = "\"x-apim-high-rate-remaining-tokens\"";
    noticed(
        name,
        &format!("{ADAPTIVE}.low"),
        "remaining_tokens_header",
        of_high,
        ["AD-3"],
    );
    noticed(
        name,
        &global,
        "tokens_consumed_header",
        "\"x-other\"",
        ["AD-consumed"],
    );
}

#[test]
fn a_class_that_can_be_claimed_and_a_count_that_is_shared_are_noticed() {
    let name = "adaptive-limits/classes";
    let claimed = Experiment::of(name).with_gateway(|config| {
        let api = config.apis.get_mut("adaptive-rate-limiting");
        let adaptive = api
            .and_then(|api| api.adaptive.as_mut())
            .expect("it is there");
        adaptive.header = Some("x-higher-limit".to_owned());
        adaptive.product = None;
    });
    // What the pretender takes is missing for the honest.
    assert_eq!(claimed.failures(), ids(["AD-5", "AD-6", "AD-7"]));
    noticed(
        name,
        &format!("{ADAPTIVE}.low"),
        "key",
        "\"everyone\"",
        ["AD-6"],
    );
}

#[test]
fn a_limit_that_is_noticed_at_another_call_is_noticed() {
    let name = "adaptive-limits/workaround";
    let uncounted = ["RW-1", "RW-2", "RW-4"];
    noticed(name, WORKAROUND, "when", "[\"400-499\"]", uncounted);
    noticed(
        name,
        WORKAROUND,
        "remaining_calls_header",
        "\"x-other\"",
        ["RW-2"],
    );
    let calls = format!("{WORKAROUND}.counts");
    let (when, ten) = (format!("{WORKAROUND}.when"), format!("{WORKAROUND}.calls"));
    let immediate = [(calls.as_str(), "\"calls\""), (&when, "[]"), (&ten, "10")];
    assert_fails(name, &immediate, ["RW-1", "RW-2", "RW-3", "RW-4"]);

    let name = "adaptive-limits/workaround#fixed";
    let limit = "gateway.apis.rate-limiting-workaround.token_limit";
    noticed(
        name,
        limit,
        "tokens_per_minute",
        "450",
        ["RW-1", "RW-2", "RW-3"],
    );
    let unheld = Experiment::of(name).with_gateway(|config| {
        let api = config.apis.get_mut("rate-limiting-workaround");
        let limit = api
            .and_then(|api| api.token_limit.as_mut())
            .expect("it is there");
        limit.reserves = None;
    });
    assert_eq!(unheld.failures(), ids(["RW-3", "RW-4"]));
}
