//! [`Class`]: a kind of client, and the requests it sends.

use std::sync::Arc;
use std::time::Duration;

use form_urlencoded::Serializer;

use super::{HangUp, Quantity, Retries};

/// A kind of client: all its users send requests drawn from the same description.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent claim about the class's requests, named as one"
)]
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// Its name in the scenario.
    pub name: Arc<str>,
    /// The operation it calls.
    pub operation: Operation,
    /// Whom it calls.
    pub target: Target,
    /// Which URL shape it uses.
    pub api: Api,
    /// The deployment it names: in the path (Azure, dated) or as `model` in the body.
    pub deployment: String,
    /// The prompt of each request.
    pub prompt: Prompt,
    /// `max_tokens` of each request, or none to leave it out.
    pub max_tokens: Option<Quantity>,
    /// Whether answers are streamed.
    pub streams: bool,
    /// Whether a stream asks for the usage chunk.
    pub includes_usage: bool,
    /// Whether embeddings are asked for as base64, the SDKs' default, instead of floats.
    pub base64_embeddings: bool,
    /// Headers added to every request, in order.
    pub headers: Vec<(String, String)>,
    /// Parameters added to the query of every request, in order, not yet encoded.
    pub query: Vec<(String, String)>,
    /// The credential it presents, or none.
    pub credential: Option<Credential>,
    /// Name of the subscription whose key that is, if one.
    pub subscription: Option<String>,
    /// Pause of a closed-model user between an answer and the next request, in seconds.
    pub think_time_s: Quantity,
    /// Whether that pause counts from the request; the next then follows a longer answer at once.
    pub is_paced: bool,
    /// How long it waits for a complete answer, simulated.
    pub timeout: Duration,
    /// Whether generated prompts start with words that encode the request's number.
    pub marks_prompts: bool,
    /// How it tries again; a raw client takes every answer as it comes.
    pub retries: Option<Retries>,
    /// When it hangs up on purpose.
    pub hangs_up: Option<HangUp>,
    /// Whether each of its users keeps the cookies of its answers and sends them again.
    pub keeps_cookies: bool,
    /// Response headers that are written down, in lower case.
    pub watched_headers: Vec<String>,
    /// The response header in which the gateway claims a backend, in lower case.
    pub backend_header: String,
}

/// The operation a class calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// `chat/completions`
    ChatCompletions,
    /// `completions`
    Completions,
    /// `embeddings`
    Embeddings,
    /// No model's: a helper of the gateway.
    Helper,
}

/// Whom a class calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// The gateway, at its API's path prefix: `/round-robin-simple` or empty.
    Gateway {
        /// The prefix, without a slash at its end.
        prefix: String,
    },
    /// The simulator of this name, directly.
    Simulator(String),
}

/// URL shapes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Api {
    /// `/openai/deployments/{deployment}/{operation}?api-version=…`
    AzureDated {
        /// The `api-version`, or none to leave it out (a wrong request on purpose).
        api_version: Option<String>,
    },
    /// `/openai/v1/{operation}`
    AzureV1,
    /// `/v1/{operation}`
    OpenAi,
    /// This path, whatever the operation.
    Path(String),
}

/// A credential: one header and its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credential {
    /// Header name, lower case: `api-key`, `ocp-apim-subscription-key` or `authorization`.
    pub header: String,
    /// Header value; `Bearer …` for `authorization`.
    pub value: String,
}

/// Where prompts come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Always this text.
    Text(String),
    /// Generated words that are exactly so many tokens of content.
    Tokens(Quantity),
    /// Generated text of exactly so many characters.
    Characters(Quantity),
    /// None: this text is the whole body, JSON or not.
    Body(String),
}

impl Operation {
    /// Its path after the deployment, or after `/v1/`.
    pub fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat/completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Helper => "",
        }
    }

    /// Its name in scenario files, ledgers and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Helper => "helper",
        }
    }
}

impl Class {
    /// Path and query below the gateway's prefix, as a backend must see them.
    pub fn path_and_query(&self) -> String {
        let mut address = self.path();
        if !self.query.is_empty() {
            address.push(if address.contains('?') { '&' } else { '?' });
            let mut query = Serializer::new(String::new());
            address.push_str(&query.extend_pairs(&self.query).finish());
        }
        address
    }

    /// The same without the parameters of its own.
    fn path(&self) -> String {
        let operation = self.operation.path();
        match &self.api {
            Api::AzureDated { api_version } => {
                let path = format!("/openai/deployments/{}/{operation}", self.deployment);
                match api_version {
                    Some(version) => format!("{path}?api-version={version}"),
                    None => path,
                }
            }
            Api::AzureV1 => format!("/openai/v1/{operation}"),
            Api::OpenAi => format!("/v1/{operation}"),
            Api::Path(path) => path.clone(),
        }
    }
}
