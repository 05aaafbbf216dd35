//! Tokens and costs by each party's books, and the book that holds them together.

use std::collections::BTreeMap;

use crate::topology::AccessUsage;

use crate::evidence::Source;
use crate::judge::ModelFacts;
use crate::judge::support::{Request, Run, at, request, request_id};
use crate::plan::Price;
use crate::topology::UsageEvent;
use crate::verdict::State;

/// A run whose gateway tracks usage: each answer is 4 prompt and 6 completion tokens of gpt-4o.
fn tracked(requests: impl IntoIterator<Item = Request>) -> Run {
    let mut run = Run::of(requests);
    run.facts.tracks_usage = true;
    let model = ModelFacts {
        name: "gpt-4o".to_owned(),
        version: "gpt-4o-2024-08-06".to_owned(),
    };
    let deployments = BTreeMap::from([("gpt".to_owned(), model)]);
    run.facts.models = BTreeMap::from([("payg-1".to_owned(), deployments)]);
    let price = Price {
        prompt_per_million: 2.5,
        completion_per_million: 10.0,
    };
    run.facts.prices = BTreeMap::from([("gpt-4o".to_owned(), price)]);
    let answered = run.log().iter_mut().filter(|entry| entry.status == 200);
    for entry in answered {
        entry.product = Some("gold".to_owned());
        entry.model = Some("gpt-4o-2024-08-06".to_owned());
        entry.usage = Some(AccessUsage {
            prompt_tokens: 4,
            completion_tokens: 6,
            total_tokens: 10,
            estimated: false,
        });
    }
    let events = run.log().iter().filter(|entry| entry.status == 200);
    let events = events.map(|entry| UsageEvent {
        event_id: format!("e-{}", entry.number),
        at: entry.ended.unwrap(),
        request_id: entry.request_id.clone(),
        subscription: entry.subscription.clone(),
        product: entry.product.clone(),
        model: entry.model.clone(),
        backend: entry.backend.clone(),
        prompt_tokens: 4,
        completion_tokens: 6,
        total_tokens: 10,
        status: 200,
        ..UsageEvent::default()
    });
    let events = events.collect();
    run.evidence.usage_events = Source::Given(events);
    run
}

fn events(run: &mut Run) -> &mut Vec<UsageEvent> {
    let Source::Given(events) = &mut run.evidence.usage_events else {
        panic!("no events");
    };
    events
}

fn three() -> Run {
    tracked([
        request(0.0),
        request(1.0),
        request(2.0).refused(429, "token-limit"),
    ])
}

#[track_caller]
fn assert_passes(run: &Run, sentence: &str) {
    let result = run.judge(sentence);
    assert_eq!(result.state, State::Passed, "{sentence}: {result:?}");
}

#[track_caller]
fn assert_not_judged(run: &Run, sentence: &str, reason: &str) {
    let result = run.judge(sentence);
    let expected = State::NotJudged(reason.to_owned());
    assert_eq!(result.state, expected, "{sentence}: {result:?}");
}

#[test]
fn each_party_tells_its_own_tokens() {
    let mut run = three();
    let tokens = "total_tokens{by=client, subscription=one} == 20 and total_tokens{by=gateway, product=gold} == 20 and total_tokens{by=events, class=chat, model=gpt-4o} == 20 and total_tokens{by=payg-1, phase=base} == 20 and prompt_tokens{by=events} + completion_tokens{by=gateway} == 20";
    assert_passes(&run, tokens);
    assert_passes(
        &run,
        "events == 2 and events{estimated=true} == 0 and events{model=none} == 0",
    );
    events(&mut run)[0].total_tokens = 11;
    let result = run.judge(
        "total_tokens{by=events} == prompt_tokens{by=events} + completion_tokens{by=events}",
    );
    assert_eq!(result.observed, "21 tokens against 20 tokens");
}

#[test]
fn windows_of_charged_tokens_count_when_answers_end() {
    let run = tracked([request(0.0).taking(30.0), request(65.0).taking(0.5)]);
    assert_passes(
        &run,
        "max in 60s of total_tokens == 10 and max in 60s of total_tokens{by=gateway} == 20 and max in 60s of total_tokens{by=events} == 20",
    );
    let late = tracked([request(179.0).taking(2.0)]);
    assert_passes(&late, "max in 60s of total_tokens{by=events} == 10");
}

#[test]
fn a_cost_is_tokens_at_the_price_of_their_model() {
    let mut run = three();
    // 2 · (4 · 2.5 + 6 · 10) / 1 000 000
    let cost = "cost{by=client} == 0.00014 and cost{by=gateway} == cost{by=events} and cost{by=payg-1} == prompt_tokens * 2.5 / 1_000_000 + completion_tokens * 10 / 1_000_000";
    assert_passes(&run, cost);
    assert_eq!(run.judge("cost{by=events} <= 0.00007").observed, "0.00014");
    events(&mut run)[1].model = Some("gpt-9".to_owned());
    let result = run.judge("cost{by=events} == 0.00007");
    assert_eq!(result.state, State::Failed);
    assert_eq!(
        result.observed,
        "tokens of the model `gpt-9`, which has no price"
    );
}

