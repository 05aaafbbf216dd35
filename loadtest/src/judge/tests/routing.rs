//! Metrics of fail-over: each on a run written down by hand, at the edges of its clock.

use crate::evidence::Source;
use crate::judge::support::{Run, at, request};
use crate::observation::{Outcome, TransportError};
use crate::verdict::State;

const SPILL: [(&str, u16); 2] = [("ptu-1", 429), ("payg-1", 200)];

#[track_caller]
fn assert_observed(run: &Run, sentence: &str, observed: &str) {
    let result = run.judge(sentence);
    assert_eq!(result.state, State::Passed, "{sentence}: {result:?}");
    assert_eq!(result.observed, observed, "{sentence}");
}

#[track_caller]
fn assert_no_samples(run: &Run, sentence: &str) {
    let result = run.judge(sentence);
    assert_eq!(result.state, State::Failed, "{sentence}: {result:?}");
    assert_eq!(result.observed, "no samples", "{sentence}");
}

#[test]
fn trips_are_the_attempts_that_opened_a_breaker() {
    let mut run = Run::of([request(0.0).over(&SPILL), request(61.0).over(&SPILL)]);
    assert_observed(&run, "trips == 0", "0 trips");
    run.log()[1].attempts[0].tripped = true;
    let sentence = "trips{backend=ptu-1, status=429, phase=spike} == 1 and trips{phase=base} == 0";
    assert_observed(&run, sentence, "1 trip and 0 trips");
    let result = run.judge("trips == 0");
    assert_eq!(result.offenders[0].request, 1);
    run.evidence.gateway = Source::Missing("foreign".to_owned());
    let reason = "no access log of the gateway: foreign".to_owned();
    assert_eq!(run.judge("trips == 0").state, State::NotJudged(reason));
}

#[test]
fn gateway_attempts_are_counted_although_they_arrived_nowhere() {
    let mut run = Run::of([request(0.0)]);
    let mut refused = run.log()[0].attempts[0].clone();
    refused.backend = "ptu-1".to_owned();
    refused.status = None;
    refused.error = Some("refused".to_owned());
    run.log()[0].attempts.insert(0, refused);
    let sentence = "gateway_attempts{error=refused, backend=ptu-1, ordinal=0} == 1 and attempts{backend=ptu-1} == 0 and gateway_attempts{error=none, ordinal=1} == 1";
    let observed = "1 gateway attempt and 0 attempts and 1 gateway attempt";
    assert_observed(&run, sentence, observed);
    assert_eq!(run.book("books.attempts").state, State::Passed);
}

#[test]
fn an_attempt_on_a_cooling_backend_is_wasted() {
    let mut run = Run::of([0.0, 4.999, 5.0].map(|second| request(second).over(&SPILL)));
    run.ledger("ptu-1")[0].retry_after_ms = Some(5_000);
    let result = run.judge("wasted_attempts{backend=ptu-1} == 0");
    assert_eq!(result.observed, "1 wasted attempt");
    assert_eq!(result.offenders.len(), 1);
    assert_eq!(result.offenders[0].request, 1);
    assert_observed(
        &run,
        "wasted_attempts{backend=payg-1} == 0",
        "0 wasted attempts",
    );
    let share = "wasted_attempts / attempts{backend=ptu-1} <= 34 %";
    assert_observed(&run, share, "0.333");
    assert_observed(&Run::new(), "wasted_attempts == 0", "0 wasted attempts");
}

/// A request whose first attempt is refused with a wait of 2 s and whose second is sent so late.
fn retried_after(seconds: f64) -> Run {
    let mut run = Run::of([
        request(0.0).over(&[("ptu-1", 429)]).taking(0.5),
        request(0.5 + seconds),
    ]);
    run.observation(0).retry_after_ms = Some(2_000);
    let second = run.observation(1);
    (second.request, second.attempt) = (0, 1);
    run
}

#[test]
fn a_client_that_retries_before_its_time_is_early_and_at_it_is_not() {
    let early = retried_after(1.999_999);
    assert_observed(
        &early,
        "early_client_retries == 1",
        "1 early client attempt",
    );
    let sentence = "early_client_retries{ordinal=1, class=chat} == 1";
    assert_observed(&early, sentence, "1 early client attempt");
    let punctual = retried_after(2.0);
    assert_observed(
        &punctual,
        "early_client_retries == 0",
        "0 early client attempts",
    );
}

