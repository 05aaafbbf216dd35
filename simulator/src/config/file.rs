//! [`File`]: the configuration file of the server.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::{
    ConfigError, DeploymentList, DeploymentSection, Diagnostic, Diagnostics, SimulatorConfig,
    SimulatorSection,
};

/// The configuration file of the server: simulators by name, and deployments they share.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Simulators, each a resource of its own, on its own port.
    pub simulators: BTreeMap<String, SimulatorSection>,
    /// Deployments that simulators name or are `like`.
    #[serde(default)]
    pub deployments: BTreeMap<String, DeploymentSection>,
}

impl File {
    /// Reads and resolves a file; `name` is its name in messages. Simulators are in its order.
    ///
    /// Each section is read by itself, so that a mistake in one does not hide those in others.
    ///
    /// # Errors
    /// Every mistake with its line and column.
    pub fn resolve(name: &str, text: &str) -> Result<Vec<(String, SimulatorConfig)>, Diagnostics> {
        let (root, mut reader) = Reader::parse(name, text)?;
        let file = reader.file(&root);
        let mut resolved = Vec::new();
        for (simulator, section) in &file.simulators {
            match section.resolve(simulator, &file.deployments) {
                Ok(config) => resolved.push((simulator.clone(), config)),
                Err(errors) => reader.unresolved(&root, &["simulators", simulator], errors),
            }
        }
        reader.finish_if_wrong()?;
        resolved.sort_by_key(|(simulator, _)| {
            let path = ["simulators".to_owned(), simulator.clone()];
            locate(&root, &path).0.start
        });
        Ok(resolved)
    }
}

impl FromStr for SimulatorConfig {
    type Err = Diagnostics;

    /// Reads one simulator by itself: what a file has below `[simulators.NAME]`.
    fn from_str(text: &str) -> Result<Self, Diagnostics> {
        let (root, mut reader) = Reader::parse("simulator", text)?;
        let whole = Spanned::new(0..text.len(), DeValue::Table(root.clone()));
        let section = reader.simulator(&[], &whole);
        let resolved = section.resolve("simulator", &BTreeMap::new());
        let resolved = resolved.map_err(|errors| reader.unresolved(&root, &[], errors));
        reader.finish_if_wrong()?;
        Ok(resolved.expect("what is wrong with a section was found by the reader"))
    }
}

/// Collects what is wrong with a file.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    found: Vec<(usize, Diagnostic)>,
    /// Sections that could not be read as a whole; what they lack may be what was not read.
    broken: Vec<Vec<String>>,
    /// Where the values stand that could not be read.
    unread: Vec<usize>,
}

impl<'a> Reader<'a> {
    /// The tables of a text that is TOML.
    fn parse(name: &'a str, text: &'a str) -> Result<(DeTable<'a>, Self), Diagnostics> {
        let (root, syntax) = DeTable::parse_recoverable(text);
        let mut reader = Self {
            name,
            text,
            found: Vec::new(),
            broken: Vec::new(),
            unread: Vec::new(),
        };
        for error in syntax {
            reader.toml(&error, None);
        }
        reader.finish_if_wrong()?;
        Ok((root.into_inner(), reader))
    }

    fn file(&mut self, root: &DeTable<'_>) -> File {
        let mut file = File::default();
        for (key, value) in root {
            match key.get_ref().as_ref() {
                "simulators" => {
                    file.simulators = self.each(&["simulators"], value, Self::simulator);
                }
                "deployments" => {
                    file.deployments = self.each(&["deployments"], value, Self::deployment);
                }
                other => self.push(
                    key.span(),
                    format!("expected `simulators` or `deployments`, found `{other}`"),
                    Some("a key belongs below a header such as [simulators.NAME]".to_owned()),
                ),
            }
        }
        if file.simulators.is_empty() && self.found.is_empty() {
            let help = Some("[simulators.my-resource]".to_owned());
            self.push(0..0, "expected at least one simulator", help);
        }
        file
    }

