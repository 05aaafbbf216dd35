//! Counts, patterns, windows and shares: each once as it holds and once as it fails.

use super::{assert_fails, assert_passes, offenders};
use crate::evidence::Source;
use crate::judge::JudgeContext;
use crate::judge::support::{Run, at, request};
use crate::verdict::State;

const SPILL: [(&str, u16); 2] = [("ptu-1", 429), ("payg-1", 200)];

/// Two requests that the PTU serves and two that spill, in `spike`.
fn spilling() -> Run {
    Run::of([
        request(60.0).over(&[("ptu-1", 200)]),
        request(61.0).over(&SPILL).pausing(1.0).taking(1.5),
        request(62.0).over(&[("ptu-1", 200)]),
        request(63.0).over(&SPILL).pausing(1.0).taking(1.6),
    ])
}

#[test]
fn counts_select_by_status_and_backend() {
    let run = spilling();
    assert_passes(
        &run,
        "requests{status!=200} == 0 and attempts{backend=payg-2} == 0",
        "0 requests and 0 attempts",
    );
    let result = assert_fails(&run, "attempts{backend=ptu-1} <= 3", "4 attempts");
    assert_eq!(result.declared, "<= 3");
    assert_eq!(result.samples, 4);
    assert_eq!(offenders(&result), [0, 1, 2]);
    assert_eq!(
        result.offenders[1].summary,
        "spike, chat, planned 61.000 s, status 200, 1.5 s"
    );
    assert_eq!(
        result.offenders[1].attempts,
        ["ptu-1:429 at 61.000 s", "payg-1:200 at 62.000 s"]
    );
}

#[test]
fn differences_of_counts_balance() {
    let run = spilling();
    let sentence = "requests{backend=payg-1} - requests{backend=ptu-1} in -1..1";
    assert_passes(&run, sentence, "0 requests");
    let run = Run::served_by(&["payg-1", "payg-1", "payg-1", "payg-2"]);
    let sentence = "requests{backend=payg-1} - requests{backend=payg-2} in -1..1";
    let result = assert_fails(&run, sentence, "2 requests");
    assert_eq!(offenders(&result), [0, 1, 2]);
}

#[test]
fn two_metrics_are_both_shown() {
    let run = spilling();
    let sentence = "attempts{backend=payg-1, status=200} == attempts{backend=ptu-1, status=429}";
    assert_passes(&run, sentence, "2 attempts against 2 attempts");
    let sentence = "attempts{backend=payg-1} == requests";
    assert_fails(&run, sentence, "2 attempts against 4 requests");
}

#[test]
fn arithmetic_binds_as_in_school() {
    let run = spilling();
    assert_passes(&run, "2 * requests - (requests + 1) == 3", "3 requests");
    assert_passes(&run, "refusals{by=ptu-1} / requests == 50 %", "0.5");
    assert_passes(
        &run,
        "client_attempts == requests and gateway_requests >= 50 % * requests",
        "4 client attempts against 4 requests and 4 gateway requests against 2 requests",
    );
    let result = assert_fails(&run, "requests / requests{status=500} <= 1", "no samples");
    assert_eq!(result.samples, 0);
}

#[test]
fn a_share_counts_hits_and_names_who_missed() {
    let run = spilling();
    assert_passes(
        &run,
        "share of backend=ptu-1 in requests{phase=spike} in 50 %..60 %",
        "50 % (2 of 4)",
    );
    let sentence = "share of backend=ptu-1 in requests{phase=spike} >= 98 %";
    let result = assert_fails(&run, sentence, "50 % (2 of 4)");
    assert_eq!(offenders(&result), [1, 3]);
}

#[test]
fn whatever_selects_no_request_fails_unless_it_counts() {
    let run = spilling();
    assert_passes(&run, "requests{phase=base} == 0", "0 requests");
    assert_passes(
        &run,
        "max in 60s of attempts{phase=base} <= 10",
        "0 attempts",
    );
    for sentence in [
        "share of status=200 in requests{phase=base} >= 98 %",
        "p50 of latency{phase=base} < 1s",
        "order of backend in requests{phase=base} is .*",
        "each requests{phase=base} has attempts [.*]",
        "longest run of backend=ptu-1 in requests{phase=base} <= 3",
        "most backend=ptu-1 among 5 consecutive requests <= 3",
        "fit of backend to ptu-1=1, payg-1=1 in requests{phase=base} > 0.001",
    ] {
        assert_fails(&run, sentence, "no samples");
    }
}

