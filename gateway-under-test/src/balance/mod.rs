//! Load balancing: which backend a request goes to first.
//!
//! Each policy is a file of its own that knows nothing but positions in a list: [`Balancer`]
//! maps them to backends. None looks at what backends answer.

mod round_robin;
mod smooth_weighted;
mod weighted_random;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::round_robin::RoundRobin;
use self::smooth_weighted::SmoothWeighted;
use self::weighted_random::WeightedRandom;
use crate::backend::Backend;
use crate::config::{BalanceConfig, ConfigError};
use crate::draw::Draws;
use crate::routing::Backends;

/// A policy and the backends it chooses among.
#[derive(Debug)]
pub(crate) struct Balancer {
    /// At least one, in the order the policy counts them.
    backends: Vec<Arc<Backend>>,
    policy: Policy,
}

#[derive(Debug)]
enum Policy {
    Single,
    RoundRobin(RoundRobin),
    WeightedRandom(WeightedRandom),
    SmoothWeighted(SmoothWeighted),
}

/// What a policy says of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Turn {
    /// Position of the backend.
    position: usize,
    /// How many turns the policy gave before, where it gives turns: requests that are served side
    /// by side are logged in order of arrival, and only this says in which order they chose.
    number: Option<u64>,
}

impl Balancer {
    /// The balancer of the API `api`, or `None` if there is an error, which is added to `errors`:
    /// a backend that is not configured, none at all, or weights that leave nobody to serve.
    pub(crate) fn new(
        api: &str,
        config: &BalanceConfig,
        known: &Backends,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let at = ["apis", api, "balance"];
        match config {
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
        }
    }

    /// The backend of the request that has these `draws`, and the number of its turn.
    pub(crate) fn choose(&self, draws: Draws) -> (&Arc<Backend>, Option<u64>) {
        let without_turns = |position| Turn {
            position,
            number: None,
        };
        let turn = match &self.policy {
            Policy::Single => without_turns(0),
            Policy::RoundRobin(policy) => policy.next(),
            Policy::WeightedRandom(policy) => without_turns(policy.draw(draws)),
            Policy::SmoothWeighted(policy) => policy.next(),
        };
        (&self.backends[turn.position], turn.number)
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

/// All the backends `names`; each unknown one is an error.
fn find_all<'n>(
    at: &[&str],
    known: &Backends,
    names: impl Iterator<Item = &'n String>,
    errors: &mut Vec<ConfigError>,
) -> Option<Vec<Arc<Backend>>> {
    let found: Vec<_> = names.map(|name| known.find(name, at, errors)).collect();
    found.into_iter().collect()
}
