//! Faults of the transport, acted out over real sockets.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use clock::{Clock, Moment, Speed};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sockets::{Server, start, streamed};
use crate::support::hello;

/// A chat with half a second per token, and `faults`.
async fn slow(faults: &str) -> Server {
    start(&format!(
        "faults = [{faults}]\n[deployments.chat]\nmodel = \"gpt-4o\"\n\
         latency = {{ time_to_first_token = \"0s\", per_token = \"500ms\" }}"
    ))
    .await
}

/// Reads to the end or the error, no longer than a minute.
async fn rest(stream: &mut TcpStream) -> (String, Option<ErrorKind>) {
    let mut read = Vec::new();
    let clock = Clock::real(Speed::REAL_TIME, clock::DEFAULT_ANCHOR);
    let reading = stream.read_to_end(&mut read);
    let outcome = clock.timeout_at(Moment::ZERO + Duration::from_mins(1), reading);
    let error = outcome.await.unwrap().err().map(|error| error.kind());
    (String::from_utf8(read).unwrap(), error)
}

async fn connect(address: SocketAddr) -> Result<TcpStream, ErrorKind> {
    TcpStream::connect(address)
        .await
        .map_err(|error| error.kind())
}

fn patch(server: &Server, patch: &Value) {
    server.simulator.control().patch(patch).unwrap();
}

#[tokio::test]
async fn a_reset_is_a_reset_without_a_byte() {
    let server = slow("{ play = \"reset\" }").await;
    let (text, error) = rest(&mut server.ask(&hello(1)).await).await;
    assert_eq!(
        (text.as_str(), error),
        ("", Some(ErrorKind::ConnectionReset))
    );
    let entry = &server.settled().await[0];
    assert_eq!((entry.status, entry.fault.as_deref()), (0, Some("reset")));
    assert!(!entry.aborted_by_client);
}

#[tokio::test]
async fn what_a_cut_stream_has_sent_arrives_and_its_end_does_not() {
    let server = slow("{ play = { cut = { after_tokens = 1 } } }").await;
    let (text, error) = rest(&mut server.ask(&streamed(5)).await).await;
    assert_eq!(error, None);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\"content\":\""));
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    let entry = &server.settled().await[0];
    assert_eq!((entry.status, entry.fault.as_deref()), (200, Some("cut")));
    assert_eq!((entry.tokens_yielded, entry.aborted_by_client), (1, false));
}

