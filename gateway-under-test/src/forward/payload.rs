//! [`Payload`]: a request's body, for one attempt or for several.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
}

impl Meter {
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
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.meter.bytes.fetch_add(length as u64, Ordering::Relaxed);
            }
            Poll::Ready(Some(Err(_))) => self.meter.is_broken.store(true, Ordering::Relaxed),
            Poll::Ready(None) | Poll::Pending => {}
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
