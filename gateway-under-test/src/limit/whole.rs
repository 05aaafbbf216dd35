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
    // Some bodies panic when they are asked again after their end.
    let rest = stream::iter((!is_whole).then(|| BodyStream::new(body)));
    let body = Body::new(StreamBody::new(stream::iter(read).chain(rest.flatten())));
    (Response::from_parts(head, body), usage)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::usage::Prompt;

    /// Reads an answer of these parts whole; returns what passes then, and the tokens it took.
    async fn read(parts: Vec<io::Result<Bytes>>) -> (Result<Bytes, axum::Error>, Option<u64>) {
        let mut parts = parts.into_iter();
        // Unlike most, this stream panics when it is asked again after its end.
        let parts = stream::unfold((), move |()| {
            let part = parts.next();
            async move { Some((part?, ())) }
        });
        let response = Response::new(Body::from_stream(parts));
        let mut tap = Tap::new(response.headers(), Prompt::lost(None, 0));
        let (response, usage) = read_whole(response, &mut tap).await;
        let passed = response.into_body().collect().await;
        (
            passed.map(http_body_util::Collected::to_bytes),
            usage.map(|usage| usage.total_tokens),
        )
    }

    #[tokio::test]
    async fn an_answer_passes_as_it_came_whether_or_not_it_could_be_read() {
        let parts = [r#"{"usage":{"prompt_tokens":3,"#, r#""total_tokens":3}}"#];
        let (passed, tokens) = read(parts.map(|part| Ok(Bytes::from(part))).into()).await;
        assert_eq!((passed.unwrap(), tokens), (parts.concat().into(), Some(3)));

        let long = vec![b' '; MOST_BYTES];
        let parts = [long.clone(), long.clone(), long.clone()];
        let (passed, tokens) = read(parts.map(|part| Ok(part.into())).into()).await;
        assert_eq!((passed.unwrap().len(), tokens), (3 * MOST_BYTES, None));

        let broken = vec![Ok("{".into()), Err(io::ErrorKind::ConnectionReset.into())];
        let (passed, tokens) = read(broken).await;
        assert!(passed.is_err());
        assert_eq!(tokens, None);
    }
}
