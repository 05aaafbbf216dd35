//! The bugs that users of gateways file on limits: each fails the gates that are about it.

use gateway_under_test::config::TokenLimitConfig;
use loadtest::evidence::{Evidence, Source};
use loadtest::topology::{AccessEntry, GatewayConfig};

use super::assert_fails;
use crate::bugs;
use crate::support::{Experiment, ids};

const LIMIT: &str = "gateway.apis.forward.token_limit";

/// What fails in a scenario of `throttling` with one key of the limit replaced.
fn fails_with<const N: usize>(name: &str, key: &str, value: &str, gates: [&str; N]) {
    let path = format!("{LIMIT}.{key}");
    assert_fails(&format!("throttling/{name}"), &[(&path, value)], gates);
}

/// A gateway whose limit is another for the second subscription.
fn with_limit_of_two(change: fn(&mut TokenLimitConfig)) -> impl FnOnce(&mut GatewayConfig) {
    move |config| {
        let api = config.apis.get_mut("forward").expect("the scenario's API");
        let limit = api.token_limit.take().expect("the scenario's limit");
        let mut other = limit.clone();
        change(&mut other);
        for (product, limit) in [("one", limit), ("two", other)] {
            let of = config.products.entry(product.to_owned()).or_default();
            of.token_limit = Some(limit);
            let subscription = config.subscriptions.get_mut(product).expect("the preset's");
            subscription.product = Some(product.to_owned());
        }
    }
}

fn a_million(limit: &mut TokenLimitConfig) {
    limit.tokens_per_minute = std::num::NonZeroU64::new(1_000_000);
}

/// A gateway whose books differ from what it did.
fn with_log(change: fn(&mut AccessEntry)) -> impl Fn(&mut Evidence) {
    move |evidence| {
        let Source::Given(log) = &mut evidence.gateway else {
            panic!("the gateway is ours and writes a log");
        };
        log.iter_mut().for_each(change);
    }
}

#[test]
fn a_burst_against_no_limit_is_noticed() {
    let path = "tokens_per_minute";
    let unlimited = ["BU-1", "BU-2", "next_was_refused"];
    fails_with("tpm-burst", path, "1_000_000", unlimited);
    fails_with("tpm-burst#reserving", path, "1_000_000", unlimited);
}

#[test]
fn a_limit_that_forgets_too_late_is_noticed() {
    let late = [("token_quota", "20_000"), ("token_quota_period", "hourly")];
    let late = late.map(|(key, value)| (format!("{LIMIT}.{key}"), value));
    let late = late.each_ref().map(|(path, value)| (path.as_str(), *value));
    assert_fails(
        "throttling/tpm-burst",
        &late,
        ["BU-2", "BU-3", "books.statuses", "next_was_refused"],
    );
}

#[test]
fn a_count_after_the_answer_is_no_reservation() {
    let afterwards = Experiment::of("throttling/tpm-burst#reserving").with_gateway(|config| {
        let limit = &mut config.apis.get_mut("forward").unwrap().token_limit;
        limit.as_mut().unwrap().reserves = None;
    });
    assert_eq!(afterwards.failures(), ids(["BU-1", "BU-4"]));
    // As much as ten answers' worth is held for each call that does not say how much it wants.
    fails_with(
        "tpm-burst#reserving",
        "reserves.default_max_tokens",
        "600",
        ["BU-4"],
    );
}

#[test]
fn a_backend_that_is_asked_more_often_than_answers_need_is_noticed() {
    let twice = Experiment::of("throttling/tpm-burst").with_backend("payg-1", bugs::asking_twice);
    assert_eq!(
        twice.failures(),
        ids(["BU-5", "books.attempts", "books.backend_claims"])
    );
}

#[test]
fn books_that_miss_an_answers_tokens_are_noticed() {
    let forgetful = with_log(|entry| {
        if entry.number % 100 == 7 {
            entry.usage = None;
        }
    });
    let burst = Experiment::of("throttling/tpm-burst").with_evidence(forgetful);
    assert_eq!(burst.failures(), ids(["BU-5"]));
}

#[test]
fn streams_that_are_never_counted_are_noticed() {
    for name in ["tpm-streams", "tpm-streams#with-usage"] {
        let free = Experiment::of(&format!("throttling/{name}"));
        let free = free.with_gateway(with_limit_of_two(a_million));
        assert_eq!(free.failures(), ids(["TS-1", "TS-3"]), "{name}");
    }
    let swapped = [
        ("clients.whole.subscription", "two"),
        ("clients.streamed.subscription", "one"),
    ];
    let free = Experiment::with("throttling/tpm-streams", &swapped);
    let free = free.with_gateway(with_limit_of_two(a_million));
    assert_eq!(free.failures(), ids(["TS-2", "whole_were_refused"]));
}

