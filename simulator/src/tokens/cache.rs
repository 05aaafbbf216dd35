//! [`Counter`]: counts tokens, remembers counts, keeps long texts off the event loop.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};

use super::Encoding;

/// Texts up to this length are not worth remembering: counting takes less than a microsecond.
const WORTH_REMEMBERING: usize = 32;

/// Texts from this length on are counted on a blocking thread: 16 KiB take about a millisecond,
/// during which a runtime thread would serve nobody.
const LONG: usize = 16 * 1024;

/// Each of the two generations holds this many counts: 40 bytes each, under three megabytes.
const GENERATION: usize = 32 * 1024;

/// Counts tokens; counts of texts seen lately are remembered.
///
/// Keys are 128-bit hashes instead of the texts, so the memory is bounded whatever is asked.
/// Two generations stand for "lately": the younger fills up, becomes the older, and the older
/// is forgotten. That is as good as a least-recently-used list for repeated prompts, without
/// touching a list on every hit.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    hashers: [RandomState; 2],
    counts: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, u32>,
    old: HashMap<Key, u32>,
}

type Key = (Encoding, u64, u64);

impl Counter {
    /// The tokens in each of `texts`.
    pub(crate) async fn count<T: AsRef<str>>(&self, encoding: Encoding, texts: &[T]) -> Vec<u64> {
        let mut counts = Vec::with_capacity(texts.len());
        let mut long = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let text = text.as_ref();
            counts.push(match self.remembered(encoding, text) {
                Ok(count) => count,
                Err(key) if text.len() < LONG => self.learn(key, encoding.count(text)),
                Err(key) => {
                    long.push((index, key, text.to_owned()));
                    0
                }
            });
        }
        if !long.is_empty() {
            for (index, key, count) in count_aside(encoding, long).await {
                counts[index] = self.learn(key, count);
            }
        }
        counts
    }

    /// The count of `text` if it is known or quickly told, else the key to learn it under.
    fn remembered(&self, encoding: Encoding, text: &str) -> Result<u64, Key> {
        if text.len() <= WORTH_REMEMBERING {
            return Ok(encoding.count(text) as u64);
        }
        let [a, b] = &self.hashers;
        let key = (encoding, a.hash_one(text), b.hash_one(text));
        let generations = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let young = generations.young.get(&key);
        let count = young.or_else(|| generations.old.get(&key));
        count.map(|&count| u64::from(count)).ok_or(key)
    }

    fn learn(&self, key: Key, count: usize) -> u64 {
        let remembered = u32::try_from(count).unwrap_or(u32::MAX);
        let mut generations = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, remembered);
        count as u64
    }
}

/// Counts on a blocking thread, which also holds a paused clock while it runs.
async fn count_aside(
    encoding: Encoding,
    texts: Vec<(usize, Key, String)>,
) -> Vec<(usize, Key, usize)> {
    let count = move || {
        let texts = texts.into_iter();
        let counts = texts.map(|(index, key, text)| (index, key, encoding.count(&text)));
        counts.collect()
    };
    // Fails only while the runtime shuts down, when nobody waits for the answer.
    tokio::task::spawn_blocking(count).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn short_long_and_repeated_texts_are_counted_alike() {
        let counter = Counter::default();
        let long = "one two three four ".repeat(3_000);
        for _ in 0..2 {
            let texts = ["one", "one two three four five six seven eight", &long];
            // 1, 8, and four words of one token each, with one space left over at the end.
            assert_eq!(counter.count(Encoding::O200k, &texts).await, [1, 8, 12_001]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let counter = Counter::default();
        for number in 0..3 * GENERATION {
            counter.learn((Encoding::O200k, number as u64, 0), 1);
        }
        let generations = counter.counts.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }
}
