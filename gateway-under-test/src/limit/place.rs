//! [`Place`]: where in the configuration a policy stands, for what is said of its mistakes.

use http::HeaderName;

use super::Scope;
use crate::config::ConfigError;

/// The keys that lead to a policy: `apis.chat.token_limit`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) scope: Scope,
    /// The name of the product or API.
    pub(crate) owner: &'a str,
    /// The key of the policy.
    pub(crate) policy: &'static str,
    /// The key within the policy of the part that is one by itself, if it is in parts.
    pub(crate) part: Option<&'static str>,
}

impl Place<'_> {
    /// The `part` of the policy.
    pub(crate) fn within(self, part: &'static str) -> Self {
        Self {
            part: Some(part),
            ..self
        }
    }

    /// A mistake of the policy's `key`; of the policy as a whole, if that is empty.
    pub(crate) fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let section = match self.scope {
            Scope::Product => "products",
            Scope::Api => "apis",
        };
        let mut path = vec![section, self.owner, self.policy];
        path.extend(self.part);
        path.extend(Some(key).filter(|key| !key.is_empty()));
        ConfigError::new(&path, message)
    }

    /// The header that the policy's `key` names, if it does; a name that is none is an error.
    pub(crate) fn header(
        &self,
        key: &str,
        name: Option<&String>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<HeaderName> {
        let name = name?;
        let header = name.parse().ok();
        if header.is_none() {
            let message = format!("expected the name of a header, found `{name}`");
            errors.push(self.error(key, message));
        }
        header
    }
}
