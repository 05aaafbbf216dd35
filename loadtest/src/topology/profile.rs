//! [`Profile`]: somebody else's gateway, in a few lines.
//!
//! A profile says how to reach or start a gateway and how to talk to it. Scenarios are not
//! edited to test another gateway; whatever differs between gateways is here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

/// The word in `prefix` for the path prefix of the scenario's own preset.
const AS_PRESET: &str = "as-preset";

/// A gateway that is not started in this process.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// How reports call it; the file's name by default.
    pub name: String,
    /// What it is, for people.
    pub about: String,
    /// Where it listens; or give `command`.
    pub url: Option<String>,
    /// A command that starts it: `{port}`, `{dir}` and `{NAME}` (a simulator's host and port) are filled in.
    pub command: Vec<String>,
    /// Files written into `{dir}` before the command starts, with the same places filled in.
    pub files: BTreeMap<String, String>,
    /// A path that answers below 500 once it is ready; by default its port being open is enough.
    pub ready: Option<String>,
    /// Path prefix of its API; "as-preset" for the scenario's own, "" by default.
    pub prefix: String,
    /// The key for every subscription.
    pub key: Option<String>,
    /// Keys by subscription, before `key`.
    pub keys: BTreeMap<String, String>,
    /// The response header in which it names the backend it used, as our simulators are called; "x-gw-backend" by default.
    pub backend_header: Option<String>,
    /// Its access log, if it writes one in our format (JSON lines); what was in it before a run is left out.
    pub access_log: Option<PathBuf>,
    /// Its usage events, if it writes them in our format (JSON lines); as with the access log.
    pub usage_events: Option<PathBuf>,
    /// Its metrics page in the text format of Prometheus: a URL, or a path at its own; what it counted before a run is taken off.
    pub metrics: Option<String>,
    /// "ours" if it runs on our clock, so that a speed other than 1 makes sense.
    pub clock: ClockOwner,
    /// Where its backends are, by name; simulators not named here are started on free ports.
    pub backends: BTreeMap<String, BackendProfile>,
}

/// A backend that the gateway was told beforehand.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct BackendProfile {
    /// A running `aoai-simulator`; it is set up for the scenario through its admin API.
    pub url: Option<String>,
    /// The address at which a simulator of the scenario is to be started.
    #[schemars(with = "Option<String>")]
    pub listen: Option<SocketAddr>,
    /// The running simulator's key, if it has one.
    pub key: Option<String>,
}

/// Whose clock a party follows.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum ClockOwner {
    /// Its own: the speed is 1.
    #[default]
    Own,
    /// Ours: it was started with the same `--speed`.
    Ours,
}

/// A profile that cannot be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read the gateway profile {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a profile.
    #[error("the gateway profile {path} is not valid:\n{message}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        message: String,
    },
    /// Neither or both of `url` and `command`.
    #[error("the gateway profile `{name}` needs exactly one of `url` and `command`")]
    NoWay {
        /// The profile.
        name: String,
    },
    /// Not an http URL.
    #[error("expected a gateway URL such as http://127.0.0.1:4000, found `{found}`")]
    NotAUrl {
        /// What was given.
        found: String,
    },
    /// A backend with neither or both of `url` and `listen`.
    #[error(
        "the backend `{backend}` of the gateway profile `{name}` needs exactly one of `url` and `listen`"
    )]
    BackendNowhere {
        /// The profile.
        name: String,
        /// The backend.
        backend: String,
    },
}

impl Profile {
    /// `--gateway`: a URL, or the path of a profile.
    ///
    /// # Errors
    /// [`ProfileError`], before anything runs.
    pub fn from_argument(argument: &str) -> Result<Self, ProfileError> {
        if argument.contains("://") {
            Self::at_url(argument)
        } else {
            Self::read(Path::new(argument))
        }
    }

    /// A gateway at `url`, about which nothing else is known; a path in it is its API's prefix.
    fn at_url(url: &str) -> Result<Self, ProfileError> {
        let not_a_url = || ProfileError::NotAUrl {
            found: url.to_owned(),
        };
        let uri: http::Uri = url.parse().map_err(|_| not_a_url())?;
        let authority = uri
            .authority()
            .filter(|_| uri.scheme_str() == Some("http"))
            .ok_or_else(not_a_url)?;
        Ok(Self {
            name: url.to_owned(),
            url: Some(format!("http://{authority}")),
            prefix: uri.path().trim_end_matches('/').to_owned(),
            ..Self::default()
        })
    }

    fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path).map_err(|source| ProfileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut profile: Self = toml::from_str(&text).map_err(|error| ProfileError::Invalid {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        if profile.name.is_empty() {
            profile.name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
        }
        profile.check()?;
        Ok(profile)
    }

    fn check(&self) -> Result<(), ProfileError> {
        if self.url.is_some() != self.command.is_empty() {
            return Err(ProfileError::NoWay {
                name: self.name.clone(),
            });
        }
        if let Some(url) = &self.url {
            Self::at_url(url)?;
        }
        if let Some(metrics) = &self.metrics
            && !metrics.starts_with('/')
        {
            Self::at_url(metrics)?;
        }
        for (backend, place) in &self.backends {
            if place.url.is_some() == place.listen.is_some() {
                return Err(ProfileError::BackendNowhere {
                    name: self.name.clone(),
                    backend: backend.clone(),
                });
            }
        }
        Ok(())
    }

    /// The prefix of its API where the scenario's preset has the prefix `own`.
    pub fn prefix_for(&self, own: &str) -> String {
        match self.prefix.as_str() {
            AS_PRESET => own.to_owned(),
            prefix => prefix.trim_end_matches('/').to_owned(),
        }
    }

    /// Its key for `subscription`, if it has one of its own.
    pub fn key_for(&self, subscription: &str) -> Option<String> {
        self.keys.get(subscription).or(self.key.as_ref()).cloned()
    }

    /// The address of its metrics page, where it listens at `url`.
    pub fn metrics_at(&self, url: &str) -> Option<String> {
        let page = self.metrics.as_deref()?;
        let base = if page.starts_with('/') { url } else { "" };
        Some(format!("{base}{page}"))
    }

    /// Whether a run through it may have a speed other than 1.
    pub fn follows_our_clock(&self) -> bool {
        self.clock == ClockOwner::Ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_profile_whose_path_is_the_prefix() {
        let profile = Profile::from_argument("http://127.0.0.1:4000/round-robin-simple/").unwrap();
        assert_eq!(profile.url.as_deref(), Some("http://127.0.0.1:4000"));
        assert_eq!(profile.prefix_for("/other"), "/round-robin-simple");
    }

    #[test]
    fn the_word_as_preset_stands_for_the_scenarios_own_prefix() {
        let profile = Profile {
            prefix: AS_PRESET.to_owned(),
            ..Profile::default()
        };
        assert_eq!(profile.prefix_for("/retry-with-payg"), "/retry-with-payg");
    }

    #[test]
    fn what_is_no_gateway_is_refused_by_name() {
        let error = Profile::from_argument("https://example.test").unwrap_err();
        insta::assert_snapshot!(error, @"expected a gateway URL such as http://127.0.0.1:4000, found `https://example.test`");
        let error = Profile {
            name: "x".to_owned(),
            ..Profile::default()
        }
        .check()
        .unwrap_err();
        insta::assert_snapshot!(error, @"the gateway profile `x` needs exactly one of `url` and `command`");
    }
}
