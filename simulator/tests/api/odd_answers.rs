//! Answers with status 200 that are not as they should be, as their caller and the ledger see them.

use axum::body::Body;
use clock::Moment;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use simulator::config::SimulatorSection;

use crate::faults::{MS, booked, deliver, faulty, read, streamed, tokens};
use crate::support::{Answer, Rig, chat, events, hello, path, post, simulator};

/// A chat that asks for a fault.
fn asking(wish: &str, body: &Value) -> Request<Body> {
    let mut request = chat(body);
    let header = wish.parse().unwrap();
    request.headers_mut().insert("x-simulator-fault", header);
    request
}

/// A simulator that plays what its callers ask for.
fn obedient() -> Rig {
    simulator(
        r#"
        faults_by_header = true
        [deployments.chat]
        model = "gpt-4o"
        latency = { time_to_first_token = "500ms", per_token = "20ms" }
        "#,
    )
}

/// A stream of five tokens with its usage.
fn with_usage() -> Value {
    let mut body = streamed(5);
    body["stream_options"] = json!({ "include_usage": true });
    body
}

/// What the last request left in the books: fault, yielded of its tokens, aborted.
fn last(rig: &Rig) -> (Option<String>, u64, bool) {
    let entry = rig.simulator.ledger().entries().pop().unwrap();
    assert!(entry.ended.is_some() && entry.status == 200);
    (entry.fault, entry.tokens_yielded, entry.aborted_by_client)
}

fn is_json(answer: &Answer) -> bool {
    serde_json::from_slice::<Value>(&answer.bytes).is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_truncated_body_ends_in_the_middle_and_says_it_is_whole() {
    let rig = faulty("{ play = { truncated = { after_tokens = 3 } } }");
    let whole = faulty("").send(chat(&hello(10))).await.bytes;
    let answer = rig.send(chat(&hello(10))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.bytes, whole[..whole.len() / 2]);
    assert_eq!(
        booked(&rig.entry()),
        (Some("truncated"), 200, None, 10, false)
    );
    assert_eq!(rig.entry().tokens_yielded, 0);
}

#[tokio::test(start_paused = true)]
async fn a_truncated_stream_ends_within_a_frame() {
    let rig = faulty("{ play = { truncated = { after_tokens = 3 } } }");
    let text = rig.send(chat(&streamed(10))).await.text();
    let (frames, half) = text.rsplit_once("\n\n").unwrap();
    assert_eq!(tokens(frames), 3);
    let half = half.strip_prefix("data: ").unwrap();
    assert!(half.starts_with('{') && serde_json::from_str::<Value>(half).is_err());
    assert_eq!(last(&rig), (Some("truncated".to_owned()), 3, false));
    assert_eq!(rig.entry().ended, Some(Moment::ZERO + MS(540)));
}

#[tokio::test(start_paused = true)]
async fn a_malformed_frame_stands_between_two_tokens_of_a_whole_stream() {
    let rig = obedient();
    for (wish, frame) in [
        (
            "malformed; after_tokens=3",
            r#"data: {"choices":[{"delta":{"content":"#,
        ),
        (
            "malformed; after_tokens=3; frame=retry sooner",
            "retry sooner",
        ),
    ] {
        let text = rig.send(asking(wish, &streamed(5))).await.text();
        let (before, after) = text.split_once(&format!("{frame}\n\n")).unwrap();
        assert_eq!((tokens(before), tokens(after)), (3, 2));
        assert!(before.ends_with("\n\n") && after.ends_with("data: [DONE]\n\n"));
        assert_eq!(last(&rig), (Some("malformed".to_owned()), 5, false));
    }
    let whole = rig
        .send(asking("malformed; after_tokens=3", &hello(5)))
        .await;
    assert!(!is_json(&whole) && whole.text().ends_with("}}\n"));
    assert_eq!(last(&rig), (Some("malformed".to_owned()), 5, false));
}

#[tokio::test(start_paused = true)]
async fn an_error_ends_a_stream_without_its_marker() {
    let rig = obedient();
    let answer = rig
        .send(asking("error; after_tokens=3", &streamed(5)))
        .await;
    assert_eq!(
        answer.header("content-type"),
        "text/event-stream; charset=utf-8"
    );
    assert_eq!(tokens(&answer.text()), 3);
    insta::assert_snapshot!(answer.events().last().unwrap(), @r#"
    {"error":{"message":"The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error.","type":"server_error","param":null,"code":null}}
    "#);
    assert_eq!(last(&rig), (Some("error".to_owned()), 3, false));
}

#[tokio::test(start_paused = true)]
async fn an_error_instead_of_a_body_has_the_status_of_a_success() {
    let rig = faulty(
        r#"{ play = { error = { after_tokens = 0, message = "No.", type = "overloaded", code = "slow_down" } } }"#,
    );
    let answer = rig.send(chat(&hello(5))).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::OK, "application/json")
    );
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"message":"No.","type":"overloaded","param":null,"code":"slow_down"}}
    "#);
    assert_eq!(booked(&rig.entry()), (Some("error"), 200, None, 5, false));
    assert_eq!(rig.entry().tokens_yielded, 0);
}

