//! Each book, balanced and broken.

use crate::evidence::Source;
use crate::judge::support::{Run, request};
use crate::observation::{Outcome, TransportError};
use crate::topology::LedgerEntry;
use crate::verdict::{GateResult, State};

const SPILL: [(&str, u16); 2] = [("ptu-1", 429), ("payg-1", 200)];

fn run() -> Run {
    Run::of([
        request(0.0).over(&SPILL),
        request(1.0),
        request(2.0).refused(429, "tokens"),
    ])
}

#[track_caller]
fn assert_failed(run: &Run, id: &str, observed: &str) -> GateResult {
    let book = run.book(id);
    assert_eq!(book.state, State::Failed, "{book:?}");
    assert_eq!(book.observed, observed);
    book
}

fn failed(run: &Run) -> Vec<String> {
    let books = run.verdict().books.into_iter();
    books
        .filter(|book| book.state == State::Failed)
        .map(|book| book.id)
        .collect()
}

#[test]
fn books_close_over_an_honest_run() {
    assert_eq!(failed(&run()), Vec::<String>::new());
    let book = run().book("books.requests");
    assert_eq!(book.observed, "3 client attempts, each arrived once");
    let book = run().book("books.tokens");
    assert_eq!(
        book.observed,
        "8 prompt and 12 completion tokens, equal at client and simulator"
    );
}

#[test]
fn a_line_missing_from_the_access_log_is_noticed() {
    let mut run = run();
    run.log().remove(1);
    let missing = "missing from the gateway's log or the ledger: 1";
    let book = assert_failed(&run, "books.requests", missing);
    assert_eq!(book.offenders[0].request, 1);
    assert_eq!(failed(&run), ["books.requests", "books.attempts"]);
}

#[test]
fn a_line_written_twice_is_noticed() {
    let mut run = run();
    let mut again = run.log()[2].clone();
    again.number = 3;
    run.log().push(again);
    assert_failed(&run, "books.requests", "arrived more often than sent: 1");
}

#[test]
fn a_response_counted_twice_is_noticed() {
    let mut run = run();
    let again = run.observation(1).clone();
    run.evidence.observations.insert(2, again);
    assert_failed(&run, "books.requests", "observed twice: 1");
    assert_eq!(failed(&run), ["books.requests"]);
}

#[test]
fn a_log_entry_that_no_client_sent_is_noticed() {
    let mut run = run();
    let mut stray = run.log()[2].clone();
    stray.request_id = Some("nobody".to_owned());
    run.log().push(stray);
    assert_failed(
        &run,
        "books.requests",
        "written down but sent by no client: 1",
    );
}

#[test]
fn a_connection_refused_leaves_no_entry() {
    let mut run = run();
    run.log().remove(2);
    run.observation(2).outcome = Outcome::TransportError(TransportError::Refused);
    assert_eq!(failed(&run), ["books.transport"]);
}

#[test]
fn a_hidden_attempt_is_noticed() {
    let mut run = run();
    run.log()[0].attempts.remove(0);
    let book = assert_failed(&run, "books.attempts", "different in log and ledgers: 1");
    assert_eq!(
        book.offenders[0].attempts,
        ["ptu-1:429 at 0.000 s", "payg-1:200 at 0.100 s"]
    );
}

#[test]
fn attempts_in_another_order_or_of_another_status_are_noticed() {
    let mut swapped = run();
    swapped.log()[0].attempts.swap(0, 1);
    assert_eq!(failed(&swapped), ["books.attempts"]);
    let mut status = run();
    status.log()[1].attempts[0].status = Some(500);
    assert_eq!(failed(&status), ["books.attempts"]);
}

#[test]
fn an_attempt_that_failed_on_the_way_may_be_booked_or_not() {
    let mut run = run();
    let mut lost = run.log()[1].attempts[0].clone();
    lost.status = None;
    lost.error = Some("connection refused".to_owned());
    run.log()[1].attempts.insert(0, lost.clone());
    assert_eq!(run.book("books.attempts").state, State::Passed);
    run.log()[0].attempts[0].status = None;
    assert_eq!(run.book("books.attempts").state, State::Passed);
}

#[test]
fn a_ledger_entry_of_nobody_is_noticed() {
    let mut run = run();
    run.ledger("payg-1")[1].request_id = None;
    let observed = "different in log and ledgers: 1, booked but of no request: 1";
    assert_failed(&run, "books.attempts", observed);
}

