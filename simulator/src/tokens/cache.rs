//! [`Counter`]: counts tokens, remembers counts, keeps long texts off the event loop.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::prefixes::{Prefixes, Span};
use super::{Encoding, Lately};

/// Texts up to this length are not worth remembering: counting takes less than a microsecond.
const WORTH_REMEMBERING: usize = 32;

/// Texts from this length on are counted on a blocking thread: 16 KiB take about a millisecond,
/// during which a runtime thread would serve nobody.
const LONG: usize = 16 * 1024;

/// Each of the two generations holds this many counts: 40 bytes each, under three megabytes.
const GENERATION: usize = 32 * 1024;

/// Each of the two generations holds the prefixes of this many prompts.
const PROMPTS: usize = 1_024;

/// Of longer prompts the prefixes are not remembered: a kilobyte each, two megabytes together.
const MOST_PREFIXES: usize = 128;

/// Counts tokens; what was found of texts seen lately is remembered.
///
/// Keys are 128-bit hashes instead of the texts, so the memory is bounded whatever is asked.
#[derive(Debug)]
pub(crate) struct Counter {
    hashers: [RandomState; 2],
    counts: Mutex<Lately<Key, u32>>,
    prefixes: Mutex<Lately<Key, Prefixes>>,
}

type Key = (Encoding, u64, u64);

impl Default for Counter {
    fn default() -> Self {
        Self {
            hashers: Default::default(),
            counts: Mutex::new(Lately::new(GENERATION)),
            prefixes: Mutex::new(Lately::new(PROMPTS)),
        }
    }
}

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

    /// What a prompt of `spans` begins with.
    pub(crate) async fn prefixes(&self, encoding: Encoding, spans: &[Span<'_>]) -> Prefixes {
        let key = self.key(encoding, spans);
        if let Some(known) = lock(&self.prefixes).get(&key) {
            return known.clone();
        }
        let length: usize = spans.iter().map(|span| span.text.len()).sum();
        let prefixes = if length < LONG {
            Prefixes::of(encoding, spans.iter().copied())
        } else {
            prefixes_aside(encoding, spans).await
        };
        if prefixes.hashes().len() <= MOST_PREFIXES {
            lock(&self.prefixes).insert(key, prefixes.clone());
        }
        prefixes
    }

    fn key(&self, encoding: Encoding, text: impl Hash) -> Key {
        let [a, b] = &self.hashers;
        (encoding, a.hash_one(&text), b.hash_one(&text))
    }

    /// The count of `text` if it is known or quickly told, else the key to learn it under.
    fn remembered(&self, encoding: Encoding, text: &str) -> Result<u64, Key> {
        if text.len() <= WORTH_REMEMBERING {
            return Ok(encoding.count(text) as u64);
        }
        let key = self.key(encoding, text);
        let count = lock(&self.counts).get(&key).copied();
        count.map(u64::from).ok_or(key)
    }

    fn learn(&self, key: Key, count: usize) -> u64 {
        let remembered = u32::try_from(count).unwrap_or(u32::MAX);
        lock(&self.counts).insert(key, remembered);
        count as u64
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds prefixes on a blocking thread.
async fn prefixes_aside(encoding: Encoding, spans: &[Span<'_>]) -> Prefixes {
    let owned: Vec<_> = spans
        .iter()
        .map(|span| (span.framing, span.meaning, span.text.to_owned()))
        .collect();
    let find = move || {
        let spans = owned.iter().map(|(framing, meaning, text)| Span {
            framing: *framing,
            meaning: *meaning,
            text,
        });
        Prefixes::of(encoding, spans)
    };
    // Fails only while the runtime shuts down, when nobody waits for the answer.
    tokio::task::spawn_blocking(find).await.unwrap_or_default()
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
}
