//! The verdict as a whole: rigs that cannot be believed, facts that survive a report.

use std::time::Duration;

use crate::driver::support;
use crate::evidence::Source;
use crate::judge::support::{Run, request};
use crate::judge::{ClassFacts, Facts, JudgeContext, explain};
use crate::plan::{Class, Credential, Target};
use crate::verdict::Outcome;

fn run() -> Run {
    let mut run = Run::of([
        request(0.0).over(&[("ptu-1", 429), ("payg-1", 200)]),
        request(61.0),
    ]);
    run.facts.gates = vec![run.gate("requests == 2")];
    run
}

#[track_caller]
fn assert_invalid(run: &Run, sentence: &str) {
    let verdict = run.verdict();
    assert_eq!(verdict.outcome, Outcome::Invalid);
    assert_eq!(verdict.invalid, [sentence]);
}

#[test]
fn a_run_whose_gates_and_books_hold_passes() {
    let verdict = run().verdict();
    assert_eq!(verdict.outcome, Outcome::Pass);
    assert_eq!(verdict.invalid, Vec::<String>::new());
}

#[test]
fn an_unmet_must_observe_fails() {
    let mut run = run();
    run.facts.must_observe = vec![run.gate("refusals{by=payg-1} >= 1")];
    assert_eq!(run.verdict().outcome, Outcome::Fail);
}

#[test]
fn a_gap_in_a_ledger_is_no_failure_of_the_gateway() {
    let mut run = run();
    run.ledger("payg-1")[1].number = 2;
    assert_invalid(&run, "The ledger of payg-1 has a gap: number 2 follows 0.");
}

#[test]
fn an_entry_that_never_ended_invalidates_unless_it_is_another_runs() {
    let mut run = run();
    let mut open = run.ledger("payg-1")[1].clone();
    open.number = 2;
    open.ended = None;
    open.request_id = Some("run-8-0-0".to_owned());
    run.ledger("payg-1").push(open);
    assert_eq!(run.verdict().outcome, Outcome::Pass);
    run.ledger("payg-1")[1].ended = None;
    assert_invalid(&run, "The ledger of payg-1 has 1 entries that never ended.");
}

#[test]
fn a_driver_that_counts_otherwise_invalidates() {
    let mut run = run();
    run.evidence.rig.driver_requests = Some(3);
    assert_invalid(&run, "The driver counted 3 requests, 2 were sent.");
}

#[test]
fn a_late_or_lazy_generator_invalidates() {
    let mut late = run();
    late.context = JudgeContext { speed: Some(20.0) };
    late.evidence.rig.lag_p99 = Duration::from_millis(400);
    assert_eq!(late.verdict().outcome, Outcome::Pass);
    late.evidence.rig.lag_p99 = Duration::from_millis(420);
    assert_invalid(
        &late,
        "The generator was late: 99 % of its lags are up to 21 ms, 20 ms are tolerated.",
    );

    let mut lazy = run();
    lazy.evidence.rig.planned_open = 1_000;
    lazy.evidence.rig.sent_open = 989;
    assert_invalid(&lazy, "The generator sent 989 of 1000 planned requests.");
}

#[test]
fn a_machine_that_wakes_sleepers_late_invalidates() {
    let mut busy = run();
    busy.evidence.rig.timer_p99 = Some(Duration::from_millis(20));
    assert_eq!(busy.verdict().outcome, Outcome::Pass);
    busy.evidence.rig.timer_p99 = Some(Duration::from_millis(21));
    assert_invalid(
        &busy,
        "The machine was busy: 99 % of its timers are up to 21 ms late, 20 ms are tolerated.",
    );
}

/// A run at speed 20 with one slow answer, by a machine whose timers were late by 5 ms, once by 30 ms.
fn blurred(sentence: &str, slow: f64) -> Run {
    let quick = (1..200).map(|second| request(f64::from(second) / 2.0));
    let mut run = Run::of(quick.chain([request(100.0).taking(slow)]));
    run.facts.gates = vec![run.gate(sentence), run.gate("requests == 200")];
    run.context = JudgeContext { speed: Some(20.0) };
    run.evidence.rig.timer_p99 = Some(Duration::from_millis(5));
    run.evidence.rig.timer_worst = Some(Duration::from_millis(30));
    run
}

