//! What a request costs before it is answered.
//!
//! Azure estimates the cost of a request when it arrives and never corrects it. The rules
//! here are those measured by microsoft/aoai-api-simulator, confirmed by recorded
//! `x-ratelimit-remaining-tokens` of 2024 (119984, 119968, 119952 over calls without
//! `max_tokens`; 34 characters of embedding input cost 9). Prompts of chats cost nothing.

use crate::openai::Operation;

/// What is known of a request when it arrives, as far as limiters look at it.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "read by the limiters that come next")]
pub(crate) struct Charge<'a> {
    pub(crate) operation: Operation,
    /// Characters of the prompt, of each text that is rounded by itself: of all messages
    /// together, of each input of embeddings. Empty where the input came as tokens.
    pub(crate) characters: &'a [u64],
    /// Messages of a chat, else 0.
    pub(crate) messages: u64,
    /// Tokens of all prompts.
    pub(crate) prompt_tokens: u64,
    /// Those of them that are cached.
    pub(crate) cached_tokens: u64,
    /// The longest answer wanted.
    pub(crate) max_tokens: Option<u64>,
    /// How many answers are generated: `n`, or `best_of` where that is more.
    pub(crate) choices: u64,
}

/// What Azure charges an answer without `max_tokens`.
const WITHOUT_MAX_TOKENS: u64 = 16;

/// Characters that are charged as one token.
const CHARACTERS_PER_TOKEN: u64 = 4;

impl Charge<'_> {
    /// The tokens charged for the request.
    pub(crate) fn estimate(&self) -> u64 {
        match self.operation {
            Operation::ChatCompletions | Operation::Completions => {
                self.max_tokens.unwrap_or(WITHOUT_MAX_TOKENS)
            }
            Operation::Embeddings if self.characters.is_empty() => self.prompt_tokens,
            Operation::Embeddings => {
                let texts = self.characters.iter();
                texts.map(|n| n.div_ceil(CHARACTERS_PER_TOKEN)).sum()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge(operation: Operation, characters: &[u64]) -> Charge<'_> {
        Charge {
            operation,
            characters,
            messages: 0,
            prompt_tokens: 8,
            cached_tokens: 0,
            max_tokens: None,
            choices: 1,
        }
    }

    #[test]
    fn an_answer_costs_what_was_asked_for_or_sixteen() {
        let chat = charge(Operation::ChatCompletions, &[2]);
        let long = Charge {
            max_tokens: Some(200),
            ..chat
        };
        assert_eq!((chat.estimate(), long.estimate()), (16, 200));
    }

    #[test]
    fn each_text_costs_a_quarter_of_its_characters_rounded_up() {
        let texts = |characters| charge(Operation::Embeddings, characters).estimate();
        assert_eq!(texts(&[34]), 9);
        assert_eq!(texts(&[974]), 244);
        assert_eq!(texts(&[1, 1, 4]), 3);
        assert_eq!(texts(&[]), 8);
    }
}
