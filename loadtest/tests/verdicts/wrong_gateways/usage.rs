//! Usage that is lost, doubled, booked on somebody else, or bought with the client's own bytes.

use std::collections::BTreeSet;

use axum::Router;
use loadtest::evidence::{Evidence, Source};
use loadtest::topology::UsageEvent;

use super::assert_fails;
use crate::bugs;
use crate::support::{Experiment, ids};

/// What fails in the scenario of `usage-tracking` where the gateway's events are changed so.
fn failures_with_events(name: &str, change: fn(&mut Vec<UsageEvent>)) -> BTreeSet<String> {
    failures_with(name, move |evidence| {
        let Source::Given(events) = &mut evidence.usage_events else {
            panic!("the gateway is ours and keeps its events");
        };
        change(events);
    })
}

/// What fails in the scenario of `usage-tracking` where the gateway's metrics page is this one.
fn failures_with_metrics(name: &str, change: fn(&str) -> String) -> BTreeSet<String> {
    failures_with(name, move |evidence| {
        let Source::Given(page) = &mut evidence.metrics else {
            panic!("the gateway is ours and has a metrics page");
        };
        let changed = change(page);
        assert_ne!(*page, changed, "the page has no such line");
        *page = changed;
    })
}

fn failures_with(
    name: &str,
    change: impl Fn(&mut Evidence) + Send + Sync + 'static,
) -> BTreeSet<String> {
    let experiment = Experiment::of(&format!("usage-tracking/{name}"));
    experiment.with_evidence(change).failures()
}

/// What fails in the scenario of `usage-tracking` with this between the gateway and its backends.
fn failures_through(name: &str, bug: fn(Router) -> Router) -> BTreeSet<String> {
    let experiment = Experiment::of(&format!("usage-tracking/{name}"));
    experiment.with_backend("*", bug).failures()
}

fn without_the_middle(events: &mut Vec<UsageEvent>) {
    events.remove(events.len() / 2);
}

/// As a gateway has it that writes one for each of its attempts.
fn with_a_second_for_payg(events: &mut Vec<UsageEvent>) {
    let retried = events
        .iter()
        .filter(|event| event.backend.as_deref() == Some("payg-1"));
    let again = retried.cloned().map(|event| UsageEvent {
        event_id: format!("{}-again", event.event_id),
        ..event
    });
    events.extend(again.collect::<Vec<_>>());
}

/// As the references have it.
fn with_ids_for_names(events: &mut Vec<UsageEvent>) {
    for event in events {
        event.subscription = Some("65f0c1f3a7d2".to_owned());
    }
}

