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