#[test]
fn consecutive_requests_alternate() {
    let run = Run::served_by(&["payg-2", "payg-1", "payg-2", "payg-1", "payg-2"]);
    assert_passes(
        &run,
        "order of backend in requests is (payg-2 payg-1)* payg-2?",
        "5 requests in this order",
    );
    assert_passes(
        &run,
        "most backend=payg-2 among 2 consecutive requests == 1 and fewest … == 1",
        "1 request and 1 request",
    );
    assert_passes(
        &run,
        "longest run of backend=payg-1 in requests <= 1",
        "1 request",
    );

    let run = Run::served_by(&["payg-2", "payg-1", "payg-1", "payg-1"]);
    let sentence = "order of backend in requests is (payg-2 payg-1)* payg-2?";
    let result = assert_fails(&run, sentence, "broken at number 3 of 4 requests");
    assert_eq!(
        result.detail.as_deref(),
        Some("number 3 is payg-1, expected payg-2")
    );
    assert_eq!(offenders(&result), [2]);
    let result = assert_fails(
        &run,
        "most backend=payg-1 among 3 consecutive requests <= 2",
        "3 requests",
    );
    assert_eq!(offenders(&result), [1, 2, 3]);
    assert_fails(
        &run,
        "fewest backend=payg-1 among 3 consecutive requests >= 3",
        "2 requests",
    );
    let result = assert_fails(
        &run,
        "longest run of backend=payg-1 in requests <= 1",
        "3 requests",
    );
    assert_eq!(offenders(&result), [1, 2, 3]);
}

#[test]
fn consecutive_means_in_the_order_of_the_gateways_log() {
    let mut run = Run::served_by(&["payg-2", "payg-2", "payg-1", "payg-1"]);
    run.log().swap(1, 2);
    assert_passes(
        &run,
        "order of backend in requests is payg-2 payg-1 payg-2 payg-1",
        "4 requests in this order",
    );
}

#[test]
fn a_request_that_the_log_lacks_keeps_its_place() {
    let mut run = Run::served_by(&["payg-2", "payg-1", "payg-2", "payg-1"]);
    run.log().remove(1);
    assert_passes(
        &run,
        "order of backend in requests is (payg-2 payg-1)*",
        "4 requests in this order",
    );
}

#[test]
fn each_request_has_its_attempts() {
    let run = spilling();
    assert_passes(
        &run,
        "each requests{backend=payg-1} has attempts [ptu-1:429 payg-1:200]",
        "all of 2 requests",
    );
    assert_passes(
        &run,
        "each requests has attempts [ptu-1:429 payg-1:200 | ptu-1:200]",
        "all of 4 requests",
    );
    let sentence = "each requests has attempts [ptu-1:200]";
    let result = assert_fails(&run, sentence, "2 of 4 requests otherwise");
    assert_eq!(offenders(&result), [1, 3]);
    assert_eq!(result.declared, "[ptu-1:200]");
}

#[test]
fn attempts_of_one_moment_stand_in_the_gateways_order() {
    let run = Run::of([request(0.0).over(&SPILL).pausing(0.0)]);
    assert_passes(
        &run,
        "each requests has attempts [ptu-1:429 payg-1:200]",
        "all of 1 request",
    );
}

#[test]
fn windows_slide_over_arrivals() {
    let seconds = [59.0, 59.5, 61.0, 119.0, 120.0];
    let run = Run::of(seconds.map(|second| request(second).charged(100)));
    assert_passes(
        &run,
        "max in 60s of attempts{backend=payg-1} <= 3",
        "3 attempts",
    );
    let result = assert_fails(&run, "max in 60s of tokens_charged <= 250", "300 tokens");
    assert_eq!(offenders(&result), [0, 1, 2]);
    assert_eq!(result.detail.as_deref(), Some("window from 59.000 s"));
}

#[test]
fn the_emptiest_window_lies_inside_the_slice() {
    let run = Run::of([61.0, 121.0, 122.0, 123.0].map(request));
    let sentence = "min in 58s of attempts{phase=spike[60s..]} >= 2";
    // Two windows begin after the arrivals of 121 s and 122 s; the slice ends at 180 s.
    assert_passes(&run, sentence, "2 attempts");
    assert_fails(
        &run,
        "min in 58s of attempts{phase=spike} >= 2",
        "0 attempts",
    );
}

