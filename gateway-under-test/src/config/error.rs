//! [`ConfigError`]: one thing wrong with a configuration, by the path of its key.

use std::fmt;

use thiserror::Error;

/// A part of a configuration that cannot work, with the remedy where there is one.
///
/// It names a key rather than a position, so that it means the same to whoever embeds the
/// configuration in a larger file; [`locate`](crate::GatewayConfig::locate) finds the position.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub struct ConfigError {
    /// The key, outermost table first: `["apis", "forward", "prefix"]`.
    pub path: Vec<String>,
    /// What is wrong, and what was expected.
    pub message: String,
    /// How to put it right.
    pub help: Option<String>,
}

impl ConfigError {
    /// A mistake at `path`.
    pub fn new(path: &[&str], message: impl Into<String>) -> Self {
        Self {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            message: message.into(),
            help: None,
        }
    }

    /// The value `name` at `path`, which should be one of the `known` things of this `kind`.
    pub(crate) fn unknown<'a>(
        kind: &str,
        name: &str,
        known: impl Iterator<Item = &'a String>,
        path: &[&str],
    ) -> Self {
        let known: Vec<_> = known.map(|known| format!("`{known}`")).collect();
        let help = match known.as_slice() {
            [] => format!("add `[{}s.NAME]`", kind.to_lowercase()),
            known => format!("the {kind}s are {}", known.join(", ")),
        };
        Self::new(path, format!("unknown {kind} `{name}`")).help(help)
    }

    /// The same, with its remedy.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.join("."), self.message)?;
        match &self.help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
    }
}
