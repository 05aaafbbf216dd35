//! [`Seen`]: what a client has seen of an answer, up to now.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Moment};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, SET_COOKIE};
use sha2::{Digest, Sha256};

use super::answer::{Usage, header, read_answer, retry_after, whole_millis};
use super::exchange::{Advice, Attempt, Exchange};
use super::identity::short_hex;
use super::request::Template;
use super::stream::{EventReader, StreamEvent};
use super::transport::Incoming;
use crate::observation::{Observation, Outcome, TransportError};
use crate::plan::Operation;

/// What a client has seen of an answer so far.
pub(super) struct Seen {
    sent: Moment,
    headers_at: Option<Moment>,
    status: Option<u16>,
    /// Kept whole: a few of them are read at the end.
    headers: HeaderMap,
    retry_after: Option<Duration>,
    digest: Sha256,
    bytes: u64,
    content: Content,
    events: Events,
}

/// What the body is taken for.
enum Content {
    /// Nothing is read from it, as from errors and from a helper of the gateway.
    Opaque,
    /// Events of a stream.
    Stream(EventReader),
    /// One JSON answer, kept until it is complete.
    Answer(Vec<u8>),
}

/// What the events of a stream have told.
#[derive(Default)]
struct Events {
    first_at: Option<Moment>,
    last_at: Option<Moment>,
    gaps: Vec<u64>,
    count: u64,
    usage: Option<Usage>,
    is_done: bool,
    malformed: Option<String>,
}

/// How an attempt ended.
pub(super) enum End {
    /// The body was complete, after this status.
    Complete(u16),
    /// The transport failed.
    Broken(TransportError),
    /// The client could not wait longer.
    GaveUp(TransportError),
    /// The client hung up on purpose.
    HungUp,
}

impl Seen {
    /// Nothing yet, of a request sent at this moment.
    pub(super) fn new(template: &Template, sent: Moment) -> Self {
        Self {
            sent,
            headers_at: None,
            status: None,
            headers: HeaderMap::new(),
            retry_after: None,
            digest: Sha256::new(),
            bytes: 0,
            content: match template.operation() {
                Operation::Helper => Content::Opaque,
                _ if template.streams() => Content::Stream(EventReader::default()),
                _ => Content::Answer(Vec::new()),
            },
            events: Events::default(),
        }
    }

    /// When the request was sent.
    pub(super) fn sent(&self) -> Moment {
        self.sent
    }

    /// Takes in the response headers, which have just arrived.
    pub(super) fn take_headers(&mut self, incoming: &mut Incoming, clock: &Clock) {
        let now = clock.now();
        self.headers_at = Some(now);
        self.status = Some(incoming.status);
        self.retry_after = retry_after(&incoming.headers, || clock.utc(now));
        self.headers = std::mem::take(&mut incoming.headers);
        if incoming.status != 200 {
            self.content = Content::Opaque;
        } else if matches!(self.content, Content::Stream(_)) && !is_event_stream(&self.headers) {
            self.content = Content::Opaque;
            self.events.malformed = Some("not an event stream".to_owned());
        }
    }

    /// Takes in a chunk of the body that arrived at this moment.
    pub(super) fn take_chunk(&mut self, chunk: &Bytes, at: Moment) {
        self.digest.update(chunk);
        self.bytes += chunk.len() as u64;
        match &mut self.content {
            Content::Opaque => {}
            Content::Stream(reader) => reader.push(chunk, |event| self.events.take(event, at)),
            Content::Answer(body) => body.extend_from_slice(chunk),
        }
    }

    /// Events with content so far.
    pub(super) fn content_events(&self) -> u64 {
        self.events.count
    }

    /// What to call an attempt that the run's end cut short.
    pub(super) fn abandoned(&self) -> TransportError {
        match self.status {
            Some(status) => TransportError::Cut { status },
            None => TransportError::Other("abandoned when the run was cancelled".to_owned()),
        }
    }

