//! [`read`]: a part of the file as its type, or every mistake in it.
//!
//! serde stops at the first mistake. To show all of them, the value that is wrong is taken out,
//! or its key is renamed where it is a slip of a known one, and the rest is read again until
//! nothing is left to complain about. What only follows from a value taken out is not told.
//!
//! The rejected alternative, a lenient type per section whose fields are all raw values, says
//! every key three times.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Error, ValueDeserializer};

use super::complaint::{self, Complaint};
use super::diagnostic::Diagnostic;
use super::document::place_of;
use super::hints;
use super::parts::{Step, find, key_span, part, part_mut};
use super::source::{Key, Value};

/// A part of the file that is read as one type.
#[derive(Clone, Debug)]
pub(super) struct Entry<'e, 't> {
    /// The keys that lead to it from the top of the file.
    pub(super) path: Vec<&'e str>,
    /// What to point at where the whole of it is concerned: its name, not all of its lines.
    pub(super) place: Range<usize>,
    /// The value.
    pub(super) value: &'e Value<'t>,
    /// The part of it that the author wrote, where the rest is a shipped preset: mistakes are there.
    pub(super) own: Option<&'e Value<'t>>,
}

/// The state of one reading: what is left of the value and what was wrong with it.
struct Reading<'e, 't> {
    entry: &'e Entry<'e, 't>,
    value: Value<'t>,
    taken_out: Vec<Vec<Step>>,
    found: Vec<Diagnostic>,
}

impl<'e, 't> Entry<'e, 't> {
    /// The entry `key` of the section `section`.
    pub(super) fn of_section(section: &'e str, key: &'e Key<'t>, value: &'e Value<'t>) -> Self {
        Self {
            path: vec![section, key.get_ref()],
            place: key.span(),
            value,
            own: None,
        }
    }

    /// The place of the field `name`: its value, or the entry's own place where it is absent.
    pub(super) fn field(&self, name: &str) -> Range<usize> {
        let field = self.value.get_ref().get(name);
        field.map_or_else(|| self.place.clone(), Spanned::span)
    }
}

/// Reads `entry` as a `T`; each mistake becomes a diagnostic at its own place.
pub(super) fn read<'t, T>(entry: &Entry<'_, 't>, diagnostics: &mut Vec<Diagnostic>) -> Option<T>
where
    T: Deserialize<'t> + JsonSchema,
{
    let mut reading = Reading {
        entry,
        value: entry.value.clone(),
        taken_out: Vec::new(),
        found: Vec::new(),
    };
    let whole = loop {
        match T::deserialize(ValueDeserializer::from(reading.value.clone())) {
            Ok(whole) => break Some(whole),
            Err(error) if reading.mend(&error) => {}
            Err(error) => {
                reading.missing_at_top(&error, &required::<T>());
                break None;
            }
        }
    };
    let is_clean = reading.found.is_empty();
    diagnostics.append(&mut reading.found);
    whole.filter(|_| is_clean)
}

/// The keys that a table of this type must have.
fn required<T: JsonSchema>() -> Vec<String> {
    let schema = schemars::schema_for!(T);
    let keys = schema.get("required").and_then(|keys| keys.as_array());
    let keys = keys.into_iter().flatten().filter_map(|key| key.as_str());
    keys.map(str::to_owned).collect()
}

impl Reading<'_, '_> {
    /// Notes the mistake and takes it out; whether another reading makes sense.
    fn mend(&mut self, error: &Error) -> bool {
        let Some(path) = error.span().and_then(|span| find(&self.value, &span)) else {
            self.found
                .push(Diagnostic::at(self.entry.place.clone(), error.message()));
            return false;
        };
        match Complaint::new(error.message()) {
            Complaint::Missing(_) if path.is_empty() => return false,
            Complaint::Missing(key) => self.missing(&path, &key),
            Complaint::UnknownKey { key, known } => return self.unknown_key(&path, &key, &known),
            Complaint::UnknownWord { word, known } => self.unknown_word(&path, &word, &known),
            Complaint::Unfit { expected, found } => self.unfit(&path, &expected, &found),
            Complaint::NotOne => self.not_one(&path),
            Complaint::Other(message) => self.other(&path, message),
        }
        self.take_out(&path)
    }

    fn missing(&mut self, table: &[Step], key: &str) {
        let mut path = table.to_vec();
        path.push(Step::Key(key.to_owned()));
        if !self.taken_out.contains(&path) {
            let message = format!("`{key}` is missing");
            let missing = Diagnostic::at(self.place(table), message);
            self.found.push(missing.maybe_help(complaint::example(key)));
        }
    }

    /// Notes every key that the entry itself must have and has not, if that was the complaint.
    fn missing_at_top(&mut self, error: &Error, required: &[String]) {
        let Complaint::Missing(first) = Complaint::new(error.message()) else {
            return;
        };
        let others = required.iter().filter(|key| **key != first);
        let absent: Vec<String> = std::iter::once(&first)
            .chain(others)
            .filter(|key| self.value.get_ref().get(key.as_str()).is_none())
            .cloned()
            .collect();
        for key in absent {
            self.missing(&[], &key);
        }
    }