#[test]
fn a_request_without_a_promise_before_it_is_not_early() {
    let mut run = retried_after(0.0);
    run.observation(0).retry_after_ms = None;
    assert_observed(&run, "early_client_retries == 0", "0 early client attempts");
    let mut two = retried_after(0.0);
    two.observation(1).request = 1;
    assert_observed(&two, "early_client_retries == 0", "0 early client attempts");
}

#[test]
fn a_user_has_moved_when_another_backend_serves_it() {
    let mut run = Run::served_by(&["payg-1", "payg-2", "payg-1", "payg-2"]);
    assert_observed(&run, "moved_requests == 3", "3 moved requests");
    for index in [1, 3] {
        run.observation(index).worker = 1;
    }
    assert_observed(&run, "moved_requests == 0", "0 moved requests");
    let sentence = "order of backend in requests{user=1} is payg-2{2}";
    assert_observed(&run, sentence, "2 requests in this order");
}

#[test]
fn a_request_that_nobody_served_moves_nobody() {
    let run = Run::of([
        request(0.0),
        request(1.0).refused(503, "pool-exhausted"),
        request(2.0),
    ]);
    assert_observed(&run, "moved_requests == 0", "0 moved requests");
    assert_observed(&Run::new(), "moved_requests == 0", "0 moved requests");
}

#[test]
fn a_gateways_waits_add_up_between_its_attempts() {
    let thrice = [("ptu-1", 429), ("payg-1", 429), ("payg-1", 200)];
    let run = Run::of([
        request(0.0).over(&thrice).pausing(1.5),
        request(10.0),
        request(11.0).refused(503, "pool-exhausted"),
    ]);
    let sentence = "max of gateway_wait{backend=payg-1} == 3s and min of … == 0s";
    assert_observed(&run, sentence, "3 s and 0 us");
    assert_no_samples(&run, "max of gateway_wait{status=503} < 1s");
    let mut foreign = run.clone();
    foreign.evidence.gateway = Source::Missing("foreign".to_owned());
    let reason = "no access log of the gateway: foreign".to_owned();
    let result = foreign.judge("max of gateway_wait < 5s");
    assert_eq!(result.state, State::NotJudged(reason));
}

/// Three failures of the PTU, a minute in which PAYG serves each second, and its first success.
fn tripping() -> Run {
    let failing = [0.0, 1.0, 2.0].map(|second| request(second).over(&[("ptu-1", 500)]));
    let spilt = (3..63u32).map(|second| request(f64::from(second)));
    let back = request(63.0).over(&[("ptu-1", 200)]);
    Run::of(failing.into_iter().chain(spilt).chain([back]))
}

#[test]
fn silence_lies_between_arrivals_and_belongs_to_the_later_one() {
    let run = tripping();
    let sentence = "max of silence{backend=ptu-1, phase=spike} == 61s and max of silence{backend=ptu-1, phase=base} == 1s";
    assert_observed(&run, sentence, "61 s and 1 s");
    let result = run.judge("max of silence{backend=ptu-1} <= 60s");
    assert_eq!(result.offenders[0].request, 63);
    assert_no_samples(&Run::of([request(0.0)]), "max of silence > 1s");
}

#[test]
fn an_outage_opens_with_the_last_arrival_and_recovers_with_the_first_success() {
    let run = tripping();
    let sentence =
        "max of time_to_open{backend=ptu-1} == 2s and max of time_to_recover{backend=ptu-1} == 61s";
    assert_observed(&run, sentence, "2 s and 61 s");
    let mut promised = run.clone();
    promised.ledger("ptu-1")[2].retry_after_ms = Some(60_000);
    assert_observed(&promised, "max of time_to_recover == 1s", "1 s");
    assert_no_samples(&run, "max of time_to_open{backend=payg-1} < 1s");
    let mut foreign = run.clone();
    foreign.evidence.gateway = Source::Missing("foreign".to_owned());
    assert_observed(&foreign, "max of time_to_open == 2s", "2 s");
}

#[test]
fn an_attempt_that_outlives_its_client_tells_how_long() {
    let mut run = Run::of([request(0.0).over(&SPILL).taking(3.0), request(10.0)]);
    assert_no_samples(&run, "max of abort_delay < 1s");
    run.observation(0).aborted = true;
    run.ledger("payg-1")[0].ended = Some(at(3.25));
    assert_observed(&run, "max of abort_delay == 250ms", "250 ms");
    run.ledger("payg-1")[0].ended = Some(at(3.0));
    assert_observed(&run, "max of abort_delay == 0s", "0 us");
}

