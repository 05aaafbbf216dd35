//! [`Ledger`]: the bounded, numbered list of entries.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::Clock;
use tokio_util::sync::CancellationToken;

use super::tally::Tally;
use super::{Arrival, Counters, Entry, Filter, Guard};

/// Takes about half a gigabyte; a run that needs more reads the ledger as it goes.
const CAPACITY: usize = 1_000_000;

/// Bytes of paths and ids, which callers make as long as they like: many times what a full ledger
/// of requests has that somebody means.
const TEXT_BYTES: usize = 1 << 30;

/// The requests a simulator has seen; a cheap handle, all clones show the same book.
///
/// Bounded: beyond a million entries, or a gigabyte of paths and ids, the oldest are dropped, which
/// [`first_number`](Self::first_number) tells.
#[derive(Clone, Debug)]
pub struct Ledger {
    clock: Clock,
    book: Arc<Mutex<Book>>,
}

#[derive(Debug)]
struct Book {
    /// Number of the oldest entry kept.
    first: u64,
    capacity: usize,
    entries: VecDeque<Page>,
    /// Bytes of paths and ids of the entries kept, and how many there may be.
    text_bytes: usize,
    most_text_bytes: usize,
    seen: HashMap<Arc<str>, Seen>,
    /// Of all entries since the last reset, those dropped since too.
    tally: Arc<Tally>,
}

#[derive(Debug)]
struct Page {
    entry: Arc<Mutex<Entry>>,
    text_bytes: usize,
    correlation: Option<Arc<str>>,
}

/// How often a correlation was seen, and in how many entries still kept.
#[derive(Debug, Default)]
struct Seen {
    requests: u32,
    kept: u32,
}

impl Ledger {
    pub(crate) fn new(clock: Clock) -> Self {
        Self::with_capacity(clock, CAPACITY)
    }

    fn with_capacity(clock: Clock, capacity: usize) -> Self {
        let book = Book {
            first: 0,
            capacity,
            entries: VecDeque::new(),
            text_bytes: 0,
            most_text_bytes: TEXT_BYTES,
            seen: HashMap::new(),
            tally: Arc::default(),
        };
        Self {
            clock,
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// Copies of all entries kept, oldest first; open ones as they are now.
    pub fn entries(&self) -> Vec<Entry> {
        self.since(0)
    }

    /// Copies of the entries from `number` on, oldest first; open ones as they are now.
    pub fn since(&self, number: u64) -> Vec<Entry> {
        self.select(Filter {
            since: number,
            ..Filter::default()
        })
        .collect()
    }

    /// The entries that `filter` admits, oldest first; each as it is when it is taken.
    pub fn select(&self, filter: Filter) -> impl Iterator<Item = Entry> + Send + use<> {
        let most = filter.limit.unwrap_or(usize::MAX);
        let pages = self.pages(filter.since).into_iter();
        let admitted = pages.filter_map(move |entry| {
            let entry = lock(&entry);
            filter.admits(&entry).then(|| entry.clone())
        });
        admitted.take(most)
    }

    /// Handles to the entries from `number` on.
    fn pages(&self, number: u64) -> Vec<Arc<Mutex<Entry>>> {
        // Held only while the handles are copied: arrivals must not wait for a reader.
        let book = self.lock();
        let skipped = usize::try_from(number.saturating_sub(book.first)).unwrap_or(usize::MAX);
        let pages = book.entries.iter().skip(skipped);
        pages.map(|page| Arc::clone(&page.entry)).collect()
    }

    /// What all requests since the last reset add up to, those that were dropped too.
    pub fn counters(&self) -> Counters {
        self.tally().counters()
    }

    /// Waits until no request is open: on sockets a caller may have left before that is noticed.
    pub async fn settled(&self) {
        self.tally().settled().await;
    }

    fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.lock().tally)
    }

    /// How many entries are open: arrived, and neither ended nor dropped.
    pub fn open_count(&self) -> usize {
        let book = self.lock();
        let entries = book.entries.iter();
        entries
            .filter(|page| lock(&page.entry).ended.is_none())
            .count()
    }

    /// The number of the oldest entry kept; above 0 once entries had to be dropped.
    pub fn first_number(&self) -> u64 {
        self.lock().first
    }

    /// Forgets everything; numbers start from 0 again, requests in flight are no longer booked.
    pub(crate) fn reset(&self) {
        let mut book = self.lock();
        book.first = 0;
        book.entries.clear();
        book.text_bytes = 0;
        book.seen.clear();
        book.tally = Arc::default();
    }

