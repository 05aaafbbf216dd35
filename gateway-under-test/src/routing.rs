//! The routing table: a configuration with all names resolved, and which API a path belongs to.
//!
//! Building it is the only validation there is: what can be built, runs. A reload builds a new
//! one beside the old, so counters of turns start anew; requests under way keep the table they
//! began with. What was learned of a backend that stays as it is (its breaker's state, the time
//! it asked to be left alone for) is handed over: a reload makes no overloaded backend well.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Moment;

use crate::auth::{Subscription, Subscriptions};
use crate::backend::Backend;
use crate::balance::{Balancer, Preferences};
use crate::client_ip::ClientIp;
use crate::config::{ApiConfig, ConfigError, Dimension, Exhausted, GatewayConfig, SinkConfig};
use crate::helper::Helper;
use crate::limit::{Chain, Limits, Policies};
use crate::prober::Prober;
use crate::retry::Retry;
use crate::usage::Encoding;

/// All that is decided by configuration.
#[derive(Debug)]
pub(crate) struct RoutingTable {
    pub(crate) seed: u64,
    pub(crate) client_ip: ClientIp,
    pub(crate) subscriptions: Subscriptions,
    /// Whether the usage of every answer is read.
    pub(crate) reads_usage: bool,
    /// By what usage is counted, if it is.
    pub(crate) dimensions: Option<Vec<Dimension>>,
    pub(crate) sinks: BTreeMap<String, SinkConfig>,
    backends: Backends,
    pub(crate) helpers: Vec<Helper>,
    pub(crate) probers: BTreeMap<String, Prober>,
    /// The limits of each product.
    products: BTreeMap<String, Policies>,
    /// Longest prefix first.
    apis: Vec<Api>,
}

/// One API and its policies.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) name: String,
    /// Without slashes at its ends: `retry-with-payg`; empty for the API that takes the rest.
    prefix: String,
    limits: Policies,
    /// That of estimates; `None`: the model's own.
    pub(crate) tokenizer: Option<Encoding>,
    pub(crate) balancer: Balancer,
    pub(crate) exhausted: Exhausted,
    pub(crate) retry: Option<Retry>,
    pub(crate) forward_timeout: Duration,
    pub(crate) silence_timeout: Option<Duration>,
    pub(crate) max_replay_bytes: usize,
    pub(crate) sets_x_apim_backend: bool,
    pub(crate) fails_on_error_status: bool,
}

/// What policies are built from: the backends by name, and what all of a gateway share.
#[derive(Debug, Default)]
pub(crate) struct Backends {
    by_name: BTreeMap<String, Arc<Backend>>,
    pub(crate) preferences: Preferences,
    pub(crate) seed: u64,
}

