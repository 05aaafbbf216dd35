//! [`File`]: the configuration file of the server.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

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
    /// Reads and resolves a file; `name` is its name in messages.
    ///
    /// Each section is read by itself, so that a mistake in one does not hide those in others.
    ///
    /// # Errors
    /// Every mistake with its line and column.
    pub fn resolve(
        name: &str,
        text: &str,
    ) -> Result<BTreeMap<String, SimulatorConfig>, Diagnostics> {
        let (root, syntax) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            name,
            text,
            found: Vec::new(),
        };
        for error in syntax {
            reader.toml(&error, None);
        }
        reader.finish_if_wrong()?;
        let root = root.into_inner();
        let file = reader.file(&root);
        let mut resolved = BTreeMap::new();
        for (simulator, section) in &file.simulators {
            match section.resolve(simulator, &file.deployments) {
                Ok(config) => {
                    resolved.insert(simulator.clone(), config);
                }
                Err(errors) => errors
                    .into_iter()
                    .for_each(|e| reader.config(&root, simulator, e)),
            }
        }
        reader.finish_if_wrong()?;
        Ok(resolved)
    }
}

/// Collects what is wrong with a file.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    found: Vec<(usize, Diagnostic)>,
}

impl Reader<'_> {
    fn file(&mut self, root: &DeTable<'_>) -> File {
        let mut file = File::default();
        for (key, value) in root {
            match key.get_ref().as_ref() {
                "simulators" => file.simulators = self.each(value, Self::simulator),
                "deployments" => file.deployments = self.each(value, Self::deployment),
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

    fn each<T>(
        &mut self,
        table: &Spanned<DeValue<'_>>,
        mut read: impl FnMut(&mut Self, &str, &Spanned<DeValue<'_>>) -> T,
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
        let entries = entries.iter();
        entries
            .map(|(key, value)| (key.get_ref().to_string(), read(self, key.get_ref(), value)))
            .collect()
    }

    /// A simulator, with each of its deployments read by itself.
    fn simulator(&mut self, _: &str, value: &Spanned<DeValue<'_>>) -> SimulatorSection {
        let mut own = value.clone();
        let mut deployments = None;
        if let DeValue::Table(table) = own.get_mut()
            && let Some(inner) = table
                .get("deployments")
                .filter(|inner| inner.get_ref().is_table())
        {
            deployments = Some(self.each(&inner.clone(), Self::deployment));
            table.remove("deployments");
        }
        let mut section: SimulatorSection = self.read(own, None);
        if let Some(deployments) = deployments {
            section.deployments = DeploymentList::Table(deployments);
        }
        section
    }

    fn deployment(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> DeploymentSection {
        self.read(value.clone(), unquoted(name, value.get_ref()))
    }

    fn read<T: DeserializeOwned + Default>(
        &mut self,
        value: Spanned<DeValue<'_>>,
        help: Option<String>,
    ) -> T {
        T::deserialize(ValueDeserializer::from(value)).unwrap_or_else(|error| {
            self.toml(&error, help);
            T::default()
        })
    }

    fn toml(&mut self, error: &toml::de::Error, help: Option<String>) {
        self.push(error.span().unwrap_or(0..0), error.message(), help);
    }

    fn config(&mut self, root: &DeTable<'_>, simulator: &str, error: ConfigError) {
        let mut path = error.path.iter().map(String::as_str);
        let span = match error.path.first().map(String::as_str) {
            Some("^deployments") => locate(
                root,
                ["deployments"].into_iter().chain(path.by_ref().skip(1)),
            ),
            _ => locate(root, ["simulators", simulator].into_iter().chain(path)),
        };
        self.push(span, error.message, error.help);
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

/// Where the value at `path` stands, or the last key on the way to it that does.
fn locate<'p>(root: &DeTable<'_>, path: impl Iterator<Item = &'p str>) -> Range<usize> {
    let (mut table, mut span) = (Some(root), 0..0);
    for name in path {
        let entry = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name));
        let Some((key, value)) = entry else {
            return span;
        };
        table = value.get_ref().as_table();
        span = if table.is_some() {
            key.span()
        } else {
            value.span()
        };
    }
    span
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