fn with_tokens_doubled(page: &str) -> String {
    let doubled = |line: &str| match line.rsplit_once(' ') {
        Some((series, tokens)) if series.starts_with("gateway_usage_tokens_total{") => {
            let tokens: f64 = tokens.parse().expect("a sample is a number");
            format!("{series} {}", 2.0 * tokens)
        }
        _ => line.to_owned(),
    };
    page.lines().map(doubled).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_lost_event_is_missed_in_the_sum_and_in_the_bill() {
    assert_eq!(
        failures_with_events("by-subscription", without_the_middle),
        ids(["UT-1", "UT-3", "UT-7", "books.usage"])
    );
}

#[test]
fn an_event_on_somebody_elses_bill_is_noticed() {
    let booked_wrongly = failures_with_events("by-subscription", |events| {
        let of_one = events
            .iter_mut()
            .find(|event| event.subscription.as_deref() == Some("one"));
        of_one.expect("one has called").subscription = Some("two".to_owned());
    });
    assert_eq!(booked_wrongly, ids(["UT-1", "UT-7"]));
    for name in ["by-subscription", "customers"] {
        let nameless = failures_with_events(name, with_ids_for_names);
        assert_eq!(nameless, ids(["UT-1", "UT-4", "UT-7"]), "{name}");
    }
}

#[test]
fn an_event_for_who_was_refused_is_noticed() {
    let for_strangers = failures_with_events("by-subscription", |events| {
        // The last phase has strangers only beside one user, whose first call has an event.
        let last = events.last().expect("there are events").clone();
        events.push(UsageEvent {
            event_id: "refused".to_owned(),
            subscription: None,
            status: 401,
            prompt_tokens: 0,
            completion_tokens: 0,
            total_tokens: 0,
            ..last
        });
    });
    assert_eq!(for_strangers, ids(["UT-3", "UT-4", "books.usage"]));
}

#[test]
fn an_event_that_does_not_add_up_or_leaves_something_out_is_noticed() {
    let odd = failures_with_events("by-subscription", |events| events[0].total_tokens += 1);
    assert_eq!(odd, ids(["UT-1", "UT-2", "books.usage"]));
    let bare = failures_with_events("by-subscription", |events| events[0].deployment = None);
    assert_eq!(bare, ids(["UT-4"]));
}

#[test]
fn a_metric_that_counts_twice_is_noticed() {
    for name in ["by-subscription", "customers"] {
        let failures = failures_with_metrics(name, with_tokens_doubled);
        assert_eq!(failures, ids(["UT-1-metrics"]), "{name}");
    }
    assert_eq!(
        failures_with_metrics("streams", with_tokens_doubled),
        ids(["UT-5-metrics"])
    );
}

#[test]
fn a_backend_that_tells_more_than_it_made_is_noticed_by_its_ledger() {
    assert_eq!(
        failures_through("by-subscription", bugs::telling_ten_tokens_more),
        ids(["UT-1-ledger", "books.tokens", "books.usage"])
    );
}

#[test]
fn an_attempt_that_is_billed_beside_its_request_is_noticed() {
    assert_eq!(
        failures_with_events("retries", with_a_second_for_payg),
        ids(["UT-1", "UT-3", "UT-7", "books.usage"])
    );
    let on_the_first = |page: &str| page.replace("backend=\"payg-1\"", "backend=\"ptu-1\"");
    assert_eq!(
        failures_with_metrics("retries", on_the_first),
        ids(["UT-1-backend"])
    );
    assert_eq!(
        failures_with_events("customers", with_a_second_for_payg),
        ids(["UT-1", "UT-3", "UT-7", "books.usage"])
    );
}

#[test]
fn usage_that_is_ordered_in_the_clients_name_changes_what_passes() {
    assert_eq!(
        failures_through("streams", bugs::ordering_usage),
        ids(["UT-5-estimate", "UT-5-stream"])
    );
}

#[test]
fn a_stream_that_is_read_before_it_is_passed_on_is_noticed() {
    assert_eq!(
        failures_through("streams", bugs::holding_streams_back),
        ids(["UT-5-first"])
    );
}

#[test]
fn estimates_are_flagged_and_near() {
    let all_estimated = failures_with_events("streams", |events| {
        for event in events {
            event.estimated = true;
        }
    });
    assert_eq!(all_estimated, ids(["UT-5"]));
    let by_the_letter = failures_with_events("streams", |events| {
        for event in events.iter_mut().filter(|event| event.estimated) {
            event.completion_tokens *= 2;
            event.total_tokens = event.prompt_tokens + event.completion_tokens;
        }
    });
    assert_eq!(
        by_the_letter,
        ids(["UT-5-estimate", "UT-5-metrics", "books.usage"])
    );
}

#[test]
fn a_stream_that_was_left_is_neither_free_nor_charged_in_full() {
    let free = failures_with_events("aborted-streams", |events| {
        events.retain(|event| !event.aborted);
    });
    assert_eq!(
        free,
        ids(["UT-6", "UT-6-prompt", "UT-6-tokens", "books.usage"])
    );
    let in_full = failures_with_events("aborted-streams", |events| {
        for event in events.iter_mut().filter(|event| event.aborted) {
            event.completion_tokens = 60;
            event.total_tokens = event.prompt_tokens + 60;
        }
    });
    assert_eq!(in_full, ids(["UT-6-tokens", "books.usage"]));
    let without_prompt = failures_with_events("aborted-streams", |events| {
        for event in events.iter_mut().filter(|event| event.aborted) {
            event.prompt_tokens = 0;
            event.total_tokens = event.completion_tokens;
        }
    });
    assert_eq!(without_prompt, ids(["UT-6-prompt", "books.usage"]));
    let readers_too = failures_with_events("aborted-streams", |events| {
        for event in events.iter_mut().filter(|event| !event.aborted) {
            event.completion_tokens += 1;
            event.total_tokens += 1;
        }
    });
    assert_eq!(readers_too, ids(["UT-6-readers", "books.usage"]));
}

#[test]
fn users_and_subscriptions_of_the_metric_are_told_apart() {
    let nobody_is_alex =
        |page: &str| page.replace("header_x_user_id=\"N/A\"", "header_x_user_id=\"alex\"");
    assert_eq!(
        failures_with_metrics("token-metrics", nobody_is_alex),
        ids(["TM-1", "TM-2"])
    );
    let one_is_two = |page: &str| page.replace("subscription=\"one\"", "subscription=\"two\"");
    assert_eq!(
        failures_with_metrics("token-metrics", one_is_two),
        ids(["TM-3"])
    );
    assert_eq!(
        failures_with_metrics("token-metrics", with_tokens_doubled),
        ids(["TM-1", "TM-2", "TM-3", "TM-4"])
    );
}

#[test]
fn a_sink_that_is_away_is_nobodys_delay_and_no_secret() {
    // As if each answer waited until the sink was given up.
    assert_fails(
        "usage-tracking/unreachable-sink",
        &[("deployments.gpt-4o.latency.per_request", "\"2200ms\"")],
        ["US-1"],
    );
    assert_eq!(
        failures_with_events("unreachable-sink", without_the_middle),
        ids(["US-2", "books.usage"])
    );
    let silent = |page: &str| page.replace("gateway_usage_events_dropped_total", "nothing");
    assert_eq!(
        failures_with_metrics("unreachable-sink", silent),
        ids(["US-3", "the_queue_was_full"])
    );
}
