//! Who belongs to whom.

use proptest::prelude::*;

use crate::evidence::Source;
use crate::judge::join::{Owner, join, trace_id};
use crate::judge::support::{RUN, Run, request, request_id, traceparent};
use crate::observation::{Outcome, TransportError};

const SPILL: [(&str, u16); 2] = [("ptu-1", 429), ("payg-1", 200)];

#[test]
fn records_are_matched_by_their_request_id() {
    let run = Run::of([request(0.0).over(&SPILL), request(1.0)]);
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.summary.by_request_id, 2);
    assert_eq!(joined.requests[0].gateway, [0]);
    let simulators: Vec<_> = joined.requests[0]
        .attempts
        .iter()
        .map(|a| &*a.simulator)
        .collect();
    assert_eq!(simulators, ["ptu-1", "payg-1"]);
    assert_eq!(joined.requests[0].backend.as_deref(), Some("payg-1"));
}

#[test]
fn other_headers_match_where_the_request_id_was_replaced() {
    let mut run = Run::of([request(0.0), request(1.0)]);
    run.evidence.gateway = Source::Missing("foreign".to_owned());
    let ledger = run.ledger("payg-1");
    ledger[0].request_id = Some("a-gateways-own-id".to_owned());
    ledger[0].client_request_id = Some(request_id(0));
    ledger[1].request_id = None;
    ledger[1].traceparent = Some(traceparent(1));
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.summary.by_other_header, 2);
    assert_eq!(joined.requests[1].backend.as_deref(), Some("payg-1"));
}

#[test]
fn a_trace_names_run_and_request() {
    // printf k3 | sha256sum | head -c 16
    assert_eq!(trace_id("k3", 255), "2f5052c9fd15b19a00000000000000ff");
}

#[test]
fn a_trace_that_only_the_gateway_knows_is_learnt_from_its_log() {
    let mut run = Run::of([request(0.0)]);
    run.log()[0].traceparent = Some("00-abc-1-01".to_owned());
    let entry = &mut run.ledger("payg-1")[0];
    entry.request_id = None;
    entry.traceparent = Some("00-abc-2-01".to_owned());
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.requests[0].attempts.len(), 1);
}

#[test]
fn prompt_marks_match_where_no_header_came_through() {
    let mut run = Run::of([request(0.0), request(1.0)]);
    run.evidence.gateway = Source::Missing("LiteLLM".to_owned());
    for (index, mark) in ["red blue", "red blues"].into_iter().enumerate() {
        run.observation(index).prompt_mark = Some(mark.to_owned());
        let entry = &mut run.ledger("payg-1")[index];
        entry.request_id = None;
        entry.prompt_head = Some(format!("{mark} and more words"));
    }
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.summary.by_prompt_mark, 2);
    let entries = joined.requests.iter().map(|r| r.attempts[0].entry);
    assert_eq!(entries.collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn entries_of_another_run_are_ignored_and_strangers_counted() {
    let mut run = Run::of([request(0.0), request(1.0), request(2.0)]);
    run.ledger("payg-1")[0].request_id = Some("run-6-0-0".to_owned());
    run.ledger("payg-1")[1].request_id = Some("health-check".to_owned());
    run.log()[2].request_id = None;
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(
        joined.ledgers["payg-1"][..2],
        [Owner::AnotherRun, Owner::Nobody]
    );
    assert_eq!(joined.summary.unjoined_ledger, 1);
    assert_eq!(joined.summary.unjoined_gateway, 1);
    assert_eq!(joined.summary.unjoined_client, 0);
    assert!(run.judge("attempts == 2").state == crate::verdict::State::Passed);
}

#[test]
fn an_attempt_that_nobody_saw_is_unjoined_unless_it_never_connected() {
    let mut run = Run::of([request(0.0), request(1.0)]);
    run.log().clear();
    run.ledger("payg-1").clear();
    run.observation(1).outcome = Outcome::TransportError(TransportError::Refused);
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.summary.unjoined_client, 1);
}

#[test]
fn the_serving_backend_gave_the_status_that_the_client_saw() {
    let run = Run::of([
        request(0.0).over(&[("ptu-1", 429), ("payg-1", 429), ("payg-2", 429)]),
        request(1.0).refused(429, "tokens-per-minute"),
    ]);
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.requests[0].backend.as_deref(), Some("payg-2"));
    assert_eq!(joined.requests[1].backend, None);

    let mut translated = Run::of([request(0.0).over(&[("ptu-1", 429)])]);
    translated.observation(0).outcome = Outcome::Status(503);
    let joined = join(&translated.evidence, &translated.facts);
    assert_eq!(joined.requests[0].backend, None);
}

#[test]
fn attempts_of_a_retrying_client_belong_to_one_request() {
    let mut run = Run::of([request(0.0).over(&[("ptu-1", 429)]), request(1.0)]);
    let second = run.observation(1);
    second.request = 0;
    second.attempt = 1;
    let joined = join(&run.evidence, &run.facts);
    assert_eq!(joined.requests.len(), 1);
    assert_eq!(joined.requests[0].observations, 0..2);
    assert_eq!(joined.requests[0].gateway, [0, 1]);
    assert_eq!(joined.requests[0].backend.as_deref(), Some("payg-1"));
}

proptest! {
    #[test]
    fn the_join_is_a_partition(
        shape in proptest::collection::vec((0usize..4, 0u8..4), 1..12),
        shuffled in any::<u64>(),
    ) {
        let chains: [&[(&'static str, u16)]; 4] = [
            &[("ptu-1", 200)],
            &[("ptu-1", 429), ("payg-1", 200)],
            &[("payg-2", 200)],
            &[("ptu-1", 429), ("payg-1", 429), ("payg-1", 429)],
        ];
        let requests = shape.iter().enumerate().map(|(n, (chain, _))| {
            request(f64::from(u32::try_from(n).unwrap())).over(chains[*chain])
        });
        let mut run = Run::of(requests);
        for (simulator, ledger) in &mut run.evidence.ledgers {
            let Source::Given(entries) = ledger else { continue };
            for (index, entry) in entries.iter_mut().enumerate() {
                let spoil = (shuffled >> ((index + simulator.len()) % 60)) & 3;
                match spoil {
                    0 => entry.request_id = None,
                    1 => entry.request_id = Some(format!("other{RUN}-1-0")),
                    _ => {}
                }
            }
        }
        let joined = join(&run.evidence, &run.facts);
        let mut owned = 0;
        for (index, request) in joined.requests.iter().enumerate() {
            for attempt in &request.attempts {
                let owner = joined.ledgers[&attempt.simulator][attempt.entry];
                prop_assert_eq!(owner.request(), Some(index));
                owned += 1;
            }
            let arrivals: Vec<_> = request.attempts.iter()
                .map(|a| crate::judge::join::booked(&run.evidence, a).arrived).collect();
            prop_assert!(arrivals.is_sorted());
        }
        let all: usize = joined.ledgers.values().map(Vec::len).sum();
        let owners = joined.ledgers.values().flatten();
        let others = owners.filter(|owner| owner.request().is_none()).count();
        prop_assert_eq!(owned + others, all);
    }
}