#[test]
fn a_phase_slice_takes_requests_by_planned_time() {
    let run = Run::of([60.0, 119.0, 120.0, 121.0].map(request));
    assert_passes(
        &run,
        "requests{phase=spike[60s..]} == 2 and requests{phase=spike[..60s]} == 2",
        "2 requests and 2 requests",
    );
    assert_passes(
        &run,
        "requests{phase!=base} == 4 and requests{phase=base|spike} == 4",
        "4 requests and 4 requests",
    );
}

#[test]
fn durations_have_statistics() {
    let run = spilling();
    assert_passes(
        &run,
        "p50 of latency{backend=payg-1, phase=spike} - p50 of latency{backend=ptu-1, phase=spike} in 1s..1.3s",
        "1 s",
    );
    assert_passes(
        &run,
        "mean of service_time == 1.025s and max of … == 1.6s and min of … == 500ms",
        "1.025 s and 1.6 s and 500 ms",
    );
    let result = assert_fails(&run, "p99 of latency <= 1.5s", "1.6 s");
    assert_eq!(offenders(&result), [3]);
    let result = assert_fails(&run, "min of latency > 500ms", "500 ms");
    assert_eq!(result.samples, 4);
}

#[test]
fn every_duration_counts_from_its_own_start() {
    let mut run = Run::of([request(0.0)]);
    let observation = run.observation(0);
    observation.sent = at(0.1);
    observation.headers_at = Some(at(0.2));
    observation.first_token_at = Some(at(0.3));
    observation.last_token_at = Some(at(0.4));
    observation.retry_after_ms = Some(700);
    assert_passes(
        &run,
        "max of latency == 500ms and max of service_time == 400ms and max of time_to_headers == 100ms \
         and max of time_to_first_token == 300ms and max of end_to_end == 400ms and max of lag == 100ms \
         and max of retry_after == 700ms",
        "500 ms and 400 ms and 100 ms and 300 ms and 400 ms and 100 ms and 700 ms",
    );
}

#[test]
fn gaps_between_tokens_come_from_histograms() {
    let mut run = spilling();
    let mut micros = hdrhistogram::Histogram::new(3).unwrap();
    micros.record_n(10_000, 99).unwrap();
    micros.record(50_000).unwrap();
    run.evidence.gaps.push(crate::evidence::GapHistogram {
        phase: "spike".into(),
        class: "chat".into(),
        backend: Some("ptu-1".to_owned()),
        micros,
    });
    let result = run.judge("p99 of inter_token_gap{phase=spike, backend=ptu-1} <= 11ms");
    assert_eq!((result.state, result.samples), (State::Passed, 100));
    assert_fails(
        &run,
        "p99 of inter_token_gap{class=direct} <= 11ms",
        "no samples",
    );
}

#[test]
fn wall_bounds_are_real_time_and_not_judged_in_virtual_time() {
    let mut run = spilling();
    run.context = JudgeContext { speed: Some(10.0) };
    assert_passes(&run, "max of latency <= 160ms wall", "160 ms");
    let result = assert_fails(&run, "max of latency < 155ms wall", "160 ms");
    assert_eq!(offenders(&result), [3]);
    run.context = JudgeContext { speed: None };
    let result = run.judge("max of latency <= 1ms wall");
    assert_eq!(
        result.state,
        State::NotJudged("nothing takes real time in virtual time".to_owned())
    );
}

#[test]
fn refusals_are_the_gateways_or_a_limiters() {
    let mut run = spilling();
    run.send(&request(64.0).refused(401, "missing-key").taking(0.002));
    assert_passes(
        &run,
        "refusals{by=gateway, reason=missing-key} == 1 and refusals{by=ptu-1, class=chat} == 2 and refusals == 3",
        "1 refusal and 2 refusals and 3 refusals",
    );
    assert_passes(&run, "p99 of latency{refused_by=gateway} < 20ms", "2 ms");
    assert_passes(
        &run,
        "requests{backend=none} == 1 and requests{attempts=2} == 2 and attempts{ordinal=1} == 2",
        "1 request and 2 requests and 2 attempts",
    );
    assert_passes(
        &run,
        "requests{subscription=one, operation=chat_completions, deployment=gpt, streamed=false, aborted=false, error=none} == 5",
        "5 requests",
    );
}

