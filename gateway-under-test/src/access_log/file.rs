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
