//! [`Reduced`]: what matters of a JSON answer, however long it is and however its bytes are split.
//!
//! Answers to embeddings have megabytes of numbers and tell their usage at the end. Instead of
//! keeping them to be parsed, this follows strings and brackets only, and keeps the few members
//! of the outermost object that [`read`](super::read) looks at.

use serde_json::Value;

const WANTED: [&[u8]; 3] = [b"model", b"usage", b"choices"];

/// More is not kept of texts, in bytes; what goes beyond is weighed instead of counted.
const LONGEST_KEPT: usize = 256 * 1024;

/// As deep as the parser goes.
const DEEPEST: usize = 127;

/// A JSON object without what does not matter.
#[derive(Debug, Default)]
pub(super) struct Reduced {
    /// `"model":"x","usage":{…},`
    kept: Vec<u8>,
    /// The closing brackets that are still to come.
    open: Vec<u8>,
    in_string: bool,
    is_escaped: bool,
    name: Vec<u8>,
    value: Member,
    /// Bytes of wanted members that were too long, or could not be made sense of.
    lost: usize,
}

/// Where in a member of the outermost object the reader is.
#[derive(Clone, Copy, Debug, Default)]
enum Member {
    /// Before its colon.
    #[default]
    Name,
    /// In a value that is kept from this index on.
    Kept(usize),
    /// In one that was wanted and became too long.
    Lost,
    Skipped,
}

impl Reduced {
    /// Takes the next part of the answer.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.in_string {
                self.in_string(byte);
            } else {
                self.between_strings(byte);
            }
        }
    }

    /// What was kept, as far as it came, and how many bytes of texts were not.
    pub(super) fn finish(mut self) -> (Value, u64) {
        self.close();
        let text = String::from_utf8_lossy(&self.kept);
        let text = ["{", text.trim_end_matches(','), "}"].concat();
        let value = serde_json::from_str(&text).unwrap_or_else(|_| {
            self.lost += self.kept.len();
            Value::Null
        });
        (value, self.lost as u64)
    }

    fn in_string(&mut self, byte: u8) {
        let is_end = byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        self.in_string = !is_end;
        let is_name = matches!(self.value, Member::Name) && self.open.len() == 1;
        if is_name && !is_end && self.name.len() <= WANTED[2].len() {
            self.name.push(byte);
        }
        self.keep(byte);
    }

    fn between_strings(&mut self, byte: u8) {
        let is_outermost = self.open.len() == 1;
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' if self.open.len() < DEEPEST => self.open.push(byte + 2),
            b'}' | b']' => drop(self.open.pop()),
            b':' if is_outermost && matches!(self.value, Member::Name) => return self.begin(),
            b',' if is_outermost => {
                self.keep(byte);
                self.value = Member::Name;
                self.name.clear();
                return;
            }
            _ => {}
        }
        if self.open.is_empty() {
            self.value = Member::Skipped;
        }
        self.keep(byte);
    }

    /// A value begins.
    fn begin(&mut self) {
        self.value = Member::Skipped;
        if WANTED.contains(&self.name.as_slice()) {
            self.value = Member::Kept(self.kept.len());
            let name = [b"\"", self.name.as_slice(), b"\":"].concat();
            self.kept.extend_from_slice(&name);
        }
    }

    fn keep(&mut self, byte: u8) {
        match self.value {
            Member::Kept(start) if self.kept.len() - start >= LONGEST_KEPT => {
                self.lost += self.kept.len() - start + 1;
                self.kept.truncate(start);
                self.value = Member::Lost;
            }
            Member::Kept(_) => self.kept.push(byte),
            Member::Lost => self.lost += 1,
            Member::Name | Member::Skipped => {}
        }
    }

    /// Completes an answer that broke off, so that what came of its texts can be counted.
    fn close(&mut self) {
        let Member::Kept(start) = self.value else {
            return;
        };
        // Half a number is a wrong number: only texts are still right when cut.
        if self.kept[start..].starts_with(b"\"usage") {
            return self.kept.truncate(start);
        }
        if self.in_string {
            // Of an escape as much as `\ud83d` may be there.
            let tail = self.kept.len().saturating_sub(5).max(start);
            let escape = self.kept[tail..].iter().position(|&byte| byte == b'\\');
            self.kept
                .truncate(escape.map_or(self.kept.len(), |at| tail + at));
            self.kept.push(b'"');
        }
        self.kept.extend(self.open.drain(1..).rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(text: &str) -> (String, u64) {
        let mut reduced = Reduced::default();
        reduced.feed(text.as_bytes());
        let (value, lost) = reduced.finish();
        (value.to_string(), lost)
    }

    #[test]
    fn only_what_is_read_is_kept() {
        let text = r#" { "object" : "list\"}", "data":[{"usage":{"a":[1]}}, "model"],
            "model":"m\\", "x":null , "usage" : {"prompt_tokens":3,"d":{"e":[]}} } "#;
        let kept = r#"{"model":"m\\","usage":{"prompt_tokens":3,"d":{"e":[]}}}"#;
        assert_eq!(reduced(text), (kept.to_owned(), 0));
    }

    #[test]
    fn an_answer_that_broke_off_keeps_the_texts_that_came() {
        let came = r#"{"choices":[{"message":{"content":"one two"#;
        let kept = r#"{"choices":[{"message":{"content":"one two"}}]}"#;
        assert_eq!(reduced(came), (kept.to_owned(), 0));
        assert_eq!(reduced(&format!(r"{came}\u00")), (kept.to_owned(), 0));
        let no_number = r#"{"model":"m","usage":{"prompt_tokens":12"#;
        assert_eq!(reduced(no_number), (r#"{"model":"m"}"#.to_owned(), 0));
    }

    #[test]
    fn texts_without_an_end_are_weighed() {
        let long = "one ".repeat(100_000);
        let text = format!(r#"{{"choices":["{long}"],"usage":{{"prompt_tokens":1}}}}"#);
        let (kept, lost) = reduced(&text);
        assert_eq!(kept, r#"{"usage":{"prompt_tokens":1}}"#);
        assert_eq!(lost, 400_000 + 15);
    }

    #[test]
    fn what_is_no_object_is_nothing() {
        for text in ["", "<html>", "[1,2]", "\"usage\"", "{", "}{}"] {
            assert_eq!(reduced(text).0, "{}", "{text}");
        }
        assert_eq!(reduced(&"[".repeat(100_000)).0, "{}");
    }
}
