//! [`Payload`]: a request's body, for one attempt or for several.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::refusal::Refusal;

/// A request's body.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Streams through, once; empty afterwards.
    Once(Body),
    /// Kept, the same bytes for every attempt.
    Replayed(Bytes),
}

impl Payload {
    /// Streams `body` to the only attempt there will be.
    pub(crate) fn once(body: Body, meter: Arc<Meter>) -> Self {
        Self::Once(Body::new(Metered { body, meter }))
    }

    /// Reads `body` whole, to be sent as often as wanted.
    ///
    /// # Errors
    /// More than `limit_bytes`, of which no more is read than that; or the caller broke off.
    pub(crate) async fn replayed(
        body: Body,
        headers: &HeaderMap,
        limit_bytes: usize,
        meter: Arc<Meter>,
    ) -> Result<Self, Refusal> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
        let announced: Option<usize> = announced.and_then(|length| length.parse().ok());
        if announced.is_some_and(|length| length > limit_bytes) {
            return Err(Refusal::BodyTooLarge { limit_bytes });
        }
        match Limited::new(Metered { body, meter }, limit_bytes)
            .collect()
            .await
        {
            Ok(collected) => Ok(Self::Replayed(collected.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Refusal::BodyTooLarge { limit_bytes })
            }
            Err(_) => Err(Refusal::BrokenBody),
        }
    }

    /// The whole body, where it is kept.
    pub(crate) fn kept(&self) -> Option<&Bytes> {
        match self {
            Self::Once(_) => None,
            Self::Replayed(bytes) => Some(bytes),
        }
    }

    /// Has `body` sent in place of the one that is kept, and announced as long as it is.
    pub(crate) fn replace(&mut self, body: Bytes, headers: &mut HeaderMap) {
        if headers.contains_key(CONTENT_LENGTH) {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        *self = Self::Replayed(body);
    }

    /// The body for the next attempt.
    pub(super) fn next(&mut self) -> Body {
        match self {
            Self::Once(body) => std::mem::take(body),
            Self::Replayed(bytes) => Body::from(bytes.clone()),
        }
    }
}

/// What has been read of a request's body.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    is_broken: AtomicBool,
    copy: Mutex<Copied>,
}

/// What is kept of a body that streams through, for who wants to read it later.
#[derive(Debug, Default)]
struct Copied {
    parts: Vec<Bytes>,
    limit_bytes: usize,
    is_whole: bool,
}

impl Meter {
    /// Keeps what passes from now on, unless it becomes more than `limit_bytes`.
    pub(crate) fn keep(&self, limit_bytes: usize) {
        self.copied().limit_bytes = limit_bytes;
    }

    /// The body, if it has passed whole and was kept.
    pub(crate) fn copy(&self) -> Option<Bytes> {
        let copied = self.copied();
        copied.is_whole.then(|| copied.parts.concat().into())
    }

    fn passed(&self, part: &Bytes, is_end: bool) {
        let passed = self.bytes.fetch_add(part.len() as u64, Ordering::Relaxed) + part.len() as u64;
        let mut copied = self.copied();
        if copied.limit_bytes == 0 {
            return;
        }
        if passed > copied.limit_bytes as u64 {
            *copied = Copied::default();
        } else {
            copied.parts.push(part.clone());
            copied.is_whole = is_end;
        }
    }

    fn copied(&self) -> std::sync::MutexGuard<'_, Copied> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes read so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether the caller broke off in the middle.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }
}

/// A body whose bytes are counted as they pass.
struct Metered {
    body: Body,
    meter: Arc<Meter>,
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(part) = frame.data_ref() {
                    self.meter.passed(part, self.body.is_end_stream());
                }
            }
            Poll::Ready(Some(Err(_))) => self.meter.is_broken.store(true, Ordering::Relaxed),
            Poll::Ready(None) => self.meter.passed(&Bytes::new(), true),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
