//! The top of the file: the keys before the first table, and which sections there are.

use toml::Spanned;
use toml::de::DeValue;

use super::Resolver;
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints::{self, TOP_KEYS};
use crate::scenario::reading::Entry;
use crate::scenario::sections::Header;
use crate::scenario::source::{Key, Table, Value};

/// Every top-level key of a scenario that is a section.
const SECTIONS: [&str; 12] = [
    "simulators",
    "deployments",
    "gateway",
    "clients",
    "phases",
    "actions",
    "probers",
    "prices",
    "books",
    "must_observe",
    "gates",
    "variants",
];

impl<'t> Resolver<'_, 't> {
    /// The keys at the top; also gives misspelt sections their name, so that they are read.
    pub(super) fn header(&mut self) -> Header {
        let mut top = Table::new();
        for (key, value) in std::mem::take(&mut self.document) {
            let name = key.get_ref().to_string();
            if SECTIONS.contains(&name.as_str()) {
                self.section_is_a_table(&name, &value);
                self.document.insert(key, value);
            } else if TOP_KEYS.contains(&name.as_str()) {
                top.insert(key.clone(), value.clone());
                self.document.insert(key, value);
            } else if let Some((key, value)) = self.unknown(&key, value) {
                let is_section = SECTIONS.contains(&key.get_ref().as_ref());
                if !is_section {
                    top.insert(key.clone(), value.clone());
                }
                self.document.insert(key, value);
            }
        }
        let value = Spanned::new(0..0, DeValue::Table(top));
        let entry = Entry {
            path: Vec::new(),
            place: 0..0,
            value: &value,
            own: None,
        };
        let header: Header = self.read(&entry).unwrap_or_default();
        self.check_format(&header);
        self.check_about(&value);
        header
    }

    fn section_is_a_table(&mut self, name: &str, value: &Value<'t>) {
        if value.get_ref().is_table() {
            return;
        }
        let found = hints::kind_of(value.get_ref());
        let message = format!("expected a table [{name}], found {found}");
        let help = value.get_ref().is_array().then(|| format!("[{name}]"));
        self.note(Diagnostic::at(value.span(), message).maybe_help(help));
    }

    /// Notes a top-level key that does not exist; gives it its right name if that is near and free.
    fn unknown(&mut self, key: &Key<'t>, value: Value<'t>) -> Option<(Key<'t>, Value<'t>)> {
        let name = key.get_ref().to_string();
        let holds_tables = |array: &toml::de::DeArray<'_>| {
            array.iter().all(|element| element.get_ref().is_table())
        };
        let is_section =
            value.get_ref().is_table() || value.get_ref().as_array().is_some_and(holds_tables);
        let (kind, known): (_, &[&str]) = if is_section {
            ("section", &SECTIONS)
        } else {
            ("key", &TOP_KEYS)
        };
        let unknown = Diagnostic::at(key.span(), format!("unknown {kind} `{name}`"));
        self.note(hints::did_you_mean(unknown, &name, known.iter().copied()));
        let meant = hints::nearest(&name, known)?;
        // Variants were laid over the file before; a late one would change nothing.
        let is_free = !self.document.contains_key(meant) && meant != "variants";
        is_free.then(|| (Spanned::new(key.span(), meant.to_owned().into()), value))
    }

    fn check_format(&mut self, header: &Header) {
        if let Some(format) = header.format.filter(|format| *format != 1) {
            let span = self.document.get("format").map_or(0..0, Spanned::span);
            let message = format!("this program reads format 1, found `{format}`");
            self.note(Diagnostic::at(span, message).help("format = 1"));
        }
    }

    fn check_about(&mut self, top: &Value<'t>) {
        let has_strayed = |section: &Value<'_>| {
            let own = section.get_ref().get("about").is_some();
            let tables = section.get_ref().as_table().into_iter().flatten();
            own || tables
                .into_iter()
                .any(|(_, entry)| entry.get_ref().get("about").is_some())
        };
        let is_there = top.get_ref().get("about").is_some();
        if is_there
            || self
                .document
                .iter()
                .any(|(_, section)| has_strayed(section))
        {
            return;
        }
        let missing =
            Diagnostic::of_file("`about` is missing: the question that this experiment answers");
        self.note(missing.help("about = \"What must hold, in one sentence.\""));
    }
}
