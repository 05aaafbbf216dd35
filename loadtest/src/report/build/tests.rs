use std::sync::Arc;
use std::time::Duration;

use clock::Moment;

use super::super::document::{BackendTraffic, LoadModel, TokenSums};
use super::super::fixture::{Rig, Told, failing, millis, secs, spike, told};
use super::*;
use crate::evidence::Source;
use crate::observation::{Outcome, TransportError};
use crate::plan::{Arrival, Load, Target};

fn row<'a>(report: &'a Report, phase: &str, backend: &str) -> &'a BackendTraffic {
    let mut rows = report.backends.iter();
    rows.find(|row| row.phase == phase && row.backend == backend)
        .unwrap()
}

#[test]
fn a_retried_request_is_answered_once_and_booked_twice() {
    let report = spike().report();
    let ptu = row(&report, "spike", "ptu-1");
    let payg = row(&report, "spike", "payg-1");
    // 60 s of 4 requests that stay on the PTU and 3 that it refuses.
    assert_eq!((ptu.traffic.requests, ptu.attempts), (240, 420));
    assert_eq!(ptu.attempt_statuses, [(200, 240), (429, 180)].into());
    assert_eq!((payg.traffic.requests, payg.attempts), (180, 180));
    assert_eq!(report.counts.requests, 1_140);
    assert_eq!(report.counts.gateway_attempts, Some(1_320));
    assert_eq!(report.counts.ledger_entries, Some(1_320));
}

#[test]
fn latency_counts_from_the_plan_and_only_for_success() {
    let report = failing().report();
    let refused = row(&report, "recovery", "payg-1");
    assert_eq!(refused.traffic.latency, None);
    assert_eq!(refused.traffic.throttled, 1);
    let spilled = row(&report, "spike", "payg-1").traffic.latency.unwrap();
    assert_eq!(
        (spilled.count, spilled.p50_us, spilled.max_us),
        (180, 1_020_000, 1_020_000)
    );
}

#[test]
fn an_answer_that_no_ledger_books_is_the_gateways() {
    let mut rig = Rig::new("auth").phase("steady", 60, [1, 0]);
    rig.request(&told(secs(1), millis(5), &[]));
    let report = rig.report();
    assert_eq!(
        row(&report, "steady", GATEWAY).traffic.statuses,
        [(401, 1)].into()
    );
}

#[test]
fn without_any_ledger_nobody_knows_who_answered() {
    let mut rig = Rig::new("foreign").phase("steady", 60, [1, 0]);
    rig.request(&told(secs(1), millis(5), &[]));
    for ledger in rig.evidence.ledgers.values_mut() {
        *ledger = Source::Missing("not ours".to_owned());
    }
    let report = rig.report();
    assert_eq!(report.backends[0].backend, UNKNOWN);
    assert_eq!(
        (report.counts.ledger_entries, report.tokens.ledgers),
        (None, None)
    );
}

#[test]
fn a_client_that_goes_straight_to_a_simulator_is_answered_by_it() {
    let mut rig = Rig::new("baseline/direct").phase("steady", 60, [1, 0]);
    rig.plan.classes[0].target = Target::Simulator("ptu-1".to_owned());
    rig.request(&told(secs(1), millis(5), &[]));
    assert_eq!(rig.report().backends[0].backend, "ptu-1");
}

#[test]
fn a_request_without_an_answer_is_nobodys_and_no_status() {
    let mut rig = Rig::new("cut").phase("steady", 60, [1, 0]);
    rig.request(&Told {
        outcome: Outcome::TransportError(TransportError::TimedOut),
        ..told(secs(1), secs(10), &[("ptu-1", 200)])
    });
    let report = rig.report();
    let nobody = row(&report, "steady", NOBODY);
    assert_eq!(
        (nobody.traffic.requests, nobody.traffic.transport_errors),
        (1, 1)
    );
    assert_eq!(row(&report, "steady", "ptu-1").attempts, 1);
    assert_eq!(report.series.rows[0].status, 0);
}

#[test]
fn phases_say_what_was_planned_and_sent() {
    let mut rig = Rig::new("trace").phase("warm-up", 60, [2, 0]);
    rig.request(&told(secs(1), millis(5), &[("ptu-1", 200)]));
    rig.push_phase("replay", 60, trace());
    rig.push_phase("pause", 60, Load::Idle);
    rig.request(&Told {
        class: "batch",
        ..told(secs(61), millis(5), &[("ptu-1", 200)])
    });
    let phases = rig.report().phases;
    let loads = phases.iter().map(|phase| phase.load);
    assert_eq!(
        loads.collect::<Vec<_>>(),
        [LoadModel::Closed, LoadModel::Open, LoadModel::Idle]
    );
    let warm_up = &phases[0].classes[..];
    assert_eq!(
        (warm_up.len(), warm_up[0].peak_users, warm_up[0].sent),
        (1, Some(2), 1)
    );
    let replay = &phases[1].classes[..];
    assert_eq!(
        (replay.len(), replay[0].planned, replay[0].sent),
        (1, Some(2), 1)
    );
    assert!(phases[2].classes.is_empty());
}

#[test]
fn a_trace_is_told_by_its_tokens() {
    let mut rig = Rig::new("trace");
    rig.push_phase("replay", 60, trace());
    let planned = TokenSums {
        prompt: 700,
        completion: 70,
    };
    assert_eq!(rig.report().tokens.planned, Some(planned));
    assert_eq!(spike().report().tokens.planned, None);
}

fn trace() -> Load {
    let arrival = |seconds: u64, prompt, completion| Arrival {
        at: Moment::ZERO + Duration::from_secs(60 + seconds),
        class: 1,
        prompt_tokens: Some(prompt),
        max_tokens: Some(completion),
    };
    Load::Open {
        arrivals: Arc::new([arrival(1, 300, 30), arrival(2, 400, 40)]),
        workers: 4,
    }
}

#[test]
fn stand_ins_for_a_backend_come_after_the_backends() {
    let mut names = [NOBODY, "zeta", UNKNOWN, "alpha", GATEWAY];
    names.sort_by_key(|name| rank(name));
    assert_eq!(names, ["alpha", "zeta", GATEWAY, UNKNOWN, NOBODY]);
}
