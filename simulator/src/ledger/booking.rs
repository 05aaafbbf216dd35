//! Writing an entry while its request is under way.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use sha2::{Digest, Sha256};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::book::lock;
use super::tally::Tally;
use super::{Credential, Entry};
use crate::fault;
use crate::openai::headers;

/// A request at the moment it arrives: what its head says.
pub(crate) struct Arrival {
    pub(super) entry: Entry,
    pub(super) correlation: Option<String>,
}

impl Arrival {
    /// Reads the head of a request; `received` is its path and query if they were changed since.
    pub(crate) fn new(parts: &Parts, received: Option<&PathAndQuery>) -> Self {
        let text = |name: HeaderName| {
            let value = parts.headers.get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let path_and_query = received.or_else(|| parts.uri.path_and_query());
        let entry = Entry {
            method: parts.method.as_str().to_owned(),
            path_and_query: path_and_query.map_or_else(String::new, |p| p.as_str().to_owned()),
            request_id: text(headers::REQUEST_ID),
            client_request_id: text(headers::CLIENT_REQUEST_ID),
            traceparent: text(headers::TRACEPARENT),
            credential: Credential::of(&parts.headers),
            credential_hashes: credential_hashes(&parts.headers),
            ..Entry::default()
        };
        let correlation = entry.correlation().map(str::to_owned);
        Self { entry, correlation }
    }
}

impl Credential {
    /// How a request with `headers` identifies itself; a key goes before a token.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(headers::API_KEY) {
            Self::ApiKey
        } else if bearer(headers).is_some() {
            Self::Bearer
        } else {
            Self::None
        }
    }
}

/// The token of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

fn credential_hashes(headers: &HeaderMap) -> Vec<String> {
    let whole = |name: HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let sent = [
        whole(headers::API_KEY),
        bearer(headers).or_else(|| whole(AUTHORIZATION)),
        whole(headers::SUBSCRIPTION_KEY),
    ];
    let sent = sent.into_iter().flatten();
    sent.map(|value| short_hash(Sha256::new_with_prefix(value)))
        .collect()
}

/// The first 16 hexadecimal digits.
pub(crate) fn short_hash(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    let mut text = String::with_capacity(16);
    for byte in &digest[..8] {
        for nibble in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(nibble.into(), 16).expect("a nibble is one digit"));
        }
    }
    text
}

/// Writes into the entry of a request under way; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Booking(Arc<Mutex<Entry>>);

impl Booking {
    /// Changes the entry; `change` must be quick, it runs under the entry's lock.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> T {
        change(&mut lock(&self.0))
    }

    /// The request body as far as it was read.
    pub(crate) fn received(&self, body: &[u8]) {
        let hash = short_hash(Sha256::new_with_prefix(body));
        self.write(|entry| {
            entry.request_hash = hash;
            entry.request_bytes = body.len() as u64;
        });
    }
}

/// Closes the entry when it is dropped: as aborted, unless it has come to an end before.
#[derive(Debug)]
pub(crate) struct Guard {
    entry: Arc<Mutex<Entry>>,
    clock: Clock,
    /// Cancelled when the simulator is stopped under the request.
    up: CancellationToken,
    tally: Arc<Tally>,
    end: End,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// It is under way: whoever drops it leaves.
    Open,
    /// It was taken to its end.
    Finished,
    /// It broke off on our side.
    Broken,
}

impl Guard {
    pub(super) fn new(
        entry: Arc<Mutex<Entry>>,
        clock: Clock,
        up: CancellationToken,
        tally: Arc<Tally>,
    ) -> Self {
        tally.opened();
        Self {
            entry,
            clock,
            up,
            tally,
            end: End::Open,
        }
    }

    /// A handle that writes into the entry.
    pub(crate) fn booking(&self) -> Booking {
        Booking(Arc::clone(&self.entry))
    }

    /// When the request arrived.
    pub(crate) fn arrived(&self) -> Moment {
        lock(&self.entry).arrived
    }

    /// Closes the entry of a request whose connection broke before any answer.
    pub(crate) fn break_off(mut self) {
        self.end = End::Broken;
    }

    /// Hands the entry over to the body of the answer, which closes it at its end.
    pub(crate) fn answer(self, status: u16, body: Body) -> Body {
        lock(&self.entry).status = status;
        Body::new(BookedBody {
            body,
            hasher: Some(Sha256::new()),
            bytes: 0,
            stopped: None,
            guard: self,
        })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let now = self.clock.now();
        let mut entry = lock(&self.entry);
        entry.ended = Some(now);
        let was_stopped = self.end == End::Open && self.up.is_cancelled();
        if was_stopped {
            entry.fault = Some(STOPPED.to_owned());
        }
        entry.aborted_by_client = self.end == End::Open && !was_stopped;
        let is_withheld = entry.fault.as_deref().is_some_and(fault::withholds);
        if self.end == End::Finished && !entry.streamed && entry.refusal.is_none() && !is_withheld {
            entry.tokens_yielded = entry.completion_tokens;
        }
        self.tally.closed(&entry);
    }
}

/// The fault of a request that was under way when its simulator was stopped.
const STOPPED: &str = "stopped";

/// The body of an answer that books what is taken from it.
///
/// It ends in an error when the simulator is stopped.
struct BookedBody {
    body: Body,
    hasher: Option<Sha256>,
    bytes: u64,
    /// Asked for only where the body makes its reader wait.
    stopped: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    guard: Guard,
}

impl BookedBody {
    fn book(&mut self, data: &Bytes) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(data);
        }
        if self.bytes == 0 {
            let now = self.guard.clock.now();
            lock(&self.guard.entry).first_byte = Some(now);
        }
        self.bytes += data.len() as u64;
    }

    /// Ready once the simulator is stopped.
    fn poll_stopped(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let up = &self.guard.up;
        let stopped = self
            .stopped
            .get_or_insert_with(|| Box::pin(up.clone().cancelled_owned()));
        stopped.as_mut().poll(context)
    }
}

impl HttpBody for BookedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(this.poll_stopped(context));
                let reset = io::Error::from(io::ErrorKind::ConnectionReset);
                return Poll::Ready(Some(Err(axum::Error::new(reset))));
            }
        };
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            this.book(data);
        }
        // A server that knows the length does not ask again after the last byte.
        // What is broken stays so, also for a reader who goes on.
        if let Some(Err(_)) = frame {
            this.guard.end = End::Broken;
        } else if this.guard.end == End::Open && (frame.is_none() || this.body.is_end_stream()) {
            this.guard.end = End::Finished;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for BookedBody {
    fn drop(&mut self) {
        if self.guard.end == End::Open && self.body.is_end_stream() {
            self.guard.end = End::Finished;
        }
        let hash = self.hasher.take().map(short_hash);
        let mut entry = lock(&self.guard.entry);
        entry.response_hash = hash;
        entry.response_bytes = self.bytes;
    }
}
