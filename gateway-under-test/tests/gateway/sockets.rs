//! Over real connections: what in-process tests cannot show.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::any;
use bytes::Bytes;
use clock::Clock;
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use gateway_under_test::server::{self, Bounds};
use gateway_under_test::{Gateway, upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::preset_config;

/// Serves `router` on a free port until the test ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

/// A gateway that forwards to `backend`, and its address.
async fn gateway(backend: SocketAddr) -> (Gateway, SocketAddr) {
    let mut config = preset_config("request-forwarding/transparent");
    config.backends.get_mut("payg-1").unwrap().url = Some(format!("http://{backend}"));
    let gateway = Gateway::new(config, Clock::system(), upstream::http()).unwrap();
    let address = serve(gateway.router()).await;
    (gateway, address)
}

const HEAD: &str =
    "POST /forward/openai/x HTTP/1.1\r\nhost: gateway\r\napi-key: subscription-key-one\r\n";

/// Sends raw bytes and reads until the gateway closes.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_request_and_its_answer_pass_over_connections() {
    let echo = any(async |request: axum::extract::Request| {
        let host = request.headers()["host"].clone();
        ([("x-host", host)], request.into_body())
    });
    let backend = serve(Router::new().fallback_service(echo)).await;
    let (_, address) = gateway(backend).await;
    let request = format!("{HEAD}content-length: 5\r\nconnection: close\r\n\r\nhello");
    let answer = exchange(address, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains(&format!("x-host: {backend}\r\n")),
        "{answer}"
    );
    assert!(answer.contains("x-gw-attempts: payg-1:200\r\n"), "{answer}");
    assert!(answer.contains("hello"), "{answer}");
}

#[tokio::test]
async fn a_backend_nobody_listens_at_refused() {
    // Bound and dropped: the port was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = free.local_addr().unwrap();
    drop(free);
    let (_, address) = gateway(backend).await;
    let answer = exchange(address, &format!("{HEAD}connection: close\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(
        answer.contains("x-gw-attempts: payg-1:refused\r\n"),
        "{answer}"
    );
}

/// A backend that answers each connection with `bytes` and closes it; counts connections.
async fn raw_backend(bytes: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(bytes.as_bytes()).await.unwrap();
        }
    });
    (address, connections)
}

#[tokio::test]
async fn a_request_that_was_written_is_never_sent_again_by_the_transport() {
    for (answer, word) in [("", "reset"), ("garbage\r\n\r\n", "failed")] {
        let (backend, connections) = raw_backend(answer).await;
        let (_, address) = gateway(backend).await;
        let answer = exchange(address, &format!("{HEAD}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(answer.contains(&format!("payg-1:{word}\r\n")), "{answer}");
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn a_connection_the_backend_closes_is_not_used_again() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    let (backend, connections) = raw_backend(answer).await;
    let (_, address) = gateway(backend).await;
    for _ in 0..5 {
        let answer = exchange(address, &format!("{HEAD}connection: close\r\n\r\n")).await;
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let backend = any(async |ConnectInfo(caller): ConnectInfo<SocketAddr>| caller.to_string());
    let service = Router::new().fallback_service(backend);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap();
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(axum::serve(listener, service).into_future());
    let (_, address) = gateway(backend).await;
    let mut callers = Vec::new();
    for _ in 0..3 {
        let answer = exchange(address, &format!("{HEAD}connection: close\r\n\r\n")).await;
        callers.push(answer.rsplit("\r\n").next().unwrap().to_owned());
    }
    assert!(
        callers.iter().all(|caller| *caller == callers[0]),
        "{callers:?}"
    );
}

/// Sends when it is dropped.
struct Dropped(Option<oneshot::Sender<()>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.take().unwrap().send(()).unwrap_or_default();
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_mid_stream_hangs_up_on_the_backend() {
    let (dropped, was_dropped) = oneshot::channel();
    let (mut chunks, stream) = mpsc::channel::<Bytes>(1);
    let guard = Dropped(Some(dropped));
    let stream = stream.map(move |chunk| {
        // Owned by the stream, so it falls with it.
        let _guard = &guard;
        Ok::<_, Infallible>(chunk)
    });
    let body = std::sync::Mutex::new(Some(Body::from_stream(stream)));
    let body = Arc::new(body);
    let backend = any(async move || body.lock().unwrap().take().unwrap());
    let (gateway, address) = gateway(serve(Router::new().fallback_service(backend)).await).await;

    let mut caller = TcpStream::connect(address).await.unwrap();
    caller
        .write_all(format!("{HEAD}\r\n").as_bytes())
        .await
        .unwrap();
    chunks.send("data: a\n\n".into()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"data: a\n\n\r\n") {
        caller.read_buf(&mut seen).await.unwrap();
    }
    drop(caller);
    was_dropped.await.unwrap();
    let entry = gateway.access_log().entries().remove(0);
    assert!(entry.aborted_by_client);
    assert_eq!(entry.response_bytes, 9);
}

#[tokio::test]
async fn a_caller_who_hangs_up_before_the_answer_hangs_up_on_the_backend() {
    let (dropped, was_dropped) = oneshot::channel();
    let (arrived, has_arrived) = oneshot::channel::<()>();
    let guards = Arc::new(std::sync::Mutex::new(Some((
        Dropped(Some(dropped)),
        arrived,
    ))));
    let backend = any(async move || {
        let (_guard, arrived) = guards.lock().unwrap().take().unwrap();
        arrived.send(()).unwrap();
        std::future::pending::<()>().await;
    });
    let (_, address) = gateway(serve(Router::new().fallback_service(backend)).await).await;
    let mut caller = TcpStream::connect(address).await.unwrap();
    caller
        .write_all(format!("{HEAD}\r\n").as_bytes())
        .await
        .unwrap();
    has_arrived.await.unwrap();
    drop(caller);
    was_dropped.await.unwrap();
}

#[tokio::test]
async fn the_log_knows_the_address_of_the_connection() {
    let config = preset_config("request-forwarding/transparent");
    let gateway = Gateway::new(config, Clock::system(), upstream::http()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let never = std::future::pending();
    let serving = server::serve(gateway.clone(), listener, Bounds::default(), never);
    tokio::spawn(serving);
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = "GET /x HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_to_string(&mut String::new()).await.unwrap();
    let entry = gateway.access_log().entries().remove(0);
    assert_eq!(entry.client_ip.as_deref(), Some("127.0.0.2"));
}
