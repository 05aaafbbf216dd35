//! [`ConfigError`]: one mistake in a configuration.

use std::fmt;

use thiserror::Error;

/// One mistake in a section: where, what was expected, and how to write it.
///
/// A path is made of keys, because only the caller knows in which file the section stands and
/// can turn the path into a line and column. A path that starts with `^deployments` leads out
/// of the section into the shared `[deployments.NAME]` tables.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct ConfigError {
    /// Keys from the section's root to the value that is wrong, such as `deployments`, `x`, `model`.
    pub path: Vec<String>,
    /// What is wrong and what was expected; lower case, no full stop.
    pub message: String,
    /// How to write it instead, where that can be said.
    pub help: Option<String>,
}

/// Every mistake of a change that was refused whole.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigError {
    /// The mistake `message` at the key `path`.
    pub fn new<P: Into<String>>(
        path: impl IntoIterator<Item = P>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into_iter().map(Into::into).collect(),
            message: message.into(),
            help: None,
        }
    }

    /// The same mistake with advice on how to write it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same mistake, seen from `keys` further up.
    #[must_use]
    pub fn under<P: Into<String>>(mut self, keys: impl IntoIterator<Item = P>) -> Self {
        let keys = keys.into_iter().map(Into::into);
        self.path = keys.chain(self.path).collect();
        self
    }
}

impl fmt::Display for ConfigError {
    /// `deployments.x.model: unknown model …; help: …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.join("."))?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; help: {help}"),
            None => Ok(()),
        }
    }
}
