//! [`Diagnostic`]: a mistake in a file, with the line it stands in.

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// A mistake in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// The file's name as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what was expected.
    pub message: String,
    /// How to write it instead.
    pub help: Option<String>,
    source: String,
    width: usize,
}

/// Every mistake that was found, in the order of the file.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostic {
    /// The mistake `message` in the bytes `span` of `text`, the content of `file`.
    pub(super) fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let start = text.floor_char_boundary(span.start.min(text.len()));
        let end = text.floor_char_boundary(span.end.clamp(start, text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let source = text[line_start..].lines().next().unwrap_or("");
        let spanned = text[start..end].lines().next().unwrap_or("");
        Self {
            file: file.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            message: message.into(),
            help,
            source: source.to_owned(),
            width: spanned.chars().count().max(1),
        }
    }
}

impl fmt::Display for Diagnostic {
    /// Place and message, the line, a caret under the mistake, and help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        let number = self.line.to_string();
        writeln!(f, "  {number} | {}", self.source)?;
        let (gutter, before) = (" ".repeat(number.len()), " ".repeat(self.column - 1));
        write!(f, "  {gutter} | {before}{}", "^".repeat(self.width))?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}