#[tokio::test]
async fn a_cut_before_the_body_leaves_the_head() {
    let server = slow("{ play = { cut = { after_tokens = 0 } } }").await;
    let (text, _) = rest(&mut server.ask(&streamed(5)).await).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

/// The head of an answer, and what follows it.
fn parts(text: &str) -> (&str, &str) {
    text.split_once("\r\n\r\n").unwrap()
}

#[tokio::test]
async fn a_truncated_body_has_the_length_it_tells() {
    let server = slow("{ play = { truncated = { after_tokens = 1 } } }").await;
    let (text, error) = rest(&mut server.ask(&hello(1)).await).await;
    let (head, body) = parts(&text);
    assert!(error.is_none() && serde_json::from_str::<Value>(body).is_err());
    assert!(
        head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    assert!(!server.settled().await[0].aborted_by_client);
}

#[tokio::test]
async fn a_stream_that_ends_too_early_ends_as_streams_do() {
    for play in [
        "truncated = { after_tokens = 1 }",
        "error = { after_tokens = 1 }",
    ] {
        let server = slow(&format!("{{ play = {{ {play} }} }}")).await;
        let (text, error) = rest(&mut server.ask(&streamed(5)).await).await;
        assert!(error.is_none() && !text.contains("[DONE]"));
        assert!(text.ends_with("\r\n0\r\n\r\n"), "{text}");
        let entry = &server.settled().await[0];
        assert_eq!((entry.tokens_yielded, entry.aborted_by_client), (1, false));
    }
}

#[tokio::test]
async fn a_slow_body_tells_its_length_and_takes_its_time() {
    let server = slow("{ play = { slow_body = { bytes = 200, every = \"20ms\" } } }").await;
    let (text, _) = rest(&mut server.ask(&hello(1)).await).await;
    let (head, body) = parts(&text);
    assert!(
        head.contains(&format!("content-length: {}\r\n", body.len())),
        "{head}"
    );
    let entry = &server.settled().await[0];
    let took = entry.ended.unwrap().since(entry.first_byte.unwrap());
    let pauses = u32::try_from(body.len().div_ceil(200) - 1).unwrap();
    assert!(took >= Duration::from_millis(20) * pauses, "{took:?}");
}

#[tokio::test]
async fn slow_headers_begin_at_once_and_end_late() {
    let server = slow("{ play = { slow_headers = \"200ms\" } }").await;
    let mut stream = server.ask(&hello(1)).await;
    let mut begin = [0; 9];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 ");
    assert_eq!(server.simulator.ledger().entries()[0].status, 0);
    let (text, _) = rest(&mut stream).await;
    assert!(
        text.starts_with("200 OK\r\n") && text.ends_with("}}\n"),
        "{text}"
    );
    let entry = &server.settled().await[0];
    let took = entry.ended.unwrap().since(entry.arrived);
    assert!(took >= Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn while_it_refuses_answers_end_and_idle_connections_are_closed() {
    let server = slow("").await;
    let mut idle = connect(server.address).await.unwrap();
    let mut working = server.ask(&streamed(2)).await;
    let mut some = [0; 16];
    working.read_exact(&mut some).await.unwrap();
    patch(&server, &json!({ "faults": [{ "play": "refused" }] }));
    assert_eq!(rest(&mut idle).await, (String::new(), None));
    let refused = connect(server.address).await.unwrap_err();
    assert_eq!(refused, ErrorKind::ConnectionRefused);
    let (text, error) = rest(&mut working).await;
    assert!(
        text.contains("data: [DONE]\n\n") && error.is_none(),
        "{text}"
    );
    patch(&server, &json!({ "faults": null }));
    assert_open(&server).await;
    assert_eq!(server.settled().await.len(), 2);
}

#[tokio::test]
async fn a_port_listens_again_when_its_time_has_come() {
    let server = slow("{ when = { until = \"300ms\" }, play = \"refused\" }").await;
    while connect(server.address).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(server.clock.now() >= Moment::ZERO + Duration::from_millis(300));
    assert_open(&server).await;
}

#[tokio::test]
async fn a_stop_resets_what_waits_cuts_what_streams_and_refuses_the_rest() {
    let server = slow("{ when = { header = { x-fault = \"1\" } }, play = \"silence\" }").await;
    let mut waiting = server.ask(&hello(100)).await;
    let mut streaming = server.ask(&streamed(100)).await;
    let mut idle = connect(server.address).await.unwrap();
    let mut some = [0; 16];
    streaming.read_exact(&mut some).await.unwrap();
    while server.simulator.ledger().open_count() < 2 {
        tokio::task::yield_now().await;
    }
    patch(&server, &json!({ "stopped": true }));
    let (text, error) = rest(&mut waiting).await;
    assert_eq!(
        (text.as_str(), error),
        ("", Some(ErrorKind::ConnectionReset))
    );
    let (text, _) = rest(&mut streaming).await;
    assert!(!text.contains("[DONE]"));
    assert_eq!(rest(&mut idle).await, (String::new(), None));
    assert_eq!(
        connect(server.address).await.unwrap_err(),
        ErrorKind::ConnectionRefused
    );
    for entry in server.settled().await {
        assert_eq!(entry.fault.as_deref(), Some("stopped"));
        assert!(!entry.aborted_by_client);
    }
    patch(&server, &json!({ "stopped": false }));
    assert_open(&server).await;
}

#[tokio::test]
async fn a_stopped_server_still_shuts_down() {
    let server = slow("").await;
    patch(&server, &json!({ "stopped": true }));
    server.stop.send(()).unwrap();
    server.served.await.unwrap().unwrap();
}

/// Waits until the port listens, and asks it.
async fn assert_open(server: &Server) {
    while connect(server.address).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut stream = server.ask(&hello(1)).await;
    stream.flush().await.unwrap();
    let (text, _) = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}
