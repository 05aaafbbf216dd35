//! [`UsageMetrics`]: usage as counters by dimension, in a bounded number of series.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::access_log::Entry;
use crate::config::Dimension;
use crate::usage::Usage;

/// So many combinations of labels are told apart. Each is four series, so a page stays within a few
/// megabytes whatever callers and backends make up.
const MOST_COMBINATIONS: usize = 1_000;

/// A dimension of which there is none; the word of API Management.
const NONE: &str = "N/A";

/// A value that came after too many others.
const OTHER: &str = "other";

/// Longer values that no configuration has set are cut, in characters; Azure's deployments have as
/// many.
const LONGEST_VALUE: usize = 64;

type Labels = Vec<(String, String)>;

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct UsageMetrics {
    tokens: Family<Labels, Counter>,
    requests: Family<Labels, Counter>,
    combinations: Mutex<HashSet<Labels>>,
    /// Answers whose usage contradicted itself, or was no number of tokens.
    pub(crate) disbelieved: Counter,
    /// Events that a sink has taken.
    pub(super) written: Family<SinkLabel, Counter>,
    /// Events that it will never get.
    pub(super) dropped: Family<SinkLabel, Counter>,
}

/// The sink.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
pub(super) struct SinkLabel {
    pub(super) sink: String,
}

/// By what the usage of one request is counted: dimensions with the values its headers give.
#[derive(Debug)]
pub(crate) struct Account(Vec<(Dimension, Option<String>)>);

impl UsageMetrics {
    /// Adds them to `registry`.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "usage_tokens",
            "Tokens of answers, told or estimated",
            self.tokens.clone(),
        );
        registry.register(
            "usage_requests",
            "Answers whose tokens are counted",
            self.requests.clone(),
        );
        registry.register(
            "usage_disbelieved",
            "Answers whose usage was estimated because what they told cannot be true",
            self.disbelieved.clone(),
        );
        registry.register(
            "usage_events_written",
            "Usage events that a sink has taken",
            self.written.clone(),
        );
        registry.register(
            "usage_events_dropped",
            "Usage events that a sink will never get",
            self.dropped.clone(),
        );
    }

    /// Counts the `usage` of a request that has ended.
    pub(super) fn count(&self, account: &Account, entry: &Entry, usage: Usage) {
        let labels = self.bounded(account.labels(entry), account);
        let with = |key: &str, value: &str| {
            let mut labels = labels.clone();
            labels.push((key.to_owned(), value.to_owned()));
            labels
        };
        for (kind, tokens) in [
            ("prompt", usage.prompt_tokens),
            ("completion", usage.completion_tokens),
        ] {
            let tokens_of_kind = self.tokens.get_or_create(&with("kind", kind));
            tokens_of_kind.inc_by(tokens);
        }
        let estimated = if usage.estimated { "true" } else { "false" };
        self.requests
            .get_or_create(&with("estimated", estimated))
            .inc();
    }

    /// `labels`; after too many others without what callers and backends can make up.
    fn bounded(&self, mut labels: Labels, account: &Account) -> Labels {
        let known = self.combinations.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_COMBINATIONS && !known.contains(&labels) {
            for ((_, value), (dimension, _)) in labels.iter_mut().zip(&account.0) {
                if dimension.is_unbounded() {
                    OTHER.clone_into(value);
                }
            }
            return labels;
        }
        known.insert(labels.clone());
        labels
    }
}

impl Account {
    /// The account of a request with these `headers`.
    pub(crate) fn new(dimensions: &[Dimension], headers: &HeaderMap) -> Self {
        let said = |dimension: &Dimension| {
            let Dimension::Header(name) = dimension else {
                return None;
            };
            Some(headers.get(name)?.to_str().ok()?.to_owned())
        };
        let known = dimensions.iter().map(|d| (d.clone(), said(d)));
        Self(known.collect())
    }

    fn labels(&self, entry: &Entry) -> Labels {
        let label = |(dimension, said): &(Dimension, Option<String>)| {
            let value = match dimension {
                Dimension::Subscription => &entry.subscription,
                Dimension::Product => &entry.product,
                Dimension::Api => &entry.api,
                Dimension::Operation => &entry.operation,
                Dimension::Deployment => &entry.deployment,
                Dimension::Model => &entry.model,
                Dimension::Backend => &entry.backend,
                Dimension::ClientIp => &entry.client_ip,
                Dimension::Header(_) => said,
            };
            let longest = if dimension.is_unbounded() {
                LONGEST_VALUE
            } else {
                usize::MAX
            };
            let value = value.as_deref().unwrap_or(NONE).chars().take(longest);
            (dimension.label(), value.collect())
        };
        self.0.iter().map(label).collect()
    }
}

impl Dimension {
    /// Whether its values are not those of a configuration.
    fn is_unbounded(&self) -> bool {
        matches!(
            self,
            Self::Deployment | Self::Model | Self::ClientIp | Self::Header(_)
        )
    }
}
