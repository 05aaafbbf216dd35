//! [`Queue`]: events on their way to one sink; bounded, so that a sink that hangs costs memory
//! once and nobody's time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Clock;
use tokio::sync::Notify;

/// Lines that wait to be written.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    batch: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Arc<str>>,
    /// Taken, and not yet written.
    in_hand: usize,
    /// Somebody waits for the queue to be empty: no line waits for others.
    is_hurried: bool,
    /// No more will come.
    is_closed: bool,
    /// Lines have been dropped since the queue was last empty.
    is_dropping: bool,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pushed {
    Queued,
    /// There was no room; the first of its burst or a further one.
    Dropped {
        is_first: bool,
    },
}

impl Queue {
    pub(super) fn new(capacity: usize, batch: usize) -> Self {
        Self {
            capacity,
            batch: batch.min(capacity),
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Adds a line, if there is room.
    pub(super) fn push(&self, line: Arc<str>) -> Pushed {
        let mut state = self.state();
        if state.lines.len() + state.in_hand >= self.capacity {
            let is_first = !std::mem::replace(&mut state.is_dropping, true);
            return Pushed::Dropped { is_first };
        }
        state.lines.push_back(line);
        let is_news = state.lines.len() == 1 || state.lines.len() == self.batch;
        drop(state);
        if is_news {
            self.changed.notify_waiters();
        }
        Pushed::Queued
    }

    /// The next lines to write, oldest first: a full batch, or those there are `flush` after the
    /// first of them was seen. `None` when the queue is closed and empty.
    pub(super) async fn next(&self, clock: &Clock, flush: Duration) -> Option<Vec<Arc<str>>> {
        let mut deadline = None;
        loop {
            // Made before the look: what happens between the two is not missed.
            let changed = self.changed.notified();
            if let Some(batch) = self.take(|waiting| waiting >= self.batch) {
                return Some(batch);
            }
            if self.state().lines.is_empty() {
                if self.state().is_closed {
                    return None;
                }
                changed.await;
                continue;
            }
            let deadline = *deadline.get_or_insert(clock.now() + flush);
            if clock.timeout_at(deadline, changed).await.is_err() {
                return self.take(|_| true);
            }
        }
    }

    /// The lines taken last are written or given up.
    pub(super) fn done(&self) {
        let mut state = self.state();
        state.in_hand = 0;
        if state.lines.is_empty() {
            state.is_dropping = false;
            state.is_hurried = false;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Lets no line wait any longer; ends when none is left.
    pub(super) async fn emptied(&self) {
        {
            let mut state = self.state();
            state.is_hurried = !state.lines.is_empty();
        }
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            if self.left() == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Says that no more lines will come.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_waiters();
    }

    /// How many lines have been pushed and not been written.
    pub(super) fn left(&self) -> usize {
        let state = self.state();
        state.lines.len() + state.in_hand
    }

    /// A batch, if so many lines as wait are enough.
    fn take(&self, is_enough: impl Fn(usize) -> bool) -> Option<Vec<Arc<str>>> {
        let mut state = self.state();
        let waiting = state.lines.len();
        let is_due = is_enough(waiting) || state.is_hurried || state.is_closed;
        if waiting == 0 || !is_due {
            return None;
        }
        state.in_hand = waiting.min(self.batch);
        let in_hand = state.in_hand;
        Some(state.lines.drain(..in_hand).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