    /// Opens the entry of a request that has just arrived at a simulator that is `up`.
    pub(crate) fn open(&self, arrival: Arrival, up: CancellationToken) -> Guard {
        let Arrival {
            mut entry,
            correlation,
        } = arrival;
        let correlation: Option<Arc<str>> = correlation.map(Into::into);
        let mut book = self.lock();
        // Under the lock, so that moments and numbers agree about the order of arrival.
        entry.arrived = self.clock.now();
        entry.number = book.first + book.entries.len() as u64;
        if let Some(correlation) = &correlation {
            entry.ordinal = book.count(correlation);
        }
        let text_bytes = entry.path_and_query.len() + entry.ids().map(String::len).sum::<usize>();
        let entry = Arc::new(Mutex::new(entry));
        book.push(Page {
            entry: Arc::clone(&entry),
            text_bytes,
            correlation,
        });
        let tally = Arc::clone(&book.tally);
        drop(book);
        Guard::new(entry, self.clock.clone(), up, tally)
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Counts one more request with `correlation`; returns how many there were before.
    fn count(&mut self, correlation: &Arc<str>) -> u32 {
        let seen = self.seen.entry(Arc::clone(correlation)).or_default();
        let before = seen.requests;
        seen.requests = seen.requests.saturating_add(1);
        seen.kept += 1;
        before
    }

    fn push(&mut self, page: Page) {
        self.text_bytes += page.text_bytes;
        self.entries.push_back(page);
        while self.entries.len() > self.capacity || self.text_bytes > self.most_text_bytes {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(page) = self.entries.pop_front() else {
            return;
        };
        self.first += 1;
        self.text_bytes -= page.text_bytes;
        let Some(correlation) = page.correlation else {
            return;
        };
        if let Some(seen) = self.seen.get_mut(&correlation) {
            seen.kept -= 1;
            if seen.kept == 0 {
                self.seen.remove(&correlation);
            }
        }
    }
}

/// Locks an entry; a panic elsewhere leaves it readable, since fields are set one by one.
pub(super) fn lock(entry: &Mutex<Entry>) -> MutexGuard<'_, Entry> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use clock::Moment;

    use super::*;

    fn arrival(correlation: Option<&str>) -> Arrival {
        Arrival {
            entry: Entry::default(),
            correlation: correlation.map(str::to_owned),
        }
    }

    fn up() -> CancellationToken {
        CancellationToken::new()
    }

    fn ledger(capacity: usize) -> Ledger {
        Ledger::with_capacity(Clock::paused(clock::DEFAULT_ANCHOR), capacity)
    }

    #[tokio::test(start_paused = true)]
    async fn entries_are_numbered_from_zero_in_order_of_arrival() {
        let ledger = ledger(10);
        for _ in 0..3 {
            drop(ledger.open(arrival(None), up()));
        }
        let numbers: Vec<_> = ledger.entries().iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(ledger.since(2).len(), 1);
        assert_eq!(ledger.since(u64::MAX).len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_its_capacity_the_oldest_entries_go_and_numbers_go_on() {
        let ledger = ledger(2);
        for _ in 0..5 {
            drop(ledger.open(arrival(Some("a")), up()));
        }
        assert_eq!(ledger.first_number(), 3);
        let kept: Vec<_> = ledger
            .entries()
            .iter()
            .map(|e| (e.number, e.ordinal))
            .collect();
        assert_eq!(kept, [(3, 3), (4, 4)]);
        assert_eq!(ledger.since(4).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_with_the_same_correlation_are_counted_up() {
        let ledger = ledger(10);
        for correlation in [Some("a"), Some("b"), Some("a"), None, None] {
            drop(ledger.open(arrival(correlation), up()));
        }
        let ordinals: Vec<_> = ledger.entries().iter().map(|entry| entry.ordinal).collect();
        assert_eq!(ordinals, [0, 0, 1, 0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_open_until_its_guard_is_dropped() {
        let ledger = ledger(10);
        let guard = ledger.open(arrival(None), up());
        assert_eq!((ledger.open_count(), ledger.entries()[0].ended), (1, None));
        ledger.clock.sleep_until(Moment::from_micros(7)).await;
        drop(guard);
        assert_eq!(ledger.open_count(), 0);
        assert_eq!(ledger.entries()[0].ended, Some(Moment::from_micros(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn paths_of_any_length_do_not_grow_the_book_without_end() {
        let ledger = ledger(1_000);
        ledger.lock().most_text_bytes = 100;
        for _ in 0..7 {
            let mut long = arrival(None);
            long.entry.path_and_query = "x".repeat(30);
            drop(ledger.open(long, up()));
        }
        assert_eq!((ledger.first_number(), ledger.entries().len()), (4, 3));
        assert_eq!(ledger.counters().totals[0].requests, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_starts_a_new_book() {
        let ledger = ledger(10);
        let in_flight = ledger.open(arrival(Some("a")), up());
        ledger.reset();
        drop(in_flight);
        assert_eq!(ledger.entries(), []);
        drop(ledger.open(arrival(Some("a")), up()));
        assert_eq!(
            (ledger.entries()[0].number, ledger.entries()[0].ordinal),
            (0, 0)
        );
    }
}