#[test]
fn the_metrics_page_is_asked_by_its_dimensions() {
    let mut run = three();
    run.evidence.metrics = Source::Given(
        "gateway_usage_tokens_total{subscription=\"one\",header_x_user=\"N/A\",kind=\"prompt\"} 8\n\
         gateway_usage_tokens_total{subscription=\"one\",header_x_user=\"al\",kind=\"completion\"} 12\n\
         gateway_usage_events_dropped_total{sink=\"bills\"} 3\n"
            .to_owned(),
    );
    assert_passes(
        &run,
        "total_tokens{by=metrics, subscription=one} == 20 and prompt_tokens{by=metrics, header.x-user=none} == 8 and completion_tokens{by=metrics, header.x-user=al} == 12 and dropped_events == 3",
    );
    let untold = "the gateway's metrics do not tell `model`";
    assert_not_judged(&run, "total_tokens{by=metrics, model=gpt-4o} == 20", untold);
}

#[test]
fn a_gateway_that_tells_no_usage_is_not_judged_by_it() {
    let mut run = three();
    for entry in run.log() {
        entry.usage = None;
    }
    run.evidence.usage_events = Source::Missing("not ours".to_owned());
    run.evidence.metrics = Source::Missing("not ours".to_owned());
    let log = "the gateway's access log tells no usage";
    assert_not_judged(&run, "total_tokens{by=gateway} == 20", log);
    assert_not_judged(&run, "gateway_requests{estimated=true} == 0", log);
    let charged = "the gateway keeps no count of such tokens";
    assert_not_judged(&run, "tokens_charged{by=gateway} == 20", charged);
    let events = "no usage events of the gateway: not ours";
    assert_not_judged(&run, "events == 2", events);
    assert_eq!(
        run.book("books.usage").state,
        State::NotJudged(events.to_owned())
    );
    let page = "no metrics page of the gateway: not ours";
    assert_not_judged(&run, "total_tokens{by=metrics} == 20", page);
}

#[test]
fn the_usage_book_is_kept_only_where_usage_is() {
    let mut run = three();
    let book = run.book("books.usage");
    assert_eq!(book.state, State::Passed, "{book:?}");
    assert_eq!(book.observed, "20 tokens in 2 usage events");
    run.facts.tracks_usage = false;
    assert!(
        run.verdict()
            .books
            .iter()
            .all(|book| book.id != "books.usage")
    );
}

#[track_caller]
fn assert_wrong(change: impl FnOnce(&mut Vec<UsageEvent>), wrong: &str) {
    let mut run = three();
    change(events(&mut run));
    let book = run.book("books.usage");
    assert_eq!(book.state, State::Failed, "{book:?}");
    assert_eq!(book.observed, wrong);
}

#[test]
fn an_event_too_few_too_many_or_of_nobody_breaks_the_usage_book() {
    assert_wrong(
        |events| drop(events.pop()),
        "answers without a usage event: 1",
    );
    let again = |events: &mut Vec<UsageEvent>| {
        let again = events[0].clone();
        events.push(again);
    };
    assert_wrong(
        again,
        "usage events of an answer that has one: 1, usage events with the id of another: 1",
    );
    let other = |of: &str| UsageEvent {
        event_id: "other".to_owned(),
        request_id: Some(of.to_owned()),
        ..UsageEvent::default()
    };
    assert_wrong(
        |events| events.push(other(&request_id(2))),
        "usage events of requests without an answer: 1",
    );
    assert_wrong(
        |events| events.push(other("x")),
        "usage events of nobody's request: 1",
    );
    // An earlier run may have written to the same file.
    let mut run = three();
    events(&mut run).push(other("run-6-0-0"));
    assert_eq!(run.book("books.usage").state, State::Passed);
}

#[test]
fn tokens_are_equal_to_the_unit_unless_estimated() {
    let wrong = "usage events with other tokens than the ledger or the client: 1";
    assert_wrong(|events| events[0].completion_tokens = 7, wrong);
    let estimated = |tokens: u64| {
        move |events: &mut Vec<UsageEvent>| {
            events[0].estimated = true;
            events[0].completion_tokens = tokens;
            events[0].total_tokens = 4 + tokens;
        }
    };
    // Half a token is a twentieth of ten.
    assert_wrong(estimated(7), wrong);
    let mut run = three();
    let entry = &mut run.ledger("payg-1")[0];
    (entry.completion_tokens, entry.tokens_yielded) = (96, 96);
    estimated(101)(events(&mut run));
    let book = run.book("books.usage");
    assert_eq!(book.state, State::Passed, "{book:?}");
    let detail = "1 estimated event: off by 5 of 100 tokens (5 %)";
    assert_eq!(book.detail.as_deref(), Some(detail));
}

#[test]
fn what_an_aborted_stream_came_to_lies_between_client_and_simulator() {
    let aborted = |charged: u64| {
        let mut run = three();
        let seen = run.observation(0);
        (seen.aborted, seen.content_events) = (true, 3);
        (seen.prompt_tokens, seen.completion_tokens) = (None, None);
        run.ledger("payg-1")[0].tokens_yielded = 5;
        let event = &mut events(&mut run)[0];
        (event.aborted, event.estimated) = (true, true);
        (event.completion_tokens, event.total_tokens) = (charged, 4 + charged);
        run.book("books.usage").state
    };
    assert_eq!(
        [2, 3, 5, 6].map(aborted),
        [State::Failed, State::Passed, State::Passed, State::Failed]
    );
}

#[test]
fn an_answer_that_its_client_did_not_await_may_be_charged() {
    let mut run = tracked([request(0.0)]);
    run.observation(0).outcome =
        crate::observation::Outcome::TransportError(crate::observation::TransportError::TimedOut);
    assert_eq!(run.book("books.usage").state, State::Passed);
    run.log()[0].ended = Some(at(1.0));
    events(&mut run).clear();
    assert_eq!(run.book("books.usage").state, State::Passed);
}
