//! [`Line`]: what a request may ask of the connection it came on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures::task::AtomicWaker;

/// Orders to a connection; shared by the connection and the requests on it.
///
/// No order depends on another, so that the weakest ordering will do.
#[derive(Debug, Default)]
pub(crate) struct Line {
    is_reset: AtomicBool,
    begins_head: AtomicBool,
    reader: AtomicWaker,
}

impl Line {
    /// Ends the connection with a reset rather than in order.
    pub(super) fn reset(&self) {
        self.is_reset.store(true, Ordering::Relaxed);
    }

    /// Sends the first bytes of the answer's head now.
    pub(crate) fn begin_head(&self) {
        self.begins_head.store(true, Ordering::Relaxed);
        self.reader.wake();
    }

    pub(super) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Relaxed)
    }

    /// Whether the head is to begin; true once per order. `reader` is woken by the next one.
    pub(super) fn takes_head(&self, reader: &Waker) -> bool {
        self.reader.register(reader);
        self.begins_head.swap(false, Ordering::Relaxed)
    }
}
