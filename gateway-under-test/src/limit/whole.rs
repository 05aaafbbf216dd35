//! Answers read to their end before they are passed on, to tell in their headers what they took.
//!
//! Only those that are no streams: an answer in one piece is made in one piece, and nobody waits
//! longer for it than for its last byte anyway.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, StreamBody};

use crate::peek;
use crate::usage::{Tap, Usage};

/// The longest answer that is held back; longer ones pass, and are charged at their end.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// The same response, read to its end, and what `tap` reads there.
///
/// There is no usage of a stream, of an answer that breaks off, or of one that is too long.
pub(crate) async fn read_whole(response: Response, tap: &mut Tap) -> (Response, Option<Usage>) {
    if peek::is_event_stream(response.headers()) {
        return (response, None);
    }
    let (head, mut body) = response.into_parts();
    let mut read = Vec::new();
    let mut bytes = 0;
    let is_whole = loop {
        match body.frame().await {
            None => break true,
            Some(frame) => {
                bytes += frame
                    .as_ref()
                    .map_or(0, |f| f.data_ref().map_or(0, Bytes::len));
                let is_broken = frame.is_err();
                read.push(frame);
                if is_broken || bytes > MOST_BYTES {
                    break false;
                }
            }
        }
    };
    let usage = is_whole.then(|| {
        let frames = read.iter().flatten();
        let parts = frames.filter_map(http_body::Frame::data_ref);
        // When they pass later, they are not read again: it has finished.
        parts.for_each(|part: &Bytes| tap.feed(part));
        tap.finish().usage
    });
    let rest = stream::iter(read).chain(BodyStream::new(body));
    let body = Body::new(StreamBody::new(rest));
    (Response::from_parts(head, body), usage)
}
