//! What a request costs before it is answered.
//!
//! Azure estimates the cost of a request when it arrives and never corrects it. The rules
//! here are those measured by microsoft/aoai-api-simulator, confirmed by recorded
//! `x-ratelimit-remaining-tokens` of 2024 (119984, 119968, 119952 over calls without
//! `max_tokens`; 34 characters of embedding input cost 9). Prompts of chats cost nothing.

/// What is known of a request when it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Estimate<'a> {
    /// Chat completions and completions.
    Answer {
        /// The longest answer wanted.
        max_tokens: Option<u64>,
    },
    /// Embeddings of texts, given by their lengths in characters.
    Texts(&'a [usize]),
    /// Embeddings of texts that came as tokens, all together.
    Tokens(usize),
}

/// What Azure charges an answer without `max_tokens`.
const WITHOUT_MAX_TOKENS: u64 = 16;

/// Characters that are charged as one token.
const CHARACTERS_PER_TOKEN: usize = 4;

/// The tokens charged for a request.
pub(crate) fn estimate(request: Estimate<'_>) -> u64 {
    match request {
        Estimate::Answer { max_tokens } => max_tokens.unwrap_or(WITHOUT_MAX_TOKENS),
        Estimate::Texts(characters) => {
            let costs = characters.iter().map(|n| n.div_ceil(CHARACTERS_PER_TOKEN));
            costs.sum::<usize>() as u64
        }
        Estimate::Tokens(tokens) => tokens as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_costs_what_was_asked_for_or_sixteen() {
        assert_eq!(
            estimate(Estimate::Answer {
                max_tokens: Some(200)
            }),
            200
        );
        assert_eq!(estimate(Estimate::Answer { max_tokens: None }), 16);
    }

    #[test]
    fn each_text_costs_a_quarter_of_its_characters_rounded_up() {
        assert_eq!(estimate(Estimate::Texts(&[34])), 9);
        assert_eq!(estimate(Estimate::Texts(&[974])), 244);
        assert_eq!(estimate(Estimate::Texts(&[1, 1, 4])), 3);
    }
}