#[test]
fn a_duration_that_the_machine_alone_could_have_made_wrong_is_no_failure() {
    let told = "Gate G: the machine was too busy to tell: its timers were up to 30ms late, \
                600ms at speed 20.";
    for sentence in [
        "max of latency <= 1s",
        "max of latency / min of latency <= 2.1",
        "max of latency - min of latency < 600ms",
        "max of latency <= 50ms wall",
    ] {
        // Four times as late where a request wakes four sleepers, of whom none is alone.
        assert_invalid(&blurred(sentence, 3.4), told);
        let slow = blurred(sentence, 20.0).verdict();
        assert_eq!(slow.outcome, Outcome::Fail, "{sentence}");
        let mut repeat = blurred(sentence, 1.6);
        repeat.evidence.rig.is_repeat = true;
        assert_invalid(&repeat, told);
        repeat = blurred(sentence, 3.4);
        repeat.evidence.rig.is_repeat = true;
        assert_eq!(repeat.verdict().outcome, Outcome::Fail, "{sentence}");
    }
    assert_eq!(
        blurred("max of latency <= 1s", 1.0).verdict().outcome,
        Outcome::Pass
    );
}

#[test]
fn what_all_samples_share_is_as_late_as_nearly_all_timers() {
    // 5 ms are 100 ms at speed 20.
    for sentence in [
        "p50 of latency <= 390ms",
        "mean of latency <= 350ms",
        "requests <= 199",
    ] {
        let outcome = blurred(sentence, 0.5).verdict().outcome;
        assert_eq!(outcome, Outcome::Fail, "{sentence}");
    }
    let outcome = blurred("p50 of latency <= 400ms", 0.5).verdict().outcome;
    assert_eq!(outcome, Outcome::Invalid);
    // Only the slow answer is beyond the 99.5th percentile.
    let outcome = blurred("p99.9 of latency <= 1s", 1.6).verdict().outcome;
    assert_eq!(outcome, Outcome::Invalid);
}

#[test]
fn a_failure_on_a_machine_that_stood_still_is_not_believed() {
    let mut run = blurred("requests == 1", 0.5);
    assert_eq!(run.verdict().outcome, Outcome::Fail);
    run.evidence.rig.timer_worst = Some(Duration::from_millis(51));
    let told =
        "The machine stood still for 51 ms, 1.0s at speed 20, too long to believe what failed.";
    assert_invalid(&run, told);
    run.facts.gates.remove(0);
    assert_eq!(run.verdict().outcome, Outcome::Pass);
    // Books are about what is there, not about when it came.
    run.log().remove(7);
    assert_eq!(run.verdict().outcome, Outcome::Fail);
}

#[test]
fn a_failure_with_fewer_closed_requests_than_in_virtual_time_is_not_believed() {
    let mut run = blurred("requests == 1", 0.5);
    run.evidence.rig.sent_closed = 196;
    run.evidence.rig.expected_closed = Some(200);
    assert_eq!(run.verdict().outcome, Outcome::Fail);
    run.evidence.rig.expected_closed = Some(201);
    let told = "The machine was too busy for speed 20 to believe what failed: its users sent 196 \
                requests, in virtual time 201.";
    assert_invalid(&run, told);
    run.evidence.rig.is_repeat = true;
    assert_eq!(run.verdict().outcome, Outcome::Fail);
    run.facts.gates.remove(0);
    assert_eq!(run.verdict().outcome, Outcome::Pass);
}

#[test]
fn nothing_is_blurred_in_virtual_time() {
    let mut run = blurred("max of latency <= 1s", 1.1);
    run.context = JudgeContext { speed: None };
    assert_eq!(run.verdict().outcome, Outcome::Fail);
}

