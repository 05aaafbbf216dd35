//! Sinks: who is told of usage, off the path of requests.
//!
//! Each has a bounded [queue](Queue) and a task that writes it in batches. A request only adds a
//! line to each queue; where there is no room, the line is dropped and counted, because requests
//! that waited for a bill's destination would be worse than a bill that says what it lacks. An
//! address that does not answer is asked again for as long as its queue has room: events are
//! delivered at least once, and their ids tell repetitions. A file that cannot be written to
//! loses the batch, which may already be in it in part.

mod queue;
mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use futures::future::join_all;
use tokio::task::JoinSet;
use tracing::warn;

use self::queue::{Pushed, Queue};
use self::target::Target;
use super::metrics::SinkLabel;
use crate::config::{ConfigError, SinkConfig};
use crate::metrics::Metrics;
use crate::upstream::Upstream;

/// How long a gateway that stops waits for its sinks, in its own time: less than the half minute
/// after which it is stopped anyhow.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// All sinks of one gateway.
#[derive(Debug)]
pub(crate) struct Sinks {
    upstream: Upstream,
    clock: Clock,
    metrics: Arc<Metrics>,
    running: RwLock<Vec<Sink>>,
}

#[derive(Debug)]
struct Sink {
    name: String,
    config: SinkConfig,
    queue: Arc<Queue>,
    /// Whether a reload has taken it away: it gets no more, and ends when it has written all.
    is_leaving: bool,
    /// Ends its task when it is dropped.
    task: JoinSet<()>,
}

impl Sinks {
    /// Nobody yet.
    pub(crate) fn new(upstream: Upstream, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            upstream,
            clock,
            metrics,
            running: RwLock::default(),
        }
    }

    /// Tells the sinks of `configs` from now on and no others; those that are told already go on.
    ///
    /// # Errors
    /// Which files cannot be opened; then nothing has changed.
    ///
    /// # Panics
    /// Outside a tokio runtime, if there is anyone to start.
    pub(crate) fn follow(
        &self,
        configs: &BTreeMap<String, SinkConfig>,
    ) -> Result<(), Vec<ConfigError>> {
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        let is_there = |name: &str, config: &SinkConfig| {
            let is_it =
                |sink: &Sink| !sink.is_leaving && sink.name == name && sink.config == *config;
            running.iter().any(is_it)
        };
        let mut errors = Vec::new();
        let mut opened = Vec::new();
        for (name, config) in configs
            .iter()
            .filter(|(name, config)| !is_there(name, config))
        {
            match Target::open(config, &self.upstream, &self.clock) {
                Ok(target) => opened.push((name, config, target)),
                Err(error) => {
                    let message = format!("the file cannot be written to: {error}");
                    errors.push(ConfigError::new(&["usage", "sinks", name, "file"], message));
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        for sink in running.iter_mut() {
            if configs.get(&sink.name) != Some(&sink.config) {
                sink.is_leaving = true;
                sink.queue.close();
            }
        }
        running.retain(|sink| !sink.is_leaving || sink.queue.left() > 0);
        running.extend(
            opened
                .into_iter()
                .map(|(name, config, target)| self.start(name, config, target)),
        );
        Ok(())
    }

    /// Tells every sink; nobody waits.
    pub(super) fn tell(&self, line: &Arc<str>) {
        for sink in self.running().iter().filter(|sink| !sink.is_leaving) {
            if let Pushed::Dropped { is_first } = sink.queue.push(line.clone()) {
                self.dropped(&sink.name, 1);
                if is_first {
                    let sink = sink.name.as_str();
                    warn!(sink, "usage events are dropped: its queue is full");
                }
            }
        }
    }

    /// Whether there is anyone to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.running().is_empty()
    }

    /// Ends when everything so far has been written or given up.
    pub(crate) async fn written(&self) {
        let queue = |sink: &Sink| sink.queue.clone();
        let queues: Vec<_> = self.running().iter().map(queue).collect();
        join_all(queues.iter().map(|queue| queue.emptied())).await;
    }

    /// The same, and no longer than a gateway that stops can wait; what is left then is counted
    /// as dropped.
    pub(crate) async fn finish(&self) {
        let deadline = self.clock.now() + LAST_WAIT;
        if self
            .clock
            .timeout_at(deadline, self.written())
            .await
            .is_ok()
        {
            return;
        }
        let mut running = self.running.write().unwrap_or_else(PoisonError::into_inner);
        for Sink {
            name, queue, task, ..
        } in running.iter_mut()
        {
            task.abort_all();
            let left = queue.left();
            if left > 0 {
                warn!(
                    sink = name.as_str(),
                    left, "usage events are dropped: it takes too long"
                );
                self.dropped(name, left);
            }
        }
        running.clear();
    }

    fn start(&self, name: &str, config: &SinkConfig, target: Target) -> Sink {
        let queue = Arc::new(Queue::new(config.queue.get(), config.batch.get()));
        let label = SinkLabel {
            sink: name.to_owned(),
        };
        // Shown from the start, so that whoever looks sees 0 and not nothing.
        for counter in [&self.metrics.usage.written, &self.metrics.usage.dropped] {
            counter.get_or_create(&label).inc_by(0);
        }
        let mut task = JoinSet::new();
        let (clock, metrics) = (self.clock.clone(), self.metrics.clone());
        let flush = config.flush.get();
        task.spawn(write(queue.clone(), target, label, clock, flush, metrics));
        Sink {
            name: name.to_owned(),
            config: config.clone(),
            queue,
            is_leaving: false,
            task,
        }
    }

    fn dropped(&self, sink: &str, events: usize) {
        let sink = sink.to_owned();
        let dropped = self
            .metrics
            .usage
            .dropped
            .get_or_create(&SinkLabel { sink });
        dropped.inc_by(events as u64);
    }

    fn running(&self) -> RwLockReadGuard<'_, Vec<Sink>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what comes to `queue`, until that is closed.
async fn write(
    queue: Arc<Queue>,
    target: Target,
    label: SinkLabel,
    clock: Clock,
    flush: Duration,
    metrics: Arc<Metrics>,
) {
    let mut is_failing = false;
    while let Some(batch) = queue.next(&clock, flush).await {
        let events = batch.len() as u64;
        // After a line that was perhaps torn, a line of its own begins.
        let begin = if is_failing { "\n" } else { "" };
        let lines = batch.iter().flat_map(|line| [line, "\n"]);
        let lines: String = std::iter::once(begin).chain(lines).collect();
        let counter = match target.write(Bytes::from(lines)).await {
            Ok(()) => {
                is_failing = false;
                &metrics.usage.written
            }
            Err(why) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(sink = label.sink, %why, "usage events are dropped");
                }
                &metrics.usage.dropped
            }
        };
        counter.get_or_create(&label).inc_by(events);
        queue.done();
    }
}