    /// Reads what only a complete body tells.
    fn finish(&mut self) {
        match &self.content {
            Content::Opaque => {}
            Content::Stream(_) if self.events.is_done => {}
            Content::Stream(_) => self.events.complain("no [DONE] at the end of the stream"),
            Content::Answer(body) => match read_answer(body) {
                Ok(usage) => self.events.usage = usage,
                Err(mistake) => self.events.complain(&mistake),
            },
        }
    }

    /// The response headers that the class watches.
    fn watched(&self, template: &Template) -> BTreeMap<String, String> {
        let text = |name: &String| {
            let values = self.headers.get_all(name).iter();
            let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
            (!texts.is_empty()).then(|| (name.clone(), texts.join(", ")))
        };
        template.watched_headers().iter().filter_map(text).collect()
    }

    /// Everything that was seen, as evidence.
    pub(super) fn observe(mut self, attempt: Attempt<'_>, end: End, ended: Moment) -> Exchange {
        let is_complete = matches!(end, End::Complete(_));
        if is_complete {
            self.finish();
        }
        let aborted = matches!(end, End::GaveUp(_) | End::HungUp);
        let outcome = match (end, self.status) {
            (End::Complete(status), _) | (End::HungUp, Some(status)) => Outcome::Status(status),
            (End::Broken(error) | End::GaveUp(error), _) => Outcome::TransportError(error),
            (End::HungUp, None) => {
                let left = TransportError::Other("the client hung up".to_owned());
                Outcome::TransportError(left)
            }
        };
        let advice = self.advice();
        let Attempt {
            template, prepared, ..
        } = attempt;
        let header = |name| header(&self.headers, name);
        let observation = Observation {
            request: attempt.request,
            attempt: attempt.attempt,
            class: template.class().clone(),
            phase: attempt.phase.clone(),
            worker: attempt.worker,
            planned: attempt.planned,
            sent: self.sent,
            headers_at: self.headers_at,
            first_token_at: self.events.first_at,
            last_token_at: self.events.last_at,
            ended,
            outcome,
            request_id: attempt.run.request_id(attempt.request, attempt.attempt),
            prompt_mark: prepared.mark.clone(),
            path_and_query: template.sent_path().to_owned(),
            expected_path_and_query: template.backend_path().to_owned(),
            request_hash: prepared.hash.clone(),
            direct: None,
            operation: None,
            headers: self.watched(template),
            claimed_backend: header(template.backend_header()),
            claimed_attempts: header("x-gw-attempts"),
            region: header("x-ms-region"),
            response_hash: is_complete.then(|| short_hex(self.digest)),
            response_bytes: self.bytes,
            streamed: template.streams(),
            aborted,
            retry_after_ms: self.retry_after.map(whole_millis),
            prompt_tokens: self.events.usage.map(|usage| usage.prompt_tokens.into()),
            completion_tokens: self
                .events
                .usage
                .map(|usage| usage.completion_tokens.into()),
            content_events: self.events.count,
            malformed: self.events.malformed,
        };
        Exchange {
            observation,
            gaps: self.events.gaps,
            advice,
        }
    }

    /// What the answer asks of its client.
    fn advice(&self) -> Advice {
        Advice {
            retry_after: self.retry_after,
            should_retry: header(&self.headers, "x-should-retry")
                .and_then(|should| should.parse().ok()),
            set_cookies: self.headers.get_all(SET_COOKIE).iter().cloned().collect(),
        }
    }
}

impl Events {
    fn take(&mut self, event: StreamEvent, at: Moment) {
        match event {
            StreamEvent::Content => {
                self.count += 1;
                if let Some(last) = self.last_at {
                    self.gaps.push(at.as_micros() - last.as_micros());
                }
                self.first_at.get_or_insert(at);
                self.last_at = Some(at);
            }
            StreamEvent::Empty => {}
            StreamEvent::Usage(usage) => self.usage = Some(usage),
            StreamEvent::Done => self.is_done = true,
            StreamEvent::Error(error) => self.complain(&format!("error event: {error}")),
            StreamEvent::Unreadable => self.complain("an event that is no completion chunk"),
        }
    }

    /// Keeps the first mistake: the others usually follow from it.
    fn complain(&mut self, mistake: &str) {
        self.malformed.get_or_insert_with(|| mistake.to_owned());
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("text/event-stream"))
}
