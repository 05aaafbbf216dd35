//! [`Diagnostic`]: a mistake in a file, shown where it is.

use std::fmt;
use std::ops::Range;

/// A mistake with its place, as a compiler shows it.
///
/// ```text
/// error: unknown backend `payg-3`
///   --> gateway.toml:9:24
///    |
///  9 | balance = { single = "payg-3" }
///    |                      ^^^^^^^^
/// help: one of `payg-1`, `payg-2`
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    file: String,
    message: String,
    help: Option<String>,
    place: Option<Place>,
}

/// The line a mistake is on, and the part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Place {
    line: usize,
    column: usize,
    source: String,
    width: usize,
}

impl Diagnostic {
    /// The mistake `message` at the bytes `span` of `text`, the content of `file`.
    ///
    /// Without a span it concerns the file as a whole: something is missing from it.
    pub(crate) fn new(
        file: &str,
        text: &str,
        span: Option<Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            file: file.to_owned(),
            message: message.into(),
            help: None,
            place: span.map(|span| Place::new(text, &span)),
        }
    }

    /// The same, with its remedy.
    pub(super) fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }

    /// Line and column, both from 1, by which diagnostics are put in order.
    pub(crate) fn position(&self) -> (usize, usize) {
        self.place.as_ref().map_or((0, 0), |p| (p.line, p.column))
    }
}

impl Place {
    fn new(text: &str, span: &Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |n| start + n);
        let end = floor_char_boundary(text, span.end.clamp(start, line_end));
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            source: text[line_start..line_end].trim_end().to_owned(),
            width: text[start..end].chars().count().max(1),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        match &self.place {
            Some(place) => place.show(&self.file, f)?,
            None => writeln!(f, "  --> {}", self.file)?,
        }
        match &self.help {
            Some(help) => writeln!(f, "help: {help}"),
            None => Ok(()),
        }
    }
}

impl Place {
    fn show(&self, file: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            source,
            width,
        } = self;
        let margin = line.to_string().len();
        writeln!(f, "{:margin$}--> {file}:{line}:{column}", "")?;
        writeln!(f, "{:margin$} |", "")?;
        writeln!(f, "{line} | {source}")?;
        writeln!(
            f,
            "{:margin$} | {:indent$}{:^<width$}",
            "",
            "",
            "",
            indent = column - 1
        )
    }
}

/// The last character boundary of `text` at or before `index`.
fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut boundary = index.min(text.len());
    while !text.is_char_boundary(boundary) {
        boundary -= 1;
    }
    boundary
}
