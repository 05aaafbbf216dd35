//! Over real sockets: serving, hanging up, shutting down, many at once.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::{Clock, Speed};
use serde_json::{Value, json};
use simulator::config::SimulatorSection;
use simulator::{Entry, Simulator, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{hello, path};

/// A simulator on a port of its own.
pub(crate) struct Server {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) simulator: Simulator,
    pub(crate) clock: Clock,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
}

pub(crate) async fn start(toml: &str) -> Server {
    let section: SimulatorSection = toml::from_str(toml).unwrap();
    let config = section.resolve("sim", &BTreeMap::new()).unwrap();
    let clock = Clock::real(Speed::REAL_TIME, clock::DEFAULT_ANCHOR);
    let simulator = Simulator::new("sim", config, clock.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { drop(stopped.await) };
    let served = tokio::spawn(serve(listener, simulator.clone(), shutdown));
    Server {
        address,
        simulator,
        clock,
        stop,
        served,
    }
}

impl Server {
    /// Sends a chat and returns the open connection.
    pub(crate) async fn ask(&self, body: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (path, body) = (path("chat", "chat/completions"), body.to_string());
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\napi-key: k\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        stream
    }

    /// Waits until no request is open any more.
    pub(crate) async fn settled(&self) -> Vec<Entry> {
        while self.simulator.ledger().open_count() > 0 {
            tokio::task::yield_now().await;
        }
        self.simulator.ledger().entries()
    }
}

async fn read(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

pub(crate) fn streamed(max_tokens: u64) -> Value {
    let mut body = hello(max_tokens);
    body["stream"] = json!(true);
    body
}

#[tokio::test]
async fn an_answer_goes_over_a_socket() {
    let server = start("deployments.chat.model = \"gpt-4o\"").await;
    let text = read(server.ask(&hello(3)).await).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.ends_with("}}\n"), "{text}");
}

#[tokio::test]
async fn the_reason_phrase_of_a_wrong_key_goes_over_a_socket() {
    let server = start("api_keys = [\"right\"]\ndeployments.chat.model = \"gpt-4o\"").await;
    let text = read(server.ask(&hello(3)).await).await;
    assert!(
        text.starts_with("HTTP/1.1 401 PermissionDenied\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn more_headers_than_the_server_reads_are_refused_in_order() {
    let server = start("deployments.chat.model = \"gpt-4o\"").await;
    let many = "x: 1\r\n".repeat(200);
    let long = format!("x: {}\r\n", "1".repeat(1_000_000));
    for headers in [many, long] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = format!("POST /openai/v1/embeddings HTTP/1.1\r\n{headers}\r\n");
        // The server may answer before it has read everything.
        drop(stream.write_all(head.as_bytes()).await);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_in_a_stream_is_booked_before_the_stream_would_end() {
    let latency = "latency = { time_to_first_token = \"0s\", per_token = \"100ms\" }";
    let server = start(&format!(
        "[deployments.chat]\nmodel = \"gpt-4o\"\n{latency}"
    ))
    .await;
    let mut stream = server.ask(&streamed(1_000)).await;
    let mut some = [0; 64];
    stream.read_exact(&mut some).await.unwrap();
    drop(stream);
    let entry = &server.settled().await[0];
    assert!(entry.aborted_by_client);
    assert!(entry.tokens_yielded < 1_000);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_it_waits_is_booked() {
    let latency = "latency = { per_request = \"100s\" }";
    let server = start(&format!(
        "[deployments.chat]\nmodel = \"gpt-4o\"\n{latency}"
    ))
    .await;
    let stream = server.ask(&hello(1)).await;
    while server.simulator.ledger().open_count() == 0 {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let entry = &server.settled().await[0];
    assert!(entry.aborted_by_client);
    assert_eq!(entry.status, 0);
}

#[tokio::test]
async fn a_shutdown_finishes_what_was_begun() {
    let latency = "latency = { per_token = \"2ms\" }";
    let server = start(&format!(
        "[deployments.chat]\nmodel = \"gpt-4o\"\n{latency}"
    ))
    .await;
    let mut stream = server.ask(&streamed(50)).await;
    let mut some = [0; 16];
    stream.read_exact(&mut some).await.unwrap();
    server.stop.send(()).unwrap();
    let text = read(stream).await;
    assert!(text.contains("data: [DONE]\n\n"), "{text}");
    server.served.await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_and_fifty_six_clients_at_once_do_not_overshoot() {
    let server = start("[deployments.chat]\nmodel = \"gpt-4o\"\ntokens_per_minute = 100_000").await;
    let server = std::sync::Arc::new(server);
    let clients = (0..256).map(|_| {
        let server = std::sync::Arc::clone(&server);
        tokio::spawn(async move { read(server.ask(&hello(990)).await).await })
    });
    let answers = futures::future::join_all(clients).await;
    let admitted = answers
        .iter()
        .filter(|answer| answer.as_ref().unwrap().starts_with("HTTP/1.1 200"));
    // 100 requests in ten seconds; 99,000 tokens.
    assert_eq!(admitted.count(), 100);
    let entries = server.settled().await;
    assert_eq!(entries.len(), 256);
    assert_eq!(
        entries
            .iter()
            .map(|entry| entry.tokens_charged)
            .sum::<u64>(),
        99_000
    );
    assert!(
        entries
            .iter()
            .zip(0..)
            .all(|(entry, number)| entry.number == number)
    );
}

#[tokio::test]
async fn hanging_up_does_not_disturb_others() {
    let latency = "latency = { time_to_first_token = \"10ms\", per_token = \"1ms\" }";
    let server = start(&format!(
        "[deployments.chat]\nmodel = \"gpt-4o\"\n{latency}"
    ))
    .await;
    let (leaving, staying) = (
        server.ask(&streamed(500)).await,
        server.ask(&streamed(20)).await,
    );
    drop(leaving);
    let patience = Duration::from_mins(1);
    let deadline = clock::Moment::ZERO + patience;
    let clock = Clock::real(Speed::REAL_TIME, clock::DEFAULT_ANCHOR);
    let text = clock.timeout_at(deadline, read(staying)).await.unwrap();
    assert!(text.contains("data: [DONE]\n\n"));
}
