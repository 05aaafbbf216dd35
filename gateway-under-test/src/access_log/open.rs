//! [`OpenEntry`]: the entry of a request under way, closed when it is dropped.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::response::Response;
use clock::{Clock, Moment};
use http::{HeaderValue, StatusCode};

use super::relay::Relayed;
use super::{AccessLog, Attempt, Decision, Entry, Shared, lock};
use crate::auth::Subscription;
use crate::drain::UnderWay;
use crate::forward::{Failure, Meter};
use crate::limit::{Holds, Now, Settlement};
use crate::peek;
use crate::refusal::Refusal;
use crate::retry_after;
use crate::usage::{OpenAccount, Tap};

/// The entry of a request under way.
///
/// Dropped before [`relay`](Self::relay), it says that the caller left before an answer.
#[derive(Debug)]
pub(crate) struct OpenEntry {
    log: AccessLog,
    clock: Clock,
    number: u64,
    entry: Shared,
    /// Bytes of the request's body, counted where they pass.
    request: Arc<Meter>,
    response: Progress,
    /// Reads the usage of the response; set once, if at all.
    tap: OnceLock<Tap>,
    /// Where that usage is booked; set once, if at all.
    account: OnceLock<OpenAccount>,
    /// What limits keep of it, settled before anybody counts the closed entry.
    holds: Mutex<Holds>,
    is_traced: bool,
    /// Dropped after the entry has been closed; `None` for who was not let in.
    under_way: Option<UnderWay>,
}

/// How far the response has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    bytes: u64,
    first_byte: Option<Moment>,
    end: End,
}

/// How a response came to its end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum End {
    /// Not at all: if the entry is closed now, the caller has left.
    #[default]
    None,
    /// The caller has all of it.
    Complete,
    /// The backend broke off, and the caller has been shown so.
    Cut,
}

impl OpenEntry {
    pub(super) fn new(
        log: AccessLog,
        clock: Clock,
        number: u64,
        entry: Shared,
        under_way: Option<UnderWay>,
    ) -> Self {
        Self {
            log,
            clock,
            number,
            entry,
            request: Arc::default(),
            response: Progress::default(),
            tap: OnceLock::new(),
            account: OnceLock::new(),
            holds: Mutex::default(),
            is_traced: false,
            under_way,
        }
    }

    /// Whether the request has been let in.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Keeps what is decided from now on.
    pub(crate) fn start_trace(&mut self) {
        self.is_traced = true;
    }

    /// Whether it keeps a trace.
    pub(crate) fn is_traced(&self) -> bool {
        self.is_traced
    }

    /// The id of its trace, if it keeps one.
    pub(crate) fn trace_id(&self) -> Option<HeaderValue> {
        self.is_traced.then(|| self.number.into())
    }

    /// Notes a decision, if it keeps a trace; otherwise `decision` is not even put together.
    pub(crate) fn decided(&self, decision: impl FnOnce() -> Decision) {
        if self.is_traced {
            let at = self.clock.now();
            let decision = Decision { at, ..decision() };
            self.entry().trace.push(decision);
        }
    }

    /// Its number of arrival.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What counts the bytes of the request's body.
    pub(crate) fn request_meter(&self) -> &Arc<Meter> {
        &self.request
    }

    /// Notes the API the path belongs to.
    pub(crate) fn routed(&self, api: &str) {
        self.entry().api = Some(api.to_owned());
        self.decided(|| Decision::inbound("route", format!("api `{api}`")));
    }

    /// Notes whose key was sent.
    pub(crate) fn authenticated(&self, subscription: &Subscription) {
        let mut entry = self.entry();
        entry.subscription = Some(subscription.name.clone());
        entry.product.clone_from(&subscription.product);
        drop(entry);
        self.decided(|| Decision::inbound("auth", subscription.to_string()));
    }

    /// Notes which turn of its balance policy an attempt got, if that gives turns.
    pub(crate) fn chosen(&self, turn: Option<u64>) {
        let mut entry = self.entry();
        entry.turn = turn.or(entry.turn);
    }

    /// Notes that an attempt on `backend` begins.
    pub(crate) fn attempt_started(&self, backend: &str, now: Moment) {
        self.entry().attempts.push(Attempt {
            backend: backend.to_owned(),
            started: now,
            ended: now,
            ..Attempt::default()
        });
    }

    /// Notes how the attempt that began last went, and whether that opened a breaker.
    pub(crate) fn attempt_ended(
        &self,
        outcome: Result<StatusCode, Failure>,
        has_tripped: bool,
        now: Moment,
    ) {
        if let Some(attempt) = self.entry().attempts.last_mut() {
            attempt.ended = now;
            attempt.tripped = has_tripped;
            attempt.status = outcome.ok().map(|status| status.as_u16());
            attempt.error = outcome.err().map(|failure| failure.to_string());
        }
    }

