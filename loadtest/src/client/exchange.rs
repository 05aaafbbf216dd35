//! [`exchange()`]: one client attempt, from its request to its [`Observation`].
//!
//! What was seen is kept outside of the future that sees it, so an attempt that times out or is
//! abandoned leaves an observation with everything up to that moment.

use std::sync::Arc;
use std::time::Duration;

use clock::{Clock, Moment};
use http::header::COOKIE;
use http::{HeaderValue, Method};
use tokio_util::sync::CancellationToken;

use super::identity::RunName;
use super::request::{Prepared, Template};
use super::seen::{End, Seen};
use super::transport::{Outgoing, Transport};
use crate::observation::{Observation, TransportError};

/// One client attempt to be made.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The run it belongs to.
    pub run: &'a RunName,
    /// What the class's requests share.
    pub template: &'a Template,
    /// What the request's attempts share.
    pub prepared: &'a Prepared,
    /// Number of the logical request.
    pub request: u64,
    /// Which attempt this is, from 0.
    pub attempt: u32,
    /// Name of the phase that planned it.
    pub phase: &'a Arc<str>,
    /// Number of the user or worker.
    pub worker: u32,
    /// When the plan wanted it to start.
    pub planned: Moment,
    /// The cookies that its user sends.
    pub cookie: Option<&'a HeaderValue>,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What the client saw.
    pub observation: Observation,
    /// Simulated microseconds between content events, in order.
    pub gaps: Vec<u64>,
    /// What the answer asks of its client.
    pub advice: Advice,
}

/// What an answer asks of its client, beside what is written down of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Advice {
    /// To wait so long.
    pub retry_after: Option<Duration>,
    /// To try again, or not to: `x-should-retry`.
    pub should_retry: Option<bool>,
    /// To keep these cookies.
    pub set_cookies: Vec<HeaderValue>,
}

/// Makes one attempt; `abandon` ends it early.
pub async fn exchange(
    attempt: Attempt<'_>,
    transport: &mut impl Transport,
    clock: &Clock,
    abandon: &CancellationToken,
) -> Exchange {
    let mut seen = Seen::new(attempt.template, clock.now());
    let conversation = converse(attempt, transport, clock, &mut seen);
    let end = match abandon.run_until_cancelled(conversation).await {
        Some(Ok(end)) => end,
        Some(Err(TransportError::TimedOut)) if attempt.template.is_impatient() => End::HungUp,
        Some(Err(TransportError::TimedOut)) => End::GaveUp(TransportError::TimedOut),
        Some(Err(error)) => End::Broken(error),
        None => End::GaveUp(seen.abandoned()),
    };
    seen.observe(attempt, end, clock.now())
}

