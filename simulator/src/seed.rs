//! Randomness that is a function of the run's seed and of the request.
//!
//! Each draw has its own generator, keyed by what it is for and whose it is. So a request's
//! answer does not depend on which requests ran before it or beside it, and a draw added
//! tomorrow changes none of today's. The generator is `ChaCha8`: portable, unlike `StdRng`.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Whose randomness it is: a run, a simulator, a deployment and a request in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Key(u64);

/// What a draw is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Ids in answers.
    Ids = 1,
    /// How many tokens an answer has that may be of any length.
    Length = 2,
    /// Times between tokens.
    Latency = 3,
    /// The words of an answer.
    Words = 4,
    /// The numbers of an embedding.
    Embedding = 5,
    /// Ids in headers.
    Headers = 6,
    /// Whether a fault is played.
    Faults = 7,
    /// JSON that follows a schema, and which tools are called.
    Structure = 20,
    /// How much is thought before an answer.
    Reasoning = 21,
    /// How likely a token was.
    Scores = 22,
    /// What hides how long a frame's text is.
    Obfuscation = 23,
}

impl Key {
    /// The key of everything drawn from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    /// The key of something called `name` within.
    pub(crate) fn named(self, name: &str) -> Self {
        self.bytes(name.as_bytes())
    }

    /// The key of something given as `bytes` within.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Self {
        // FNV-1a, started from the outer key.
        let start = self.0 ^ 0xcbf2_9ce4_8422_2325;
        let hash = bytes.iter().fold(start, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(mix(hash))
    }

    /// The key of the thing numbered `number` within.
    pub(crate) fn numbered(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// Sixteen hexadecimal digits of the key itself.
    pub(crate) fn digits(self) -> String {
        format!("{:016x}", self.0)
    }

    /// A generator for `purpose`.
    pub(crate) fn rng(self, purpose: Purpose) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.numbered(purpose as u64).0)
    }
}

/// The finaliser of `SplitMix64`: every input bit changes half of the output bits.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn keys_differ_by_every_part_of_them() {
        let base = Key::new(0);
        let keys = [
            base.named("a").named("b"),
            base.named("ab").named(""),
            base.named("b").named("a"),
            base.named("a").numbered(0),
            base.named("a").numbered(1),
            Key::new(1).named("a").named("b"),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|other| other != key), "{i}");
        }
    }

    #[test]
    fn draws_are_the_same_on_every_machine() {
        let mut rng = Key::new(42).named("gpt-4o").rng(Purpose::Words);
        let drawn: Vec<u64> = (0..2).map(|_| rng.next_u64()).collect();
        insta::assert_debug_snapshot!(drawn, @"
        [
            6622219096176282025,
            3411789699361917923,
        ]
        ");
    }
}
