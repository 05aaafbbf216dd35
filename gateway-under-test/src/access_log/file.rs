//! [`LogWriter`]: the access log as a file of JSON lines, written off the hot path.
//!
//! A thread rather than a task: files block, and a blocking task would hold a paused clock. The
//! queue has no bound, because the alternatives are worse for evidence: a full queue would slow
//! down what is being measured or lose entries.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::{Shared, lock};

/// What the thread is sent.
enum Message {
    Closed(Shared),
    Finish,
}

/// The log's end of the queue.
#[derive(Debug)]
pub(super) struct Lines(Sender<Message>);

impl Lines {
    pub(super) fn send(&self, entry: Shared) {
        // It fails only after `finish`, whose caller has stopped serving before.
        self.0.send(Message::Closed(entry)).unwrap_or_default();
    }
}

/// Owns the thread that writes the log.
#[derive(Debug)]
pub struct LogWriter {
    lines: Sender<Message>,
    thread: JoinHandle<io::Result<u64>>,
}

impl LogWriter {
    pub(super) fn start(out: impl Write + Send + 'static) -> (Lines, Self) {
        let (sender, receiver) = mpsc::channel();
        let lines = sender.clone();
        let thread = thread::spawn(move || write_all(&receiver, BufWriter::new(out)));
        (Lines(sender), Self { lines, thread })
    }

    /// Writes what is queued, flushes and ends; returns how many lines were written in all.
    ///
    /// Call it when nothing is served any more: entries closed later are not written.
    ///
    /// # Errors
    /// The first failure to write. Nothing is written after it, so the file is a true prefix.
    pub fn finish(self) -> io::Result<u64> {
        // It fails only if the thread has ended, which `join` reports.
        self.lines.send(Message::Finish).unwrap_or_default();
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that writes the log panicked")))
    }
}

fn write_all(messages: &Receiver<Message>, mut out: BufWriter<impl Write>) -> io::Result<u64> {
    let mut written = 0;
    loop {
        // Flushed whenever there is nothing to do, so that whoever follows the file is up to date.
        let next = if let Ok(message) = messages.try_recv() {
            Ok(message)
        } else {
            out.flush()?;
            messages.recv()
        };
        let Ok(Message::Closed(entry)) = next else {
            out.flush()?;
            return Ok(written);
        };
        let entry = lock(&entry).clone();
        serde_json::to_writer(&mut out, &entry)?;
        out.write_all(b"\n")?;
        written += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::super::Entry;
    use super::*;

    /// Stands for a file; keeps what is written.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Stands for a full disk.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn closed(number: u64) -> Shared {
        let number = Entry {
            number,
            ..Entry::default()
        };
        Arc::new(Mutex::new(number))
    }

    #[test]
    fn every_line_sent_before_the_finish_is_written() {
        let kept = Kept::default();
        let (lines, writer) = LogWriter::start(kept.clone());
        (0..10_000).for_each(|number| lines.send(closed(number)));
        assert_eq!(writer.finish().unwrap(), 10_000);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let read = |line| serde_json::from_str::<Entry>(line).unwrap().number;
        let numbers: Vec<u64> = text.lines().map(read).collect();
        assert!(numbers.into_iter().eq(0..10_000));
    }

    #[test]
    fn a_full_disk_is_reported_and_holds_nobody_up() {
        let (lines, writer) = LogWriter::start(Full);
        lines.send(closed(0));
        let error = writer.finish().unwrap_err();
        lines.send(closed(1));
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