    /// Reads every entry of the table at `path`.
    fn each<T>(
        &mut self,
        path: &[&str],
        table: &Spanned<DeValue<'_>>,
        mut read: impl FnMut(&mut Self, &[&str], &Spanned<DeValue<'_>>) -> T,
    ) -> BTreeMap<String, T> {
        let Some(entries) = table.get_ref().as_table() else {
            let found = table.get_ref().type_str();
            self.push(
                table.span(),
                format!("expected a table, found {found}"),
                None,
            );
            return BTreeMap::new();
        };
        let entries = entries.iter().map(|(key, value)| {
            let path = [path, &[key.get_ref().as_ref()]].concat();
            (key.get_ref().to_string(), read(self, &path, value))
        });
        entries.collect()
    }

    /// A simulator, with each of its deployments read by itself.
    fn simulator(&mut self, path: &[&str], value: &Spanned<DeValue<'_>>) -> SimulatorSection {
        let mut own = value.clone();
        let mut deployments = None;
        if let DeValue::Table(table) = own.get_mut()
            && let Some(inner) = table
                .get("deployments")
                .filter(|inner| inner.get_ref().is_table())
        {
            let path = [path, &["deployments"]].concat();
            deployments = Some(self.each(&path, &inner.clone(), Self::deployment));
            table.remove("deployments");
        }
        let mut section: SimulatorSection = self.read(path, &own, None);
        if let Some(deployments) = deployments {
            section.deployments = DeploymentList::Table(deployments);
        }
        section
    }

    fn deployment(&mut self, path: &[&str], value: &Spanned<DeValue<'_>>) -> DeploymentSection {
        let name = path.last().copied().unwrap_or_default();
        self.read(path, value, unquoted(name, value.get_ref()))
    }

    /// Reads a table whose keys all have defaults, key by key; what cannot be read is a mistake.
    fn read<T: DeserializeOwned + Default>(
        &mut self,
        path: &[&str],
        value: &Spanned<DeValue<'_>>,
        help: Option<String>,
    ) -> T {
        let from = |value| T::deserialize(ValueDeserializer::from(value));
        let Some(table) = value.get_ref().as_table() else {
            return from(value.clone()).unwrap_or_else(|error| {
                self.broken(path, &error, help);
                T::default()
            });
        };
        let mut readable = DeTable::new();
        for (key, inner) in table {
            let one = DeTable::from_iter([(key.clone(), inner.clone())]);
            match from(Spanned::new(value.span(), DeValue::Table(one))) {
                Ok(_) => drop(readable.insert(key.clone(), inner.clone())),
                Err(error) => self.broken(path, &error, help.clone()),
            }
        }
        from(Spanned::new(value.span(), DeValue::Table(readable))).unwrap_or_default()
    }

    fn broken(&mut self, path: &[&str], error: &toml::de::Error, help: Option<String>) {
        self.broken
            .push(path.iter().map(ToString::to_string).collect());
        self.unread.extend(error.span().map(|span| span.start));
        self.toml(error, help);
    }

    fn toml(&mut self, error: &toml::de::Error, help: Option<String>) {
        self.push(error.span().unwrap_or(0..0), error.message(), help);
    }

    /// Mistakes that were found in resolving the section `at`, unless they follow from others.
    fn unresolved(&mut self, root: &DeTable<'_>, at: &[&str], errors: Vec<ConfigError>) {
        for error in errors {
            let mut path = error.path;
            if path.first().is_some_and(|first| first == "^deployments") {
                path[0].remove(0);
            } else {
                path.splice(0..0, at.iter().map(ToString::to_string));
            }
            let (span, is_there) = locate(root, &path);
            // A value that could not be read is told as such, and missing only because of that.
            if is_there && self.unread.contains(&span.start) {
                continue;
            }
            let section = &path[..path.len().saturating_sub(1)];
            if is_there || !self.broken.iter().any(|broken| broken == section) {
                self.push(span, error.message, error.help);
            }
        }
    }

    fn push(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        let start = span.start;
        let diagnostic = Diagnostic::new(self.name, self.text, span, message, help);
        // Simulators that share a mistaken table find the mistake once each.
        if self.found.iter().all(|(_, found)| *found != diagnostic) {
            self.found.push((start, diagnostic));
        }
    }

    fn finish_if_wrong(&mut self) -> Result<(), Diagnostics> {
        if self.found.is_empty() {
            return Ok(());
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(start, _)| *start);
        Err(Diagnostics(
            found
                .into_iter()
                .map(|(_, diagnostic)| diagnostic)
                .collect(),
        ))
    }
}

/// Where the value at `path` stands, or else the last key on the way to it, and which it is.
fn locate(root: &DeTable<'_>, path: &[String]) -> (Range<usize>, bool) {
    let (mut table, mut array, mut span) = (Some(root), None, 0..0);
    for name in path {
        let entry = match (table, array) {
            (Some(inner), _) => inner
                .get_key_value(name.as_str())
                .map(|(key, value)| (key.span(), value)),
            (None, Some(items)) => item(items, name).map(|value| (value.span(), value)),
            (None, None) => None,
        };
        let Some((from, value)) = entry else {
            return (span, false);
        };
        (table, array) = (value.get_ref().as_table(), value.get_ref().as_array());
        span = if table.is_some() { from } else { value.span() };
    }
    (span, true)
}

fn item<'a, 'i>(items: &'a DeArray<'i>, index: &str) -> Option<&'a Spanned<DeValue<'i>>> {
    items.get(index.parse::<usize>().ok()?)
}

/// Advice where `[deployments.gpt-4.1]` was read as a table `1` in a deployment `gpt-4`.
fn unquoted(name: &str, value: &DeValue<'_>) -> Option<String> {
    let inner = value
        .as_table()?
        .iter()
        .find(|(_, value)| value.get_ref().is_table());
    let key = inner.map(|(key, _)| key.get_ref())?;
    let is_version = key.starts_with(|c: char| c.is_ascii_digit());
    is_version.then(|| format!("a name with a dot is quoted: [deployments.\"{name}.{key}\"]"))
}

#[cfg(test)]
#[path = "file/tests.rs"]
mod tests;