#[test]
fn faults_of_the_rig_are_passed_on() {
    let mut run = run();
    run.evidence
        .rig
        .faults
        .push("Port 8080 was taken.".to_owned());
    assert_invalid(&run, "Port 8080 was taken.");
}

#[test]
fn a_run_in_which_no_gate_could_be_judged_is_invalid() {
    let mut run = run();
    run.facts.gates = vec![run.gate("refusals{by=gateway} == 0")];
    run.evidence.gateway = Source::Missing("foreign".to_owned());
    assert_invalid(&run, "Nothing was judged: no gate's evidence is given.");
    assert_invalid(&Run::new(), "No request was sent.");
}

#[test]
fn a_cancelled_run_is_cancelled_whatever_else() {
    let mut run = run();
    run.evidence.rig.cancelled = true;
    run.evidence
        .rig
        .faults
        .push("Half of it is missing.".to_owned());
    let verdict = run.verdict();
    assert_eq!(verdict.outcome, Outcome::Cancelled);
    assert_eq!(verdict.gates.len(), 1);
}

#[test]
fn facts_survive_a_report() {
    let run = run();
    let text = serde_json::to_string(&run.facts).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), run.facts);
    let stale = text.replace("requests == 2", "reqests == 2");
    let error = serde_json::from_str::<Facts>(&stale).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("gate `G` is not a sentence of this version"),
        "{error}"
    );
}

#[test]
fn explain_shows_the_records_behind_each_number() {
    let run = run();
    let mut facts = run.facts.clone();
    facts.gates =
        vec![run.gate("share of backend=payg-1 in requests >= 60 % and attempts{status=429} == 0")];
    let text = explain(&facts, &run.evidence, run.context, "G").unwrap();
    insta::assert_snapshot!(text, @r"
    G: share of backend=payg-1 in requests >= 60 % and attempts{status=429} == 0

    share of backend=payg-1 in requests >= 60 %
      holds; observed 100 % (2 of 2)
      share of backend=payg-1 in requests over client requests = 100 % (2 of 2), from 2 records
        request 0 at 0.000 s: 200 [ptu-1:429 #0, payg-1:200 #0]
        request 1 at 61.000 s: 200 [payg-1:200 #1]

    attempts{status=429} == 0
      fails; observed 1 attempt
      attempts{status=429} over ledger entries = 1 attempt, from 1 records
        ptu-1 ledger 0 at 0.000 s: 429 [ptu-1:429 #0, payg-1:200 #0]
    ");
    assert_eq!(explain(&facts, &run.evidence, run.context, "H"), None);
}

#[test]
fn every_sentence_of_the_references_is_judged() {
    let mut run = run();
    let names = crate::gate::tests::names();
    run.facts.deployments = names.deployments.clone();
    run.facts.gates = crate::gate::tests::sentences::SENTENCES
        .iter()
        .map(|(id, sentence)| crate::gate::parse(id, sentence, &names).unwrap())
        .collect();
    let verdict = run.verdict();
    assert_eq!(verdict.gates.len(), run.facts.gates.len());
    for gate in &verdict.gates {
        assert!(explain(&run.facts, &run.evidence, run.context, &gate.id).is_some());
    }
}

#[test]
fn facts_hold_what_the_plan_says_and_no_key() {
    let class = Class {
        credential: Some(Credential {
            header: "authorization".to_owned(),
            value: "Bearer abc".to_owned(),
        }),
        ..support::class("chat")
    };
    let facts = ClassFacts::of(&class);
    assert_eq!(facts.operation, "chat_completions");
    assert_eq!(facts.direct, None);
    // printf abc | sha256sum | head -c 16
    assert_eq!(facts.credential_hash.as_deref(), Some("ba7816bf8f01cfea"));
    let direct = Class {
        target: Target::Simulator("ptu-1".to_owned()),
        ..class
    };
    assert_eq!(ClassFacts::of(&direct).direct.as_deref(), Some("ptu-1"));
}
