//! The counters as text for Prometheus.
//!
//! Written from the same sums as `/++/counters`, when somebody asks: nothing is counted twice.
//! Labels are names of deployments, of which only so many are told apart, operations and classes
//! of status. Times are in simulated seconds.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::ledger::{BUCKETS_S, Counters, Total};

/// Of the text that [`text`] writes.
// Source: https://github.com/prometheus/OpenMetrics, specification, "Text format" (read 2026-08).
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `counters` as text.
pub(crate) fn text(counters: Counters) -> String {
    let mut registry = Registry::with_prefix("simulator");
    registry.register_collector(Box::new(Metrics::new(counters)));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes any text");
    text
}

/// The counters, with statuses put into classes.
#[derive(Debug)]
struct Metrics {
    in_flight: u64,
    totals: Vec<([(&'static str, String); 3], Total)>,
}

impl Metrics {
    /// Adds up the statuses of a class.
    fn new(counters: Counters) -> Self {
        let mut totals: BTreeMap<_, Total> = BTreeMap::new();
        for total in counters.totals {
            let class = match total.status {
                0 => "none".to_owned(),
                status => format!("{}xx", status / 100),
            };
            let labels = (total.deployment.clone(), total.operation.clone(), class);
            totals.entry(labels).or_default().merge(&total);
        }
        let labelled = totals
            .into_iter()
            .map(|((deployment, operation, status), total)| {
                let labels = [
                    ("deployment", deployment),
                    ("operation", operation),
                    ("status", status),
                ];
                (labels, total)
            });
        Self {
            in_flight: counters.in_flight,
            totals: labelled.collect(),
        }
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let in_flight = ConstGauge::new(i64::try_from(self.in_flight).unwrap_or(i64::MAX));
        let help = "Requests under way";
        let gauge =
            encoder.encode_descriptor("requests_in_flight", help, None, MetricType::Gauge)?;
        in_flight.encode(gauge)?;
        for (name, help, value) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (labels, total) in &self.totals {
                ConstCounter::new(value(total)).encode(family.encode_family(labels)?)?;
            }
        }
        self.encode_durations(encoder)
    }
}

impl Metrics {
    fn encode_durations(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "From the arrival of a request to the end of its answer, simulated";
        let kind = MetricType::Histogram;
        let mut family =
            encoder.encode_descriptor("request_duration", help, Some(&Unit::Seconds), kind)?;
        for (labels, total) in &self.totals {
            let bounds = BUCKETS_S.into_iter().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(total.buckets).collect();
            let mut histogram = family.encode_family(labels)?;
            histogram.encode_histogram::<NoLabelSet>(
                total.duration_s,
                total.requests,
                &buckets,
                None,
            )?;
        }
        Ok(())
    }
}

/// Counters by name, each with its help and what it counts; `_total` is appended.
type Counter = (&'static str, &'static str, fn(&Total) -> u64);

const COUNTERS: [Counter; 7] = [
    (
        "requests",
        "Requests that have ended, by class of status",
        |total| total.requests,
    ),
    (
        "aborted_requests",
        "Requests whose caller left before the end",
        |total| total.aborted_by_client,
    ),
    ("prompt_tokens", "Tokens of prompts", |total| {
        total.prompt_tokens
    }),
    (
        "cached_tokens",
        "Tokens of prompts that were cached",
        |total| total.cached_tokens,
    ),
    ("completion_tokens", "Tokens of whole answers", |total| {
        total.completion_tokens
    }),
    (
        "yielded_tokens",
        "Tokens of answers that were taken",
        |total| total.tokens_yielded,
    ),
    ("charged_tokens", "Tokens charged against limits", |total| {
        total.tokens_charged
    }),
];