    /// Notes that `backend` has the last word.
    pub(crate) fn answered_by(&self, backend: &str) {
        self.entry().backend = Some(backend.to_owned());
    }

    /// Has `tap` read the response as it passes, for the usage that is noted at its end.
    pub(crate) fn tap(&self, tap: Tap) {
        // A request has one response, so nobody has set it before.
        self.tap.set(tap).unwrap_or_default();
    }

    /// Keeps what limits will be told of the end of the answer.
    pub(crate) fn hold(&self, holds: Holds) {
        *self.holds.lock().unwrap_or_else(PoisonError::into_inner) = holds;
    }

    /// Has the usage booked there when the request has ended.
    pub(crate) fn account(&self, account: OpenAccount) {
        // A request has one answer, so nobody has set it before.
        self.account.set(account).unwrap_or_default();
    }

    /// Notes that the gateway answers itself.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.entry().refusal = Some(refusal.reason().to_owned());
        self.decided(|| Decision {
            status: Some(refusal.status().as_u16()),
            ..Decision::outbound("refuse", refusal.reason())
        });
    }

    /// Every attempt so far as a header shows them, or `None` if there was none.
    pub(crate) fn attempts(&self) -> Option<HeaderValue> {
        let entry = self.entry();
        let mut text = String::with_capacity(16 * entry.attempts.len());
        for attempt in &entry.attempts {
            let separator = if text.is_empty() { "" } else { ", " };
            let outcome = attempt.error.as_deref().unwrap_or_default();
            let written = match attempt.status {
                Some(status) => write!(text, "{separator}{}:{status}", attempt.backend),
                None => write!(text, "{separator}{}:{outcome}", attempt.backend),
            };
            written.expect("a string takes any text");
        }
        (!text.is_empty())
            .then(|| HeaderValue::try_from(text).ok())
            .flatten()
    }

    /// Hands the entry to the body of `response`, whose end will close it.
    pub(crate) fn relay(self, response: Response) -> Response {
        {
            let mut entry = self.entry();
            entry.status = response.status().as_u16();
            entry.streamed = peek::is_event_stream(response.headers());
            entry.retry_after_ms = self.told_wait_ms(&response);
        }
        Relayed::wrap(self, response)
    }

    /// The wait `response` asks for.
    fn told_wait_ms(&self, response: &Response) -> Option<u64> {
        let date = self.clock.utc(self.clock.now());
        let wait = retry_after::asked(response.headers(), date)?;
        Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
    }

    /// Counts and reads bytes of the response's body that pass now.
    pub(super) fn passed(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() && self.response.first_byte.is_none() {
            self.response.first_byte = Some(self.clock.now());
        }
        self.response.bytes += bytes.len() as u64;
        if let Some(tap) = self.tap.get_mut() {
            tap.feed(bytes);
        }
    }

    /// Bytes of the response's body that have passed.
    pub(super) fn passed_bytes(&self) -> u64 {
        self.response.bytes
    }

    /// Closes the entry: the caller has the whole response.
    pub(super) fn complete(mut self) {
        self.response.end = End::Complete;
    }

    /// Closes the entry: the backend broke off its response.
    pub(super) fn cut(mut self) {
        self.response.end = End::Cut;
    }

    fn entry(&self) -> MutexGuard<'_, Entry> {
        lock(&self.entry)
    }
}

impl Drop for OpenEntry {
    fn drop(&mut self) {
        let now = self.clock.now();
        let end = self.response.end;
        let reading = self.tap.get_mut().map(Tap::finish);
        let status = {
            let mut entry = self.entry();
            entry.ended = Some(now);
            entry.first_byte = self.response.first_byte;
            entry.request_bytes = self.request.bytes();
            entry.response_bytes = self.response.bytes;
            entry.aborted_by_client = end == End::None;
            if let Some(reading) = &reading {
                if reading.is_disbelieved {
                    self.log.disbelieved();
                }
                entry.model.clone_from(&reading.model);
                entry.usage = Some(reading.usage);
            }
            if let Some(attempt) = entry.attempts.last_mut() {
                settle(attempt, end, now);
            }
            entry.status
        };
        let holds = self.holds.get_mut().unwrap_or_else(PoisonError::into_inner);
        let settlement = Settlement {
            status,
            usage: reading.map(|reading| reading.usage),
        };
        std::mem::take(holds).settle(&settlement, Now::at(&self.clock, now));
        self.log.closed(&self.entry);
        if let Some(account) = self.account.get() {
            account.book(&self.entry());
        }
    }
}

/// Says of the last attempt what its headers could not.
fn settle(attempt: &mut Attempt, end: End, now: Moment) {
    if attempt.status.is_none() && attempt.error.is_none() {
        attempt.ended = now;
        attempt.error = Some("cancelled".to_owned());
    } else if end == End::Cut {
        attempt.error = Some("cut".to_owned());
    }
}
