//! What chat completions and completions have in common: admission and the answer's text.

use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::deployment::Target;
use crate::exchange::Exchange;
use crate::fault;
use crate::generate::{Reply, Structure, Wish};
use crate::limit::{Charge, Ticket};
use crate::openai::{Body, Envelope, Events, Operation, Refusal, Streaming, Usage, write_answer};
use crate::seed::{Key, Purpose};
use crate::stream::Playback;

/// A request, reduced to what decides about its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Characters of all prompts, unless they came as tokens.
    pub(super) characters: Option<u64>,
    /// Messages of a chat, else 0.
    pub(super) messages: u64,
    /// Tokens of images in the prompt.
    pub(super) image_tokens: u64,
    /// Tokens of all prompts.
    pub(super) prompt_tokens: u64,
    /// Those of them that are cached.
    pub(super) cached_tokens: u64,
    /// Tokens of the longest prompt, which has to fit into the context with its answer.
    pub(super) longest_prompt: u64,
    pub(super) max_tokens: Option<u64>,
    pub(super) choices: u32,
    /// How many answers are generated, of which `choices` are given.
    pub(super) candidates: u32,
    pub(super) is_stream: bool,
    pub(super) includes_usage: bool,
    /// Whether a stream hides how long its texts are.
    pub(super) is_obfuscated: bool,
    /// What the user said last, or each prompt.
    pub(super) last_texts: &'a [&'a str],
    /// Which turn of the conversation is wanted; the first is 1.
    pub(super) turn: u32,
    pub(super) stop: &'a [String],
    pub(super) seed: Option<i64>,
    /// How many of the likeliest tokens are told beside each.
    pub(super) logprobs: Option<u8>,
    pub(super) service_tier: Option<&'a str>,
}

/// Answers a request that was read: fits → limit → generate → latency.
///
/// `structure` is what the answer is made of besides text.
pub(super) async fn answer<B: Body>(
    mut exchange: Exchange,
    target: Target,
    asked: Asked<'_>,
    structure: Structure,
) -> Response {
    let response = match admit::<B>(&mut exchange, &target, asked).await {
        Ok(ticket) => admitted::<B>(&exchange, &target, asked, &structure, ticket).await,
        Err(refusal) => exchange.refuse(&refusal, Some(&target)),
    };
    let response = fault::before_answer(&exchange, response).await;
    exchange.hold(response)
}

