//! [`Style`]: how wide, in which characters and with how much colour text is drawn.
//!
//! Decided once at the edge from the terminal and the environment; the renderers are pure. They
//! write with every character they like, [`Style::finish`] makes it plain where it has to be.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// How text is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Style {
    /// Whether escape sequences may colour the text.
    pub colour: bool,
    /// Whether characters beyond ASCII can be shown.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
}

/// Columns where nobody says how many there are: files, pipes, old terminals.
pub const DEFAULT_WIDTH: usize = 80;

/// Beyond it lines are too long to read, however wide the terminal is.
const WIDEST: usize = 140;

/// Narrower, nothing can be aligned any more; lines wrap in the terminal then.
const NARROWEST: usize = 40;

/// What a piece of text is, for whoever shows it in colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ink {
    /// Something holds.
    Good,
    /// Something does not hold.
    Bad,
    /// Something could not be decided, or deserves a second look.
    Doubt,
    /// A heading or a name.
    Loud,
    /// Context that the eye may skip.
    Quiet,
    /// Nothing in particular.
    Plain,
}

/// What the edge knows about the stream that text goes to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Its columns, if it is.
    pub columns: Option<usize>,
    /// Its lines, if it is.
    pub lines: Option<usize>,
}

impl Stream {
    /// What the process's standard output is.
    pub fn stdout() -> Self {
        Self::of(&std::io::stdout())
    }

    /// What the process's standard error is.
    pub fn stderr() -> Self {
        Self::of(&std::io::stderr())
    }

    fn of(stream: &(impl IsTerminal + AsFd)) -> Self {
        let size = terminal_size::terminal_size_of(stream);
        Self {
            is_terminal: stream.is_terminal(),
            columns: size.map(|(columns, _)| columns.0.into()),
            lines: size.map(|(_, lines)| lines.0.into()),
        }
    }
}

impl Style {
    /// The style for `stream` under the variables that `variable` looks up.
    ///
    /// `NO_COLOR` (not empty) and `TERM=dumb` forbid colour, `CLICOLOR_FORCE` asks for it without
    /// a terminal; `LC_ALL`, `LC_CTYPE`, `LANG`, the first that is set, say whether UTF-8 is understood.
    // Source: https://no-color.org: "when present and not an empty string (regardless of its value), prevents the addition of ANSI color".
    pub fn detect(stream: Stream, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_dumb = set("TERM").is_some_and(|term| term == "dumb");
        let wants_colour = stream.is_terminal || set("CLICOLOR_FORCE").is_some();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let width = stream.columns.unwrap_or(DEFAULT_WIDTH);
        Self {
            colour: wants_colour && !is_dumb && set("NO_COLOR").is_none(),
            unicode: !is_dumb && locale.is_none_or(|locale| speaks_utf8(&locale)),
            width: width.clamp(NARROWEST, WIDEST),
        }
    }

    /// Plain text for files: no colour, any character, `width` columns.
    pub const fn plain(width: usize) -> Self {
        Self {
            colour: false,
            unicode: true,
            width,
        }
    }

    /// `text` in `ink`, if colour is allowed.
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.colour || ink == Ink::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
    }

    /// Makes lines presentable: no spaces at their ends, ASCII only where nothing else is understood.
    pub fn finish(&self, text: &str) -> String {
        let mut finished = String::with_capacity(text.len());
        for line in text.lines() {
            let line = line.trim_end();
            if self.unicode {
                finished.push_str(line);
            } else {
                line.chars().for_each(|c| finished.push_str(&ascii(c)));
            }
            finished.push('\n');
        }
        finished
    }
}

impl Ink {
    /// The parameters of its "select graphic rendition" sequence: the terminal's own palette only,
    /// so that the text stays readable on light and dark backgrounds.
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "1;32",
            Self::Bad => "1;31",
            Self::Doubt => "33",
            Self::Loud => "1",
            Self::Quiet => "2",
            Self::Plain => "0",
        }
    }
}

/// Whether a locale such as `C.UTF-8` or `en_GB.utf8` encodes in UTF-8.
fn speaks_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// `c`, or what stands for it in ASCII; characters of somebody's own text stay.
fn ascii(c: char) -> String {
    let plain = match c {
        '·' | '│' | '└' | '┴' | '┘' | '┌' | '┐' => "|",
        '–' | '─' | '▃' => "-",
        '━' | '▄' => "=",
        '╸' | '▸' => ">",
        '×' | '✗' => "x",
        '…' => "...",
        '≠' => "!=",
        'µ' => "u",
        '▁' => ".",
        '▂' => ":",
        '▅' => "+",
        '▆' => "*",
        '▇' => "#",
        '█' => "@",
        _ => return c.to_string(),
    };
    plain.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: Stream = Stream {
        is_terminal: true,
        columns: Some(100),
        lines: Some(30),
    };

    fn under(
        variables: &'static [(&'static str, &'static str)],
    ) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn a_terminal_gets_colour_unless_somebody_objects() {
        let colour = |variables| Style::detect(TERMINAL, under(variables)).colour;
        assert!(colour(&[]));
        assert!(colour(&[("NO_COLOR", "")]));
        assert!(!colour(&[("NO_COLOR", "1")]));
        assert!(!colour(&[("TERM", "dumb")]));
        assert!(!colour(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }

    #[test]
    fn a_pipe_gets_none_unless_somebody_insists() {
        let colour = |variables| Style::detect(Stream::default(), under(variables)).colour;
        assert!(!colour(&[]));
        assert!(colour(&[("CLICOLOR_FORCE", "1")]));
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides_about_unicode() {
        let unicode = |variables| Style::detect(TERMINAL, under(variables)).unicode;
        assert!(unicode(&[]));
        assert!(unicode(&[("LANG", "en_GB.utf8")]));
        assert!(!unicode(&[("LC_ALL", "POSIX"), ("LANG", "C.UTF-8")]));
    }

    #[test]
    fn what_ascii_cannot_show_is_replaced_and_line_ends_are_bare() {
        let plain = Style {
            unicode: false,
            ..Style::plain(80)
        };
        assert_eq!(plain.finish("5 µs · ▁▄█  \nß"), "5 us | .=@\nß\n");
        assert_eq!(Style::plain(80).finish("5 µs · ▁▄█  "), "5 µs · ▁▄█\n");
    }
}