#[test]
fn usage_that_lies_is_noticed() {
    let mut run = run();
    run.observation(1).completion_tokens = Some(7);
    assert_failed(
        &run,
        "books.tokens",
        "answers with other tokens at the client than in the ledger: 1",
    );
}

#[test]
fn an_aborted_stream_may_lag_behind_the_simulator_and_not_lead() {
    let mut run = run();
    let observation = run.observation(1);
    observation.aborted = true;
    observation.completion_tokens = None;
    observation.content_events = 2;
    let book = run.book("books.tokens");
    assert_eq!(book.state, State::Passed);
    assert_eq!(
        book.detail.as_deref(),
        Some("1 unfinished: simulators yielded 4 tokens more than clients received")
    );
    run.observation(1).content_events = 9;
    assert_eq!(failed(&run), ["books.tokens"]);
}

#[test]
fn transport_errors_and_malformed_answers_are_noticed() {
    let mut run = run();
    run.observation(0).outcome = Outcome::TransportError(TransportError::Cut { status: 200 });
    run.observation(1).malformed = Some("no [DONE]".to_owned());
    let book = assert_failed(
        &run,
        "books.transport",
        "transport errors: 1, malformed answers: 1",
    );
    assert_eq!(
        book.detail.as_deref(),
        Some("the first: body cut after status 200")
    );
}

#[test]
fn a_retrying_client_is_a_gateway_request_for_each_of_its_attempts() {
    let mut run = Run::of([request(0.0).over(&[("ptu-1", 429)]), request(1.0)]);
    let second = run.observation(1);
    (second.request, second.attempt) = (0, 1);
    assert_eq!(failed(&run), Vec::<String>::new());
    run.log().remove(0);
    let missing = "missing from the gateway's log or the ledger: 1";
    assert_failed(&run, "books.requests", missing);
}

#[test]
fn a_reset_connection_to_a_simulator_may_leave_an_entry_or_none() {
    let mut run = Run::of([request(0.0).from("direct").over(&[("ptu-1", 200)])]);
    run.observation(0).outcome = Outcome::TransportError(TransportError::Reset);
    assert_eq!(failed(&run), ["books.transport"]);
    run.ledger("ptu-1").clear();
    assert_eq!(failed(&run), ["books.transport"]);
}

#[test]
fn a_stream_that_a_fault_cut_has_books_that_close() {
    let mut run = run();
    run.ledger("payg-1")[1].fault = Some("cut".to_owned());
    run.ledger("payg-1")[1].tokens_yielded = 3;
    run.log()[1].attempts[0].error = Some("cut".to_owned());
    let observation = run.observation(1);
    observation.outcome = Outcome::TransportError(TransportError::Cut { status: 200 });
    observation.completion_tokens = None;
    observation.content_events = 3;
    assert_eq!(failed(&run), ["books.transport"]);
}

#[test]
fn a_helper_request_needs_no_backend() {
    let run = Run::of([request(0.0), request(1.0).answered_by_the_gateway(200)]);
    assert_eq!(failed(&run), Vec::<String>::new());
}

#[test]
fn a_probe_straight_to_a_simulator_is_booked_there() {
    let mut run = run();
    let mut probe = run.observation(1).clone();
    (probe.request, probe.request_id) = (9, "run-7-9-0".to_owned());
    probe.direct = Some("ptu-1".into());
    run.evidence.observations.push(probe);
    let missing = "missing from the gateway's log or the ledger: 1";
    assert_failed(&run, "books.requests", missing);
    let mut entry = run.ledger("ptu-1")[0].clone();
    (entry.number, entry.status) = (1, 200);
    entry.request_id = Some("run-7-9-0".to_owned());
    (entry.prompt_tokens, entry.completion_tokens) = (4, 6);
    run.ledger("ptu-1").push(entry);
    assert_eq!(failed(&run), Vec::<String>::new());
}

#[test]
fn fifty_attempts_without_an_answer_are_compared_at_once() {
    let mut run = run();
    let mut lost = run.log()[1].attempts[0].clone();
    lost.status = None;
    let again = run.ledger("payg-1")[1].clone();
    run.log()[1].attempts = vec![lost; 50];
    for number in 2..32 {
        let mut entry = again.clone();
        entry.number = number;
        run.ledger("payg-1").push(entry);
    }
    assert_eq!(run.book("books.attempts").state, State::Passed);
    run.ledger("payg-1")[31].status = 500;
    let other = run.ledger("payg-1")[31].clone();
    run.ledger("ptu-1").push(LedgerEntry { number: 1, ..other });
    assert_eq!(failed(&run), ["books.attempts"]);
}

