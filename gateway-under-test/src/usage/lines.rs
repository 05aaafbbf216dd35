//! [`Events`]: the data of server-sent events, however their bytes are split.

/// Longer lines are skipped: no event of a model is a mebibyte long, and memory is bounded.
const LONGEST_EVENT: usize = 1024 * 1024;

/// Finds events in bytes that come in parts.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, "9.2.6 Interpreting an
// event stream" (read 2026-08); a leading byte order mark is no data, so its line is none either.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The last byte was a carriage return, whose line feed may come in the next part.
    after_return: bool,
    is_too_long: bool,
}

impl Events {
    /// Takes a part; calls `with` with the data of each event that it completes.
    pub(super) fn feed(&mut self, bytes: &[u8], mut with: impl FnMut(&[u8])) {
        let mut rest = bytes;
        if self.after_return && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_return = false;
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&rest[..at]);
            self.end_line(&mut with);
            let is_return = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if is_return {
                self.after_return = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
        }
        self.keep(rest);
    }

    /// The stream has ended: what it did not complete is taken as it is.
    pub(super) fn finish(&mut self, mut with: impl FnMut(&[u8])) {
        self.end_line(&mut with);
        self.end_line(&mut with);
    }

    fn keep(&mut self, part: &[u8]) {
        self.is_too_long |= self.line.len() + self.data.len() + part.len() > LONGEST_EVENT;
        if !self.is_too_long {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, with: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.is_too_long) {
            self.data.clear();
        } else if self.line.is_empty() {
            if !self.data.is_empty() {
                with(&self.data);
            }
            self.data.clear();
        } else if let Some(data) = self.line.strip_prefix(b"data:") {
            // Several lines of data are one text of several lines.
            self.data.push(b'\n');
            self.data.extend_from_slice(data);
        }
        self.line.clear();
    }
}
