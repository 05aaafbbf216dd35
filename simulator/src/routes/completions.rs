//! `completions`.

use axum::response::Response;

use super::text::{Asked, answer};
use crate::exchange::Exchange;
use crate::generate::Structure;
use crate::openai::{CompletionsRequest, Prompt};

/// Completes one or several prompts.
pub(crate) async fn completions(mut exchange: Exchange) -> Response {
    let (target, request) = match exchange.enter::<CompletionsRequest>().await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let counter = &exchange.received.shared.counter;
    let prompts = match request.prompt() {
        Prompt::Texts(texts) => counter.count(target.model().encoding, texts).await,
        Prompt::Tokens(lists) => lists.iter().map(|tokens| tokens.len() as u64).collect(),
    };
    let characters = request.prompt().characters();
    let texts: Vec<_> = match request.prompt() {
        Prompt::Texts(texts) => texts.iter().map(String::as_str).collect(),
        // Only their number is known.
        Prompt::Tokens(_) => Vec::new(),
    };
    let asked = Asked {
        characters: (!characters.is_empty()).then(|| characters.iter().sum()),
        messages: 0,
        image_tokens: 0,
        prompt_tokens: prompts.iter().sum(),
        cached_tokens: 0,
        longest_prompt: prompts.into_iter().max().unwrap_or(0),
        max_tokens: request.max_tokens(),
        choices: request.choices(),
        candidates: request.candidates(),
        is_stream: request.is_stream(),
        includes_usage: request.includes_usage(),
        is_obfuscated: request.obfuscates(),
        last_texts: &texts,
        turn: 1,
        stop: request.stop(),
        seed: request.seed(),
        logprobs: request.logprobs(),
        service_tier: None,
    };
    answer::<CompletionsRequest>(exchange, target, asked, Structure::default()).await
}
