//! Requests in relation to each other, and numbers in their headers.

use std::sync::Arc;

use super::{assert_fails, assert_passes, offenders};
use crate::judge::ClassFacts;
use crate::judge::support::{Request, Run, request};

const PTU: [(&str, u16); 1] = [("ptu-1", 200)];

/// A run in which also a class `low` of the subscription `two` sends.
fn with_low(requests: impl IntoIterator<Item = Request>) -> Run {
    let mut run = Run::new();
    let low = ClassFacts {
        name: Arc::from("low"),
        subscription: Some("two".to_owned()),
        ..run.facts.classes[0].clone()
    };
    run.facts.classes.push(low);
    for request in requests {
        run.send(&request);
    }
    run
}

#[test]
fn the_time_to_the_first_counts_from_the_start_of_its_phase() {
    let run = Run::of([
        request(5.0),
        request(61.0).refused(429, "token-limit"),
        request(75.5),
        request(90.0),
    ]);
    let first = "time to first status=200 in requests{phase=spike}";
    assert_passes(&run, &format!("{first} == 15.5s"), "15.5 s");
    let result = assert_fails(&run, &format!("{first} <= 15s"), "15.5 s");
    assert_eq!(offenders(&result), [2]);
    assert_passes(
        &run,
        "time to first status=200 in requests{phase=spike[20s..]} == 10s",
        "10 s",
    );
    assert_passes(&run, "time to first status=429 in requests == 61s", "61 s");
}

#[test]
fn what_never_happens_has_no_time() {
    let run = Run::of([request(5.0)]);
    assert_fails(
        &run,
        "time to first status=429 in requests{phase=base} >= 1s",
        "never status=429",
    );
    assert_fails(
        &run,
        "time to first status=429 in requests{phase=spike} >= 1s",
        "no samples",
    );
}

#[test]
fn the_longest_gap_lies_between_two_that_match() {
    let run = Run::of([
        request(0.0),
        request(5.0),
        request(8.0).refused(429, "token-limit"),
        request(12.0),
        request(13.0),
    ]);
    let result = assert_fails(&run, "longest gap of status=200 in requests < 5s", "7 s");
    assert_eq!(offenders(&result), [1, 3]);
    assert_fails(
        &run,
        "longest gap of status=429 in requests < 5s",
        "fewer than two with status=429",
    );
}

#[test]
fn an_inversion_is_a_refusal_near_a_success_of_the_other_kind() {
    let run = with_low([
        request(10.0).refused(429, "token-limit"),
        request(10.9).from("low").over(&PTU),
        request(11.9).refused(429, "token-limit"),
        request(12.0).refused(429, "token-limit"),
        request(30.0).over(&PTU),
        request(30.5).from("low").refused(429, "token-limit"),
    ]);
    let sentence = "inversions of class=chat over class=low within 1s in requests == 0";
    let result = assert_fails(&run, sentence, "2 inversions");
    assert_eq!(offenders(&result), [0, 2]);
    let alone = "inversions of class=chat over class=low within 1s in requests{phase=spike} == 0";
    assert_fails(&run, alone, "no samples");
    let refused = "inversions of class=chat over class=direct within 1s in requests == 0";
    assert_fails(&run, refused, "of 4 against 0");
}

#[test]
fn who_asks_and_gets_nothing_counts_in_fairness() {
    let run = with_low([
        request(0.0),
        request(1.0),
        request(2.0),
        request(3.0).from("low"),
        request(61.0),
        request(62.0).from("low").refused(429, "token-limit"),
    ]);
    // (3 + 1)² / (2 · (9 + 1))
    assert_passes(
        &run,
        "fairness of class in requests{phase=base} == 0.8",
        "0.8",
    );
    assert_passes(
        &run,
        "fairness of subscription in total_tokens{by=client, phase=base} == 80 %",
        "0.8",
    );
    let starved = "fairness of subscription in requests{phase=spike, status=200} >= 0.9";
    let result = assert_fails(&run, starved, "0.5");
    assert_eq!(result.detail.as_deref(), Some("one 1, two 0"));
    assert_fails(
        &run,
        "fairness of class in requests{phase=spike, status=503} >= 0.9",
        "no samples",
    );
}

/// Four answers with these values of `consumed-tokens`.
fn consumed(values: [Option<&str>; 4]) -> Run {
    let mut run = Run::of([0.0, 1.0, 2.0, 3.0].map(request));
    for (index, value) in values.into_iter().enumerate() {
        let headers = &mut run.observation(index).headers;
        headers.extend(value.map(|value| ("consumed-tokens".to_owned(), value.to_owned())));
    }
    run
}

#[test]
fn a_header_is_a_sequence_of_values_and_of_numbers() {
    let run = consumed([Some("59"), Some("55"), None, Some("1055")]);
    let order = "order of header.consumed-tokens in requests is 59 55 none 1_055";
    assert_passes(&run, order, "4 requests in this order");
    let values = "header_value{name=consumed-tokens}";
    assert_passes(&run, &format!("sum of {values} == 1_169"), "1169");
    assert_passes(
        &run,
        &format!("min of {values} == 55 and p50 of … == 59"),
        "55 and 59",
    );
    let result = assert_fails(&run, &format!("max of {values} <= 100"), "1055");
    assert_eq!(offenders(&result), [3]);
    // 59, 55, 1055.
    assert_passes(&run, "rises{name=consumed-tokens} == 1", "1 rise");
    let result = assert_fails(&run, "rises{name=consumed-tokens} == 0", "1 rise");
    assert_eq!(offenders(&result), [3]);
}

#[test]
fn a_header_without_a_number_is_no_sample() {
    let run = consumed([Some("many"), Some("NaN"), None, Some("-3")]);
    assert_passes(
        &run,
        "min of header_value{name=consumed-tokens} == -3",
        "-3",
    );
    assert_fails(
        &run,
        "max of header_value{name=remaining-tokens} >= 0",
        "no samples",
    );
}

#[test]
fn rises_follow_the_order_of_the_answers() {
    let mut run = consumed([Some("41"), Some("0"), Some("5"), Some("3")]);
    // Sent first, answered last.
    run.observation(0).headers_at = Some(crate::judge::support::at(9.0));
    assert_passes(&run, "rises{name=consumed-tokens} == 2", "2 rises");
}
