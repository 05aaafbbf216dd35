//! [`Foreign`]: what a gateway that is not ours to ask writes down.
//!
//! An access log and usage events are files of JSON lines, and counters are a page. All may hold
//! earlier runs, whose requests nobody sent in this one: they are looked at before a run, and only
//! what follows counts.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clock::Clock;
use serde::de::DeserializeOwned;

use super::page;
use super::{AccessEntry, Profile, UsageEvent};
use crate::evidence::Source;

/// How long a gateway may take to write down a request that it has answered.
const LOG_SETTLES: Duration = Duration::from_millis(100);

/// How long it may take to write down what an answer used: events are written in batches, by our
/// gateway once a second.
const EVENTS_SETTLE: Duration = Duration::from_millis(1_500);

/// Long enough for a busy machine, short enough that a dead address is noticed.
const PAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a gateway's profile names, and what was in it before the run.
#[derive(Debug)]
pub(super) struct Foreign {
    profile: Profile,
    /// The address of its metrics page.
    page: Option<String>,
    log_before: usize,
    events_before: usize,
    /// An empty page is what a gateway shows that has counted nothing.
    page_before: anyhow::Result<String>,
}

impl Foreign {
    /// The gateway of `profile` at `url`, before a run adds its own.
    pub(super) async fn before(profile: &Profile, url: &str) -> Self {
        // The request that asked whether it is ready may still be on its way into the log.
        settle(profile.access_log.as_deref().map(|_| LOG_SETTLES)).await;
        let page = profile.metrics_at(url);
        Self {
            log_before: lines(profile.access_log.as_deref()),
            events_before: lines(profile.usage_events.as_deref()),
            page_before: match &page {
                Some(page) => get(page).await,
                None => Ok(String::new()),
            },
            page,
            profile: profile.clone(),
        }
    }

    /// Its access log of this run.
    pub(super) fn log(&self) -> Source<Vec<AccessEntry>> {
        let path = self.profile.access_log.as_deref();
        let mut log = self.read(path, "access log", self.log_before);
        if let Source::Given(entries) = &mut log {
            // Lines are written when answers end, numbers are given when requests arrive.
            entries.sort_by_key(|entry: &AccessEntry| entry.number);
            let first = entries.first().map_or(0, |entry| entry.number);
            for entry in entries {
                entry.number -= first;
            }
        }
        log
    }

    /// Its usage events of this run.
    pub(super) async fn usage_events(&self) -> Source<Vec<UsageEvent>> {
        let path = self.profile.usage_events.as_deref();
        settle(path.map(|_| EVENTS_SETTLE)).await;
        self.read(path, "usage events", self.events_before)
    }

    /// Its metrics page, as if it had counted nothing before this run.
    pub(super) async fn metrics(&self) -> Source<String> {
        let Some(page) = &self.page else {
            return self.nothing("metrics page");
        };
        let missing = |why: &anyhow::Error| Source::Missing(format!("the page {page}: {why:#}"));
        match (&self.page_before, get(page).await) {
            (Ok(before), Ok(after)) => Source::Given(page::since(before, &after)),
            (Err(why), _) => missing(why),
            (_, Err(why)) => missing(&why),
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        path: Option<&Path>,
        what: &str,
        before: usize,
    ) -> Source<Vec<T>> {
        let Some(path) = path else {
            return self.nothing(what);
        };
        match read(path, before) {
            Ok(records) => Source::Given(records),
            Err(why) => Source::Missing(format!("the {what} {}: {why:#}", path.display())),
        }
    }

    fn nothing<T>(&self, what: &str) -> Source<T> {
        Source::Missing(format!("the gateway {} gives no {what}", self.profile.name))
    }
}

/// What a file of JSON lines says after its first `before` lines.
///
/// # Errors
/// When it cannot be read, or a line is not a record.
pub(super) fn read<T: DeserializeOwned>(path: &Path, before: usize) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(path).context("unreadable")?;
    let lines = text.lines().skip(before).map(serde_json::from_str);
    let records = lines.collect::<Result<_, _>>();
    records.context("not in our format")
}

/// A file that is not there yet is empty; one that stays away is told after the run.
fn lines(path: Option<&Path>) -> usize {
    let text = path.map(std::fs::read_to_string);
    text.and_then(Result::ok)
        .map_or(0, |text| text.lines().count())
}

/// Waits so long in real time, if at all.
async fn settle(time: Option<Duration>) {
    if let Some(time) = time {
        let clock = Clock::system();
        clock.sleep_until(clock.now() + time).await;
    }
}

async fn get(page: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder().no_proxy();
    let client = client.timeout(PAGE_TIMEOUT).build()?;
    let answer = client.get(page).send().await?;
    Ok(answer.error_for_status()?.text().await?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::{Router, routing};
    use clock::Moment;

    use super::*;

    /// Lines of requests with these numbers, in this order.
    fn text(numbers: &[u64]) -> String {
        let line = |number: &u64| {
            let entry = AccessEntry {
                number: *number,
                arrived: Moment::from_micros(*number),
                ..AccessEntry::default()
            };
            serde_json::to_string(&entry).unwrap() + "\n"
        };
        numbers.iter().map(line).collect()
    }

    #[tokio::test]
    async fn only_what_this_run_added_is_read_in_order_of_arrival() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let profile = Profile {
            access_log: Some(file.path().to_owned()),
            ..Profile::default()
        };
        std::fs::write(file.path(), text(&[0])).unwrap();
        let foreign = Foreign::before(&profile, "http://unused").await;
        std::fs::write(file.path(), text(&[0, 2, 1])).unwrap();

        let Source::Given(entries) = foreign.log() else {
            panic!("the log is there");
        };
        let arrived: Vec<_> = entries
            .iter()
            .map(|entry| (entry.number, entry.arrived.as_micros()))
            .collect();
        assert_eq!(arrived, [(0, 1), (1, 2)]);
    }

    #[tokio::test]
    async fn what_a_page_counted_before_is_no_part_of_the_run() {
        let counted = Arc::new(AtomicU64::new(7));
        let count = move || {
            let counted = counted.fetch_add(5, Ordering::Relaxed);
            std::future::ready(format!("usage_total {counted}\n"))
        };
        let router = Router::new().route("/metrics", routing::get(count));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut servers = tokio::task::JoinSet::new();
        servers.spawn(async move { axum::serve(listener, router).await.unwrap() });

        let profile = Profile {
            metrics: Some("/metrics".to_owned()),
            ..Profile::default()
        };
        let foreign = Foreign::before(&profile, &url).await;
        let page = Source::Given("usage_total 5\n".to_owned());
        assert_eq!(foreign.metrics().await, page);
    }

    #[tokio::test]
    async fn what_a_profile_does_not_name_is_missing_with_the_reason() {
        let profile = Profile {
            name: "theirs".to_owned(),
            ..Profile::default()
        };
        let foreign = Foreign::before(&profile, "http://unused").await;
        let why = "the gateway theirs gives no usage events".to_owned();
        assert_eq!(foreign.usage_events().await, Source::Missing(why));
        let why = "the gateway theirs gives no metrics page".to_owned();
        assert_eq!(foreign.metrics().await, Source::Missing(why));
    }
}
