//! From a class as written and looked up to the class of the plan; nothing can go wrong here.

use std::sync::Arc;
use std::time::Duration;

use clock::Span;

use crate::plan::{
    Api, Class, Credential, HangUp, Operation, Prompt, Quantity, Retries, RetryStyle, Target,
};
use crate::scenario::number::Number;
use crate::scenario::sections::{
    ApiName, ClientSection, EncodingFormat, KeyHeader, OperationName, RetriesName,
};
use crate::topology::SimulatorConfigs;

/// The dated API version that a class uses unless it says otherwise: the newest generally available one.
// Source: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (read 2026-08).
const DEFAULT_API_VERSION: &str = "2024-10-21";

/// How often the official SDKs try again.
// Source: openai-python 3.51 and openai-node 7.5, `max_retries` of a client.
const DEFAULT_RETRIES: u32 = 2;

/// Longer than any answer that a scenario simulates, short enough that a hung gateway is noticed.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);

/// The class `name`, with what was looked up for it.
pub(super) fn class(
    name: &str,
    client: ClientSection,
    target: Target,
    subscription: Option<String>,
    key: String,
    backend_header: &str,
) -> Class {
    Class {
        name: Arc::from(name),
        operation: operation(client.operation),
        target,
        api: api(client.api, client.api_version),
        deployment: client.deployment,
        prompt: match client.body {
            Some(body) => Prompt::Body(body),
            None => prompt(client.prompt, client.prompt_tokens, client.input_characters),
        },
        max_tokens: client.max_tokens.map(|number| number.quantity),
        streams: client.stream,
        includes_usage: client.include_usage,
        base64_embeddings: client.encoding_format == EncodingFormat::Base64,
        headers: client.headers.into_iter().collect(),
        query: client.query.into_iter().collect(),
        credential: (!key.is_empty()).then(|| credential(client.key_header, key)),
        subscription,
        think_time_s: client
            .think_time
            .map_or(Quantity::Constant(0.0), |pause| pause.quantity),
        is_paced: client.paced,
        timeout: client.timeout.map_or(DEFAULT_TIMEOUT, Span::get),
        marks_prompts: client.marks_prompts.unwrap_or(true),
        retries: client.retries.map(|name| Retries {
            style: style(name),
            most: client.max_retries.unwrap_or(DEFAULT_RETRIES),
        }),
        hangs_up: hangs_up(client.hangs_up_after_tokens, client.hangs_up_after),
        keeps_cookies: client.keeps_cookies,
        watched_headers: lower_case(&client.watches_headers),
        backend_header: backend_header.to_ascii_lowercase(),
    }
}

fn style(name: RetriesName) -> RetryStyle {
    match name {
        RetriesName::OpenAiPython => RetryStyle::OpenAiPython,
        RetriesName::OpenAiNode => RetryStyle::OpenAiNode,
        RetriesName::RetryAfter => RetryStyle::RetryAfter,
    }
}

fn hangs_up(tokens: Option<u64>, after: Option<Span>) -> Option<HangUp> {
    let after = after.map(|after| HangUp::After(after.get()));
    tokens.map(HangUp::AfterTokens).or(after)
}

fn lower_case(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// The key for a simulator called directly: its own, or any where it takes any.
pub(super) fn direct_key(client: &ClientSection, simulators: &SimulatorConfigs) -> String {
    let called = client.to.as_ref().and_then(|name| simulators.get(name));
    let own = called
        .and_then(|simulator| simulator.api_keys.first())
        .cloned();
    own.unwrap_or_else(|| "any-key".to_owned())
}

fn operation(name: OperationName) -> Operation {
    match name {
        OperationName::ChatCompletions => Operation::ChatCompletions,
        OperationName::Completions => Operation::Completions,
        OperationName::Embeddings => Operation::Embeddings,
    }
}

/// An empty `api_version` leaves it out: a wrong request, on purpose.
fn api(name: ApiName, version: Option<String>) -> Api {
    match name {
        ApiName::Azure => {
            let version = version.unwrap_or_else(|| DEFAULT_API_VERSION.to_owned());
            Api::AzureDated {
                api_version: Some(version).filter(|version| !version.is_empty()),
            }
        }
        ApiName::AzureV1 => Api::AzureV1,
        ApiName::OpenAi => Api::OpenAi,
    }
}

fn prompt(text: Option<String>, tokens: Option<Number>, characters: Option<Number>) -> Prompt {
    /// Long enough for the words that mark a request, short enough to cost nothing.
    const DEFAULT_TOKENS: f64 = 16.0;
    match (text, tokens, characters) {
        (Some(text), _, _) => Prompt::Text(text),
        (None, Some(tokens), _) => Prompt::Tokens(tokens.quantity),
        (None, None, Some(characters)) => Prompt::Characters(characters.quantity),
        (None, None, None) => Prompt::Tokens(Quantity::Constant(DEFAULT_TOKENS)),
    }
}

fn credential(header: KeyHeader, key: String) -> Credential {
    match header {
        KeyHeader::ApiKey => Credential {
            header: "api-key".to_owned(),
            value: key,
        },
        KeyHeader::OcpApimSubscriptionKey => Credential {
            header: "ocp-apim-subscription-key".to_owned(),
            value: key,
        },
        KeyHeader::Authorization => Credential {
            header: "authorization".to_owned(),
            value: format!("Bearer {key}"),
        },
    }
}
