//! Embeddings: random vectors that follow from the text.

use rand::RngExt;

use crate::openai::Embedding;
use crate::seed::{Key, Purpose};

/// A unit vector of `size` numbers that follows from `key` alone.
pub(crate) fn embedding(key: Key, size: u32) -> Embedding {
    let mut rng = key.rng(Purpose::Embedding);
    let mut numbers: Embedding = (0..size).map(|_| rng.random_range(-1.0..1.0f32)).collect();
    let length = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for number in &mut numbers {
            *number /= length;
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_unit_vectors_that_follow_from_the_key() {
        let vector = embedding(Key::new(1), 1_536);
        let length: f32 = vector.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
        assert_eq!(vector, embedding(Key::new(1), 1_536));
        assert_ne!(vector, embedding(Key::new(2), 1_536));
    }
}
