//! [`Probing`]: the probers that run, and those that a reload starts and stops.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;

use super::{Prober, Tools};

/// The running probers of one gateway; they end with it.
#[derive(Debug)]
pub(crate) struct Probing {
    tools: Tools,
    running: Mutex<BTreeMap<String, Running>>,
}

#[derive(Debug)]
struct Running {
    prober: Prober,
    /// Ends its task when it is dropped.
    _task: JoinSet<()>,
}

impl Probing {
    /// Nobody yet.
    pub(crate) fn new(tools: Tools) -> Self {
        Self {
            tools,
            running: Mutex::default(),
        }
    }

    /// Lets `probers` run and no others; those that run already go on.
    ///
    /// # Panics
    /// Outside a tokio runtime, if there is anyone to start.
    pub(crate) fn follow(&self, probers: &BTreeMap<String, Prober>) {
        let running = self.running.lock();
        let mut running = running.unwrap_or_else(PoisonError::into_inner);
        running.retain(|name, running| {
            let wanted = probers.get(name);
            wanted.is_some_and(|wanted| wanted.is_as(&running.prober))
        });
        for (name, prober) in probers {
            running.entry(name.clone()).or_insert_with(|| {
                let mut task = JoinSet::new();
                task.spawn(prober.clone().run(self.tools.clone()));
                Running {
                    prober: prober.clone(),
                    _task: task,
                }
            });
        }
    }
}
