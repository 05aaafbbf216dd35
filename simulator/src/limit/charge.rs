//! What a request costs before it is answered.
//!
//! The service estimates the cost of a request when it arrives, from the length of its prompt and
//! `max_tokens`, and only provisioned throughput corrects the estimate afterwards. How exactly has
//! changed over the years, so the rule is configuration; the defaults are what recordings of each
//! kind's time show.

use crate::config::{Estimate, EstimateRule, Limiter};
use crate::openai::Operation;

/// What is known of a request when it arrives, as far as limiters look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charge<'a> {
    pub(crate) operation: Operation,
    /// Characters of the prompt, of each text that is rounded by itself: of all messages
    /// together, of each input of embeddings. Empty where the input came as tokens.
    pub(crate) characters: &'a [u64],
    /// Messages of a chat, else 0.
    pub(crate) messages: u64,
    /// Tokens of images, which have no characters.
    pub(crate) image_tokens: u64,
    /// Tokens of all prompts.
    pub(crate) prompt_tokens: u64,
    /// Those of them that are cached.
    pub(crate) cached_tokens: u64,
    /// The longest answer wanted.
    pub(crate) max_tokens: Option<u64>,
    /// How many answers are generated: `n`, or `best_of` where that is more.
    pub(crate) choices: u64,
}

/// What Azure charged an answer without `max_tokens` until 2024.
const WITHOUT_MAX_TOKENS: u64 = 16;

/// Characters that are charged as one token where nothing else is said.
const CHARACTERS_PER_TOKEN: u64 = 4;