#[test]
fn a_stretch_lasts_from_the_first_to_the_last_of_its_run() {
    let refused = |second| request(second).refused(503, "pool-exhausted");
    let run = Run::of([
        refused(0.0),
        refused(1.0),
        refused(2.0),
        request(3.0),
        refused(10.0),
        refused(40.0),
    ]);
    let sentence = "longest stretch of status=503 in requests == 30s and longest run of status=503 in requests == 3";
    assert_observed(&run, sentence, "30 s and 3 requests");
    let result = run.judge("longest stretch of status=503 in requests <= 29s");
    let offenders: Vec<_> = result.offenders.iter().map(|o| o.request).collect();
    assert_eq!(offenders, [4, 5]);
    assert_observed(
        &run,
        "longest stretch of status=500 in requests < 1s",
        "0 us",
    );
    assert_no_samples(
        &Run::new(),
        "longest stretch of status=500 in requests < 1s",
    );
}

#[test]
fn the_gateways_own_probes_are_counted_apart() {
    let mut run = Run::of([request(0.0), request(5.0)]);
    let mut probe = run.ledger("payg-1")[0].clone();
    probe.request_id = Some("gw-probe-7".to_owned());
    probe.arrived = at(2.0);
    (probe.number, run.ledger("payg-1")[1].number) = (1, 2);
    run.ledger("payg-1").insert(1, probe);
    let sentence = "probes{backend=payg-1} == 1 and attempts == 2 and max of silence == 5s";
    assert_observed(&run, sentence, "1 probe and 2 attempts and 5 s");
    let verdict = run.verdict();
    assert!(verdict.books.iter().all(|book| book.state != State::Failed));
    assert_eq!(verdict.join.unjoined_ledger, 0);
}

#[test]
fn statuses_and_backends_have_an_order_where_the_gateway_refuses() {
    let tripping = [0.0, 1.0, 2.0].map(|second| request(second).over(&[("ptu-1", 429)]));
    let refused = (3..10u32).map(|s| request(f64::from(s)).refused(503, "breaker-open"));
    let mut run = Run::of(tripping.into_iter().chain(refused));
    let sentence = "order of status in requests is 429{3} 503{7} and order of backend in requests is ptu-1{3} none{7}";
    let observed = "10 requests in this order and 10 requests in this order";
    assert_observed(&run, sentence, observed);
    // Numbers of the gateway decide, not when clients sent.
    run.observation(9).sent = at(0.5);
    assert_observed(&run, sentence, observed);
    run.observation(9).sent = at(9.0);
    run.evidence.gateway = Source::Missing("foreign".to_owned());
    assert_observed(&run, sentence, observed);
    let runs = "longest run of status=503 in requests == 7 and fewest status=503 among 4 consecutive requests == 1 and most … == 4";
    assert_observed(&run, runs, "7 requests and 1 request and 4 requests");
}

#[test]
fn a_request_without_a_status_has_its_place_in_an_order() {
    let mut run = Run::of([request(0.0), request(1.0), request(2.0)]);
    run.observation(1).outcome = Outcome::TransportError(TransportError::TimedOut);
    let sentence = "order of status in requests is 200 none 200";
    assert_observed(&run, sentence, "3 requests in this order");
}

#[test]
fn a_refusal_that_a_fault_played_is_no_limiters() {
    let mut run = Run::of([request(0.0).over(&SPILL), request(1.0).over(&SPILL)]);
    run.ledger("ptu-1")[0].fault = Some("status".to_owned());
    let sentence = "refusals{by=ptu-1} == 1 and attempts{backend=ptu-1, status=429} == 2";
    assert_observed(&run, sentence, "1 refusal and 2 attempts");
}

#[test]
fn watched_headers_are_labels_and_a_header_that_is_missing_is_none() {
    let mut run = Run::of([request(0.0), request(1.0)]);
    let region = ("x-ms-region".to_owned(), "East US".to_owned());
    run.observation(0).headers = [region].into();
    let sentence = "order of header.x-ms-region in requests is 'East US' none";
    assert_observed(&run, sentence, "2 requests in this order");
    let sentence = "share of header.X-Ms-Region='East US' in requests == 50 %";
    assert_observed(&run, sentence, "50 % (1 of 2)");
}

#[test]
fn attempts_are_selected_by_the_fault_that_was_played() {
    let mut run = Run::of([request(0.0), request(1.0)]);
    run.ledger("payg-1")[0].fault = Some("cut".to_owned());
    let sentence = "attempts{fault=cut} == 1 and attempts{fault=none} == 1";
    assert_observed(&run, sentence, "1 attempt and 1 attempt");
}
