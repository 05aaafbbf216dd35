//! What another project's tests do with it: start one, script it, ask its ledger, drop it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use http::{Request, StatusCode};
use serde_json::json;
use simulator::{Filter, Server, Simulator};

use crate::support::{chat, hello, simulator, unlimited};

const CHAT: &str = "deployments.chat.model = \"gpt-4o\"";

/// Sends a chat as any blocking client would; returns the whole answer.
fn ask(server: &Server, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let path = "/openai/deployments/chat/chat/completions?api-version=2024-10-21";
    let (key, length) = (server.key(), body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\napi-key: {key}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    // Cut off in the middle it is an answer, too.
    drop(stream.read_to_string(&mut answer));
    answer
}

#[test]
fn a_plain_test_starts_one_asks_it_and_drops_it() {
    let server = Simulator::start(CHAT).unwrap();
    let address = server.address();
    assert_eq!(server.url(), format!("http://{address}"));
    let answer = ask(&server, &hello(3).to_string());
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    server.ledger().every_request_was_answered().unwrap();
    drop(server);
    // Nothing of it is left: the port can be had at once.
    drop(TcpListener::bind(address).unwrap());
}

#[tokio::test]
async fn a_test_that_blocks_its_runtime_does_not_block_the_simulator() {
    let server = Simulator::start(CHAT).unwrap();
    assert!(ask(&server, &hello(3).to_string()).starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configured_key_is_the_one_to_use() {
    let server = Simulator::start(&format!("api_keys = [\"secret\"]\n{CHAT}")).unwrap();
    assert_eq!(server.key(), "secret");
    assert!(ask(&server, &hello(3).to_string()).starts_with("HTTP/1.1 200"));
}

#[test]
fn a_server_dropped_under_a_request_ends_and_books_it() {
    let slow = "latency = { time_to_first_token = \"0s\", per_token = \"100s\" }";
    let server =
        Simulator::start(&format!("[deployments.chat]\nmodel = \"gpt-4o\"\n{slow}")).unwrap();
    let ledger = server.ledger();
    let mut body = hello(5);
    body["stream"] = json!(true);
    let answer = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&server, &body.to_string()));
        while ledger
            .select(Filter::default())
            .all(|entry| entry.first_byte.is_none())
        {
            std::thread::yield_now();
        }
        server.set("stopped = true").unwrap();
        asking.join().unwrap()
    });
    assert!(!answer.contains("[DONE]"), "{answer}");
    drop(server);
    let entry = &ledger.entries()[0];
    assert_eq!(
        (entry.fault.as_deref(), entry.aborted_by_client),
        (Some("stopped"), false)
    );
}

#[test]
fn a_configuration_with_mistakes_says_where_they_are() {
    let error = Simulator::start("[deployments.chat]\nmodel = \"gpt-9\"")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("simulator:2:9: expected a known model, found `gpt-9`\n"),
        "{error}"
    );
}

#[test]
fn a_taken_address_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"\n{CHAT}", taken.local_addr().unwrap());
    let error = Simulator::start(&listen).unwrap_err().to_string();
    assert!(error.starts_with("cannot serve: "), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_script_is_written_as_in_a_file() {
    let rig = unlimited();
    rig.simulator
        .set("faults = [{ when = { first = 1 }, play = { status = { code = 503 } } }]")
        .unwrap();
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(rig.simulator.send(chat(&hello(1))).await.unwrap().status());
    }
    assert_eq!(statuses, [StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK]);
}

