//! [`rate`]: the leanest load there is, so that what is measured is the server.
//!
//! Connections are hyper's, without pool, timeouts, redirects or retries; each sends its next
//! request when it has the whole answer to the last one.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use clock::Stopwatch;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::server::single_threaded;

/// Enough that the server never waits for the client, few enough that requests do not queue long.
const CONNECTIONS: usize = 16;

/// One server, one path, and a body for each request.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) target: SocketAddr,
    pub(crate) path: String,
    /// The body of the request of this number.
    pub(crate) body: fn(u64) -> Bytes,
    /// How many requests were sent so far; rounds go on where the last one stopped.
    pub(crate) sent: Rc<Cell<u64>>,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Load {
    /// Requests per second that the server answers over `length`.
    pub(crate) fn rate(&self, length: Duration) -> anyhow::Result<f64> {
        let runtime = single_threaded()?;
        LocalSet::new().block_on(&runtime, async {
            let watch = Stopwatch::start();
            let users = (0..CONNECTIONS)
                .map(|_| tokio::task::spawn_local(self.clone().keep_sending(watch, length)));
            let mut answered = 0;
            for user in users.collect::<Vec<_>>() {
                answered += user.await.context("a connection broke off")??;
            }
            Ok(f64::from(answered) / watch.elapsed().as_secs_f64())
        })
    }

    /// One request by itself.
    pub(crate) fn probe(&self) -> anyhow::Result<Answer> {
        let runtime = single_threaded()?;
        LocalSet::new().block_on(&runtime, async {
            let mut connection = self.connect().await?;
            self.ask(&mut connection).await
        })
    }

    async fn keep_sending(self, watch: Stopwatch, length: Duration) -> anyhow::Result<u32> {
        let mut connection = self.connect().await?;
        let mut answered = 0;
        while watch.elapsed() < length {
            self.ask(&mut connection).await?;
            answered += 1;
        }
        Ok(answered)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.target).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    async fn ask(&self, connection: &mut SendRequest<Full<Bytes>>) -> anyhow::Result<Answer> {
        let number = self.sent.replace(self.sent.get() + 1);
        let request = Request::post(self.path.as_str())
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("api-key", "subscription-key-one")
            .body(Full::new((self.body)(number)))?;
        connection.ready().await?;
        let (parts, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        ensure!(
            parts.status == StatusCode::OK,
            "{} answered {}: {body:?}",
            self.target,
            parts.status
        );
        Ok(Answer {
            headers: parts.headers,
            body,
        })
    }
}
