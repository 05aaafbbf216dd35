//! [`Scores`]: how likely each token was, and which others might have been said instead.
//!
//! A made-up model is sure of itself: its choice has a probability from a half to one, and each
//! other token half of what is left, so that the order is right and no sum exceeds one.

use rand::{Rng, RngExt};

use crate::seed::{Key, Purpose};
use crate::tokens::words;

/// The likelihoods of one choice's tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scores {
    /// The key of this choice.
    pub(crate) key: Key,
    /// How many of the likeliest tokens are told.
    pub(crate) top: u8,
    /// Characters of the prompt, from which the older API counts.
    pub(crate) offset: usize,
}

/// The likelihood of one token.
#[derive(Debug)]
pub(crate) struct Score {
    pub(crate) logprob: f64,
    first_other: u8,
}

impl Scores {
    /// That of the token numbered `number`.
    pub(crate) fn of(self, number: usize) -> Score {
        let mut rng = self.key.numbered(number as u64).rng(Purpose::Scores);
        let probability: f64 = rng.random_range(0.5..1.0);
        Score {
            logprob: probability.ln(),
            first_other: rng.next_u32().to_le_bytes()[0],
        }
    }
}

impl Score {
    /// The other likely tokens that are told with `top`, without `token` itself.
    pub(crate) fn others(
        &self,
        top: u8,
        token: &[u8],
    ) -> impl Iterator<Item = (&'static str, f64)> {
        let rest = 1.0 - self.logprob.exp();
        let start = usize::from(self.first_other);
        let others = words().iter().cycle().skip(start);
        let others = others.filter(move |word| word.as_bytes() != token);
        let halves = std::iter::successors(Some(rest / 2.0), |left| Some(left / 2.0));
        let count = usize::from(top.saturating_sub(1));
        others.copied().zip(halves.map(f64::ln)).take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_token_is_the_likeliest_and_all_together_are_at_most_certain() {
        let scores = Scores {
            key: Key::new(1),
            top: 20,
            offset: 0,
        };
        for number in 0..100 {
            let score = scores.of(number);
            let others: Vec<_> = score.others(scores.top, b"the").collect();
            assert_eq!(others.len(), 19);
            assert!(others.iter().all(|(word, _)| *word != "the"));
            let logprobs: Vec<_> = [score.logprob]
                .into_iter()
                .chain(others.iter().map(|(_, logprob)| *logprob))
                .collect();
            assert!(logprobs.is_sorted_by(|a, b| a > b), "{logprobs:?}");
            let sum: f64 = logprobs.iter().map(|logprob| logprob.exp()).sum();
            assert!(sum <= 1.0, "{sum}");
        }
    }
}