#[test]
fn tokens_are_summed_by_whose_books_count() {
    let run = spilling();
    assert_passes(
        &run,
        "completion_tokens{by=client} == completion_tokens and tokens_charged{by=ptu-1} == 20 and prompt_tokens{backend=payg-1} == 8",
        "24 tokens against 24 tokens and 20 tokens and 8 tokens",
    );
    assert_fails(
        &run,
        "tokens_yielded{by=client} == tokens_yielded",
        "0 tokens against 24 tokens",
    );
    let result = run.judge("tokens_charged{by=gateway, status=200} == tokens_charged{by=ptu-1}");
    assert_eq!(
        result.state,
        State::NotJudged("the gateway keeps no count of such tokens".to_owned())
    );
}

#[test]
fn integrity_is_counted_over_all_attempts() {
    let sentence = "changed_requests == 0 and changed_answers == 0 and changed_paths == 0 and leaked_credentials == 0";
    let mut run = spilling();
    let none =
        "0 changed requests and 0 changed answers and 0 changed paths and 0 leaked credentials";
    assert_passes(&run, sentence, none);

    run.ledger("payg-1")[1].request_hash = "empty".to_owned();
    run.ledger("payg-1")[0].path_and_query = "/api/openai/chat".to_owned();
    run.ledger("ptu-1")[0].response_hash = Some("other".to_owned());
    run.ledger("ptu-1")[0]
        .credential_hashes
        .push(super::super::facts::credential_hash(
            "Bearer subscription-key-one",
        ));
    let all = "1 changed request and 1 changed answer and 1 changed path and 1 leaked credential";
    let result = assert_fails(&run, sentence, all);
    assert_eq!(offenders(&result), [0, 1, 3]);
}

#[test]
fn a_direct_clients_own_key_is_no_leak() {
    let mut run = Run::of([request(0.0).from("direct").over(&[("ptu-1", 200)])]);
    let key = super::super::facts::credential_hash("subscription-key-one");
    run.ledger("ptu-1")[0].credential_hashes = vec![key];
    assert_passes(&run, "leaked_credentials == 0", "0 leaked credentials");
}

#[test]
fn a_gate_without_its_evidence_is_not_judged() {
    let mut run = spilling();
    run.evidence.gateway = Source::Missing("nginx keeps its own".to_owned());
    let reason = "no access log of the gateway: nginx keeps its own";
    assert_eq!(
        run.judge("refusals{by=gateway} == 0").state,
        State::NotJudged(reason.to_owned())
    );
    assert_passes(&run, "requests{backend=ptu-1} == 2", "2 requests");

    run.evidence
        .ledgers
        .insert("payg-1".to_owned(), Source::Missing("remote".to_owned()));
    let reason = "no ledger of payg-1: remote";
    for sentence in [
        "requests{backend=ptu-1} == 2",
        "attempts == 6",
        "each requests has attempts [.*]",
        "order of status in requests is .*",
        "changed_requests == 0",
    ] {
        assert_eq!(
            run.judge(sentence).state,
            State::NotJudged(reason.to_owned()),
            "{sentence}"
        );
    }
    assert_passes(&run, "attempts{backend=ptu-1} == 4", "4 attempts");
}

#[test]
fn one_failed_clause_outweighs_one_that_could_not_be_judged() {
    let mut run = spilling();
    run.evidence.gateway = Source::Missing("foreign".to_owned());
    let result = run.judge("refusals{by=gateway} == 0 and requests == 5");
    assert_eq!(result.state, State::Failed);
    assert_eq!(result.detail.as_deref(), Some("fails in `requests == 5`"));
}

#[test]
fn a_gate_that_is_off_says_why() {
    let result = spilling().judge("off: the tracking policy keeps no count of its own");
    assert_eq!(
        result.state,
        State::Off("the tracking policy keeps no count of its own".to_owned())
    );
}

#[test]
fn unplanned_slices_of_a_phase_that_never_ran_have_no_samples() {
    let mut run = spilling();
    run.evidence.timeline.pop();
    assert_fails(
        &run,
        "min in 10s of attempts{phase=spike} >= 1",
        "no samples",
    );
}
