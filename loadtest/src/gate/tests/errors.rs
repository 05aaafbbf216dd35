//! What a wrong sentence is told, and where.

use insta::assert_snapshot;

use super::super::parse;
use super::{names, shown};

fn errors(sentence: &str) -> String {
    let errors = parse("G", sentence, &names()).unwrap_err();
    let shown: Vec<_> = errors.iter().map(|error| shown(sentence, error)).collect();
    shown.join("\n\n")
}

#[test]
fn an_empty_sentence() {
    let errors = parse("G", "", &names()).unwrap_err();
    assert_eq!(errors[0].range, 0..0);
    assert_eq!(
        errors[0].message,
        "expected a value, found the end of the sentence"
    );
}

#[test]
fn an_unknown_metric() {
    let sentence = "reqests == 0";
    assert_snapshot!(errors(sentence), @r"
    reqests == 0
    ^^^^^^^
    unknown metric `reqests`, expected `requests`, `client_attempts`, `gateway_requests`, `attempts`, `refusals`, `changed_requests`, `changed_answers`, `changed_paths`, `leaked_credentials`, `gateway_attempts`, `trips`, `wasted_attempts`, `heedless_attempts`, `early_client_retries`, `moved_requests`, `probes`, `events`, `dropped_events`, `rises`, `tokens_charged`, `tokens_estimated`, `prompt_tokens`, `completion_tokens`, `total_tokens`, `tokens_yielded`, `cost`, `latency`, `service_time`, `time_to_headers`, `time_to_first_token`, `end_to_end`, `inter_token_gap`, `lag`, `retry_after`, `gateway_wait`, `silence`, `time_to_open`, `time_to_recover`, `abort_delay` or `header_value`
    help: did you mean `requests`?
    ");
}

#[test]
fn an_unknown_label() {
    let sentence = "requests{phse=base} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{phse=base} == 0
             ^^^^
    unknown label `phse`, expected `phase`, `by`, `name`, `class`, `status`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product`, `reason`, `refused_by`, `ordinal`, `attempts`, `streamed`, `aborted`, `estimated`, `error`, `fault` or `user`
    help: did you mean `phase`?
    ");
}

#[test]
fn an_unknown_phase() {
    let sentence = "requests{phase=spkie} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{phase=spkie} == 0
                   ^^^^^
    unknown phase `spkie`, expected `base`, `spike`, `recovery`, `sequential`, `steady`, `arbitrary`, `low-1`, `mixed` or `mixed-1`
    help: did you mean `spike`?
    ");
}

#[test]
fn an_unknown_class() {
    let sentence = "requests{class=hgih} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{class=hgih} == 0
                   ^^^^
    unknown class `hgih`, expected `high` or `low`
    help: did you mean `high`?
    ");
}

#[test]
fn an_unknown_backend() {
    let sentence = "attempts{backend=ptu1} == 0";
    assert_snapshot!(errors(sentence), @r"
    attempts{backend=ptu1} == 0
                     ^^^^
    unknown backend `ptu1`, expected `payg-1`, `payg-2`, `ptu-1` or `none`
    help: did you mean `ptu-1`?
    ");
}

#[test]
fn a_status_that_is_none() {
    let sentence = "requests{status=ok} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{status=ok} == 0
                    ^^
    expected a status from 100 to 599, found `ok`
    ");
}

#[test]
fn every_unknown_name_is_reported_at_once() {
    let sentence = "requests{class=lo, backend=payg-3} == 0 and requests{phase=bse} == 1";
    assert_snapshot!(errors(sentence), @r"
    requests{class=lo, backend=payg-3} == 0 and requests{phase=bse} == 1
                   ^^
    unknown class `lo`, expected `high` or `low`
    help: did you mean `low`?

    requests{class=lo, backend=payg-3} == 0 and requests{phase=bse} == 1
                               ^^^^^^
    unknown backend `payg-3`, expected `payg-1`, `payg-2`, `ptu-1` or `none`
    help: did you mean `payg-1`?

    requests{class=lo, backend=payg-3} == 0 and requests{phase=bse} == 1
                                                               ^^^
    unknown phase `bse`, expected `base`, `spike`, `recovery`, `sequential`, `steady`, `arbitrary`, `low-1`, `mixed` or `mixed-1`
    help: did you mean `base`?
    ");
}

#[test]
fn a_label_that_the_records_lack() {
    let sentence = "requests{ordinal=1} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{ordinal=1} == 0
             ^^^^^^^
    `requests` has no label `ordinal`, expected `phase`, `class`, `status`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product`, `reason`, `refused_by`, `attempts`, `streamed`, `aborted`, `error`, `user` or `header.NAME`
    ");
}

#[test]
fn a_label_that_only_one_of_two_books_has() {
    let sentence = "refusals{ordinal=1} == 0";
    assert_snapshot!(errors(sentence), @r"
    refusals{ordinal=1} == 0
             ^^^^^^^
    `refusals` has no label `ordinal`, expected `phase`, `by`, `class`, `status`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product`, `reason`, `attempts`, `streamed`, `aborted` or `user`
    ");
}

#[test]
fn a_source_that_does_not_know() {
    let sentence = "tokens_charged{by=client} == 0";
    assert_snapshot!(errors(sentence), @r"
    tokens_charged{by=client} == 0
                      ^^^^^^
    unknown source `client`, expected `gateway`, `payg-1`, `payg-2` or `ptu-1`
    ");
}

#[test]
fn a_source_for_a_metric_without_choice() {
    let sentence = "requests{by=gateway} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{by=gateway} == 0
             ^^
    `requests` has no label `by`, expected `phase`, `class`, `status`, `backend`, `deployment`, `model`, `operation`, `subscription`, `product`, `reason`, `refused_by`, `attempts`, `streamed`, `aborted`, `error`, `user` or `header.NAME`
    ");
}

#[test]
fn a_duration_without_its_unit() {
    let sentence = "p50 of latency < 20";
    assert_snapshot!(errors(sentence), @r"
    p50 of latency < 20
                     ^^
    cannot compare a duration with a number
    help: a duration has a unit, such as `20ms` or `1.5s`
    ");
}

#[test]
fn a_duration_against_a_count() {
    let sentence = "p50 of latency < requests";
    assert_snapshot!(errors(sentence), @r"
    p50 of latency < requests
                     ^^^^^^^^
    cannot compare a duration with a count
    ");
}

#[test]
fn a_count_against_a_percentage() {
    let sentence = "requests <= 5 %";
    assert_snapshot!(errors(sentence), @r"
    requests <= 5 %
                ^^^
    cannot compare a count with a percentage
    ");
}

#[test]
fn a_sum_of_unlike_things() {
    let sentence = "p50 of latency + requests < 5";
    assert_snapshot!(errors(sentence), @r"
    p50 of latency + requests < 5
    ^^^^^^^^^^^^^^^^^^^^^^^^^
    cannot add a count to a duration
    ");
}

#[test]
fn a_duration_without_a_statistic() {
    let sentence = "latency < 20ms";
    assert_snapshot!(errors(sentence), @r"
    latency < 20ms
    ^^^^^^^
    `latency` is a duration of each record and needs a statistic
    help: write `p50 of latency` or `max of latency`
    ");
}

#[test]
fn a_statistic_of_a_count() {
    let sentence = "p50 of requests < 5";
    assert_snapshot!(errors(sentence), @r"
    p50 of requests < 5
           ^^^^^^^^
    a statistic is taken of durations, `requests` is a count
    help: for windows write `max in 60s of requests`
    ");
}

#[test]
fn a_share_of_durations() {
    let sentence = "share of status=200 in latency >= 98 %";
    assert_snapshot!(errors(sentence), @r"
    share of status=200 in latency >= 98 %
                           ^^^^^^^
    expected a count, `latency` is a duration
    ");
}

#[test]
fn a_window_of_durations() {
    let sentence = "max in 60s of latency < 1s";
    assert_snapshot!(errors(sentence), @r"
    max in 60s of latency < 1s
                  ^^^^^^^
    expected a count, `latency` is a duration
    ");
}

#[test]
fn wall_said_of_a_count() {
    let sentence = "requests == 5 wall";
    assert_snapshot!(errors(sentence), @r"
    requests == 5 wall
                  ^^^^
    `wall` is said of durations, not of a count
    ");
}

#[test]
fn random_said_of_a_count() {
    let sentence = "random requests in 3..5";
    assert_snapshot!(errors(sentence), @r"
    random requests in 3..5
           ^^^^^^^^
    only a share can be random
    help: write `random share of LABEL=VALUE in …`
    ");
}

#[test]
fn a_random_share_against_something_measured() {
    let sentence = "random share of status=200 in requests <= share of status=200 in attempts";
    assert_snapshot!(errors(sentence), @r"
    random share of status=200 in requests <= share of status=200 in attempts
                                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    a random share is compared with percentages, not with something measured
    ");
}

#[test]
fn a_clause_that_measures_nothing() {
    let sentence = "1 < 2";
    assert_snapshot!(errors(sentence), @r"
    1 < 2
    ^^^^^
    the clause measures nothing
    ");
}

#[test]
fn a_percentile_beyond_the_end() {
    let sentence = "p100 of latency < 1s";
    assert_snapshot!(errors(sentence), @r"
    p100 of latency < 1s
    ^^^^
    expected a percentile between 0 and 100
    help: for the ends write `min of …` or `max of …`
    ");
}

#[test]
fn a_missing_comparison() {
    let sentence = "requests{status=200}";
    assert_snapshot!(errors(sentence), @r"
    requests{status=200}
                        ^
    expected a comparison: `==`, `!=`, `<=`, `<`, `>=`, `>` or `in A..B`, found the end of the sentence
    ");
}

#[test]
fn a_missing_end_of_a_selection() {
    let sentence = "requests{status=200 == 5";
    assert_snapshot!(errors(sentence), @r"
    requests{status=200 == 5
                        ^^
    expected `}`, found `==`
    ");
}

#[test]
fn something_after_the_end() {
    let sentence = "requests == 5 or attempts == 5";
    assert_snapshot!(errors(sentence), @r"
    requests == 5 or attempts == 5
                  ^^
    expected `and` or the end of the sentence, found `or`
    ");
}

#[test]
fn a_slice_outside_its_phase() {
    let sentence = "requests{phase=mixed[120s..]} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{phase=mixed[120s..]} == 0
                        ^^^^^^^^
    the slice lies outside `mixed`, which is 120s long
    ");
}

#[test]
fn a_slice_that_ends_before_it_starts() {
    let sentence = "requests{phase=mixed[60s..30s]} == 0";
    assert_snapshot!(errors(sentence), @r"
    requests{phase=mixed[60s..30s]} == 0
                        ^^^^^^^^^^
    the slice ends before it starts
    ");
}

#[test]
fn a_slice_of_gaps() {
    let sentence = "p50 of inter_token_gap{phase=mixed[60s..]} < 1s";
    assert_snapshot!(errors(sentence), @r"
    p50 of inter_token_gap{phase=mixed[60s..]} < 1s
                                      ^^^^^^^
    gaps between tokens are kept per phase, not per moment
    ");
}

#[test]
fn an_ellipsis_with_nothing_before() {
    let sentence = "fewest … >= 8";
    assert_snapshot!(errors(sentence), @r"
    fewest … >= 8
           ^
    `…` repeats the term before it, and no such term is before this one
    ");
}

#[test]
fn an_unknown_name_in_a_pattern() {
    let sentence = "order of backend in requests is (payg-2 payg1)*";
    assert_snapshot!(errors(sentence), @r"
    order of backend in requests is (payg-2 payg1)*
                                            ^^^^^
    unknown backend `payg1`, expected `payg-1`, `payg-2`, `ptu-1` or `none`
    help: did you mean `payg-1`?
    ");
}

#[test]
fn a_pattern_with_a_status_that_is_none() {
    let sentence = "each requests has attempts [ptu-1:42]";
    assert_snapshot!(errors(sentence), @r"
    each requests has attempts [ptu-1:42]
                                      ^^
    expected a status from 100 to 599, found `42`
    ");
}

#[test]
fn a_pattern_that_never_closes() {
    let sentence = "each requests has attempts [(ptu-1:429";
    assert_snapshot!(errors(sentence), @r"
    each requests has attempts [(ptu-1:429
                                          ^
    expected `)`, found the end of the sentence
    ");
}

#[test]
fn a_pattern_too_long_to_match() {
    let sentence = "order of backend in requests is (ptu-1{200}){200}";
    assert_snapshot!(errors(sentence), @r"
    order of backend in requests is (ptu-1{200}){200}
                                    ^^^^^^^^^^^^^^^^^
    the pattern names more than 10000 records
    ");
}

#[test]
fn attempts_of_something_else() {
    let sentence = "each attempts{status=429} has attempts [ptu-1]";
    assert_snapshot!(errors(sentence), @r"
    each attempts{status=429} has attempts [ptu-1]
         ^^^^^^^^
    only `requests` have attempts to compare
    ");
}

#[test]
fn a_stray_character() {
    let sentence = "requests == 5 & attempts == 5";
    assert_snapshot!(errors(sentence), @r"
    requests == 5 & attempts == 5
                  ^
    no sentence uses the character `&`
    ");
}

#[test]
fn a_gate_turned_off_without_a_reason() {
    let sentence = "off:";
    assert_snapshot!(errors(sentence), @r"
    off:
    ^^^^
    a gate that is turned off says why
    help: write `off: the reason`
    ");
}
