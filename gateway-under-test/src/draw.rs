//! [`Draws`]: the random draws of one request.
//!
//! Each draw is keyed by (seed, purpose, request, index) and comes from its own `ChaCha8` stream.
//! A generator shared by all requests would be seeded too, yet give each request numbers that
//! depend on how many others came before: with two in flight, no run would repeat another.

use rand::SeedableRng;
use rand::rand_core::Rng;
use rand_chacha::ChaCha8Rng;

/// The draws of one request; the same request with the same seed draws the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    seed: u64,
    request: u64,
}

impl Draws {
    /// The draws of the request called `request_id`, or by its number of arrival if it has no name.
    pub(crate) fn new(seed: u64, request_id: Option<&[u8]>, arrival: u64) -> Self {
        let request = match request_id {
            Some(id) => fingerprint(id),
            None => fingerprint(&arrival.to_le_bytes()),
        };
        Self { seed, request }
    }

    /// The generator for `purpose`; `index` tells repeated draws of one purpose apart.
    pub(crate) fn generator(self, purpose: &str, index: u32) -> ChaCha8Rng {
        let mut key = [0; 32];
        let words = [
            self.seed,
            fingerprint(purpose.as_bytes()),
            self.request,
            u64::from(index),
        ];
        for (part, word) in key.chunks_exact_mut(8).zip(words) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }

    /// A number below `bound`, each equally likely but for one part in 2^64 / `bound`.
    pub(crate) fn below(self, bound: u64, purpose: &str, index: u32) -> u64 {
        let word = self.generator(purpose, index).next_u64();
        let scaled = (u128::from(word) * u128::from(bound)) >> 64;
        u64::try_from(scaled).expect("a product with a 64-bit fraction, shifted back, fits")
    }

    /// A number from 0 to 1, exclusive, in steps of 2^-32: finer than any timer.
    pub(crate) fn unit(self, purpose: &str, index: u32) -> f64 {
        f64::from(self.generator(purpose, index).next_u32()) / 2f64.powi(32)
    }
}

/// FNV-1a: 64 bits of `bytes`, the same on every machine; `std`'s hasher promises neither.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_named_request_draws_the_same_whenever_it_arrives() {
        let early = Draws::new(7, Some(b"run-1-0"), 0).below(1_000_000, "balance", 0);
        let late = Draws::new(7, Some(b"run-1-0"), 99).below(1_000_000, "balance", 0);
        assert_eq!(early, late);
    }

    #[test]
    fn seed_purpose_request_and_index_each_change_the_draw() {
        let draw = |seed, id: &[u8], purpose, index| {
            Draws::new(seed, Some(id), 0).below(u64::MAX, purpose, index)
        };
        let base = draw(1, b"a", "balance", 0);
        assert_ne!(base, draw(2, b"a", "balance", 0));
        assert_ne!(base, draw(1, b"b", "balance", 0));
        assert_ne!(base, draw(1, b"a", "retry", 0));
        assert_ne!(base, draw(1, b"a", "balance", 1));
    }

    proptest! {
        #[test]
        fn draws_stay_in_their_range(seed: u64, arrival: u64, bound in 1..u64::MAX) {
            let draws = Draws::new(seed, None, arrival);
            prop_assert!(draws.below(bound, "balance", 0) < bound);
            prop_assert!((0.0..1.0).contains(&draws.unit("retry", 0)));
        }
    }
}
