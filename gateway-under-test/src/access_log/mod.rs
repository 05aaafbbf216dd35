//! The access log: what the gateway did with each request, as evidence.
//!
//! An entry is opened when a request arrives and closed by a drop guard, so a request that is
//! abandoned at any await is in the log as surely as one that was answered. Entries are numbered
//! in order of arrival without gaps: whoever reads them can tell that none is missing.

mod decision;
mod entry;
mod file;
mod open;
mod relay;

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use clock::{Clock, Moment};

pub use self::decision::Decision;
pub use self::entry::{Attempt, Entry};
pub use self::file::LogWriter;
pub(crate) use self::open::OpenEntry;

use crate::drain::UnderWay;
use crate::metrics::Metrics;

/// Two hours at a hundred requests per second; with their paths and ids about half a gigabyte.
const CAPACITY: usize = 1_000_000;

/// An entry that may still be open.
type Shared = Arc<Mutex<Entry>>;

/// The log of one gateway; a handle, all clones read the same log.
#[derive(Clone, Debug)]
pub struct AccessLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    book: Mutex<Book>,
    writer: OnceLock<file::Lines>,
    /// Counts what is closed.
    metrics: Arc<Metrics>,
}

/// The last entries, oldest first.
#[derive(Debug, Default)]
struct Book {
    first_number: u64,
    entries: VecDeque<Shared>,
}

impl AccessLog {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            book: Mutex::default(),
            writer: OnceLock::new(),
            metrics,
        }))
    }

    /// All entries that are kept, in order of arrival; those still open have not `ended`.
    pub fn entries(&self) -> Vec<Entry> {
        self.since(0)
    }

    /// The entries numbered `number` and above, in order of arrival.
    pub fn since(&self, number: u64) -> Vec<Entry> {
        let shared: Vec<Shared> = {
            let book = self.book();
            let skipped = number.saturating_sub(book.first_number);
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            book.entries.iter().skip(skipped).cloned().collect()
        };
        shared.iter().map(|entry| lock(entry).clone()).collect()
    }

    /// The entry numbered `number`, unless it has been dropped or is yet to come.
    pub fn get(&self, number: u64) -> Option<Entry> {
        let shared = {
            let book = self.book();
            let position = number.checked_sub(book.first_number)?;
            book.entries.get(usize::try_from(position).ok()?)?.clone()
        };
        let entry = lock(&shared).clone();
        Some(entry)
    }

    /// The number of the oldest entry that is kept; above 0, older ones were dropped.
    pub fn first_number(&self) -> u64 {
        self.book().first_number
    }

    /// How many requests are under way.
    pub fn open_count(&self) -> usize {
        let shared: Vec<Shared> = self.book().entries.iter().cloned().collect();
        let is_open = |entry: &&Shared| lock(entry).ended.is_none();
        shared.iter().filter(is_open).count()
    }

    /// Writes every entry that is closed from now on to `out`, one JSON object per line, in
    /// order of closing; returns `None` if the log has a writer already.
    ///
    /// Requests do not wait for it: lines queue up in memory if `out` is slow, and are written by
    /// a thread of their own that the returned [`LogWriter`] owns.
    pub fn write_to(&self, out: impl Write + Send + 'static) -> Option<LogWriter> {
        let (lines, writer) = LogWriter::start(out);
        self.0.writer.set(lines).ok()?;
        Some(writer)
    }

    /// Numbers a new entry and keeps it; `describe` fills it in.
    ///
    /// The request counts as `under_way` until the entry is closed.
    pub(crate) fn open(
        &self,
        clock: &Clock,
        under_way: Option<UnderWay>,
        describe: impl FnOnce(&mut Entry),
    ) -> OpenEntry {
        let mut entry = Entry::default();
        describe(&mut entry);
        let (number, shared) = self.book().add(entry, clock);
        OpenEntry::new(self.clone(), clock.clone(), number, shared, under_way)
    }

    /// Counts an answer whose usage was not believed.
    fn disbelieved(&self) {
        self.0.metrics.usage.disbelieved.inc();
    }

    fn closed(&self, entry: &Shared) {
        self.0.metrics.count(&lock(entry));
        if let Some(lines) = self.0.writer.get() {
            lines.send(entry.clone());
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Numbers and dates `entry` in one step, so that numbers and times are in the same order.
    fn add(&mut self, mut entry: Entry, clock: &Clock) -> (u64, Shared) {
        let arrived: Moment = clock.now();
        entry.arrived = arrived;
        entry.number = self.first_number + self.entries.len() as u64;
        let number = entry.number;
        let shared = Arc::new(Mutex::new(entry));
        self.entries.push_back(shared.clone());
        if self.entries.len() > CAPACITY {
            self.entries.pop_front();
            self.first_number += 1;
        }
        (number, shared)
    }
}

fn lock(entry: &Shared) -> MutexGuard<'_, Entry> {
    entry.lock().unwrap_or_else(PoisonError::into_inner)
}
