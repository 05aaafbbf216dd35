//! [`Diagnostic`]: one mistake in a scenario, with its place and a way out.
//!
//! A scenario is checked whole: every mistake is collected and all are shown at once, in the
//! shape that compilers taught everybody to read.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::hints;
use super::source::Sources;
use super::syntax::SyntaxError;

/// A mistake at a span of [`Sources`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Diagnostic {
    /// Where; none for something that is missing from the file.
    pub(super) span: Option<Range<usize>>,
    /// What is wrong and what was expected: lower case, no full stop.
    pub(super) message: String,
    /// A corrected line, or where to look.
    pub(super) help: Option<String>,
    /// The variants that have it; none where the file has it without any.
    pub(super) variants: Vec<String>,
    /// Whether the scenario is right, and only the parties of this run cannot play it.
    is_unplayable: bool,
}

/// Everything that is wrong with a scenario file.
#[derive(Debug)]
pub struct ScenarioErrors {
    rendered: Vec<String>,
    unplayable: Option<String>,
}

impl Diagnostic {
    /// A mistake at `span`.
    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span: Some(span),
            ..Self::of_file(message)
        }
    }

    /// A mistake of the whole file.
    pub(super) fn of_file(message: impl Into<String>) -> Self {
        Self {
            span: None,
            message: message.into(),
            help: None,
            variants: Vec::new(),
            is_unplayable: false,
        }
    }

    /// The same as something that somebody else's gateway or simulator cannot do.
    pub(super) fn unplayable(self) -> Self {
        Self {
            is_unplayable: true,
            ..self
        }
    }

    /// The same with a way out.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help.into()))
    }

    /// The same with a way out, where there is one.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// The same, found in this variant only.
    pub(super) fn in_variant(mut self, variant: &str) -> Self {
        if !variant.is_empty() {
            self.variants.push(variant.to_owned());
        }
        self
    }
}

impl From<SyntaxError> for Diagnostic {
    fn from(error: SyntaxError) -> Self {
        Self::at(error.span, error.message).maybe_help(error.help)
    }
}

/// Adds to `found` what is wrong with one more variant, whose base has been looked at before.
///
/// A mistake at a place where there was one already is that one again, even where the variant's
/// own names make it read differently.
pub(super) fn add_variant(found: &mut Vec<Diagnostic>, variant: &str, more: Vec<Diagnostic>) {
    let before = found.len();
    for diagnostic in more {
        let earlier = found[..before].iter_mut().find(|seen| {
            seen.span == diagnostic.span
                && (seen.span.is_some() || seen.message == diagnostic.message)
        });
        match earlier {
            Some(seen) if seen.variants.is_empty() => {}
            Some(seen) => seen.variants.push(variant.to_owned()),
            None => found.push(diagnostic.in_variant(variant)),
        }
    }
}

impl ScenarioErrors {
    /// Renders `diagnostics` in the order of their places.
    pub(super) fn new(path: &str, sources: &Sources<'_>, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or(0, |span| span.start));
        let mut rendered: Vec<String> = Vec::new();
        let mut reasons: Vec<&str> = Vec::new();
        for diagnostic in &diagnostics {
            let text = render(path, sources, diagnostic);
            if !rendered.contains(&text) {
                rendered.push(text);
            }
            if !reasons.contains(&&*diagnostic.message) {
                reasons.push(&diagnostic.message);
            }
        }
        let is_unplayable = diagnostics.iter().all(|found| found.is_unplayable);
        Self {
            rendered,
            unplayable: is_unplayable.then(|| reasons.join("; ")),
        }
    }

    /// A single mistake that has no place in a text: the file cannot be read.
    pub(super) fn unreadable(message: impl fmt::Display) -> Self {
        Self {
            rendered: vec![format!("error: {message}")],
            unplayable: None,
        }
    }

    /// Why the parties of this run cannot play the scenario, where nothing else is wrong with it.
    pub fn unplayable(&self) -> Option<&str> {
        self.unplayable.as_deref()
    }

    /// How many mistakes there are.
    pub fn count(&self) -> usize {
        self.rendered.len()
    }
}

impl fmt::Display for ScenarioErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rendered.join("\n\n"))
    }
}

impl std::error::Error for ScenarioErrors {}

fn render(path: &str, sources: &Sources<'_>, diagnostic: &Diagnostic) -> String {
    let place = diagnostic.span.as_ref().and_then(|span| {
        let (source, start) = sources.locate(span.start)?;
        let end = (start + span.len()).min(source.text.len());
        Some((source, start..end))
    });
    let title = Level::ERROR.primary_title(&*diagnostic.message);
    let mut group: Group<'_> = match &place {
        Some((source, range)) => title.element(
            Snippet::source(source.text)
                .path(&*source.name)
                .annotation(AnnotationKind::Primary.span(first_line(source.text, range))),
        ),
        None => title.element(Origin::path(path)),
    };
    if let Some(note) = variants_note(&diagnostic.variants) {
        group = group.element(Level::NOTE.message(note));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    Renderer::plain().render(&[group])
}

fn variants_note(variants: &[String]) -> Option<String> {
    let names: Vec<&str> = variants.iter().map(String::as_str).collect();
    match names.len() {
        0 => None,
        1 => Some(format!("in the variant {}", hints::list(&names))),
        _ => Some(format!("in the variants {}", hints::list(&names))),
    }
}

/// A span that covers several lines (a whole table) is shown by its first.
fn first_line(text: &str, range: &Range<usize>) -> Range<usize> {
    let shown = &text[range.clone()];
    let length = shown.find('\n').unwrap_or(shown.len());
    range.start..range.start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_the_file_is_not_told_again_for_its_variants() {
        let mistake = Diagnostic::at(3..5, "unknown backend `x`, expected `a`");
        let again = Diagnostic::at(3..5, "unknown backend `x`, expected `a` or `b`");
        let mut found = vec![mistake.clone()];
        add_variant(&mut found, "other", vec![again]);
        assert_eq!(found, [mistake]);
    }

    #[test]
    fn a_mistake_of_two_variants_is_told_once_and_names_both() {
        let mistake = Diagnostic::at(3..5, "unknown backend `x`");
        let mut found = Vec::new();
        add_variant(&mut found, "one", vec![mistake.clone()]);
        add_variant(&mut found, "two", vec![mistake]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].variants, ["one", "two"]);
    }
}
