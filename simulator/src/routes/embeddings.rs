//! `embeddings`.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::deployment::Target;
use crate::exchange::Exchange;
use crate::fault;
use crate::generate::embedding;
use crate::limit::Charge;
use crate::openai::{EmbeddingsRequest, Input, Operation, Refusal, write_embeddings};
use crate::seed::Key;

/// Embeds one or several inputs.
pub(crate) async fn embeddings(mut exchange: Exchange) -> Response {
    let (target, request) = match exchange.enter::<EmbeddingsRequest>().await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let embedded = embed(&mut exchange, &target, &request).await;
    let response = embedded.unwrap_or_else(|refusal| exchange.refuse(&refusal, Some(&target)));
    let response = fault::before_answer(&exchange, response).await;
    exchange.hold(response)
}

async fn embed(
    exchange: &mut Exchange,
    target: &Target,
    request: &EmbeddingsRequest,
) -> Result<Response, Refusal> {
    let size = size(target, request)?;
    let tokens = count(exchange, target, request.input()).await?;
    let charge = Charge {
        operation: Operation::Embeddings,
        characters: &request.input().characters(),
        messages: 0,
        image_tokens: 0,
        prompt_tokens: tokens,
        cached_tokens: 0,
        max_tokens: None,
        choices: 1,
    };
    let mut ticket = exchange.admit(target, &charge).await?;
    let key = exchange.key(target);
    let mut headers = exchange.headers(target, key, ticket.admission());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let seed = exchange.received.live.embedding_key(target.model());
    let vectors = vectors(seed, request.input(), size);
    let body = write_embeddings(
        target.model().version,
        &vectors,
        request.is_base64(),
        tokens,
    );
    let deadlines = exchange.deadlines(target, Operation::Embeddings, tokens);
    exchange.wait(deadlines.without_tokens()).await;
    ticket.answered(0);
    let clock = &exchange.received.shared.clock;
    Ok((
        headers,
        fault::whole(body, exchange.interruption.clone(), clock),
    )
        .into_response())
}

/// Numbers per embedding.
fn size(target: &Target, request: &EmbeddingsRequest) -> Result<u32, Refusal> {
    match target.embedding() {
        (size, true) => Ok(request.dimensions(size)?),
        (size, false) => Ok(size),
    }
}

/// The tokens of all inputs, each of which has to fit into the context window.
async fn count(exchange: &Exchange, target: &Target, input: &Input) -> Result<u64, Refusal> {
    let counts = match input {
        Input::Texts(texts) => {
            let counter = &exchange.received.shared.counter;
            counter.count(target.model().encoding, texts).await
        }
        Input::Tokens(lists) => lists.iter().map(|tokens| tokens.len() as u64).collect(),
    };
    let window = target.context_tokens();
    match counts.iter().find(|&&tokens| tokens > window) {
        Some(&prompt) => Err(Refusal::TooLong {
            operation: Operation::Embeddings,
            window,
            prompt,
            answer: None,
        }),
        None => Ok(counts.iter().sum()),
    }
}

fn vectors(seed: Key, input: &Input, size: u32) -> Vec<Vec<f32>> {
    match input {
        Input::Texts(texts) => {
            let keys = texts.iter().map(|text| seed.named(text));
            keys.map(|key| embedding(key, size)).collect()
        }
        Input::Tokens(lists) => {
            let keys = lists.iter().map(|tokens| {
                let tokens = tokens.iter();
                tokens.fold(seed, |key, &token| key.numbered(token.into()))
            });
            keys.map(|key| embedding(key, size)).collect()
        }
    }
}