impl Charge<'_> {
    /// What `limiter` charges for the request by the rule `estimate`.
    pub(crate) fn cost(&self, estimate: &Estimate, limiter: &Limiter) -> u64 {
        let (prompt, answer) = match estimate {
            Estimate::Flat16 => self.flat(),
            Estimate::Rule(rule) => (self.prompt(rule), self.answer(rule)),
        };
        match limiter {
            Limiter::Provisioned(provisioned) => {
                provisioned.input_equivalent(prompt.saturating_sub(self.cached_tokens), answer)
            }
            _ => prompt.saturating_add(answer),
        }
    }

    /// Prompts of chats cost nothing, answers `max_tokens` or 16, whatever `n` is: measured by
    /// microsoft/aoai-api-simulator and recorded in 2024 (119984, 119968, 119952 remaining over
    /// calls without `max_tokens`).
    fn flat(&self) -> (u64, u64) {
        match self.operation {
            Operation::Embeddings => (self.texts(CHARACTERS_PER_TOKEN), 0),
            Operation::ChatCompletions | Operation::Completions => {
                (0, self.max_tokens.unwrap_or(WITHOUT_MAX_TOKENS))
            }
        }
    }

    fn prompt(&self, rule: &EstimateRule) -> u64 {
        if rule.prompt_tokens {
            return self.prompt_tokens;
        }
        let is_chat = self.operation == Operation::ChatCompletions;
        let frame = if is_chat { rule.overhead } else { 0 };
        let messages = rule.per_message.saturating_mul(self.messages);
        let texts = match rule.characters_per_token {
            Some(characters) => self.texts(characters.get()),
            // An embedding has no answer that it could be charged by.
            None if self.operation == Operation::Embeddings => self.texts(CHARACTERS_PER_TOKEN),
            None => 0,
        };
        // Recorded of OpenAI: 765 more for a large image, as many as it costs in the prompt.
        let images = rule.characters_per_token.map_or(0, |_| self.image_tokens);
        texts
            .saturating_add(messages)
            .saturating_add(frame)
            .saturating_add(images)
    }

    fn answer(&self, rule: &EstimateRule) -> u64 {
        if !rule.max_tokens || self.operation == Operation::Embeddings {
            return 0;
        }
        let each = self.max_tokens.unwrap_or(rule.without_max_tokens);
        each.saturating_mul(self.choices)
    }

    /// Source: recorded, 34 characters of embedding input cost 9, twice that 18.
    fn texts(&self, characters_per_token: u64) -> u64 {
        if self.characters.is_empty() {
            return self.prompt_tokens;
        }
        let texts = self.characters.iter();
        texts.map(|n| n.div_ceil(characters_per_token)).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU32, NonZeroU64};

    use super::*;
    use crate::config::{LimiterKind, Provisioned, Throughput};

    fn charge(operation: Operation, characters: &[u64]) -> Charge<'_> {
        Charge {
            operation,
            characters,
            messages: 1,
            image_tokens: 0,
            prompt_tokens: 8,
            cached_tokens: 0,
            max_tokens: None,
            choices: 1,
        }
    }

    fn cost(charge: Charge<'_>, kind: LimiterKind) -> u64 {
        charge.cost(&Estimate::default_of(kind), &Limiter::None)
    }

    #[test]
    fn an_answer_of_legacy_costs_what_was_asked_for_or_sixteen() {
        let chat = charge(Operation::ChatCompletions, &[2]);
        assert_eq!(cost(chat, LimiterKind::Legacy), 16);
        let long = Charge {
            max_tokens: Some(200),
            choices: 2,
            ..chat
        };
        assert_eq!(cost(long, LimiterKind::Legacy), 200);
    }

    #[test]
    fn each_text_costs_a_quarter_of_its_characters_rounded_up() {
        let texts = |characters| {
            let embeddings = charge(Operation::Embeddings, characters);
            cost(embeddings, LimiterKind::Legacy)
        };
        assert_eq!(texts(&[34]), 9);
        assert_eq!(texts(&[974]), 244);
        assert_eq!(texts(&[1, 1, 4]), 3);
        assert_eq!(texts(&[]), 8);
    }

    // Source: recorded from Azure in 2025, gpt-5-nano, 23 characters without max_tokens.
    #[test]
    fn modern_charges_characters_and_the_answers_asked_for() {
        let chat = charge(Operation::ChatCompletions, &[23]);
        assert_eq!(cost(chat, LimiterKind::Modern), 6);
        let long = Charge {
            max_tokens: Some(100),
            choices: 3,
            ..chat
        };
        assert_eq!(cost(long, LimiterKind::Modern), 306);
    }

    // Source: some 120 recorded calls to OpenAI from 2025 on.
    #[test]
    fn openai_charges_characters_and_messages_but_no_answer() {
        let chat = Charge {
            messages: 2,
            max_tokens: Some(100),
            ..charge(Operation::ChatCompletions, &[23])
        };
        assert_eq!(cost(chat, LimiterKind::OpenAi), 6 + 2 + 1);
        let seeing = Charge {
            image_tokens: 765,
            ..chat
        };
        assert_eq!(cost(seeing, LimiterKind::OpenAi), 6 + 2 + 1 + 765);
        let text = Charge {
            messages: 0,
            ..charge(Operation::Completions, &[23])
        };
        assert_eq!(cost(text, LimiterKind::OpenAi), 6);
    }

    #[test]
    fn provisioned_weighs_answers_and_leaves_out_what_is_cached() {
        let provisioned = Limiter::Provisioned(Provisioned {
            ptus: NonZeroU32::new(15).unwrap(),
            throughput: Throughput {
                input_tokens_per_minute_per_ptu: NonZeroU64::new(2_500).unwrap(),
                output_ratio: NonZeroU32::new(4).unwrap(),
            },
            utilization_window: std::time::Duration::from_mins(1).into(),
            longest_prompt: None,
        });
        let estimate = Estimate::default_of(LimiterKind::Provisioned);
        let chat = Charge {
            prompt_tokens: 2_000,
            cached_tokens: 1_024,
            max_tokens: Some(100),
            ..charge(Operation::ChatCompletions, &[8_000])
        };
        assert_eq!(chat.cost(&estimate, &provisioned), 976 + 4 * 100);
        let open = Charge {
            max_tokens: None,
            ..chat
        };
        assert_eq!(open.cost(&estimate, &provisioned), 976 + 4 * 1_000);
    }
}
