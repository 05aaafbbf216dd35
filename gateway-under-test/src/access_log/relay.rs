//! [`Relayed`]: a response's body on its way to the caller, with the entry it will close.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body::{Body as _, Frame, SizeHint};

use super::OpenEntry;

/// A body that passes frame by frame, is never held back, and takes note of its own end.
pub(super) struct Relayed {
    body: Body,
    /// What `Content-Length` announces: a server that has written so much asks for no more, and
    /// that is not the caller leaving.
    announced: Option<u64>,
    /// `None` once the entry is closed.
    entry: Option<OpenEntry>,
}

impl Relayed {
    /// The same response; its body closes `entry`, at once if there is none.
    pub(super) fn wrap(entry: OpenEntry, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        if body.is_end_stream() {
            entry.complete();
            return Response::from_parts(parts, body);
        }
        let announced = parts.headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse().ok());
        let relayed = Self {
            body,
            announced,
            entry: Some(entry),
        };
        Response::from_parts(parts, Body::new(relayed))
    }

    fn passed(&mut self, frame: &Frame<Bytes>) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        entry.passed(frame.data_ref().map_or(&[], AsRef::as_ref));
        let is_all = self.announced == Some(entry.passed_bytes()) || self.body.is_end_stream();
        if is_all {
            entry.complete();
        } else {
            self.entry = Some(entry);
        }
    }
}

impl http_body::Body for Relayed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.passed(frame),
            Poll::Ready(Some(Err(_))) => self.entry.take().map(OpenEntry::cut).unwrap_or_default(),
            Poll::Ready(None) => self
                .entry
                .take()
                .map(OpenEntry::complete)
                .unwrap_or_default(),
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