    fn unknown_key(&mut self, path: &[Step], key: &str, known: &[String]) -> bool {
        let place = key_span(&self.value, path).unwrap_or_else(|| self.entry.place.clone());
        let unknown = Diagnostic::at(place.clone(), format!("unknown key `{key}`"));
        if let Some(help) = hints::strayed(key) {
            self.found.push(unknown.help(help));
        } else if let Some(dotted) = self.dotted_name(path, &place) {
            self.found.push(dotted);
        } else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            self.found
                .push(hints::did_you_mean(unknown, key, known.iter().copied()));
            if let Some(meant) = hints::nearest(key, &known) {
                return self.rename(path, meant);
            }
        }
        self.take_out(path)
    }

    /// A name with a dot that was not quoted, and so became a table in a table.
    fn dotted_name(&self, path: &[Step], place: &Range<usize>) -> Option<Diagnostic> {
        let keys = path.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        });
        let mut keys: Vec<&str> = self.entry.path.iter().copied().chain(keys).collect();
        let last = keys.pop()?;
        let before = keys.pop()?;
        let is_table = part(&self.value, path).is_some_and(|value| value.get_ref().is_table());
        if !is_table || !last.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        keys.push("");
        let name = format!("{before}.{last}");
        let start = place.start.saturating_sub(before.len() + 1);
        let message = format!("`{name}` was read as a table `{last}` in a table `{before}`");
        Some(Diagnostic::at(start..place.end, message).help(format!(
            "quote a name that holds a dot: [{}\"{name}\"]",
            keys.join(".")
        )))
    }

    fn unknown_word(&mut self, path: &[Step], word: &str, known: &[String]) {
        let message = complaint::unknown_word(word, known);
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let meant = hints::nearest(word, &names);
        let help = meant.map(|meant| format!("did you mean `{meant}`?"));
        self.found
            .push(Diagnostic::at(self.place(path), message).maybe_help(help));
    }

    fn unfit(&mut self, path: &[Step], expected: &str, found: &str) {
        let key = self.key_of(path);
        let message = match path {
            [] => format!("expected {expected} for `{key}`, found {found}"),
            _ => format!("expected {expected}, found {found}"),
        };
        let help = (path.is_empty().then(|| hints::strayed(key)).flatten())
            .or_else(|| complaint::corrected(key, expected, found))
            .or_else(|| complaint::example(key));
        self.found
            .push(Diagnostic::at(self.place(path), message).maybe_help(help));
    }

    /// A table that says which of several it is by its only key, and has none or more.
    fn not_one(&mut self, path: &[Step]) {
        let table = part(&self.value, path).and_then(|value| value.get_ref().as_table());
        let keys = table.into_iter().flat_map(DeTable::keys);
        let keys: Vec<&str> = keys.map(|key| key.get_ref().as_ref()).collect();
        let message = format!("expected exactly one key, found {}", hints::list(&keys));
        self.found.push(Diagnostic::at(self.place(path), message));
    }

    fn other(&mut self, path: &[Step], message: String) {
        let key = self.key_of(path);
        let parts = message
            .strip_prefix("expected ")
            .and_then(|rest| rest.rsplit_once(", found "));
        let help = parts.and_then(|(expected, found)| complaint::corrected(key, expected, found));
        // A key that is a value itself, such as the time of an action, is what is wrong.
        let is_key = parts.is_some_and(|(_, found)| found.trim_matches('`') == key);
        let place = key_span(&self.value, path).filter(|_| is_key);
        let place = place.unwrap_or_else(|| self.place(path));
        self.found
            .push(Diagnostic::at(place, message).maybe_help(help));
    }

    /// The last key on the way to the part at `path`.
    fn key_of<'p>(&'p self, path: &'p [Step]) -> &'p str {
        match path.last() {
            Some(Step::Key(key)) => key,
            _ => self.entry.path.last().copied().unwrap_or_default(),
        }
    }

    /// What to point at for the part at `path`, or for its deepest part that the author wrote.
    fn place(&self, path: &[Step]) -> Range<usize> {
        let root = self.entry.own.unwrap_or(&self.value);
        let keys: Vec<String> = path.iter().map(Step::to_string).collect();
        place_of(root, self.entry.place.clone(), &keys)
    }

    /// Takes out the part at `path` and each table that is empty then; not possible for the whole.
    fn take_out(&mut self, path: &[Step]) -> bool {
        let Some((last, parent)) = path.split_last() else {
            return false;
        };
        let Some(holder) = part_mut(&mut self.value, parent) else {
            return false;
        };
        let is_empty = match (holder.get_mut(), last) {
            (DeValue::Table(table), Step::Key(key)) => {
                table.remove(key.as_str());
                table.is_empty()
            }
            (DeValue::Array(array), Step::Index(index)) => {
                let all = std::mem::replace(array, DeArray::new());
                let kept = all.into_iter().enumerate();
                *array = kept
                    .filter(|(at, _)| at != index)
                    .map(|(_, kept)| kept)
                    .collect();
                false
            }
            _ => return false,
        };
        self.taken_out.push(path.to_vec());
        if is_empty && !parent.is_empty() {
            self.take_out(parent);
        }
        true
    }

    /// Gives the key at `path` the name it should have, or takes it out if that is there already.
    fn rename(&mut self, path: &[Step], meant: &str) -> bool {
        let Some((Step::Key(key), parent)) = path.split_last() else {
            return false;
        };
        let Some(DeValue::Table(table)) = part_mut(&mut self.value, parent).map(Spanned::get_mut)
        else {
            return false;
        };
        if table.contains_key(meant) {
            return self.take_out(path);
        }
        let Some((key, value)) = table.remove_entry(key.as_str()) else {
            return false;
        };
        table.insert(Spanned::new(key.span(), meant.to_owned().into()), value);
        true
    }
}