#[test]
fn streams_whose_prompts_are_not_counted_are_noticed() {
    let answers_only = with_log(|entry| {
        if let Some(usage) = entry.usage.as_mut().filter(|usage| usage.estimated) {
            usage.total_tokens -= usage.prompt_tokens;
            usage.prompt_tokens = 0;
        }
    });
    let streams = Experiment::of("throttling/tpm-streams").with_evidence(answers_only);
    assert_eq!(streams.failures(), ids(["TS-1", "TS-4"]));
}

#[test]
fn a_stream_with_something_added_is_noticed() {
    let streams = Experiment::of("throttling/tpm-streams");
    let failures = streams
        .with_backend("payg-1", bugs::adding_a_comment)
        .failures();
    assert_eq!(failures, ids(["TS-5"]));
}

#[test]
fn whoever_aborts_for_nothing_is_noticed() {
    let free = Experiment::of("throttling/aborted-stream");
    let free = free.with_gateway(with_limit_of_two(a_million));
    assert_eq!(free.failures(), ids(["AS-1"]));
    let unbooked = with_log(|entry| {
        if let Some(usage) = entry.usage.as_mut().filter(|usage| usage.estimated) {
            (usage.total_tokens, usage.completion_tokens) = (usage.prompt_tokens, 0);
        }
    });
    let unbooked = Experiment::of("throttling/aborted-stream").with_evidence(unbooked);
    assert_eq!(unbooked.failures(), ids(["AS-2"]));
    let certain = with_log(|entry| {
        if let Some(usage) = &mut entry.usage {
            usage.estimated = false;
        }
    });
    let certain = Experiment::of("throttling/aborted-stream").with_evidence(certain);
    assert_eq!(certain.failures(), ids(["AS-3"]));
    fails_with("aborted-stream", "key", "everyone", ["AS-4"]);
}

#[test]
fn a_wait_that_is_not_told_is_noticed_by_whose_it_is() {
    let name = "throttling/whose-wait";
    let untold = [(
        "gateway.apis.forward.rate_limit.retry_after_header",
        "x-wait",
    )];
    assert_fails(name, &untold, ["WW-1"]);
    fails_with("whose-wait", "retry_after_header", "x-wait", ["WW-2"]);
    let lost = Experiment::of(name).with_backend("payg-1", bugs::losing_retry_after);
    assert_eq!(lost.failures(), ids(["WW-3"]));
}

#[test]
fn a_usage_that_cannot_be_and_is_believed_is_noticed() {
    let free = Experiment::of("throttling/lying-usage");
    let free = free.with_backend("payg-1", bugs::telling_no_tokens);
    assert_eq!(free.failures(), ids(["LU-1", "LU-2", "LU-4"]));
    fails_with("lying-usage", "key", "everyone", ["LU-1", "LU-3"]);
}

#[test]
fn a_reload_that_forgets_or_changes_nothing_is_noticed() {
    let name = "throttling/reload";
    let raise = "actions.raise.gateway.apis.forward.token_limit";
    let another = format!("{raise}.window");
    let more = ["RK-1", "RK-2", "RK-3", "limit_was_reached"];
    assert_fails(name, &[(&another, "bucket")], more);
    let much = format!("{raise}.tokens_per_minute");
    assert_fails(name, &[(&much, "5_000")], more);
    let deaf = Experiment::of(name).without_actions();
    assert_eq!(deaf.failures(), ids(["RK-1", "RK-2"]));
}

#[test]
fn background_work_that_gets_all_or_nothing_is_noticed() {
    let name = "throttling/high-priority";
    let deployment = "gateway.apis.prioritization-token-calculating.prioritize.token_calculating\
                      .deployments.embedding";
    let key = |key: &str| format!("{deployment}.{key}");
    let (tokens, calls) = (
        key("low_priority_tokens_threshold"),
        key("low_priority_requests_threshold"),
    );
    let all = [(&*tokens, "0"), (&*calls, "0")];
    assert_fails(name, &all, ["HP-1", "low_was_refused"]);
    assert_fails(name, &[(&tokens, "9_000")], ["HP-3"]);
    let (tokens, calls) = (key("tokens_per_minute"), key("requests_per_10s"));
    let unaware = [(&*tokens, "20_000"), (&*calls, "20")];
    assert_fails(name, &unaware, ["HP-1", "HP-2", "low_was_refused"]);
}
