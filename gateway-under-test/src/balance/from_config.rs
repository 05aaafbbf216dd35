//! A [`Balancer`] from its configuration: names resolved, mistakes collected.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::affinity::Affinity;
use super::by_model::ByModel;
use super::by_retry_after::{ByRetryAfter, Marks};
use super::pool::Pool;
use super::preferred::Preferred;
use super::round_robin::RoundRobin;
use super::smooth_weighted::SmoothWeighted;
use super::weighted_random::WeightedRandom;
use super::{Balancer, Policy};
use crate::backend::Backend;
use crate::config::{
    ApiConfig, BalanceConfig, ByRetryAfterConfig, Condition, ConfigError, Exhausted, MemberConfig,
};
use crate::routing::Backends;

impl Balancer {
    /// The balancer of the API `api`, or `None` if there is an error, which is added to `errors`:
    /// a backend that is not configured, none at all, or weights that leave nobody to serve.
    ///
    /// `previous` is the API's balancer before a reload: members that asked it to be left alone
    /// are left alone by this one.
    pub(crate) fn new(
        api: &str,
        config: &ApiConfig,
        known: &Backends,
        previous: Option<&Self>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let at = ["apis", api, "balance"];
        let has_last_resort = config.exhausted == Exhausted::FirstBackend;
        if has_last_resort && !matches!(config.balance, BalanceConfig::ByRetryAfter(_)) {
            let message = "expected `balance.by_retry_after` beside `first-backend`";
            let error = ConfigError::new(&["apis", api, "exhausted"], message);
            errors.push(error.help("write `unavailable` or `too-many-requests`"));
        }
        match &config.balance {
            BalanceConfig::Single(name) => Some(Self {
                backends: vec![known.find(name, &[&at[..], &["single"]].concat(), errors)?],
                policy: Policy::Single,
            }),
            BalanceConfig::RoundRobin { backends, first } => {
                let at = [&at[..], &["round_robin"]].concat();
                round_robin(&at, known, backends, first.as_deref(), errors)
            }
            BalanceConfig::WeightedRandom { weights } => {
                let at = [&at[..], &["weighted_random", "weights"]].concat();
                let backends = weighted(&at, known, weights, errors)?;
                let policy = WeightedRandom::new(weights.values().copied().collect())?;
                Some(Self {
                    backends,
                    policy: Policy::WeightedRandom(policy),
                })
            }
            BalanceConfig::SmoothWeighted { weights } => {
                let at = [&at[..], &["smooth_weighted", "weights"]].concat();
                let backends = weighted(&at, known, weights, errors)?;
                let policy = SmoothWeighted::new(weights.values().copied().collect())?;
                Some(Self {
                    backends,
                    policy: Policy::SmoothWeighted(policy),
                })
            }
            BalanceConfig::Pool(pool) => {
                let affinity = Affinity::of(api, config, pool, known.seed, errors);
                let at = [&at[..], &["pool", "members"]].concat();
                let backends = members(&at, known, &pool.members, errors)?;
                let pool = Pool::new(&pool.members, pool.pick)?;
                let policy = Policy::Pool { pool, affinity };
                Some(Self { backends, policy })
            }
            BalanceConfig::ByRetryAfter(config) => {
                let at = [&at[..], &["by_retry_after"]].concat();
                by_retry_after(&at, known, config, has_last_resort, previous, errors)
            }
            BalanceConfig::Preferred(preferred) => {
                let at = [&at[..], &["preferred"]].concat();
                Preferred::balancer(&at, preferred, known, errors)
            }
            BalanceConfig::ByModel(by_model) => {
                let at = [&at[..], &["by_model"]].concat();
                ByModel::balancer(&at, by_model, known, errors)
            }
        }
    }
}

fn round_robin(
    at: &[&str],
    known: &Backends,
    names: &[String],
    first: Option<&str>,
    errors: &mut Vec<ConfigError>,
) -> Option<Balancer> {
    let at_list = [at, &["backends"]].concat();
    if names.is_empty() {
        errors.push(ConfigError::new(&at_list, "expected at least one backend"));
    }
    let backends = find_all(&at_list, known, names.iter(), errors);
    let start = match first {
        None => Some(0),
        Some(first) => names.iter().position(|name| name == first).or_else(|| {
            let message = format!("expected one of its own `backends`, found `{first}`");
            errors.push(ConfigError::new(&[at, &["first"]].concat(), message));
            None
        }),
    };
    let (backends, start) = (backends?, start?);
    let policy = Policy::RoundRobin(RoundRobin::new(backends.len(), start));
    Some(Balancer { backends, policy })
}

fn weighted(
    at: &[&str],
    known: &Backends,
    weights: &BTreeMap<String, u32>,
    errors: &mut Vec<ConfigError>,
) -> Option<Vec<Arc<Backend>>> {
    if weights.values().all(|&weight| weight == 0) {
        let error = ConfigError::new(at, "expected at least one weight above 0");
        errors
            .push(error.help("name the backends with their weights: `{ payg-1 = 2, payg-2 = 1 }`"));
    }
    find_all(at, known, weights.keys(), errors)
}

/// The members of a pool by position.
fn members(
    at: &[&str],
    known: &Backends,
    members: &BTreeMap<String, MemberConfig>,
    errors: &mut Vec<ConfigError>,
) -> Option<Vec<Arc<Backend>>> {
    if members.values().all(|member| member.weight == 0) {
        let error = ConfigError::new(at, "expected at least one member with a weight above 0");
        errors.push(error.help("name the members: `{ ptu-1 = {}, payg-1 = { priority = 2 } }`"));
    }
    let find = |name: &String| known.find(name, &[at, &[name]].concat(), errors);
    let found: Vec<_> = Pool::order(members).into_iter().map(find).collect();
    found.into_iter().collect()
}

fn by_retry_after(
    at: &[&str],
    known: &Backends,
    config: &ByRetryAfterConfig,
    has_last_resort: bool,
    previous: Option<&Balancer>,
    errors: &mut Vec<ConfigError>,
) -> Option<Balancer> {
    let mut wrong = |key: &str, message: &str| {
        errors.push(ConfigError::new(&[at, &[key]].concat(), message));
    };
    for (key, time) in [
        ("default_wait", Some(config.default_wait)),
        ("max_wait", Some(config.max_wait)),
        ("forgets_when_idle", config.forgets_when_idle),
    ] {
        if time.is_some_and(|time| time.get().is_zero()) {
            wrong(key, "expected a time above 0, found `0s`");
        }
    }
    if let Some(message) = Condition::mistake_in(&config.on) {
        wrong("on", message);
    }
    let marks = match previous.map(|previous| &previous.policy) {
        Some(Policy::ByRetryAfter(previous)) => previous.marks(),
        _ => Marks::default(),
    };
    let backends = members(&[at, &["members"]].concat(), known, &config.members, errors)?;
    let policy = ByRetryAfter::new(config, has_last_resort, marks)?;
    Some(Balancer {
        backends,
        policy: Policy::ByRetryAfter(policy),
    })
}

/// All the backends `names`; each unknown one is an error.
pub(super) fn find_all<'n>(
    at: &[&str],
    known: &Backends,
    names: impl Iterator<Item = &'n String>,
    errors: &mut Vec<ConfigError>,
) -> Option<Vec<Arc<Backend>>> {
    let found: Vec<_> = names.map(|name| known.find(name, at, errors)).collect();
    found.into_iter().collect()
}
