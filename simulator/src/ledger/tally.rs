//! [`Tally`]: sums over everything that was booked, which outlast the entries.
//!
//! Counted from the entries as they are closed, so that ledger, counters and metrics cannot
//! contradict each other.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Entry;

/// Names of deployments that are told apart. Callers make up names; where any is served, each
/// would be a row for ever.
const DEPLOYMENTS: usize = 200;

/// Where requests are counted whose deployment is not told apart.
const OTHER: &str = "other";

/// Where requests are counted that had got no deployment or no operation.
const NONE: &str = "none";

/// Bounds of the buckets of durations, in simulated seconds: from an embedding to the longest
/// answer of a reasoning model.
pub(crate) const BUCKETS_S: [f64; 12] = [
    0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
];

/// What requests of a simulator add up to since the last reset.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Counters {
    /// Requests under way.
    pub in_flight: u64,
    /// Requests that have ended, by deployment, operation and status.
    pub totals: Vec<Total>,
}

/// Requests of one deployment and operation that ended with one status.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Total {
    /// The deployment that served, else the one asked for; `none` where none was found, `other`
    /// beyond 200 names.
    pub deployment: String,
    /// The operation; `none` where it was not known.
    pub operation: String,
    /// The status; 0 if there was no answer.
    pub status: u16,
    /// Requests.
    pub requests: u64,
    /// Those whose caller left before the end.
    pub aborted_by_client: u64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Those of prompts that were cached.
    pub cached_tokens: u64,
    /// Tokens of whole answers.
    pub completion_tokens: u64,
    /// Tokens of answers that were taken.
    pub tokens_yielded: u64,
    /// Tokens charged against limits.
    pub tokens_charged: u64,
    /// From arrivals to the ends of answers, in simulated seconds.
    pub duration_s: f64,
    /// Requests by duration: in each bucket of the metrics, the last for what is longer.
    #[serde(skip)]
    pub(crate) buckets: [u64; BUCKETS_S.len() + 1],
}

/// The sums, while they grow.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sums: Mutex<Sums>,
    /// Told whenever a request ends.
    closed: Notify,
}

/// By deployment, then by operation and status.
#[derive(Debug, Default)]
struct Sums {
    in_flight: u64,
    totals: BTreeMap<String, BTreeMap<(String, u16), Total>>,
}

impl Tally {
    /// Counts a request that has begun.
    pub(super) fn opened(&self) {
        self.lock().in_flight += 1;
    }

    /// Counts a request whose entry was just closed.
    pub(super) fn closed(&self, entry: &Entry) {
        let mut sums = self.lock();
        sums.in_flight -= 1;
        sums.total(entry).add(entry);
        drop(sums);
        self.closed.notify_waiters();
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&self) {
        loop {
            // From before the look, so that the last end is not missed.
            let mut closed = std::pin::pin!(self.closed.notified());
            closed.as_mut().enable();
            if self.lock().in_flight == 0 {
                return;
            }
            closed.await;
        }
    }

    pub(super) fn counters(&self) -> Counters {
        let sums = self.lock();
        let totals = sums.totals.values().flat_map(BTreeMap::values);
        Counters {
            in_flight: sums.in_flight,
            totals: totals.cloned().collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    /// The row that `entry` belongs to.
    fn total(&mut self, entry: &Entry) -> &mut Total {
        let deployment = match entry.served_by.as_ref().or(entry.deployment.as_ref()) {
            Some(name) if entry.refusal.as_deref() != Some("unknown-deployment") => name,
            _ => NONE,
        };
        let is_new = !self.totals.contains_key(deployment);
        let deployment = if is_new && self.totals.len() >= DEPLOYMENTS {
            OTHER
        } else {
            deployment
        };
        let operation = entry.operation.as_deref().unwrap_or(NONE);
        let rows = self.totals.entry(deployment.to_owned()).or_default();
        let key = (operation.to_owned(), entry.status);
        rows.entry(key).or_insert_with(|| Total {
            deployment: deployment.to_owned(),
            operation: operation.to_owned(),
            status: entry.status,
            ..Total::default()
        })
    }
}

impl Total {
    fn add(&mut self, entry: &Entry) {
        self.requests += 1;
        self.aborted_by_client += u64::from(entry.aborted_by_client);
        self.prompt_tokens += entry.prompt_tokens;
        self.cached_tokens += entry.cached_tokens;
        self.completion_tokens += entry.completion_tokens;
        self.tokens_yielded += entry.tokens_yielded;
        self.tokens_charged += entry.tokens_charged;
        let ended = entry.ended.unwrap_or(entry.arrived);
        self.observe(ended.since(entry.arrived));
    }

    /// Adds what `other` adds up to.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.aborted_by_client += other.aborted_by_client;
        self.prompt_tokens += other.prompt_tokens;
        self.cached_tokens += other.cached_tokens;
        self.completion_tokens += other.completion_tokens;
        self.tokens_yielded += other.tokens_yielded;
        self.tokens_charged += other.tokens_charged;
        self.duration_s += other.duration_s;
        for (bucket, count) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += count;
        }
    }

    fn observe(&mut self, duration: Duration) {
        let duration = duration.as_secs_f64();
        self.duration_s += duration;
        let bucket = BUCKETS_S.partition_point(|&bound| bound < duration);
        self.buckets[bucket] += 1;
    }
}
