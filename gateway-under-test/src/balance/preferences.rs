//! [`Preferences`]: the orders of backends that somebody outside found best, by key.
//!
//! API Management's cache, as far as latency routing uses it. It belongs to the gateway rather
//! than to a policy, because the order is set at one address and used at another, and because it
//! outlives a reload. How long an order holds is the business of whoever uses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Moment;

/// The orders by key; a handle, all clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preferences(Arc<Mutex<BTreeMap<String, Order>>>);

#[derive(Debug)]
struct Order {
    /// Names of backends, the best first; or what somebody took for names.
    names: Vec<String>,
    set: Moment,
}

impl Preferences {
    /// Puts `names` in the place of the order `key`.
    pub(crate) fn set(&self, key: &str, names: Vec<String>, now: Moment) {
        self.orders()
            .insert(key.to_owned(), Order { names, set: now });
    }

    /// The order `key`; empty if there is none, or none that is younger than `ttl`.
    pub(crate) fn get(&self, key: &str, ttl: Duration, now: Moment) -> Vec<String> {
        let orders = self.orders();
        let order = orders.get(key).filter(|order| now.since(order.set) < ttl);
        order.map(|order| order.names.clone()).unwrap_or_default()
    }

    fn orders(&self) -> MutexGuard<'_, BTreeMap<String, Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_until_its_time_is_over_or_another_comes() {
        let preferences = Preferences::default();
        let at = |seconds| Moment::ZERO + Duration::from_secs(seconds);
        let get = |seconds| preferences.get("k", Duration::from_secs(10), at(seconds));
        assert!(get(0).is_empty());
        preferences.set("k", vec!["a".to_owned()], at(0));
        preferences.set("other", vec!["b".to_owned()], at(5));
        assert_eq!(get(9), ["a"]);
        assert!(get(10).is_empty());
        preferences.set("k", vec!["c".to_owned()], at(10));
        assert_eq!(get(10), ["c"]);
    }
}
