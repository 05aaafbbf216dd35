//! What a wrong sentence about tokens, headers or fairness is told.

use insta::assert_snapshot;

use super::super::{Names, Tracking, parse};
use super::{names, shown};

fn errors_with(names: &Names, sentence: &str) -> String {
    let errors = parse("G", sentence, names).unwrap_err();
    let shown: Vec<_> = errors.iter().map(|error| shown(sentence, error)).collect();
    shown.join("\n\n")
}

fn errors(sentence: &str) -> String {
    errors_with(&names(), sentence)
}

#[test]
fn a_number_in_no_header() {
    assert_snapshot!(errors("rises{class=low} <= 1"), @r"
    rises{class=low} <= 1
    ^^^^^
    `rises` needs the name of a header
    help: write `rises{name=…}`
    ");
}

#[test]
fn a_number_in_a_header_that_nobody_watches() {
    assert_snapshot!(errors("sum of header_value{name=remaining} == 1"), @r#"
    sum of header_value{name=remaining} == 1
                             ^^^^^^^^^
    no class watches the header `remaining`
    help: add `watches_headers = ["remaining"]` to the class
    "#);
}

#[test]
fn a_number_without_a_statistic() {
    assert_snapshot!(errors("header_value{name=consumed-tokens} == 59"), @r"
    header_value{name=consumed-tokens} == 59
    ^^^^^^^^^^^^
    `header_value` is a number of each record and needs a statistic
    help: write `p50 of header_value` or `max of header_value`
    ");
}

#[test]
fn a_window_of_numbers() {
    let sentence = "max in 60s of header_value{name=consumed-tokens} <= 59";
    assert_snapshot!(errors(sentence), @r"
    max in 60s of header_value{name=consumed-tokens} <= 59
                  ^^^^^^^^^^^^
    expected a count, `header_value` is a number
    ");
}

#[test]
fn the_name_of_a_header_where_none_is_measured() {
    assert_snapshot!(errors("requests{name=consumed-tokens} == 1"), @r"
    requests{name=consumed-tokens} == 1
             ^^^^
    `requests` has no label `name`, expected `phase`, `class`, `status`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product`, `reason`, `refused_by`, `attempts`, `streamed`, `aborted`, `error`, `user` or `header.NAME`
    ");
}

#[test]
fn the_time_from_the_start_of_two_phases() {
    let sentence = "time to first status=200 in requests{phase=base|spike} < 5s";
    assert_snapshot!(errors(sentence), @r"
    time to first status=200 in requests{phase=base|spike} < 5s
                                ^^^^^^^^^^^^^^^^^^^^^^^^^^
    the time counts from the start of one phase, not of several
    ");
}

#[test]
fn nobody_preferred_to_themselves() {
    let sentence = "inversions of class=high over class=high within 1s in requests == 0";
    assert_snapshot!(errors(sentence), @r"
    inversions of class=high over class=high within 1s in requests == 0
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    nobody can be preferred to themselves: the two kinds are the same
    ");
}

#[test]
fn fairness_to_one() {
    let sentence = "fairness of class in requests{class=high, status=200} >= 0.9";
    assert_snapshot!(errors(sentence), @r"
    fairness of class in requests{class=high, status=200} >= 0.9
                ^^^^^
    there is only one `class` to be fair to: high
    ");
    let alone = Names {
        subscriptions: vec!["one".to_owned()],
        ..names()
    };
    let sentence = "fairness of subscription in requests >= 0.9";
    assert_snapshot!(errors_with(&alone, sentence), @r"
    fairness of subscription in requests >= 0.9
                ^^^^^^^^^^^^
    there is only one `subscription` to be fair to: one
    ");
}

#[test]
fn a_dimension_that_the_metrics_page_lacks() {
    let sentence = "prompt_tokens{by=metrics, product=gold} == 1 and total_tokens{by=metrics, phase=base} == 1";
    assert_snapshot!(errors(sentence), @r"
    prompt_tokens{by=metrics, product=gold} == 1 and total_tokens{by=metrics, phase=base} == 1
                              ^^^^^^^
    the gateway's metrics do not tell `product`, expected `subscription` or `model`
    help: add it to the dimensions of the gateway's [usage]

    prompt_tokens{by=metrics, product=gold} == 1 and total_tokens{by=metrics, phase=base} == 1
                                                                              ^^^^^
    `total_tokens` has no label `phase`, expected `by`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product` or `header.NAME`
    ");
}

#[test]
fn a_gateway_that_tracks_no_usage() {
    let untracked = Names {
        tracking: Tracking::Off,
        ..names()
    };
    assert_snapshot!(errors_with(&untracked, "total_tokens{by=events} == 1"), @r"
    total_tokens{by=events} == 1
                    ^^^^^^
    the gateway tracks no usage
    help: give it a table [usage]
    ");
}

#[test]
fn a_cost_without_a_price() {
    let unpriced = Names {
        unpriced: vec!["gpt-4o".to_owned()],
        ..names()
    };
    assert_snapshot!(errors_with(&unpriced, "cost{by=client} <= 0.01"), @r#"
    cost{by=client} <= 0.01
    ^^^^
    the model `gpt-4o` has no price
    help: add [prices."gpt-4o"] with what its tokens cost
    "#);
}

#[test]
fn usage_events_have_no_ordinal() {
    assert_snapshot!(errors("events{ordinal=1} == 0 and cost{by=metrics} == 0"), @r"
    events{ordinal=1} == 0 and cost{by=metrics} == 0
           ^^^^^^^
    `events` has no label `ordinal`, expected `phase`, `class`, `status`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product`, `attempts`, `streamed`, `aborted`, `estimated` or `user`

    events{ordinal=1} == 0 and cost{by=metrics} == 0
                                       ^^^^^^^
    unknown source `metrics`, expected `client`, `gateway`, `events`, `payg-1`, `payg-2` or `ptu-1`
    ");
}
