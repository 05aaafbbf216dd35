//! [`Traffic`]: the requests under way, and the end of letting new ones in.
//!
//! A gateway that stops must finish what it has begun: clients of a stream have no way to ask for
//! the rest of it. The listener stays open meanwhile, so that newcomers are told to go elsewhere
//! instead of finding nobody, and so that `/health` can say what is going on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The requests under way; a handle, all clones count as one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// One lock for both, so that nobody enters between the last look and the stop.
    count: Mutex<Count>,
    idle: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    under_way: u64,
    is_draining: bool,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Traffic);

impl Traffic {
    /// Counts a request that has arrived; `None` if no more are let in.
    pub(crate) fn enter(&self) -> Option<UnderWay> {
        let mut count = self.count();
        if count.is_draining {
            return None;
        }
        count.under_way += 1;
        Some(UnderWay(self.clone()))
    }

    /// Lets nobody in from now on; the future ends when the last request under way has.
    pub(crate) fn drain(&self) -> impl Future<Output = ()> + Send + use<> {
        self.count().is_draining = true;
        let traffic = self.clone();
        async move {
            loop {
                // Made before the look: what happens between the two is not missed.
                let idle = traffic.0.idle.notified();
                if traffic.under_way() == 0 {
                    return;
                }
                idle.await;
            }
        }
    }

    /// How many requests are under way.
    pub(crate) fn under_way(&self) -> u64 {
        self.count().under_way
    }

    /// Whether no more requests are let in.
    pub(crate) fn is_draining(&self) -> bool {
        self.count().is_draining
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        let count = self.0.count.lock();
        count.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let is_last = {
            let mut count = self.0.count();
            count.under_way -= 1;
            count.under_way == 0
        };
        if is_last {
            self.0.0.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_drain_waits_for_who_is_inside_and_lets_nobody_in() {
        let traffic = Traffic::default();
        let first = traffic.enter().unwrap();
        let second = traffic.enter().unwrap();
        let mut drained = Box::pin(traffic.drain());
        assert!(traffic.enter().is_none());
        drop(first);
        assert_eq!((&mut drained).now_or_never(), None);
        drop(second);
        assert_eq!(drained.now_or_never(), Some(()));
    }

    #[test]
    fn nobody_to_wait_for_is_waited_for_no_longer() {
        assert_eq!(Traffic::default().drain().now_or_never(), Some(()));
    }
}
