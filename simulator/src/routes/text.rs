//! What chat completions and completions have in common: admission and the answer's text.

use axum::body::Body as HttpBody;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::deployment::Target;
use crate::exchange::Exchange;
use crate::fault;
use crate::generate::{Reply, Structure};
use crate::limit::{Charge, Ticket};
use crate::openai::{Body, Envelope, Events, Operation, Refusal, Usage, write_answer};
use crate::seed::{Key, Purpose};
use crate::stream::Playback;

/// A request, reduced to what decides about its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Characters of all prompts, unless they came as tokens.
    pub(super) characters: Option<u64>,
    /// Messages of a chat, else 0.
    pub(super) messages: u64,
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
}

/// Answers a request that was read: fits → limit → generate → latency.
///
/// `structure` is what the answer is made of besides text.
pub(super) async fn answer<B: Body>(
    mut exchange: Exchange,
    target: Target,
    asked: Asked,
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
    asked: Asked,
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
    let choices = replies(target, key, asked, structure);
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
        stream::<B>(
            exchange,
            target,
            key,
            choices,
            usage,
            asked.includes_usage,
            ticket,
        )
    } else {
        whole::<B>(exchange, target, key, choices, usage, ticket).await
    };
    (headers, written).into_response()
}

/// Checks that the answer fits, then asks the limiter; only the latter charges.
async fn admit<B: Body>(
    exchange: &mut Exchange,
    target: &Target,
    asked: Asked,
) -> Result<Ticket, Refusal> {
    let charge = Charge {
        operation: B::OPERATION,
        characters: asked.characters.as_slice(),
        messages: asked.messages,
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

fn replies(target: &Target, key: Key, asked: Asked, structure: &Structure) -> Vec<Reply> {
    let room = target.context_tokens() - asked.longest_prompt;
    let encoding = target.model().encoding;
    let choices = 0..asked.choices;
    choices
        .map(|index| match structure.reply(key, index, encoding) {
            Some(mut reply) => {
                reply.limit(asked.max_tokens.unwrap_or(room).min(room));
                reply
            }
            None => Reply::lorem(key, index, asked.max_tokens, room),
        })
        .collect()
}

fn envelope<'a>(
    exchange: &Exchange,
    target: &'a Target,
    key: Key,
    operation: Operation,
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
    }
}

/// The answer as one body, at the moment its last token is due.
async fn whole<B: Body>(
    exchange: &Exchange,
    target: &Target,
    key: Key,
    mut choices: Vec<Reply>,
    usage: Usage,
    mut ticket: Ticket,
) -> HttpBody {
    let envelope = envelope(exchange, target, key, B::OPERATION);
    let longest = choices.iter().map(Reply::left).max().unwrap_or(0);
    let body = write_answer(&envelope, &mut choices, usage);
    let clock = &exchange.received.shared.clock;
    let deadlines = exchange.deadlines(target, B::OPERATION, usage.prompt - usage.cached);
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
    includes_usage: bool,
    ticket: Ticket,
) -> HttpBody {
    let envelope = envelope(exchange, target, key, B::OPERATION);
    let events = Events::new(&envelope, includes_usage);
    let mut opening = String::with_capacity(4_096);
    events.open(&mut opening, &choices);
    let playback = Playback {
        events,
        choices: choices.into_iter().map(Some).collect(),
        opening,
        deadlines: exchange.deadlines(target, B::OPERATION, usage.prompt - usage.cached),
        usage,
        interruption: exchange.interruption.clone(),
        clock: exchange.received.shared.clock.clone(),
        booking: exchange.received.booking.clone(),
        ticket,
    };
    playback.into_body()
}