#[tokio::test(start_paused = true)]
async fn a_frame_comes_twice_and_its_token_is_counted_once() {
    let rig = obedient();
    let plain = rig.send(chat(&streamed(5))).await.events();
    let twice = rig
        .send(asking("duplicate; after_tokens=2", &streamed(5)))
        .await
        .events();
    // The prompt's filter and the role come before the first token.
    assert_eq!(twice[3], twice[4]);
    assert_eq!(twice.len(), plain.len() + 1);
    assert_eq!(last(&rig), (Some("duplicate".to_owned()), 5, false));
}

#[tokio::test(start_paused = true)]
async fn the_usage_is_missing_wherever_it_would_be() {
    let rig = faulty(r#"{ play = "no_usage" }"#);
    let streamed = rig.send(chat(&with_usage())).await.events();
    assert!(
        streamed
            .iter()
            .all(|event| !event.contains("\"total_tokens\""))
    );
    assert_eq!(streamed.last().unwrap(), "[DONE]");
    let embed = post(&path("embedding", "embeddings"), &json!({ "input": "hi" }));
    for request in [chat(&hello(5)), embed] {
        let body = rig.send(request).await.json();
        assert!(body.get("usage").is_none() && body.get("model").is_some());
    }
    let entries = rig.simulator.ledger().entries();
    assert!(
        entries
            .iter()
            .all(|entry| entry.fault.as_deref() == Some("no_usage"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_its_marker_is_otherwise_whole() {
    let rig = faulty(r#"{ when = { first = 1 }, play = "no_done" }"#);
    // A body that is no stream has no marker; the fault waits for one that has.
    rig.send(chat(&hello(5))).await;
    assert_eq!(last(&rig), (None, 5, false));
    let events = rig.send(chat(&with_usage())).await.events();
    assert!(events.last().unwrap().contains("\"total_tokens\""));
    assert_eq!(last(&rig), (Some("no_done".to_owned()), 5, false));
}

#[tokio::test(start_paused = true)]
async fn a_success_says_that_it_is_something_else() {
    let rig = faulty(r#"{ play = { content_type = "text/html" } }"#);
    for body in [hello(5), streamed(5)] {
        let answer = rig.send(chat(&body)).await;
        assert_eq!(answer.header("content-type"), "text/html");
        assert_eq!(last(&rig), (Some("content_type".to_owned()), 5, false));
    }
    let refused = rig.send(chat(&hello(20_000))).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("content-type"), "application/json");
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_comes_in_pieces_at_its_pace() {
    let rig = faulty(r#"{ play = { slow_body = { bytes = 400, every = "1s" } } }"#);
    let pieces = rig.frames(chat(&hello(5))).await;
    let sizes: Vec<_> = pieces.iter().map(|(_, piece)| piece.len()).collect();
    let (last, full) = sizes.split_last().unwrap();
    assert!(full.iter().all(|size| *size == 400) && *last <= 400);
    for ((at, _), number) in pieces.iter().zip(0..) {
        assert_eq!(*at, Moment::ZERO + MS(580) + MS(1_000) * number);
    }
    let whole: String = pieces.into_iter().map(|(_, piece)| piece).collect();
    assert!(serde_json::from_str::<Value>(&whole).is_ok());
    assert_eq!(
        booked(&rig.entry()),
        (Some("slow_body"), 200, None, 5, false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_loses_nothing() {
    let plain = faulty("").send(chat(&streamed(5))).await.bytes;
    let rig = faulty(r#"{ play = { slow_body = { bytes = 100, every = "10ms" } } }"#);
    assert_eq!(rig.send(chat(&streamed(5))).await.bytes, plain);
    // Fewer bytes than a token's frame every 10 ms are slower than a token every 20 ms.
    let pieces = u32::try_from(plain.len() / 100).unwrap();
    assert!(rig.clock.now() >= Moment::ZERO + MS(500) + MS(10) * pieces);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_an_answer_is_too_short_for_is_not_booked() {
    let rig = obedient();
    for wish in [
        "cut",
        "truncated",
        "error",
        "malformed",
        "stall",
        "duplicate",
    ] {
        let wish = format!("{wish}; after_tokens=6");
        let answer = rig.send(asking(&wish, &streamed(5))).await;
        assert_eq!(events(&answer.text()).last().unwrap(), "[DONE]", "{wish}");
        assert_eq!(last(&rig), (None, 5, false), "{wish}");
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_pick_a_key_and_a_user() {
    // The start of the SHA-256 of `key-1`.
    let rig = faulty(
        r#"{ when = { key = "be2974546978e373" }, play = { status = { code = 500 } } },
           { when = { user = "alice" }, play = { status = { code = 502 } } }"#,
    );
    let mut keyed = chat(&hello(1));
    keyed
        .headers_mut()
        .insert("api-key", "key-1".parse().unwrap());
    let mut of_alice = hello(1);
    of_alice["user"] = json!("alice");
    let mut of_bob = hello(1);
    of_bob["user"] = json!("bob");
    let mut statuses = Vec::new();
    for request in [keyed, chat(&of_alice), chat(&of_bob), chat(&hello(1))] {
        statuses.push(rig.send(request).await.status.as_u16());
    }
    assert_eq!(statuses, [500, 502, 200, 200]);
}

#[test]
fn mistakes_in_a_fault_say_how_to_write_it_and_keep_secrets() {
    let said: Vec<_> = [
        r#"{ when = { key = "sk-secret" }, play = "silence" }"#,
        r#"{ when = { user = "alice" }, play = "refused" }"#,
        r#"{ play = { malformed = { after_tokens = 0, frame = "" } } }"#,
        r#"{ play = { content_type = "a\nb" } }"#,
    ]
    .into_iter()
    .map(|fault| {
        let toml = format!("faults = [{fault}]\n[deployments.chat]\nmodel = \"gpt-4o\"");
        let section: SimulatorSection = toml::from_str(&toml).unwrap();
        let errors = section
            .resolve("sim", &std::collections::BTreeMap::new())
            .unwrap_err();
        errors[0].to_string()
    })
    .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    faults.0.when.key: expected 16 hexadecimal digits, the start of the key's SHA-256; help: printf %s "$KEY" | sha256sum | cut -c1-16
    faults.0.when.user: `user` cannot be known of a connection that is refused; help: use `from`, `until` or `flap`, or play "reset", which knows its request
    faults.0.play.malformed.frame: expected a frame, found ``
    faults.0.play.content_type: expected the value of a header, found `a\nb`
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_granted_where_wishes_are_allowed() {
    let rig = obedient();
    let answer = rig
        .send(asking(r#"{ "status": { "code": 503 } }"#, &hello(1)))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let response = deliver(&rig, asking("cut; after_tokens=2", &streamed(5)))
        .await
        .unwrap();
    let (text, is_broken) = read(&rig, response, Moment::FAR_FUTURE).await;
    assert_eq!((tokens(&text), is_broken), (2, true));
    let other = faulty("");
    let answer = other.send(asking("silence", &hello(1))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(other.entry().fault, None);
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_cannot_be_read_is_refused_and_charges_nothing() {
    let rig = obedient();
    let answer = rig.send(asking("cut; after_tokens=soon", &hello(1))).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(answer.text(), @r#"
    {"error":{"message":"Invalid header 'x-simulator-fault': expected a fault such as `cut; after_tokens=3` or `silence`: invalid type: string \"soon\", expected u64.","type":"invalid_request_error","param":"x-simulator-fault","code":"invalid_value"}}
    "#);
    let entry = rig.entry();
    assert_eq!(booked(&entry), (None, 400, Some("validation"), 0, false));
}
