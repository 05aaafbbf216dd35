//! [`Accounts`]: what becomes of the usage of each request: counted, and told to the sinks.

use std::sync::Arc;

use clock::Clock;
use http::HeaderMap;

use super::UsageEvent;
use super::metrics::Account;
use super::sink::Sinks;
use crate::access_log::Entry;
use crate::config::Dimension;
use crate::metrics::Metrics;
use crate::upstream::Upstream;

/// The usage of all requests of one gateway.
#[derive(Debug)]
pub(crate) struct Accounts {
    clock: Clock,
    metrics: Arc<Metrics>,
    pub(crate) sinks: Sinks,
}

/// The account of a request that is under way.
#[derive(Debug)]
pub(crate) struct OpenAccount {
    accounts: Arc<Accounts>,
    account: Account,
}

impl Accounts {
    /// No usage yet, and no sinks.
    pub(crate) fn new(upstream: Upstream, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            sinks: Sinks::new(upstream, clock.clone(), metrics.clone()),
            clock,
            metrics,
        }
    }

    /// Opens the account of a request with these `headers`.
    pub(crate) fn open(self: &Arc<Self>, by: &[Dimension], headers: &HeaderMap) -> OpenAccount {
        OpenAccount {
            accounts: self.clone(),
            account: Account::new(by, headers),
        }
    }

    /// What `entries` came to.
    pub(crate) fn events(&self, entries: &[Entry]) -> Vec<UsageEvent> {
        let events = entries.iter();
        events
            .filter_map(|entry| UsageEvent::of(entry, &self.clock))
            .collect()
    }

    fn book(&self, account: &Account, entry: &Entry) {
        let (Some(usage), Some(event)) = (entry.usage, UsageEvent::of(entry, &self.clock)) else {
            return;
        };
        self.metrics.usage.count(account, entry, usage);
        if self.sinks.is_empty() {
            return;
        }
        let line = serde_json::to_string(&event).expect("texts and numbers are JSON");
        self.sinks.tell(&Arc::from(line));
    }
}

impl OpenAccount {
    /// Books the usage of `entry`, which has just been closed.
    pub(crate) fn book(&self, entry: &Entry) {
        self.accounts.book(&self.account, entry);
    }
}
