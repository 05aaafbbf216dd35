//! [`GatewayPlan`]: which gateway answers the scenario's question.

use std::collections::BTreeSet;

use super::{GatewayConfig, Profile, SimulatorConfigs};
use gateway_under_test::ConfigError;
use gateway_under_test::config::Secret;

/// The answerer: our gateway with a resolved configuration, or somebody else's in its place.
///
/// The resolved configuration stays also where another gateway answers: prefixes and keys of
/// the scenario's preset are what a gateway laid out like the toolkit's has, too.
#[derive(Clone, Debug)]
pub struct GatewayPlan {
    /// Name of the preset, or of the profile that replaced it.
    pub name: String,
    /// Our gateway's configuration; backends have no addresses yet.
    pub config: GatewayConfig,
    /// Somebody else's gateway, which answers instead.
    pub profile: Option<Profile>,
}

impl GatewayPlan {
    /// Our gateway with `config`, from the preset `name`.
    pub fn ours(name: String, config: GatewayConfig) -> Self {
        Self {
            name,
            config,
            profile: None,
        }
    }

    /// The same question, answered by the gateway of `profile`.
    #[must_use]
    pub fn replaced_by(self, profile: Profile) -> Self {
        Self {
            name: profile.name.clone(),
            profile: Some(profile),
            ..self
        }
    }

    /// Whether the scenario's gateway tells who used how many tokens.
    pub fn tracks_usage(&self) -> bool {
        self.config.usage.is_some()
    }

    /// Path prefix of the API called `api`, or of the only one; without a slash at its end.
    ///
    /// # Errors
    /// A sentence for the scenario's author: no such API, or several and none named.
    pub fn prefix(&self, api: Option<&str>) -> Result<String, String> {
        let apis = &self.config.apis;
        let known = || {
            apis.keys()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let chosen = match api {
            Some(name) => apis
                .get(name)
                .ok_or_else(|| format!("the gateway has no API `{name}`, it has {}", known()))?,
            None if apis.len() == 1 => apis.values().next().ok_or("the gateway has no API")?,
            None => {
                return Err(format!(
                    "the gateway has several APIs: say which with `gateway_api`, one of {}",
                    known()
                ));
            }
        };
        let own = chosen.prefix.trim_end_matches('/').to_owned();
        Ok(self
            .profile
            .as_ref()
            .map_or(own.clone(), |profile| profile.prefix_for(&own)))
    }

    /// The key of the subscription `name`, as the answering gateway knows it.
    pub fn key(&self, name: &str) -> Option<String> {
        let own = self
            .config
            .subscriptions
            .get(name)
            .map(|subscription| subscription.key.expose().to_owned())?;
        Some(
            self.profile
                .as_ref()
                .and_then(|profile| profile.key_for(name))
                .unwrap_or(own),
        )
    }

    /// The names of all subscriptions.
    pub fn subscriptions(&self) -> Vec<String> {
        self.config.subscriptions.keys().cloned().collect()
    }

    /// The subscription that a class presents unless it names another: `one`, else the first by name.
    pub fn first_subscription(&self) -> Option<String> {
        let names = &self.config.subscriptions;
        names
            .get_key_value("one")
            .or_else(|| names.first_key_value())
            .map(|(name, _)| name.clone())
    }

    /// Everything that would keep the configuration from running, addresses aside.
    pub fn mistakes(&self) -> Vec<ConfigError> {
        self.with_addresses(&SimulatorConfigs::new(), |name| {
            Some(format!("http://{name}"))
        })
        .validate()
    }

    /// The configuration with an address and a credential for each backend that is in use or has a
    /// simulator, which an action may bring into use; the others are left out.
    pub fn with_addresses(
        &self,
        simulators: &SimulatorConfigs,
        address: impl Fn(&str) -> Option<String>,
    ) -> GatewayConfig {
        let mut config = self.config.clone();
        let in_use = Self::backends_in_use(&config);
        config.backends.retain(|name, backend| {
            in_use.contains(name) || simulators.contains_key(name) || backend.url.is_some()
        });
        for (name, backend) in &mut config.backends {
            backend.url = address(name).or_else(|| backend.url.take());
            let own_key = simulators
                .get(name)
                .and_then(|simulator| simulator.api_keys.first());
            // A simulator without keys takes any; one that names the backend is found in its ledger.
            let key = own_key
                .cloned()
                .unwrap_or_else(|| format!("backend-key-{name}"));
            backend.api_key = backend.api_key.take().or_else(|| Some(Secret::from(key)));
        }
        config
    }

    /// Names of the backends that some policy of `config` uses and that have no address of their own.
    pub fn backends_in_use(config: &GatewayConfig) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for api in config.apis.values() {
            names.extend(api.balance.backends().into_iter().map(str::to_owned));
            names.extend(api.retry.iter().filter_map(|retry| retry.to.clone()));
        }
        names.retain(|name| {
            config
                .backends
                .get(name)
                .is_none_or(|backend| backend.url.is_none())
        });
        names
    }
}
