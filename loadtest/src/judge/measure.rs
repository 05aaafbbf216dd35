//! What each record adds to a metric: the one place beside the metric table to add a metric.

use std::time::Duration;

use clock::Moment;

use super::case::{Case, Place, Record};
use super::join::{JoinedRequest, Owner};
use super::usage::UsedTokens;
use crate::gate::{Metric, Selection};
use crate::observation::Observation;

impl Case<'_> {
    /// What the record at `place` adds to `selection`: 1 or 0 of a count, tokens, microseconds.
    ///
    /// None where there is nothing to measure: no first token, no backend that served.
    pub(super) fn measure(
        &self,
        selection: &Selection,
        place: &Place,
        request: Option<usize>,
    ) -> Option<f64> {
        let metric = selection.metric;
        if let Some(of) = UsedTokens::of(metric) {
            return self.used_tokens(of, place);
        }
        match place {
            Place::Request(index) if metric.is_of_header() => {
                let result = self.result(self.request(*index));
                header_number(result, selection.name.as_deref()?)
            }
            Place::Request(index) => self.of_request(metric, self.request(*index)),
            Place::ClientAttempt(index) => match metric {
                Metric::EarlyClientRetries => Some(claim(self.is_early(*index))),
                _ => Some(1.0),
            },
            Place::Gateway(index) => match metric {
                Metric::Refusals => self.log()[*index].refusal.as_ref().map(|_| 1.0),
                Metric::GatewayWait => self.gateway_wait(*index),
                _ => Some(1.0),
            },
            Place::GatewayAttempt(index, nth) => match metric {
                Metric::Trips => self.gateway_attempt(*index, *nth).tripped.then_some(1.0),
                _ => Some(1.0),
            },
            Place::Ledger(name, index) => self.of_ledger(metric, name, *index, request),
            Place::Event(_) => Some(1.0),
            Place::Series(index) => self.dropped_events(*index),
        }
    }

    fn of_request(&self, metric: Metric, request: &JoinedRequest) -> Option<f64> {
        let result = self.result(request);
        match metric {
            Metric::ChangedRequests => self.changed_request(request),
            Metric::ChangedAnswers => self.changed_answer(request),
            Metric::TokensYielded => tokens(result.content_events),
            Metric::Latency => span(result.planned, result.ended),
            Metric::ServiceTime => span(result.sent, result.ended),
            Metric::TimeToHeaders => span(result.sent, result.headers_at?),
            Metric::TimeToFirstToken => span(result.planned, result.first_token_at?),
            Metric::EndToEnd => span(result.planned, result.last_token_at?),
            Metric::Lag => span(result.planned, result.sent),
            Metric::RetryAfter => tokens(result.retry_after_ms?).map(|ms| ms * 1_000.0),
            Metric::MovedRequests => self.moved(request),
            _ => Some(1.0),
        }
    }

    fn of_ledger(
        &self,
        metric: Metric,
        simulator: &str,
        index: usize,
        request: Option<usize>,
    ) -> Option<f64> {
        let entry = self.ledger_entry(simulator, index);
        match metric {
            // A fault plays a refusal; no limiter decided it.
            Metric::Refusals => {
                let is_refused = entry.status == 429 && entry.refusal.is_some();
                (is_refused && entry.fault.is_none()).then_some(1.0)
            }
            Metric::TokensCharged => tokens(entry.tokens_charged),
            Metric::TokensEstimated => tokens(entry.tokens_estimated),
            Metric::TokensYielded => tokens(entry.tokens_yielded),
            Metric::WastedAttempts => Some(claim(self.conduct(simulator, index).is_wasted)),
            Metric::HeedlessAttempts => Some(claim(self.conduct(simulator, index).is_heedless)),
            Metric::Silence => micros(self.conduct(simulator, index).silence?),
            Metric::TimeToOpen => micros(self.conduct(simulator, index).time_to_open?),
            Metric::TimeToRecover => micros(self.conduct(simulator, index).time_to_recover?),
            Metric::AbortDelay => self.abort_delay(simulator, index),
            Metric::ChangedPaths => {
                let expected = &self.result(self.request(request?)).expected_path_and_query;
                Some(claim(entry.path_and_query != *expected))
            }
            Metric::LeakedCredentials => {
                let result = request.map(|request| self.result(self.request(request)));
                let is_direct = result.is_some_and(|seen| self.facts.direct(seen).is_some());
                let is_leak = entry
                    .credential_hashes
                    .iter()
                    .any(|hash| self.is_client_key(hash));
                (!is_direct).then(|| claim(is_leak))
            }
            _ => Some(1.0),
        }
    }

    /// Makes the values of `records` 1 where they are larger than in the answer before, else 0.
    pub(super) fn mark_rises(&self, records: &mut [Record]) {
        records.sort_by_key(|record| {
            let seen = self.observation_of(record);
            (
                seen.map(|seen| seen.headers_at.unwrap_or(seen.ended)),
                record.request,
            )
        });
        let mut before = f64::INFINITY;
        for record in records {
            let number = std::mem::replace(&mut before, record.value);
            record.value = claim(before > number);
        }
    }

    /// Whether a client attempt was sent before the wait that the one before was asked for was over.
    fn is_early(&self, index: usize) -> bool {
        let observations = &self.evidence.observations;
        let attempt = &observations[index];
        let before = index.checked_sub(1).map(|before| &observations[before]);
        let before = before.filter(|before| before.request == attempt.request);
        before.is_some_and(|before| {
            let answered = before.headers_at.unwrap_or(before.ended);
            let wait = before.retry_after_ms.map(Duration::from_millis);
            wait.is_some_and(|wait| attempt.sent < answered + wait)
        })
    }

    /// Sum of the waits between the attempts of a gateway request; none without attempts.
    fn gateway_wait(&self, index: usize) -> Option<f64> {
        let attempts = &self.log()[index].attempts;
        let waits = attempts.windows(2);
        let waits = waits.map(|pair| pair[1].started.since(pair[0].ended));
        let whole = waits.sum();
        micros((!attempts.is_empty()).then_some(whole)?)
    }

    /// How long an attempt went on after its client had hung up; none where none did.
    fn abort_delay(&self, simulator: &str, index: usize) -> Option<f64> {
        let Owner::Request { observation, .. } = self.joined.ledgers[simulator][index] else {
            return None;
        };
        let client = &self.evidence.observations[observation];
        let ended = self.ledger_entry(simulator, index).ended?;
        // What had ended before, such as a refused attempt, was not abandoned.
        let was_abandoned = client.aborted && ended >= client.ended;
        micros(was_abandoned.then(|| ended.since(client.ended))?)
    }

    /// Whether another backend had served the user's request before; none without one or a backend.
    fn moved(&self, request: &JoinedRequest) -> Option<f64> {
        let backend = request.backend.as_ref()?;
        let user = self.result(request);
        let before = self.joined.requests.iter().rev();
        let before = before.skip_while(|other| other.observations.end > request.observations.start);
        let mut served = before.filter(|other| {
            let other_user = self.result(other);
            let is_same = (&other_user.class, other_user.worker) == (&user.class, user.worker);
            is_same && other.backend.is_some()
        });
        Some(claim(served.next()?.backend.as_ref()? != backend))
    }

    /// Whether a key with this hash is one that clients present to the gateway.
    fn is_client_key(&self, hash: &str) -> bool {
        let mut classes = self
            .facts
            .classes
            .iter()
            .filter(|class| class.direct.is_none());
        classes.any(|class| class.credential_hash.as_deref() == Some(hash))
    }

    /// Whether any simulator got another body than its client attempt sent.
    fn changed_request(&self, request: &JoinedRequest) -> Option<f64> {
        let mut attempts = request.attempts.iter();
        let is_changed = attempts.any(|attempt| {
            let sent = &self.evidence.observations[attempt.observation].request_hash;
            self.booked(attempt).request_hash != *sent
        });
        (!request.attempts.is_empty()).then(|| claim(is_changed))
    }

    fn changed_answer(&self, request: &JoinedRequest) -> Option<f64> {
        let sent = self.serving(request)?.response_hash.as_ref()?;
        let received: &Observation = self.result(request);
        Some(claim(received.response_hash.as_ref()? != sent))
    }
}

/// The number in the header `name` of an answer, also of percent.
fn header_number(seen: &Observation, name: &str) -> Option<f64> {
    let text = seen.headers.get(name)?.trim();
    let number: f64 = text.strip_suffix('%').unwrap_or(text).parse().ok()?;
    number.is_finite().then_some(number)
}

fn claim(is_true: bool) -> f64 {
    f64::from(u8::from(is_true))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "fewer than 2^53 tokens or milliseconds"
)]
#[expect(clippy::unnecessary_wraps, reason = "reads as an arm of `measure`")]
fn tokens(number: u64) -> Option<f64> {
    Some(number as f64)
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 microseconds")]
#[expect(clippy::unnecessary_wraps, reason = "reads as an arm of `measure`")]
fn micros(length: Duration) -> Option<f64> {
    Some(length.as_micros() as f64)
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 microseconds")]
#[expect(clippy::unnecessary_wraps, reason = "reads as an arm of `measure`")]
fn span(from: Moment, to: Moment) -> Option<f64> {
    Some(to.since(from).as_micros() as f64)
}