async fn admitted<B: Body>(
    exchange: &Exchange,
    target: &Target,
    asked: Asked<'_>,
    structure: &Structure,
    ticket: Ticket,
) -> Response {
    let key = exchange.key(target);
    let mut headers = exchange.headers(target, key, ticket.admission());
    let content_type = if asked.is_stream {
        "text/event-stream; charset=utf-8"
    } else {
        "application/json"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let answer_key = answer_key(exchange, target, key, asked);
    let choices = replies(target, answer_key, asked, structure);
    let usage = Usage {
        prompt: asked.prompt_tokens,
        cached: asked.cached_tokens,
        completion: choices.iter().map(Reply::left).sum(),
        reasoning: choices.iter().map(|reply| reply.reasoning).sum(),
    };
    exchange.book(|entry| {
        entry.completion_tokens = usage.completion;
        entry.streamed = asked.is_stream;
    });
    let written = if asked.is_stream {
        stream::<B>(exchange, target, key, choices, usage, asked, ticket)
    } else {
        whole::<B>(exchange, target, key, choices, usage, asked, ticket).await
    };
    (headers, written).into_response()
}

/// Checks that the answer fits, then asks the limiter; only the latter charges.
async fn admit<B: Body>(
    exchange: &mut Exchange,
    target: &Target,
    asked: Asked<'_>,
) -> Result<Ticket, Refusal> {
    let charge = Charge {
        operation: B::OPERATION,
        characters: asked.characters.as_slice(),
        messages: asked.messages,
        image_tokens: asked.image_tokens,
        prompt_tokens: asked.prompt_tokens,
        cached_tokens: asked.cached_tokens,
        max_tokens: asked.max_tokens,
        choices: asked.candidates.into(),
    };
    exchange.estimate(target, &charge);
    let window = target.context_tokens();
    // At least one token of answer has to fit.
    let answer = asked.max_tokens.unwrap_or(1);
    if asked.longest_prompt.saturating_add(answer) > window {
        return Err(Refusal::TooLong {
            operation: B::OPERATION,
            window,
            prompt: asked.longest_prompt,
            answer: asked.max_tokens,
        });
    }
    exchange.admit(target, &charge).await
}

/// The key of what is said: with a seed that of the body, so that it can be asked for again.
///
/// Source: <https://platform.openai.com/docs/api-reference/chat/create>: "repeated requests with
/// the same `seed` and parameters should return the same result".
fn answer_key(exchange: &Exchange, target: &Target, key: Key, asked: Asked<'_>) -> Key {
    match (asked.seed, &exchange.received.body) {
        (Some(seed), Ok(body)) => {
            let deployment = exchange.received.live.key.named(target.name());
            deployment.bytes(body).numbered(seed.cast_unsigned())
        }
        _ => key,
    }
}

fn replies(target: &Target, key: Key, asked: Asked<'_>, structure: &Structure) -> Vec<Reply> {
    let room = target.context_tokens() - asked.longest_prompt;
    let each = asked.choices / u32::try_from(asked.last_texts.len().max(1)).unwrap_or(1);
    let reply = |index: u32| {
        let prompt = (index / each.max(1)) as usize;
        let wish = Wish {
            key: key.numbered(index.into()),
            deployment: target.deployment(),
            last_text: asked.last_texts.get(prompt).copied().unwrap_or(""),
            turn: asked.turn,
            max_tokens: asked.max_tokens,
            room,
            stop: asked.stop,
            logprobs: asked.logprobs,
        };
        wish.reply(structure.reply(key, index, target.model().encoding))
    };
    (0..asked.choices).map(reply).collect()
}

fn envelope<'a>(
    exchange: &Exchange,
    target: &'a Target,
    key: Key,
    operation: Operation,
    asked: Asked<'a>,
) -> Envelope<'a> {
    let prefix = match operation {
        Operation::ChatCompletions => "chatcmpl-",
        Operation::Completions | Operation::Embeddings => "cmpl-",
    };
    let mut id = String::with_capacity(40);
    id.push_str(prefix);
    let letters = key.rng(Purpose::Ids).sample_iter(Alphanumeric);
    id.extend(letters.take(29).map(char::from));
    Envelope {
        dialect: exchange.dialect,
        operation,
        id,
        created: exchange.created(),
        model: target.model().version,
        fingerprint: target.fingerprint(),
        wanted_tier: asked.service_tier,
    }
}

/// The answer as one body, at the moment its last token is due.
async fn whole<B: Body>(
    exchange: &Exchange,
    target: &Target,
    key: Key,
    mut choices: Vec<Reply>,
    usage: Usage,
    asked: Asked<'_>,
    mut ticket: Ticket,
) -> HttpBody {
    let envelope = envelope(exchange, target, key, B::OPERATION, asked);
    // An answer of no tokens takes as long as its first would have.
    let longest = choices.iter().map(Reply::left).fold(1, u64::max);
    let body = write_answer(&envelope, &mut choices, usage);
    let clock = &exchange.received.shared.clock;
    let mut deadlines = exchange.deadlines(target, B::OPERATION, usage.prompt - usage.cached);
    deadlines.postpone(pause(&choices));
    deadlines.play(longest, clock).await;
    ticket.answered(usage.completion);
    fault::whole(body, exchange.interruption.clone(), clock)
}

/// The answer as a stream whose tokens leave when they are due.
fn stream<B: Body>(
    exchange: &Exchange,
    target: &Target,
    key: Key,
    choices: Vec<Reply>,
    usage: Usage,
    asked: Asked<'_>,
    ticket: Ticket,
) -> HttpBody {
    let envelope = envelope(exchange, target, key, B::OPERATION, asked);
    let streaming = Streaming {
        includes_usage: asked.includes_usage,
        obfuscation: asked.is_obfuscated.then_some(key),
    };
    let mut events = Events::new(&envelope, streaming);
    let mut opening = String::with_capacity(4_096);
    events.open(&mut opening, &choices);
    let mut deadlines = exchange.deadlines(target, B::OPERATION, usage.prompt - usage.cached);
    deadlines.postpone(pause(&choices));
    let playback = Playback {
        events,
        choices: choices.into_iter().map(Some).collect(),
        opening,
        deadlines,
        usage,
        interruption: exchange.interruption.clone(),
        clock: exchange.received.shared.clock.clone(),
        booking: exchange.received.booking.clone(),
        ticket,
    };
    playback.into_body()
}

/// How much later than usual the answer comes.
fn pause(choices: &[Reply]) -> Duration {
    choices
        .iter()
        .map(|reply| reply.pause)
        .max()
        .unwrap_or_default()
}
