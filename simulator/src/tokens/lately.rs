//! [`Lately`]: a map that forgets what was not written lately.

use std::collections::HashMap;
use std::hash::Hash;

/// A map of bounded size.
///
/// Two generations stand for "lately": the younger fills up, becomes the older, and the older
/// is forgotten. That is as good as a least-recently-used list for what comes again and again,
/// without touching a list on every hit.
#[derive(Debug)]
pub(crate) struct Lately<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Eq + Hash, V> Lately<K, V> {
    /// A map whose generations hold as many entries each.
    pub(crate) fn new(generation: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation,
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_known_and_the_memory_is_bounded() {
        let mut lately = Lately::new(10);
        for number in 0..35 {
            lately.insert(number, ());
        }
        let known = (0..35).filter(|number| lately.get(number).is_some());
        assert_eq!(known.collect::<Vec<_>>(), (20..35).collect::<Vec<_>>());
    }
}
