//! [`Budget`]: how many retries all requests together may make.
//!
//! Retries help a request and hurt a backend that is overloaded: without a bound, an outage
//! multiplies the load by the number of attempts. The bound is a share of the requests, so that
//! it grows with traffic, or a fixed number, so that little traffic may retry at all.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Moment;

use crate::config::BudgetConfig;

/// A budget, shared by all requests of an API.
#[derive(Debug)]
pub(super) struct Budget {
    percent: u64,
    at_least: u64,
    within: Duration,
    book: Mutex<Book>,
}

/// What happened within the time that counts, oldest first.
#[derive(Debug, Default)]
struct Book {
    requests: VecDeque<Moment>,
    retries: VecDeque<Moment>,
}

impl Budget {
    /// A budget of which nothing is spent.
    pub(super) fn new(config: BudgetConfig) -> Self {
        Self {
            percent: config.percent.into(),
            at_least: config.at_least.into(),
            within: config.within.get(),
            book: Mutex::default(),
        }
    }

    /// Takes note that a request begins at `now`.
    pub(super) fn begins(&self, now: Moment) {
        self.with_book(now, |book| book.requests.push_back(now));
    }

    /// Spends one retry at `now`, if there is one left.
    pub(super) fn take(&self, now: Moment) -> bool {
        self.with_book(now, |book| {
            let share = book.requests.len() as u64 * self.percent / 100;
            let is_left = (book.retries.len() as u64) < share.max(self.at_least);
            if is_left {
                book.retries.push_back(now);
            }
            is_left
        })
    }

    fn with_book<T>(&self, now: Moment, act: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let Book { requests, retries } = &mut *book;
        for times in [requests, retries] {
            while times
                .front()
                .is_some_and(|&old| now.since(old) >= self.within)
            {
                times.pop_front();
            }
        }
        act(&mut book)
    }
}
