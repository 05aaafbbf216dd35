//! Where text goes: stdout for data, stderr for everything about the run.

use std::io::Write;

use crate::report::{Stream, Style};

/// How text is drawn on stdout.
pub(super) fn stdout_style() -> Style {
    Style::detect(Stream::stdout(), variable)
}

/// What stderr is, and how text is drawn there.
pub(super) fn stderr() -> (Stream, Style) {
    let stream = Stream::stderr();
    (stream, Style::detect(stream, variable))
}

/// The one place of this crate that reads the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line is the edge that reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Writes data to stdout; a reader that has gone away (`| head`) is no error.
pub(super) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // See above: nobody is left to tell.
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Writes a line about the run to stderr.
pub(super) fn tell(text: impl std::fmt::Display) {
    // Without stderr there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
