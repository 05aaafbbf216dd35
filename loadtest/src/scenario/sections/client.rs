//! `[clients.NAME]` as written.

use std::collections::BTreeMap;

use clock::Span;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::scenario::number::{self, Number, Pause};

/// A client class.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the file"
)]
pub(in crate::scenario) struct ClientSection {
    /// Name of a class to start from; keys given here replace that class's.
    #[serde(default)]
    #[expect(dead_code, reason = "applied on the bare tables, kept for the schema")]
    pub(in crate::scenario) like: Option<String>,
    /// The operation it calls.
    pub(in crate::scenario) operation: OperationName,
    /// The deployment it names.
    pub(in crate::scenario) deployment: String,
    /// URL shape: `azure` (dated, the default), `azure-v1` or `openai`.
    #[serde(default)]
    pub(in crate::scenario) api: ApiName,
    /// The dated API's version; "2024-10-21" by default.
    pub(in crate::scenario) api_version: Option<String>,
    /// Name of a simulator to call directly, instead of the gateway.
    pub(in crate::scenario) to: Option<String>,
    /// Name of the gateway's API to call, where it has several.
    pub(in crate::scenario) gateway_api: Option<String>,
    /// A fixed prompt.
    pub(in crate::scenario) prompt: Option<String>,
    /// Tokens of a generated prompt's content.
    pub(in crate::scenario) prompt_tokens: Option<Number>,
    /// Characters of a generated prompt.
    pub(in crate::scenario) input_characters: Option<Number>,
    /// The whole body, sent as it is, valid or not: no other key of the body counts.
    pub(in crate::scenario) body: Option<String>,
    /// `max_tokens` of each request; left out by default.
    pub(in crate::scenario) max_tokens: Option<Number>,
    /// Whether answers are streamed.
    #[serde(default)]
    pub(in crate::scenario) stream: bool,
    /// Whether a stream asks for its usage.
    #[serde(default)]
    pub(in crate::scenario) include_usage: bool,
    /// Encoding of embeddings: `float` (the default) or `base64`.
    #[serde(default)]
    pub(in crate::scenario) encoding_format: EncodingFormat,
    /// Headers added to every request.
    #[serde(default)]
    pub(in crate::scenario) headers: BTreeMap<String, String>,
    /// Parameters added to the query of every request's URL, by name.
    #[serde(default)]
    pub(in crate::scenario) query: BTreeMap<String, String>,
    /// Name of the gateway's subscription whose key it presents; the first one by default.
    pub(in crate::scenario) subscription: Option<String>,
    /// A key to present as it is, instead of a subscription's; "" presents none.
    pub(in crate::scenario) key: Option<String>,
    /// The header that carries the key.
    #[serde(default)]
    pub(in crate::scenario) key_header: KeyHeader,
    /// Pause of a user between an answer and the next request; none by default.
    pub(in crate::scenario) think_time: Option<Pause>,
    /// Whether that pause counts from the request instead, so that slow answers do not thin out the load; false by default.
    #[serde(default)]
    pub(in crate::scenario) paced: bool,
    /// How long it waits for a complete answer; "120s" by default.
    #[serde(default, deserialize_with = "number::duration")]
    pub(in crate::scenario) timeout: Option<Span>,
    /// Whether generated prompts start with words that encode the request's number; true by default.
    pub(in crate::scenario) marks_prompts: Option<bool>,
    /// Whose retries it has: `openai-python`, `openai-node`, or `retry-after` (waits exactly as told, else gives up); none by default.
    pub(in crate::scenario) retries: Option<RetriesName>,
    /// Retries at most; 2 by default, as the SDKs have it.
    pub(in crate::scenario) max_retries: Option<u32>,
    /// Impatient: hangs up after so many events with content of a stream.
    #[schemars(range(min = 1))]
    pub(in crate::scenario) hangs_up_after_tokens: Option<u64>,
    /// Impatient: hangs up so long after a request was sent.
    #[serde(default, deserialize_with = "number::duration")]
    pub(in crate::scenario) hangs_up_after: Option<Span>,
    /// Whether each user keeps the cookies it is given and sends them again; false by default.
    #[serde(default)]
    pub(in crate::scenario) keeps_cookies: bool,
    /// Response headers to write down, for gates to speak of.
    #[serde(default)]
    pub(in crate::scenario) watches_headers: Vec<String>,
}

/// Whose retries a client has.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub(in crate::scenario) enum RetriesName {
    #[serde(rename = "openai-python")]
    OpenAiPython,
    #[serde(rename = "openai-node")]
    OpenAiNode,
    #[serde(rename = "retry-after")]
    RetryAfter,
}

/// The operation a class calls.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum OperationName {
    #[default]
    ChatCompletions,
    Completions,
    Embeddings,
}

/// URL shapes.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub(in crate::scenario) enum ApiName {
    #[default]
    #[serde(rename = "azure")]
    Azure,
    #[serde(rename = "azure-v1")]
    AzureV1,
    #[serde(rename = "openai")]
    OpenAi,
}

/// Encoding of embeddings.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(in crate::scenario) enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

/// Headers that carry a key.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum KeyHeader {
    #[default]
    ApiKey,
    OcpApimSubscriptionKey,
    Authorization,
}