impl RoutingTable {
    /// The table that `config` describes; takes over from `previous` what still holds.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn new(
        config: &GatewayConfig,
        previous: Option<&Self>,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        if let Some(usage) = &config.usage {
            usage.check(&mut errors);
        }
        let subscriptions = Subscriptions::new(config, &mut errors);
        let client_ip = ClientIp::new(config.client_ip_header.as_deref(), &mut errors);
        let known = previous.map(|previous| &previous.backends);
        let backends = Backends::new(config, known, &mut errors);
        if config.apis.is_empty() {
            let error = ConfigError::new(&["apis"], "expected at least one API");
            errors.push(error.help("add `[apis.NAME]` with its `prefix` and `balance`"));
        }
        refuse_shared_prefixes(&config.apis, &mut errors);
        refuse_unknown_classes(config, &mut errors);
        let helpers = config.helpers.iter();
        let helpers = helpers.map(|(name, helper)| Helper::new(name, helper, config, &mut errors));
        let helpers = helpers.collect();
        let prober = |(name, prober): (&String, _)| {
            let prober = Prober::new(name, prober, &backends, config, &mut errors);
            (name.clone(), prober)
        };
        let probers = config.probers.iter().map(prober).collect();
        let product = |(name, product): (&String, _)| {
            let previous = previous.and_then(|previous| previous.products.get(name));
            let limits = Limits::of_product(name, product);
            let limits = Policies::new(&limits, previous, &mut errors);
            (name.clone(), limits)
        };
        let products = config.products.iter().map(product).collect();
        let mut apis: Vec<Api> = config
            .apis
            .iter()
            .filter_map(|(name, api)| {
                let mut apis = previous.iter().flat_map(|previous| &previous.apis);
                let previous = apis.find(|previous| previous.name == *name);
                Api::new(name, api, &backends, previous, &mut errors)
            })
            .collect();
        apis.sort_by_key(|api| Reverse(api.prefix.len()));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            seed: config.seed,
            client_ip,
            subscriptions,
            reads_usage: config.usage.is_some(),
            dimensions: config.usage.as_ref().map(|usage| usage.dimensions.clone()),
            sinks: config.usage.clone().unwrap_or_default().sinks,
            backends,
            helpers,
            probers,
            products,
            apis,
        })
    }

    /// The limits that a request of `subscription` to `api` is subject to.
    pub(crate) fn limits<'t>(&'t self, subscription: &Subscription, api: &'t Api) -> Chain<'t> {
        let product = subscription.product.as_ref();
        let product = product.and_then(|name| self.products.get(name));
        Chain::new(product, &api.limits)
    }

    /// The state of each breaker at `now`, by backend.
    pub(crate) fn breakers(&self, now: Moment) -> impl Iterator<Item = (&str, &'static str)> {
        let backends = self.backends.by_name.values();
        backends.filter_map(move |b| Some((b.name.as_str(), b.breaker_state(now)?)))
    }

    /// The orders by which backends are preferred.
    pub(crate) fn preferences(&self) -> &Preferences {
        &self.backends.preferences
    }

    /// The API that `path` belongs to, and the rest of the path, which begins with one slash.
    ///
    /// Doubled slashes before and after the prefix are tolerated: clients whose base url ends in
    /// a slash send them. Everything behind is kept byte for byte.
    pub(crate) fn route<'p>(&self, path: &'p str) -> Option<(&Api, &'p str)> {
        let bare = path.trim_start_matches('/');
        self.apis.iter().find_map(|api| {
            let rest = bare.strip_prefix(api.prefix.as_str())?;
            let is_whole_segment =
                api.prefix.is_empty() || rest.is_empty() || rest.starts_with('/');
            is_whole_segment.then(|| (api, after_one_slash(path, rest)))
        })
    }
}

/// `rest`, the end of `path`, from the last of the slashes it begins with.
fn after_one_slash<'p>(path: &'p str, rest: &str) -> &'p str {
    let start = path.len() - rest.trim_start_matches('/').len();
    match start.checked_sub(1) {
        Some(slash) if path.as_bytes()[slash] == b'/' => &path[slash..],
        _ => "/",
    }
}

/// Two APIs with one prefix would hide one of them.
fn refuse_shared_prefixes(apis: &BTreeMap<String, ApiConfig>, errors: &mut Vec<ConfigError>) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, api) in apis {
        if let Some(owner) = owners.insert(api.prefix.trim_matches('/'), name) {
            let message = format!("expected a prefix of its own, found that of `{owner}`");
            errors.push(ConfigError::new(&["apis", name, "prefix"], message));
        }
    }
}

/// A product that nobody has would make nobody's requests high.
fn refuse_unknown_classes(config: &GatewayConfig, errors: &mut Vec<ConfigError>) {
    for (name, api) in &config.apis {
        let product = api.adaptive.as_ref().and_then(|a| a.product.as_ref());
        let unknown = product.filter(|product| !config.products.contains_key(*product));
        errors.extend(unknown.map(|product| {
            let path = ["apis", name, "adaptive", "product"];
            ConfigError::unknown("product", product, config.products.keys(), &path)
        }));
    }
}

impl Api {
    fn new(
        name: &str,
        config: &ApiConfig,
        backends: &Backends,
        previous: Option<&Self>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let at = |key| ["apis", name, key];
        let without_breakers = config.ignores_breakers.then(|| backends.without_breakers());
        let backends = without_breakers.as_ref().unwrap_or(backends);
        let is_path = config
            .prefix
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'?');
        if !is_path || !(config.prefix.is_empty() || config.prefix.starts_with('/')) {
            let message = format!(
                "expected a path that begins with `/`, found `{}`",
                config.prefix
            );
            let help = format!("write it as `/{name}`");
            errors.push(ConfigError::new(&at("prefix"), message).help(help));
        }
        for (key, time) in [
            ("forward_timeout", Some(config.forward_timeout)),
            ("silence_timeout", config.silence_timeout),
        ] {
            if time.is_some_and(|time| time.get().is_zero()) {
                let message = "expected a time above 0, found `0s`";
                errors.push(ConfigError::new(&at(key), message));
            }
        }
        let retry = Retry::of(name, config, backends, errors);
        let counted = previous.map(|previous| &previous.limits);
        let limits = Policies::new(&Limits::of_api(name, config), counted, errors);
        let previous = previous.map(|previous| &previous.balancer);
        let balancer = Balancer::new(name, config, backends, previous, errors);
        Some(Self {
            name: name.to_owned(),
            prefix: config.prefix.trim_matches('/').to_owned(),
            limits,
            tokenizer: config.tokenizer,
            balancer: balancer?,
            exhausted: config.exhausted,
            retry,
            forward_timeout: config.forward_timeout.get(),
            silence_timeout: config.silence_timeout.map(clock::Span::get),
            max_replay_bytes: config.max_replay_bytes.get(),
            sets_x_apim_backend: config.sets_x_apim_backend,
            fails_on_error_status: config.fail_on_error_status_code,
        })
    }
}

