//! `chat/completions`.

use axum::response::Response;

use super::text::{Asked, answer};
use crate::exchange::Exchange;
use crate::generate::Structure;
use crate::openai::{ChatRequest, Refusal};
use crate::prompt_cache::cached_tokens;

/// Answers a chat.
pub(crate) async fn chat_completions(mut exchange: Exchange) -> Response {
    let (target, request) = match exchange.enter::<ChatRequest>().await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let structure = match Structure::of(&request, target.tool_calls()) {
        Ok(structure) => structure,
        Err(invalid) => return exchange.refuse(&Refusal::Invalid(invalid), Some(&target)),
    };
    let encoding = target.model().encoding;
    let definitions = request.definitions(encoding);
    let mut prompt = request.texts();
    let characters = prompt.iter().map(|text| text.chars().count() as u64);
    let characters = characters.sum();
    prompt.extend(definitions.texts.iter().map(String::as_str));
    let counter = &exchange.received.shared.counter;
    let texts = counter.count(encoding, &prompt).await;
    let overhead = request.overhead(target.model()) + definitions.overhead;
    let prompt = texts.iter().sum::<u64>() + overhead;
    let cached = cached_tokens(&mut exchange, &target, &request, &definitions, prompt).await;
    let last_text = request.last_user_text();
    let asked = Asked {
        characters: Some(characters),
        messages: request.messages(),
        image_tokens: request.images(target.model()),
        prompt_tokens: prompt,
        cached_tokens: cached,
        longest_prompt: prompt,
        max_tokens: request.max_tokens(),
        choices: request.choices(),
        candidates: request.choices(),
        is_stream: request.is_stream(),
        includes_usage: request.includes_usage(),
        is_obfuscated: request.obfuscates(),
        last_texts: last_text.as_slice(),
        turn: request.turn(),
        stop: request.stop(),
        seed: request.seed(),
        logprobs: request.logprobs(),
        service_tier: request.service_tier(),
    };
    answer::<ChatRequest>(exchange, target, asked, structure).await
}
