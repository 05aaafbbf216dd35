//! What only a socket can bring: heads without end, bodies that are only announced.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;

use simulator::{Server, Simulator};

use crate::support::SMALL;

const CHAT: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\napi-key: k\r\n";

/// Sends `bytes` and returns the head and body of what comes back.
fn send(server: &Server, bytes: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    // A server that has heard enough may close before all is sent, or reset what is not read.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

/// The server answers a proper request.
fn is_well(server: &Server) -> bool {
    let body = r#"{"model":"chat","messages":[{"role":"user","content":"hi"}]}"#;
    let request = format!(
        "{CHAT}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    send(server, request.as_bytes())
        .0
        .starts_with("HTTP/1.1 200 ")
}

#[test]
fn a_gigabyte_that_is_announced_is_refused_before_it_comes() {
    let server = Simulator::start(SMALL).unwrap();
    let request = format!("{CHAT}content-length: 1000000000\r\n\r\n{{");
    let (head, body) = send(&server, request.as_bytes());
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert!(!body.is_empty());
    assert!(is_well(&server));
}

#[test]
fn a_body_in_pieces_without_end_is_refused_at_the_limit() {
    let server = Simulator::start(SMALL).unwrap();
    let piece = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    let request = format!(
        "{CHAT}transfer-encoding: chunked\r\n\r\n{}",
        piece.repeat(30)
    );
    let (head, _) = send(&server, request.as_bytes());
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    let booked = &server.ledger().entries()[0];
    assert!(booked.request_bytes < 200_000, "{}", booked.request_bytes);
    assert!(is_well(&server));
}

#[test]
fn thousands_of_headers_are_refused() {
    let server = Simulator::start(SMALL).unwrap();
    let mut request = CHAT.to_owned();
    for number in 0..5_000 {
        write!(request, "x-{number}: y\r\n").unwrap();
    }
    let (head, _) = send(&server, format!("{request}\r\n").as_bytes());
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
    assert!(is_well(&server));
}

#[test]
fn a_path_of_a_megabyte_is_refused() {
    let server = Simulator::start(SMALL).unwrap();
    let request = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(1_000_000));
    let (head, _) = send(&server, request.as_bytes());
    assert!(head.starts_with("HTTP/1.1 4"), "{head}");
    assert!(is_well(&server));
}

#[test]
fn noise_is_not_taken_for_a_request() {
    let server = Simulator::start(SMALL).unwrap();
    for noise in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"\r\n\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let stream = &mut TcpStream::connect(server.address()).unwrap();
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let answer = String::from_utf8(answer).unwrap();
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert!(is_well(&server));
    assert_eq!(server.ledger().entries().len(), 1);
}