impl Backends {
    fn new(config: &GatewayConfig, previous: Option<&Self>, errors: &mut Vec<ConfigError>) -> Self {
        let resolve = |(name, config): (&String, _)| {
            let previous = previous.and_then(|previous| previous.by_name.get(name));
            let backend = Backend::new(name, config, previous.map(AsRef::as_ref), errors);
            (name.clone(), Arc::new(backend))
        };
        Self {
            by_name: config.backends.iter().map(resolve).collect(),
            preferences: previous.map_or_else(Preferences::default, |p| p.preferences.clone()),
            seed: config.seed,
        }
    }

    /// The same backends, as if none had a breaker.
    fn without_breakers(&self) -> Self {
        let strip = |(name, backend): (&String, &Arc<Backend>)| {
            (name.clone(), Arc::new(backend.without_breaker()))
        };
        Self {
            by_name: self.by_name.iter().map(strip).collect(),
            preferences: self.preferences.clone(),
            seed: self.seed,
        }
    }

    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// The backend `name`; if there is none, that is an error of the key at `path`.
    pub(crate) fn find(
        &self,
        name: &str,
        path: &[&str],
        errors: &mut Vec<ConfigError>,
    ) -> Option<Arc<Backend>> {
        let found = self.by_name.get(name).cloned();
        if found.is_none() {
            let known = self.by_name.keys();
            errors.push(ConfigError::unknown("backend", name, known, path));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with one API for each prefix, named after it.
    fn table(prefixes: &[&str]) -> RoutingTable {
        let api = |prefix: &&str| {
            format!("[apis.\"{prefix}\"]\nprefix = \"{prefix}\"\nbalance = {{ single = \"b\" }}\n")
        };
        let apis: String = prefixes.iter().map(api).collect();
        let rest = "[subscriptions.one]\nkey = \"k\"\n[backends.b]\nurl = \"http://b\"\n";
        let config = GatewayConfig::parse("test.toml", &(apis + rest)).unwrap();
        RoutingTable::new(&config, None).unwrap()
    }

    fn routed<'p>(table: &RoutingTable, path: &'p str) -> Option<(String, &'p str)> {
        let (api, rest) = table.route(path)?;
        Some((api.name.clone(), rest))
    }

    #[test]
    fn a_path_belongs_to_the_longest_prefix_of_whole_segments() {
        let table = table(&["/retry", "/retry/eu", "/forward"]);
        let to = |api: &str, rest| Some((api.to_owned(), rest));
        assert_eq!(routed(&table, "/retry/openai/x"), to("/retry", "/openai/x"));
        assert_eq!(routed(&table, "/retry/eu/x"), to("/retry/eu", "/x"));
        assert_eq!(routed(&table, "/retry/europe"), to("/retry", "/europe"));
        assert_eq!(routed(&table, "/retry"), to("/retry", "/"));
        assert_eq!(routed(&table, "/retry-with-payg/x"), None);
        assert_eq!(routed(&table, "/"), None);
    }

    #[test]
    fn doubled_slashes_around_the_prefix_are_tolerated_others_kept() {
        let table = table(&["/forward"]);
        let rest = |path| routed(&table, path).unwrap().1;
        assert_eq!(rest("//forward//openai//x/"), "/openai//x/");
        assert_eq!(rest("/forward//"), "/");
    }

    #[test]
    fn the_empty_prefix_takes_what_no_other_api_does() {
        let table = table(&["/", "/forward"]);
        let to = |api: &str, rest| Some((api.to_owned(), rest));
        assert_eq!(routed(&table, "/openai/x"), to("/", "/openai/x"));
        assert_eq!(routed(&table, "//openai/x"), to("/", "/openai/x"));
        assert_eq!(routed(&table, "/forwards"), to("/", "/forwards"));
        assert_eq!(routed(&table, "/forward/x"), to("/forward", "/x"));
    }
}
