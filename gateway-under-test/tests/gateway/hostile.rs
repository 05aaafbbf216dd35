//! Nonsense over real connections: it gets a clear answer or none, and nobody else notices.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use clock::Clock;
use gateway_under_test::server::{self, Bounds};
use gateway_under_test::{Gateway, upstream};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{api_config, preset_config};

const HEAD: &str =
    "POST /forward/openai/x HTTP/1.1\r\nhost: gateway\r\napi-key: subscription-key-one\r\n";

/// Short, because tests wait for it in real time.
const BOUNDS: Bounds = Bounds {
    head_timeout: Duration::from_millis(300),
    max_headers: 100,
    max_head_bytes: 64 * 1024,
};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A gateway before a backend that tells how many bytes it was sent.
async fn gateway() -> SocketAddr {
    let counting = any(async |request: axum::extract::Request| {
        let mut body = request.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().data_ref().map_or(0, bytes::Bytes::len);
        }
        bytes.to_string()
    });
    let (listener, backend) = listen().await;
    let counting = Router::new().fallback_service(counting);
    tokio::spawn(axum::serve(listener, counting).into_future());
    before(backend).await
}

/// A gateway before `backend`, once as it is and once with a retry.
async fn before(backend: SocketAddr) -> SocketAddr {
    let mut config = preset_config("request-forwarding/transparent");
    let retry = "balance = { single = \"payg-1\" }\n\
                 retry = { on = [429], count = 1, interval = \"1s\" }";
    config.apis.extend(api_config(retry).apis);
    config.backends.get_mut("payg-1").unwrap().url = Some(format!("http://{backend}"));
    let gateway = Gateway::new(config, Clock::system(), upstream::http()).unwrap();
    let (listener, address) = listen().await;
    let never = std::future::pending();
    tokio::spawn(server::serve(gateway, listener, BOUNDS, never));
    address
}

/// Sends `request`, reads until the gateway closes, whatever becomes of the sending.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    let (_, answer) = futures::join!(to.write_all(request), async {
        let mut answer = Vec::new();
        // A reset after the answer is the end of it too.
        from.read_to_end(&mut answer).await.unwrap_or_default();
        answer
    });
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.lines().next().unwrap_or("closed")
}

/// Others are served as if nothing were.
async fn others_are_served(address: SocketAddr) {
    let request = format!("{HEAD}connection: close\r\ncontent-length: 5\r\n\r\nhello");
    let answer = exchange(address, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_none_is_refused_and_its_connection_closed() {
    let address = gateway().await;
    for (head, expected) in [
        ("\0\0\0\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        ("POST\r\n\r\n".to_owned(), "HTTP/1.1 400 Bad Request"),
        (
            "GET / HTTP/9.9\r\n\r\n".to_owned(),
            "HTTP/1.1 400 Bad Request",
        ),
        (format!("{HEAD}x y: z\r\n\r\n"), "HTTP/1.1 400 Bad Request"),
        (format!("{HEAD}x: a\0b\r\n\r\n"), "HTTP/1.1 400 Bad Request"),
        (
            format!("{HEAD}content-length: -1\r\n\r\n"),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            format!("{HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\n"),
            "HTTP/1.1 400 Bad Request",
        ),
        (
            format!("{HEAD}{}\r\n", "x: y\r\n".repeat(200)),
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
        (
            format!("{HEAD}x: {}\r\n\r\n", "y".repeat(200_000)),
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
        (
            format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(65_600)),
            "HTTP/1.1 414 URI Too Long",
        ),
    ] {
        let answer = exchange(address, head.as_bytes()).await;
        assert_eq!(
            status(&answer),
            expected,
            "{}",
            &head[..head.len().min(200)]
        );
        others_are_served(address).await;
    }
}

#[tokio::test]
async fn chunks_win_over_a_length_beside_them() {
    let address = gateway().await;
    let both = "content-length: 3\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let answer = exchange(
        address,
        format!("{HEAD}{both}5\r\nhello\r\n0\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(answer.ends_with("\r\n\r\n5"), "{answer}");
}

#[tokio::test]
async fn bad_chunks_are_the_callers_fault() {
    let address = gateway().await;
    for head in [HEAD, &HEAD.replace("/forward", "/api")] {
        let bad = format!("{head}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
        let answer = exchange(address, bad.as_bytes()).await;
        assert_eq!(status(&answer), "HTTP/1.1 400 Bad Request", "{answer}");
        others_are_served(address).await;
    }
}

#[tokio::test]
async fn a_huge_body_streams_through_or_is_refused_where_it_would_be_kept() {
    const BYTES: usize = 100_000_000;
    let address = gateway().await;
    for (head, expected) in [
        (HEAD.to_owned(), "HTTP/1.1 200 OK"),
        (
            HEAD.replace("/forward", "/api"),
            "HTTP/1.1 413 Payload Too Large",
        ),
    ] {
        let mut request =
            format!("{head}connection: close\r\ncontent-length: {BYTES}\r\n\r\n").into_bytes();
        request.resize(request.len() + BYTES, b'x');
        let answer = exchange(address, &request).await;
        assert_eq!(status(&answer), expected);
        others_are_served(address).await;
    }
}

#[tokio::test]
async fn a_caller_who_never_ends_a_head_is_dropped() {
    let address = gateway().await;
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    to.write_all(HEAD.as_bytes()).await.unwrap();
    others_are_served(address).await;
    let mut answer = Vec::new();
    from.read_to_end(&mut answer).await.unwrap_or_default();
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn a_caller_who_sends_a_body_bit_by_bit_holds_nobody_up() {
    let address = gateway().await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = format!("{HEAD}connection: close\r\ncontent-length: 5\r\n\r\n");
    slow.write_all(head.as_bytes()).await.unwrap();
    for byte in b"hello" {
        others_are_served(address).await;
        slow.write_all(&[*byte]).await.unwrap();
    }
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("\r\n\r\n5"), "{answer}");
}

/// A backend that answers every connection with `bytes`, over and over if they are `endless`.
async fn raw_backend(bytes: &'static str, endless: bool) -> SocketAddr {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            while stream.write_all(bytes.as_bytes()).await.is_ok() && endless {}
        }
    });
    address
}

#[tokio::test]
async fn a_backend_that_answers_nonsense_is_an_internal_error() {
    for (bytes, endless, word) in [
        ("", false, "reset"),
        ("garbage\r\n\r\n", false, "failed"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            false,
            "failed",
        ),
        ("HTTP/1.1 200 OK\r\nx: y", false, "reset"),
        ("HTTP/1.1 200 OK\r\nx: y\r\n", true, "failed"),
        (
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
            true,
            "failed",
        ),
    ] {
        let address = before(raw_backend(bytes, endless).await).await;
        let request = format!("{HEAD}connection: close\r\ncontent-length: 0\r\n\r\n");
        let answer = exchange(address, request.as_bytes()).await;
        assert_eq!(
            status(&answer),
            "HTTP/1.1 500 Internal Server Error",
            "{bytes}"
        );
        assert!(
            answer.contains(&format!("x-gw-attempts: payg-1:{word}\r\n")),
            "{bytes}: {answer}"
        );
    }
}