#[test]
fn a_5xx_that_the_scenario_allows_is_no_server_error_and_another_is() {
    let mut run = run();
    run.facts.books.allowed_statuses = vec![200, 429, 503];
    run.observation(1).outcome = Outcome::Status(503);
    assert_eq!(failed(&run), Vec::<String>::new());
    run.observation(1).outcome = Outcome::Status(500);
    assert_eq!(failed(&run), ["books.server_errors", "books.statuses"]);
}

#[test]
fn a_5xx_is_a_server_error_and_another_status() {
    let mut run = run();
    run.observation(1).outcome = Outcome::Status(503);
    assert_failed(&run, "books.server_errors", "5xx answers: 1");
    let book = assert_failed(&run, "books.statuses", "answers of another status: 1");
    assert_eq!(
        book.detail.as_deref(),
        Some("seen 200, 429, 503, allowed 200, 429")
    );
}

#[test]
fn header_claims_are_held_against_the_ledgers() {
    let mut run = run();
    assert_eq!(
        run.book("books.backend_claims").state,
        State::NotJudged("no answer carries x-gw-backend or x-gw-attempts".to_owned())
    );
    run.observation(0).claimed_backend = Some("payg-1".to_owned());
    run.observation(0).claimed_attempts = Some("ptu-1:429, payg-1:200".to_owned());
    assert_eq!(
        run.book("books.backend_claims").observed,
        "1 answer with true headers"
    );
    run.observation(0).claimed_backend = Some("ptu-1".to_owned());
    assert_failed(
        &run,
        "books.backend_claims",
        "answers with headers that the ledgers deny: 1",
    );
    run.observation(0).claimed_backend = None;
    run.observation(0).claimed_attempts = Some("payg-1:200".to_owned());
    assert_eq!(failed(&run), ["books.backend_claims"]);
}

#[test]
fn a_claimed_attempt_that_failed_may_be_booked_or_not() {
    let mut run = run();
    run.observation(1).claimed_attempts = Some("ptu-1:connection refused, payg-1:200".to_owned());
    assert_eq!(run.book("books.backend_claims").state, State::Passed);
    run.observation(0).claimed_attempts = Some("ptu-1:timed out, payg-1:200".to_owned());
    assert_eq!(run.book("books.backend_claims").state, State::Passed);
    run.observation(1).claimed_attempts = Some("payg-1:timed out".to_owned());
    assert_eq!(run.book("books.backend_claims").state, State::Passed);
    run.observation(1).claimed_attempts = Some("payg-2:timed out".to_owned());
    assert_eq!(failed(&run), ["books.backend_claims"]);
}

#[test]
fn direct_clients_close_their_books_with_the_ledger() {
    let mut run = Run::of([request(0.0).from("direct").over(&[("ptu-1", 200)])]);
    run.facts.has_gateway = false;
    run.evidence.gateway = Source::Missing("no gateway".to_owned());
    assert_eq!(run.book("books.requests").state, State::Passed);
    let books = run.verdict().books;
    let of_a_gateway = ["books.attempts", "books.backend_claims"];
    assert!(!books.iter().any(|book| of_a_gateway.contains(&&*book.id)));
    let mut stray = run.ledger("ptu-1")[0].clone();
    stray.number = 1;
    stray.request_id = None;
    run.ledger("ptu-1").push(stray);
    assert_failed(
        &run,
        "books.requests",
        "written down but sent by no client: 1",
    );
    run.ledger("ptu-1").clear();
    assert_failed(
        &run,
        "books.requests",
        "missing from the gateway's log or the ledger: 1",
    );
}

#[test]
fn a_book_can_be_opted_out_of_with_a_reason() {
    let mut run = run();
    run.observation(1).outcome = Outcome::Status(503);
    let reason = "the backend is broken on purpose".to_owned();
    run.facts
        .books
        .opted_out
        .insert("books.server_errors".to_owned(), reason.clone());
    assert_eq!(run.book("books.server_errors").state, State::Off(reason));
}

#[test]
fn books_whose_source_is_missing_are_not_judged() {
    let mut run = run();
    run.evidence.gateway = Source::Missing("nginx".to_owned());
    let reason = State::NotJudged("no access log of the gateway: nginx".to_owned());
    assert_eq!(run.book("books.requests").state, reason);
    assert_eq!(run.book("books.attempts").state, reason);
    assert_eq!(run.book("books.tokens").state, State::Passed);
}
