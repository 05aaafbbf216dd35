//! [`Preferred`]: the backend that was found best, and the second best for every retry.
//!
//! The reference's latency routing: of an order that is measured elsewhere it uses two places,
//! and the default for each that is missing. That an order may name a backend nobody knows is
//! the reference's too; whether one can be set is a switch of the helper that sets it.
// Source: Azure-Samples/apim-genai-gateway-toolkit, capability `latency-routing` (read 2026-07).

use std::time::Duration;

use super::preferences::Preferences;
use super::{Ask, Balancer, Policy, Turn};
use crate::config::{ConfigError, PreferredConfig};
use crate::routing::Backends;

/// A default, and an order that may be set.
#[derive(Debug)]
pub(super) struct Preferred {
    /// Names of the backends by position, the default first.
    names: Vec<String>,
    key: String,
    ttl: Duration,
    preferences: Preferences,
}

impl Preferred {
    /// The balancer of `config`, which is at `at`; what is wrong is added to `errors`.
    pub(super) fn balancer(
        at: &[&str],
        config: &PreferredConfig,
        known: &Backends,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Balancer> {
        let key = |key| [at, &[key]].concat();
        if !config.backends.contains(&config.default) {
            let default = &config.default;
            let message = format!("expected one of its own `backends`, found `{default}`");
            errors.push(ConfigError::new(&key("default"), message));
            return None;
        }
        if config.ttl.get().is_zero() {
            let message = "expected a time above 0, found `0s`";
            errors.push(ConfigError::new(&key("ttl"), message));
        }
        let others = config
            .backends
            .iter()
            .filter(|name| **name != config.default);
        let names: Vec<String> = std::iter::once(&config.default)
            .chain(others)
            .cloned()
            .collect();
        let backends = super::find_all(&key("backends"), known, names.iter(), errors)?;
        let preferences = known.preferences.clone();
        let policy = Self::new(names, config.key.clone(), config.ttl.get(), preferences);
        let policy = Policy::Preferred(policy);
        Some(Balancer { backends, policy })
    }

    /// Prefers among `names`, whose first is the default, by the order `key` of `preferences`,
    /// which holds for `ttl`.
    fn new(names: Vec<String>, key: String, ttl: Duration, preferences: Preferences) -> Self {
        Self {
            names,
            key,
            ttl,
            preferences,
        }
    }

    /// The best for a first attempt, the second best for every other; `None` if the order names
    /// somebody unknown there.
    pub(super) fn next(&self, ask: &Ask) -> Option<Turn> {
        let order = self.preferences.get(&self.key, self.ttl, ask.now);
        let place = usize::from(ask.attempt > 0);
        let position = match order.get(place).filter(|name| !name.is_empty()) {
            None => Some(0),
            Some(name) => self.names.iter().position(|known| known == name),
        };
        position.map(Turn::drawn)
    }
}

#[cfg(test)]
mod tests {
    use clock::Moment;

    use super::super::Wanted;
    use super::*;
    use crate::draw::Draws;

    fn chosen(order: &[&str], attempt: u32) -> Option<usize> {
        let preferences = Preferences::default();
        let order = order.iter().map(|&name| name.to_owned()).collect();
        preferences.set("k", order, Moment::ZERO);
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let policy = Preferred::new(names, "k".to_owned(), Duration::from_secs(10), preferences);
        let turn = policy.next(&Ask {
            draws: Draws::new(0, None, 0),
            now: Moment::ZERO,
            attempt,
            wanted: Wanted::default(),
        })?;
        Some(turn.position)
    }

    #[test]
    fn the_best_serves_first_and_the_second_best_every_retry() {
        let attempts = [0, 1, 2, 3].map(|attempt| chosen(&["c", "b", "a"], attempt));
        assert_eq!(attempts, [Some(2), Some(1), Some(1), Some(1)]);
    }

    #[test]
    fn the_default_stands_in_for_what_is_missing() {
        assert_eq!(chosen(&[], 0), Some(0));
        assert_eq!(chosen(&["c"], 1), Some(0));
        assert_eq!(chosen(&["", "b"], 0), Some(0));
    }

    #[test]
    fn nobody_is_chosen_for_an_unknown_name() {
        assert_eq!(chosen(&["x", "b"], 0), None);
        assert_eq!(chosen(&["x", "b"], 1), Some(1));
    }
}