#[tokio::test(start_paused = true)]
async fn a_script_with_mistakes_changes_nothing() {
    let rig = unlimited();
    let before = rig.simulator.control().config();
    for (wrong, says) in [
        ("seed = ", "expected"),
        ("seed = -1", "seed: "),
        (
            "deployments.chat.colour = 1",
            "deployments.chat.colour: unknown field `colour`",
        ),
    ] {
        let error = rig.simulator.set(wrong).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(rig.simulator.control().config(), before);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_off_is_an_error_without_a_socket_too() {
    let rig = unlimited();
    rig.simulator
        .set("faults = [{ play = \"reset\" }]")
        .unwrap();
    let error = rig.simulator.send(chat(&hello(1))).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    rig.simulator
        .set("faults = [{ play = { cut = { after_tokens = 1 } } }]")
        .unwrap();
    rig.simulator.send(chat(&hello(3))).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn claims_that_hold_are_silent() {
    let rig = unlimited();
    rig.send(chat(&hello(7))).await;
    let ledger = rig.simulator.ledger();
    ledger.every_request_was_answered().unwrap();
    ledger.nothing_was_refused().unwrap();
    ledger.nobody_retried_early().unwrap();
    ledger.at_most_attempts(1).unwrap();
    ledger.charged_at_most(7).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_left_by_its_caller_was_not_answered() {
    let rig =
        simulator("[deployments.chat]\nmodel = \"gpt-4o\"\nlatency = { per_request = \"2s\" }");
    let deadline = clock::Moment::ZERO + Duration::from_secs(1);
    rig.clock
        .timeout_at(deadline, rig.send(chat(&hello(1))))
        .await
        .err()
        .unwrap();
    let contradiction = rig
        .simulator
        .ledger()
        .every_request_was_answered()
        .unwrap_err();
    insta::assert_debug_snapshot!(contradiction, @r"
    the ledger contradicts that every request was answered:
      request 0 to `chat` at 0.000 s was left by its caller at 1.000 s
    ");
}

#[tokio::test(start_paused = true)]
async fn a_retry_before_the_promised_instant_is_early_and_one_at_it_is_not() {
    let rig = simulator("[deployments.chat]\nmodel = \"gpt-4o\"\ntokens_per_minute = 10");
    let ledger = rig.simulator.ledger();
    let with_id = |id: &'static str| {
        let mut request = chat(&hello(6));
        request
            .headers_mut()
            .insert("x-request-id", http::HeaderValue::from_static(id));
        request
    };
    for id in ["a", "b"] {
        rig.send(with_id(id)).await;
    }
    // Told at 0 s to come back after 60 s.
    rig.pass(Duration::from_secs(59)).await;
    rig.send(with_id("b")).await;
    let contradiction = ledger.nobody_retried_early().unwrap_err();
    insta::assert_debug_snapshot!(contradiction, @r"
    the ledger contradicts that nobody retried early:
      request 2 (id `b`) to `chat` at 59.000 s came early: request 1 had been told at 0.000 s to wait until 60.000 s
    ");
    rig.simulator.control().reset();
    for id in ["a", "b"] {
        rig.send(with_id(id)).await;
    }
    rig.pass(Duration::from_mins(1)).await;
    rig.send(with_id("b")).await;
    ledger.nobody_retried_early().unwrap();
    let contradiction = ledger.at_most_attempts(1).unwrap_err();
    insta::assert_debug_snapshot!(contradiction, @r"
    the ledger contradicts that no request was sent more than 1 times:
      request 2 (id `b`) to `chat` at 119.000 s was attempt 2
    ");
    insta::assert_debug_snapshot!(ledger.nothing_was_refused().unwrap_err(), @r"
    the ledger contradicts that nothing was refused:
      request 1 (id `b`) to `chat` at 59.000 s got 429: tokens
    ");
    insta::assert_debug_snapshot!(ledger.charged_at_most(6).unwrap_err(), @r"
    the ledger contradicts that at most 6 tokens were charged:
      request 2 (id `b`) to `chat` at 119.000 s was charged 6, which makes 12
    ");
}

#[tokio::test(start_paused = true)]
async fn without_an_id_the_same_bytes_are_attempts_of_one_request() {
    let rig = simulator("[deployments.chat]\nmodel = \"gpt-4o\"\ntokens_per_minute = 10");
    for tokens in [10, 3, 4, 3] {
        rig.send(chat(&hello(tokens))).await;
    }
    let contradiction = rig.simulator.ledger().nobody_retried_early();
    // Refused requests come at no time here; only that for three tokens came again.
    assert_eq!(contradiction.unwrap_err().evidence.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_ledger_to_settle_sees_every_request_closed() {
    let rig =
        simulator("[deployments.chat]\nmodel = \"gpt-4o\"\nlatency = { per_request = \"2s\" }");
    let asking = tokio::spawn({
        let rig = rig.clone();
        async move { rig.send(chat(&hello(1))).await.status }
    });
    rig.pass(Duration::from_secs(1)).await;
    let ledger = rig.simulator.ledger();
    assert_eq!(ledger.counters().in_flight, 1);
    ledger.settled().await;
    assert_eq!(
        rig.clock.now(),
        clock::Moment::ZERO + Duration::from_secs(2)
    );
    ledger.every_request_was_answered().unwrap();
    assert_eq!(asking.await.unwrap(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn any_body_can_be_sent() {
    let rig = unlimited();
    let request = Request::get("/").body("nothing").unwrap();
    let answer = rig.simulator.send(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}
