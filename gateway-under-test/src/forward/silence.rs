//! [`watched`]: a response whose body may not be silent for too long.
//!
//! A stream that stops without ending looks alive to every timeout on headers and on connections,
//! and its caller may have none of its own. After the time its API allows between two frames the
//! body ends as one that broke off: the caller is told that something is missing, and the backend
//! that nobody waits any more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use futures::future::BoxFuture;
use http::Response;
use http_body::{Frame, SizeHint};
use thiserror::Error;

/// A body that was silent for longer than its API allows.
#[derive(Debug, Error)]
#[error("the backend sent nothing for {0:?}")]
struct Silent(Duration);

/// A body with a watch on the time between its frames.
struct Watched {
    body: Body,
    clock: Clock,
    patience: Duration,
    /// When its last frame came, or its headers.
    heard: Moment,
    /// Wakes the reader at the earliest moment at which it may have been silent for too long.
    alarm: BoxFuture<'static, ()>,
}

/// `response`, whose body ends with an error once nothing has come for `patience`.
pub(crate) fn watched(
    response: Response<Body>,
    clock: &Clock,
    patience: Option<Duration>,
) -> Response<Body> {
    let Some(patience) = patience else {
        return response;
    };
    let heard = clock.now();
    response.map(|body| {
        Body::new(Watched {
            body,
            clock: clock.clone(),
            patience,
            heard,
            alarm: alarm(clock, heard + patience),
        })
    })
}

impl Watched {
    /// Ready once the time is up. Frames only move `heard`, so that none costs a timer.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let deadline = self.heard + self.patience;
            if self.clock.now() >= deadline {
                return Poll::Ready(());
            }
            self.alarm = alarm(&self.clock, deadline);
        }
    }
}

fn alarm(clock: &Clock, deadline: Moment) -> BoxFuture<'static, ()> {
    let clock = clock.clone();
    Box::pin(async move { clock.sleep_until(deadline).await })
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.heard = this.clock.now();
            return Poll::Ready(frame);
        }
        ready!(this.poll_patience(cx));
        // Whoever sends the rest sees that it is not wanted.
        this.body = Body::empty();
        Poll::Ready(Some(Err(axum::Error::new(Silent(this.patience)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    /// A body of which a frame comes after each of these pauses, and then nothing more.
    fn stalling(clock: &Clock, pauses: &'static [u64]) -> Response<Body> {
        let clock = clock.clone();
        let frames = stream::iter(pauses).then(move |&pause| {
            let clock = clock.clone();
            async move {
                clock
                    .sleep_until(clock.now() + Duration::from_secs(pause))
                    .await;
                Ok::<_, axum::Error>("token")
            }
        });
        Response::new(Body::from_stream(frames.chain(stream::pending())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_breaks_off_when_its_time_is_up() {
        let clock = Clock::paused(clock::DEFAULT_ANCHOR);
        let mut body = watched(stalling(&clock, &[1, 2]), &clock, Some(PATIENCE));
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.unwrap().is_ok());
        let error = body.frame().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the backend sent nothing for 3s");
        assert_eq!(clock.now(), Moment::ZERO + Duration::from_secs(1 + 2 + 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_not_a_silent_one() {
        let clock = Clock::paused(clock::DEFAULT_ANCHOR);
        let mut body = watched(stalling(&clock, &[2, 2, 2, 2]), &clock, Some(PATIENCE));
        for _ in 0..4 {
            assert!(body.frame().await.unwrap().is_ok());
        }
    }
}
