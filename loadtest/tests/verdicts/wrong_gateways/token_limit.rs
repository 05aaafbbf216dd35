//! Token limits and quotas before wrong gateways.

use super::assert_fails;
use crate::bugs;
use crate::support::{Experiment, ids};

const LIMIT: &str = "gateway.apis.token-limit.token_limit";

/// What fails in a scenario of `token-limit` with one key of the limit replaced.
fn fails_with<const N: usize>(name: &str, key: &str, value: &str, gates: [&str; N]) {
    let path = format!("{LIMIT}.{key}");
    assert_fails(&format!("token-limit/{name}"), &[(&path, value)], gates);
}

#[test]
fn a_minute_that_does_not_slide_is_noticed() {
    let all = ["TL-1", "TL-2", "TL-3", "TL-4", "TL-5", "TL-6", "TL-7"];
    fails_with("golden#bucket", "window", "sliding", all);
    let all = [
        "TL-1",
        "TL-2",
        "TL-3",
        "TL-4",
        "TL-5",
        "TL-6",
        "TL-7",
        "sdk_was_refused",
    ];
    fails_with("golden", "window", "bucket", all);
}

#[test]
fn a_counter_that_everybody_shares_is_noticed() {
    let all = ["TL-1", "TL-2", "TL-3", "TL-4", "TL-6", "TL-7"];
    fails_with("golden", "key", "everyone", all);
    let quota = ["TQ-1", "TQ-3", "TQ-5"];
    fails_with("quota", "key", "everyone", quota);
}

#[test]
fn headers_of_another_name_are_missed() {
    fails_with("golden", "tokens_consumed_header", "x-used", ["TL-2"]);
    let left = ["TL-3", "TL-6"];
    fails_with("golden", "remaining_tokens_header", "x-left", left);
    let waits = ["TL-4", "TL-5", "TL-7"];
    fails_with("golden", "retry_after_header", "x-wait", waits);
    fails_with("quota", "remaining_quota_tokens_header", "x-left", ["TQ-3"]);
    let waits = ["TQ-2", "TQ-3"];
    fails_with("quota", "retry_after_header", "x-wait", waits);
}

#[test]
fn tokens_held_in_advance_are_told_from_those_counted_afterwards() {
    let held = ["TL-1", "TL-2", "TL-3", "TL-4", "TL-7"];
    fails_with("golden", "reserves.default_max_tokens", "50", held);
    let estimate = "estimate_prompt_tokens";
    fails_with("golden#estimate", estimate, "false", ["TL-5"]);
}

#[test]
fn a_quota_of_a_day_is_not_over_at_eleven() {
    let day = ["TQ-2", "TQ-3"];
    fails_with("quota", "token_quota_period", "daily", day);
}

#[test]
fn a_quota_that_is_told_as_a_limit_is_retried_in_vain() {
    let limit = [("tokens_per_minute", "200"), ("token_quota", "1_000_000")];
    let limit = limit.map(|(key, value)| (format!("{LIMIT}.{key}"), value));
    let limit = limit
        .each_ref()
        .map(|(path, value)| (path.as_str(), *value));
    let told = [
        "TQ-1",
        "TQ-2",
        "TQ-3",
        "TQ-4",
        "books.statuses",
        "quota_was_used_up",
    ];
    assert_fails("token-limit/quota", &limit, told);
}

#[test]
fn a_backend_that_is_asked_more_often_than_answers_need_is_noticed() {
    for (name, gate) in [("golden", "TL-8"), ("quota", "TQ-6")] {
        let twice = Experiment::of(&format!("token-limit/{name}"));
        let twice = twice.with_backend("payg-1", bugs::asking_twice);
        let more = ids([gate, "books.attempts", "books.backend_claims"]);
        assert_eq!(twice.failures(), more, "{name}");
    }
}

#[test]
fn a_limit_that_reads_no_prompts_or_counts_everybody_together_is_noticed() {
    fn fails_with<const N: usize>(key: &str, value: &str, gates: [&str; N]) {
        let path = format!("gateway.apis.rate-limiting-by-tokens.token_limit.{key}");
        assert_fails(
            "landing-zone/rate-limiting-by-tokens",
            &[(&path, value)],
            gates,
        );
    }
    fails_with("estimate_prompt_tokens", "false", ["RT-3"]);
    fails_with("tokens_per_minute", "400", ["RT-1", "RT-2"]);
    fails_with("key", "everyone", ["RT-4"]);
    fails_with("tokens_consumed_header", "x-consumed", ["RT-2"]);
}
