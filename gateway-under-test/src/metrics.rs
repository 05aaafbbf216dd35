//! [`Metrics`]: what the gateway has done, as counters for Prometheus.
//!
//! They are counted from the entries of the access log as these are closed, so that the two
//! cannot contradict each other. Labels are names out of the configuration and numbers out of
//! HTTP: no caller can make up new series. Times are in the gateway's own, simulated seconds.

use std::fmt;

use clock::Moment;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::access_log::{Attempt, Entry};
use crate::usage::UsageMetrics;

/// Of the text that [`Metrics::text`] writes.
// Source: https://github.com/prometheus/OpenMetrics, specification, "Text format" (read 2026-08).
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From a refusal of the gateway's own to the longest answer `forward_timeout` lets begin by
/// default; the usual buckets end at 10 s, where long chats only begin to differ.
const BUCKETS_S: [f64; 12] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// A label of what there is none of: the API of an unknown path, the status of no answer.
const NONE: &str = "none";

/// All metrics of one gateway.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    retries: Family<ApiLabel, Counter>,
    trips: Family<BackendLabel, Counter>,
    breakers: Family<BreakerLabels, Gauge>,
    in_flight: Gauge,
    pub(crate) usage: UsageMetrics,
    request_times: Family<ApiLabel, Histogram>,
    attempt_times: Family<BackendLabel, Histogram>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    api: String,
    status: String,
    source: Source,
}

/// Whose answer it was.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Source {
    Gateway,
    Backend,
    /// The caller left before there was one.
    None,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct AttemptLabels {
    backend: String,
    /// The status, or the word for why there is none.
    status: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ApiLabel {
    api: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BackendLabel {
    backend: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BreakerLabels {
    backend: String,
    state: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let times = || Histogram::new(BUCKETS_S);
        let mut metrics = Self {
            registry: Registry::with_prefix("gateway"),
            requests: Family::default(),
            attempts: Family::default(),
            retries: Family::default(),
            trips: Family::default(),
            breakers: Family::default(),
            in_flight: Gauge::default(),
            usage: UsageMetrics::default(),
            request_times: Family::new_with_constructor(times),
            attempt_times: Family::new_with_constructor(times),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests that have ended",
            self.requests.clone(),
        );
        registry.register(
            "attempts",
            "Attempts on backends by how they ended",
            self.attempts.clone(),
        );
        registry.register(
            "retries",
            "Attempts after the first of a request",
            self.retries.clone(),
        );
        registry.register(
            "breaker_trips",
            "Answers or failures that opened a breaker",
            self.trips.clone(),
        );
        registry.register(
            "breaker_state",
            "1 for the state that the breaker is in, 0 for the others",
            self.breakers.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests under way",
            self.in_flight.clone(),
        );
        self.usage.register(registry);
        registry.register_with_unit(
            "request_duration",
            "From the arrival of a request to the end of its answer",
            Unit::Seconds,
            self.request_times.clone(),
        );
        registry.register_with_unit(
            "attempt_duration",
            "From the start of an attempt to the headers of its answer or its failure",
            Unit::Seconds,
            self.attempt_times.clone(),
        );
    }

    /// Counts a request whose entry has just been closed.
    pub(crate) fn count(&self, entry: &Entry) {
        let api = entry.api.clone().unwrap_or_else(|| NONE.to_owned());
        self.requests
            .get_or_create(&RequestLabels {
                api: api.clone(),
                status: status_label(Some(entry.status).filter(|&status| status > 0)),
                source: Source::of(entry),
            })
            .inc();
        let label = ApiLabel { api };
        let ended = entry.ended.unwrap_or(entry.arrived);
        let times = self.request_times.get_or_create(&label);
        times.observe(seconds(entry.arrived, ended));
        let retries = entry.attempts.len().saturating_sub(1) as u64;
        if retries > 0 {
            self.retries.get_or_create(&label).inc_by(retries);
        }
        for attempt in &entry.attempts {
            self.count_attempt(attempt);
        }
    }

    fn count_attempt(&self, attempt: &Attempt) {
        let status = match (attempt.status, &attempt.error) {
            (None, Some(error)) => error.clone(),
            (status, _) => status_label(status),
        };
        let backend = attempt.backend.clone();
        let label = BackendLabel {
            backend: backend.clone(),
        };
        self.attempts
            .get_or_create(&AttemptLabels { backend, status })
            .inc();
        if attempt.tripped {
            self.trips.get_or_create(&label).inc();
        }
        let times = self.attempt_times.get_or_create(&label);
        times.observe(seconds(attempt.started, attempt.ended));
    }

    /// All metrics as text: `in_flight` requests are under way, and `breakers` are in these
    /// states, by backend.
    pub(crate) fn text<'b>(
        &self,
        in_flight: u64,
        breakers: impl Iterator<Item = (&'b str, &'static str)>,
    ) -> String {
        // A backend that a reload took away has no state any more.
        self.breakers.clear();
        for (backend, found) in breakers {
            for state in ["closed", "open", "half-open"] {
                let backend = backend.to_owned();
                let labels = BreakerLabels { backend, state };
                let is_in = i64::from(found == state);
                self.breakers.get_or_create(&labels).set(is_in);
            }
        }
        self.in_flight
            .set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }
}

impl Source {
    fn of(entry: &Entry) -> Self {
        match &entry.backend {
            Some(_) => Self::Backend,
            None if entry.status > 0 => Self::Gateway,
            None => Self::None,
        }
    }
}

impl EncodeLabelValue for Source {
    fn encode(
        &self,
        encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        let word = match self {
            Self::Gateway => "gateway",
            Self::Backend => "backend",
            Self::None => NONE,
        };
        word.encode(encoder)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn status_label(status: Option<u16>) -> String {
    status.map_or_else(|| NONE.to_owned(), |status| status.to_string())
}

fn seconds(from: Moment, to: Moment) -> f64 {
    to.as_secs_f64() - from.as_secs_f64()
}
