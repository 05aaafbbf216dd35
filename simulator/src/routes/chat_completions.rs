//! `chat/completions`.

use axum::response::Response;

use super::text::{Asked, answer};
use crate::exchange::Exchange;
use crate::openai::ChatRequest;

/// Answers a chat.
pub(crate) async fn chat_completions(mut exchange: Exchange) -> Response {
    let (target, request) = match exchange.enter::<ChatRequest>().await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let prompt = request.texts();
    let characters = prompt.iter().map(|text| text.chars().count() as u64);
    let characters = characters.sum();
    let counter = &exchange.received.shared.counter;
    let texts = counter.count(target.model().encoding, &prompt).await;
    let prompt = texts.iter().sum::<u64>() + request.overhead();
    let asked = Asked {
        characters: Some(characters),
        messages: request.messages(),
        prompt_tokens: prompt,
        longest_prompt: prompt,
        max_tokens: request.max_tokens(),
        choices: request.choices(),
        is_stream: request.is_stream(),
        includes_usage: request.includes_usage(),
    };
    answer::<ChatRequest>(exchange, target, asked).await
}
