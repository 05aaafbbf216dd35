//! Whatever goes wrong: every request is booked once, and told as its caller saw it.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Moment;
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use simulator::{Entry, delivered};
use tower::ServiceExt;

use crate::support::{Rig, chat, hello, simulator};

/// A caller: when it asks, for how many tokens, as a stream or not, and how long it stays.
type Caller = (u64, u64, bool, u64);

/// What a caller saw.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    /// No connection.
    Refused,
    /// A connection that broke before the head of an answer.
    Reset,
    /// A head, and a body that broke off.
    Cut(u16),
    /// A whole answer.
    Answered(u16),
    /// It left: before the head, or after it.
    Left(Option<u16>),
}

fn faults() -> impl Strategy<Value = Value> {
    let play = prop::sample::select(vec![
        json!({ "status": { "code": 503 } }),
        json!({ "status": { "code": 429, "retry_after": "1s" } }),
        json!({ "delay": "300ms" }),
        json!("silence"),
        json!("reset"),
        json!({ "cut": { "after_tokens": 3 } }),
        json!({ "stall": { "after_tokens": 2, "time": "400ms" } }),
        json!({ "stall": { "after_tokens": 2 } }),
        json!({ "slow_headers": "200ms" }),
        json!({ "truncated": { "after_tokens": 2 } }),
        json!({ "malformed": { "after_tokens": 1 } }),
        json!({ "error": { "after_tokens": 3 } }),
        json!({ "duplicate": { "after_tokens": 2 } }),
        json!("no_usage"),
        json!("no_done"),
        json!({ "content_type": "text/html" }),
        json!({ "slow_body": { "bytes": 300, "every": "20ms" } }),
    ]);
    let when = prop::sample::select(vec![
        json!({}),
        json!({ "first": 3 }),
        json!({ "every": 2, "skip": 1 }),
        json!({ "probability": 0.4 }),
        json!({ "flap": { "down": "200ms", "up": "300ms" } }),
    ]);
    let requests = (when, play).prop_map(|(when, play)| json!({ "when": when, "play": play }));
    let refused =
        json!({ "when": { "flap": { "down": "200ms", "up": "700ms" } }, "play": "refused" });
    let one = prop_oneof![4 => requests, 1 => Just(refused)];
    prop::collection::vec(one, 0..4).prop_map(Value::from)
}

/// What is changed when.
fn changes() -> impl Strategy<Value = Vec<(u64, Value)>> {
    let change = prop_oneof![
        2 => faults().prop_map(|faults| json!({ "faults": faults })),
        1 => any::<bool>().prop_map(|stopped| json!({ "stopped": stopped })),
    ];
    prop::collection::vec((0..3_000u64, change), 0..6)
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    prop::collection::vec((0..3_000u64, 1..12u64, any::<bool>(), 1..4_000u64), 1..30)
}

async fn call(rig: Rig, number: usize, (at, tokens, streams, stays): Caller) -> Seen {
    let at = Moment::ZERO + Duration::from_millis(at);
    rig.clock.sleep_until(at).await;
    let mut body = hello(tokens);
    body["stream"] = json!(streams);
    let mut request = chat(&body);
    let id = number.to_string().parse().unwrap();
    request.headers_mut().insert("x-request-id", id);
    let mut head = None;
    let asking = async {
        let response = rig.simulator.router().oneshot(request).await.unwrap();
        let response = match delivered(response) {
            Ok(response) => response,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                return Seen::Refused;
            }
            Err(_) => return Seen::Reset,
        };
        let status = response.status().as_u16();
        head = Some(status);
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if frame.is_err() {
                return Seen::Cut(status);
            }
        }
        Seen::Answered(status)
    };
    let leaves = at + Duration::from_millis(stays);
    let seen = rig.clock.timeout_at(leaves, asking).await;
    seen.unwrap_or(Seen::Left(head))
}

async fn play(callers: Vec<Caller>, changes: Vec<(u64, Value)>) -> (Vec<Seen>, Vec<Entry>) {
    let rig = simulator(
        r#"
        seed = 7
        [deployments.chat]
        model = "gpt-4o"
        tokens_per_minute = 20_000
        latency = { time_to_first_token = "50ms", per_token = "20ms" }
        "#,
    );
    let changing = changes.into_iter().map(|(at, change)| {
        let rig = rig.clone();
        tokio::spawn(async move {
            let at = Moment::ZERO + Duration::from_millis(at);
            rig.clock.sleep_until(at).await;
            rig.simulator.control().patch(&change).unwrap();
        })
    });
    let changing: Vec<_> = changing.collect();
    let calling = callers.into_iter().enumerate();
    let calling = calling.map(|(number, caller)| tokio::spawn(call(rig.clone(), number, caller)));
    let calling: Vec<_> = calling.collect();
    let mut seen = Vec::new();
    for call in calling {
        seen.push(call.await.unwrap());
    }
    for change in changing {
        change.await.unwrap();
    }
    (seen, rig.simulator.ledger().entries())
}

/// Whether the books tell of a request what its caller saw.
fn agree(seen: Seen, entry: &Entry) -> bool {
    let fault = entry.fault.as_deref();
    let is_ours = !entry.aborted_by_client;
    match seen {
        Seen::Refused => false,
        Seen::Reset => entry.status == 0 && is_ours && matches!(fault, Some("reset" | "stopped")),
        Seen::Cut(status) => {
            entry.status == status && is_ours && matches!(fault, Some("cut" | "stopped"))
        }
        Seen::Answered(status) => entry.status == status && is_ours,
        Seen::Left(head) => entry.status == head.unwrap_or(0) && entry.aborted_by_client,
    }
}

fn check(seen: &[Seen], entries: &[Entry]) -> Result<(), TestCaseError> {
    let mut booked: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
    for (entry, number) in entries.iter().zip(0..) {
        prop_assert_eq!(entry.number, number);
        prop_assert!(entry.ended.is_some());
        let id = entry.request_id.as_deref().unwrap().parse().unwrap();
        booked.entry(id).or_default().push(entry);
        // What comes before the limiter leaves it alone.
        let is_before = matches!(entry.fault.as_deref(), Some("status" | "silence" | "reset"));
        prop_assert!(!is_before || entry.tokens_charged == 0 && entry.admitted.is_none());
    }
    for (number, seen) in seen.iter().enumerate() {
        match booked.get(&number).map_or(&[][..], Vec::as_slice) {
            [] => prop_assert_eq!(*seen, Seen::Refused),
            [entry] => prop_assert!(agree(*seen, entry), "{seen:?} but {entry:?}"),
            several => prop_assert!(false, "booked {} times", several.len()),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_request_is_booked_once_and_as_its_caller_saw_it(callers in callers(), changes in changes()) {
        let on_paused_clock = |callers, changes| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(play(callers, changes))
        };
        let (seen, entries) = on_paused_clock(callers.clone(), changes.clone());
        check(&seen, &entries)?;
        // The same again gives the same, to the byte.
        prop_assert_eq!(on_paused_clock(callers, changes), (seen, entries));
    }
}