async fn converse(
    attempt: Attempt<'_>,
    transport: &mut impl Transport,
    clock: &Clock,
    seen: &mut Seen,
) -> Result<End, TransportError> {
    let Attempt { run, template, .. } = attempt;
    let mut headers = template.headers(run, attempt.request, attempt.attempt);
    if let Some(cookie) = attempt.cookie {
        headers.insert(COOKIE, cookie.clone());
    }
    let outgoing = Outgoing {
        target: template.target(),
        method: Method::POST,
        path_and_query: template.sent_path(),
        headers,
        body: attempt.prepared.body.clone(),
        deadline: seen.sent() + template.patience(),
    };
    let mut incoming = transport.send(outgoing).await?;
    seen.take_headers(&mut incoming, clock);
    while let Some(chunk) = incoming.next_chunk().await? {
        seen.take_chunk(&chunk, clock.now());
        if template.has_enough(seen.content_events()) {
            // What has not been read is dropped, and the connection with it.
            return Ok(End::HungUp);
        }
    }
    Ok(End::Complete(incoming.status))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::Router;
    use axum::body::Body;
    use axum::response::Response;
    use bytes::Bytes;
    use clock::DEFAULT_ANCHOR;
    use futures::{StreamExt, stream};

    use super::*;
    use crate::client::{Routers, Sizes};
    use crate::driver::support::{at, class};
    use crate::observation::Outcome;
    use crate::plan::Class;

    const STREAM: (&str, &str) = ("content-type", "text/event-stream");
    const TOKEN: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";

    /// A client that streams, or waits for the whole answer.
    fn client(streams: bool) -> Class {
        Class {
            streams,
            ..class("chat")
        }
    }

    /// What a client of `class` sees of `gateway`.
    async fn exchanged(class: &Class, clock: &Clock, gateway: Router) -> Exchange {
        let mut routers = Routers::new(Some(gateway), BTreeMap::new(), clock.clone());
        let template = Template::new(class, 42).unwrap();
        let attempt = Attempt {
            run: &RunName::new(Arc::from("k3")),
            template: &template,
            prepared: &template.prepare(7, 0, Sizes::default()),
            request: 7,
            attempt: 0,
            phase: &Arc::from("only"),
            worker: 0,
            planned: Moment::ZERO,
            cookie: None,
        };
        exchange(attempt, &mut routers, clock, &CancellationToken::new()).await
    }

    /// What it sees of an answer that arrives at once.
    async fn seen(
        streams: bool,
        status: u16,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
    ) -> Observation {
        let answer = move || async move {
            let response = Response::builder().status(status);
            let response = headers.iter().fold(response, |response, (name, value)| {
                response.header(*name, *value)
            });
            response.body(Body::from(body)).unwrap()
        };
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let gateway = Router::new().fallback(answer);
        exchanged(&client(streams), &clock, gateway)
            .await
            .observation
    }

    /// A gateway that streams each chunk at its second.
    fn streaming(clock: &Clock, chunks: &'static [(f64, &'static str)]) -> Router {
        let clock = clock.clone();
        Router::new().fallback(move || async move {
            let chunks = stream::iter(chunks).then(move |(second, chunk)| {
                let clock = clock.clone();
                async move {
                    clock.sleep_until(at(*second)).await;
                    match *chunk {
                        "cut" => Err("gone"),
                        chunk => Ok(Bytes::from_static(chunk.as_bytes())),
                    }
                }
            });
            let response = Response::builder().header(STREAM.0, STREAM.1);
            response.body(Body::from_stream(chunks)).unwrap()
        })
    }

    async fn seen_of_stream(chunks: &'static [(f64, &'static str)]) -> Exchange {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let gateway = streaming(&clock, chunks);
        exchanged(&client(true), &clock, gateway).await
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_timed_when_their_chunk_arrives() {
        let Exchange {
            observation, gaps, ..
        } = seen_of_stream(&[
            (0.1, "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"),
            (0.2, TOKEN),
            (0.35, "data: {\"choices\":[{\"delta\":{\"cont"),
            (0.4, "ent\":\"x\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\n"),
            (0.5, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":27,\"completion_tokens\":3}}\n\n"),
            (0.6, "data: [DONE]\n\n"),
        ])
        .await;
        assert_eq!(observation.headers_at, Some(at(0.0)));
        assert_eq!(observation.first_token_at, Some(at(0.2)));
        assert_eq!(observation.last_token_at, Some(at(0.4)));
        assert_eq!(observation.ended, at(0.6));
        assert_eq!(observation.content_events, 3);
        assert_eq!(gaps, [200_000, 0]);
        assert_eq!(observation.completion_tokens, Some(3));
        assert_eq!(observation.malformed, None);
        assert_eq!(observation.outcome, Outcome::Status(200));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_its_last_event_is_malformed() {
        let observation = seen_of_stream(&[(0.1, TOKEN)]).await.observation;
        let malformed = observation.malformed.unwrap();
        assert_eq!(malformed, "no [DONE] at the end of the stream");
        assert!(observation.response_hash.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_cut_keeps_its_status_and_its_tokens() {
        let observation = seen_of_stream(&[(0.1, TOKEN), (0.2, "cut")])
            .await
            .observation;
        assert_eq!(observation.status(), Some(200));
        assert_eq!(
            observation.outcome,
            Outcome::TransportError(TransportError::Cut { status: 200 })
        );
        assert_eq!(
            (observation.content_events, observation.ended),
            (1, at(0.2))
        );
        assert_eq!(observation.response_hash, None);
        assert!(!observation.aborted);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_stalls_times_out_with_what_had_arrived() {
        let observation = seen_of_stream(&[(0.1, TOKEN), (60.0, TOKEN)])
            .await
            .observation;
        assert_eq!(
            observation.outcome,
            Outcome::TransportError(TransportError::TimedOut)
        );
        // The class waits for thirty seconds.
        assert_eq!(observation.ended, Moment::ZERO + Duration::from_secs(30));
        assert_eq!((observation.content_events, observation.aborted), (1, true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_mistake_of_a_stream_is_kept() {
        const ERROR: &str = "data: {\"error\":{\"message\":\"Oops\"}}\n\n";
        let observation = seen_of_stream(&[(0.1, ERROR), (0.2, "data: ?\n\n")])
            .await
            .observation;
        assert_eq!(observation.malformed.unwrap(), "error event: Oops");
    }

    #[tokio::test(start_paused = true)]
    async fn what_headers_claim_is_written_down() {
        let headers = &[
            ("x-gw-backend", "payg-1"),
            ("x-gw-attempts", "2"),
            ("x-ms-region", "Sweden Central"),
            ("retry-after", "3"),
        ];
        let observation = seen(true, 429, headers, "{\"error\":{}}").await;
        assert_eq!(observation.claimed_backend.unwrap(), "payg-1");
        assert_eq!(observation.claimed_attempts.unwrap(), "2");
        assert_eq!(observation.region.unwrap(), "Sweden Central");
        assert_eq!(observation.retry_after_ms, Some(3_000));
        assert_eq!(observation.malformed, None);
        assert_eq!(observation.outcome, Outcome::Status(429));
    }

    #[tokio::test(start_paused = true)]
    async fn another_gateway_names_its_backend_in_a_header_of_its_own() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let class = Class {
            backend_header: "x-served-by".to_owned(),
            ..class("chat")
        };
        let gateway = Router::new().fallback(|| async { [("x-served-by", "payg-2")] });
        let claimed = exchanged(&class, &clock, gateway).await.observation;
        assert_eq!(claimed.claimed_backend.unwrap(), "payg-2");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_hashed_and_its_usage_read() {
        const BODY: &str =
            "{\"choices\":[{}],\"usage\":{\"prompt_tokens\":27,\"completion_tokens\":10}}";
        let observation = seen(false, 200, &[], BODY).await;
        assert_eq!(observation.completion_tokens, Some(10));
        assert_eq!(observation.response_bytes, BODY.len() as u64);
        // printf BODY | sha256sum
        assert_eq!(observation.response_hash.unwrap(), "890e5764c629b2e8");
        assert_eq!(observation.request_id, "k3-7-0");
        assert_eq!(observation.prompt_mark.unwrap(), "actor actor actor angle");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_not_what_was_asked_for_are_malformed() {
        let html = seen(false, 200, &[], "<html>").await.malformed.unwrap();
        assert!(html.starts_with("not a JSON answer"), "{html}");
        let json = seen(true, 200, &[("content-type", "application/json")], "{}").await;
        assert_eq!(json.malformed.unwrap(), "not an event stream");
    }
}
