//! [`LimitConcurrency`]: so many requests of one key at the same time.
//!
//! A request is under way until its answer has ended, not until its headers are there: a stream
//! keeps a backend busy for a minute after them. So the slot is a guard that lives as long as
//! the request's hold, and is free again whichever way that goes: settled at the last byte, or
//! dropped because somebody refused, broke off or left.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;

use super::{Caller, Denial, Hold, Now, Policy, State, kept};
use crate::config::{ConcurrencyConfig, KeyDimension};
use crate::refusal::Refusal;

/// API Management's `limit-concurrency`.
#[derive(Debug)]
pub(super) struct LimitConcurrency {
    key: KeyDimension,
    max_count: NonZeroU32,
    under_way: Arc<UnderWay>,
}

/// How many requests of each key are under way; a key without any is not there.
#[derive(Debug, Default)]
struct UnderWay(Mutex<HashMap<String, u32>>);

/// The place of one request.
#[derive(Debug)]
struct Slot {
    key: String,
    under_way: Arc<UnderWay>,
}

impl LimitConcurrency {
    pub(super) fn new(config: &ConcurrencyConfig, previous: Option<State>) -> Self {
        Self {
            key: config.key.clone(),
            max_count: config.max_count,
            under_way: kept(previous),
        }
    }
}

impl Policy for LimitConcurrency {
    fn admit(&self, caller: &Caller<'_>, _: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let key = self.key.of(caller);
        if !self.under_way.enter(&key, self.max_count) {
            return Err(denial().into());
        }
        let under_way = self.under_way.clone();
        Ok(Some(Box::new(Slot { key, under_way })))
    }

    fn state(&self) -> State {
        self.under_way.clone()
    }
}

// Source: https://learn.microsoft.com/azure/api-management/limit-concurrency-policy (read
// 2026-08): new requests "fail immediately with the 429 Too Many Requests status code". It tells
// no wait, because nobody knows it. Assumed: the words of the body.
fn denial() -> Denial {
    let status = StatusCode::TOO_MANY_REQUESTS;
    Denial::new(status, "concurrency-limit", "Too many requests.")
}

impl UnderWay {
    /// Takes one of the `most` places of `key`, if one is free.
    fn enter(&self, key: &str, most: NonZeroU32) -> bool {
        let mut counts = self.counts();
        let count = counts.get(key).copied().unwrap_or(0);
        let is_free = count < most.get();
        if is_free {
            counts.insert(key.to_owned(), count + 1);
        }
        is_free
    }

    fn leave(&self, key: &str) {
        let mut counts = self.counts();
        match counts.get_mut(key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(key)), // It was the last.
        }
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// What it holds is its place alone, which it gives back by going.
impl Hold for Slot {}

impl Drop for Slot {
    fn drop(&mut self) {
        self.under_way.leave(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::support::{at, caller, config, settle};
    use super::*;

    proptest! {
        #[test]
        fn so_many_at_the_same_time_whatever_becomes_of_them(
            max_count in 1..4_usize,
            steps in prop::collection::vec((any::<bool>(), 0..3_u8, any::<prop::sample::Index>()), 1..100),
        ) {
            let text = format!("key = 'subscription'\nmax_count = {max_count}");
            let limit = LimitConcurrency::new(&config(&text), None);
            let mut under_way = [Vec::new(), Vec::new()];
            for (is_second, step, which) in steps {
                let own = &mut under_way[usize::from(is_second)];
                let by = caller(if is_second { "two" } else { "one" });
                match step {
                    0 if own.len() < max_count => own.push(limit.admit(&by, at(0)).unwrap()),
                    0 => prop_assert!(limit.admit(&by, at(0)).is_err()),
                    1 if !own.is_empty() => drop(own.remove(which.index(own.len()))),
                    2 if !own.is_empty() => {
                        settle(own.remove(which.index(own.len())), 200, 0, at(0));
                    }
                    _ => {}
                }
            }
            drop(under_way);
            prop_assert!(limit.under_way.counts().is_empty());
        }
    }
}
