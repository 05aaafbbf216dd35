//! [`Keys`]: one counter for each key, as long as it has something to tell.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Below it nobody looks for idle keys: so few cost nothing.
const FEW: usize = 1_024;

/// A counter `C` for each key.
///
/// A caller who makes up keys without end fills no memory: whenever their number has doubled,
/// the idle ones are forgotten, so that at most twice as many are kept as are in use. Spread
/// over the keys that came meanwhile, looking for them costs each a constant time.
pub(crate) struct Keys<C>(Mutex<Counters<C>>);

struct Counters<C> {
    by_key: HashMap<String, C>,
    /// How many there may be before idle ones are looked for.
    most: usize,
}

impl<C: Default> Keys<C> {
    /// Lets `act` have the counter of `key`; who `is_idle` could as well be new.
    pub(crate) fn with<R>(
        &self,
        key: &str,
        is_idle: impl Fn(&mut C) -> bool,
        act: impl FnOnce(&mut C) -> R,
    ) -> R {
        let mut counters = self.counters();
        if let Some(counter) = counters.by_key.get_mut(key) {
            return act(counter);
        }
        if counters.by_key.len() >= counters.most {
            counters.by_key.retain(|_, counter| !is_idle(counter));
            counters.most = FEW.max(2 * counters.by_key.len());
        }
        act(counters.by_key.entry(key.to_owned()).or_default())
    }

    /// Lets `act` have the counter of `key`, if it is kept.
    pub(crate) fn of<R>(&self, key: &str, act: impl FnOnce(&mut C) -> R) -> Option<R> {
        self.counters().by_key.get_mut(key).map(act)
    }

    fn counters(&self) -> MutexGuard<'_, Counters<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C> Default for Keys<C> {
    fn default() -> Self {
        Self(Mutex::new(Counters {
            by_key: HashMap::new(),
            most: FEW,
        }))
    }
}

impl<C> fmt::Debug for Keys<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_keys_are_forgotten_and_others_kept() {
        let keys = Keys::<u64>::default();
        let is_idle = |count: &mut u64| *count == 0;
        keys.with("busy", is_idle, |count| *count = 7);
        for number in 0..100_000 {
            keys.with(&number.to_string(), is_idle, |_| ());
        }
        let kept = keys.0.lock().unwrap().by_key.len();
        assert!(kept <= FEW, "{kept} keys are kept");
        assert_eq!(keys.with("busy", is_idle, |count| *count), 7);
    }
}
