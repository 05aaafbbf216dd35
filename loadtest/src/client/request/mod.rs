//! [`Template`]: what all requests of a class share, and how one of them is built.
//!
//! Everything that does not change is written once: the headers, the path, and the body before
//! and after the prompt. A request then costs two copies and a hash.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt;

use super::exchange::Exchange;
use super::identity::{RunName, body_hash};
use crate::plan::{Api, Class, Draw, HangUp, Operation, Prompt, Quantity, Target};
use crate::workload;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What all requests of a class share.
#[derive(Clone, Debug)]
pub struct Template {
    class: Class,
    seed: u64,
    headers: HeaderMap,
    /// Path and query as sent and as backends must see them.
    sent_path: String,
    backend_path: String,
    /// The body up to the prompt, from there to the size of the answer, and the rest.
    opening: String,
    after_prompt: &'static str,
    closing: &'static str,
}

/// What all attempts of one logical request share.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The body.
    pub body: Bytes,
    /// First 16 hex digits of its SHA-256.
    pub hash: String,
    /// The words at the prompt's start that encode the request's number.
    pub mark: Option<String>,
}

/// Sizes that a trace asks for, instead of the class's own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sizes {
    /// Tokens of prompt content.
    pub prompt_tokens: Option<u32>,
    /// `max_tokens`.
    pub max_tokens: Option<u32>,
}

/// A header of a class that cannot be sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("header `{0}` cannot be sent")]
pub struct InvalidHeader(pub String);

impl Template {
    /// The template of `class` in a scenario with this seed.
    ///
    /// # Errors
    /// [`InvalidHeader`] if a name or a value of a header holds what HTTP does not allow.
    pub fn new(class: &Class, seed: u64) -> Result<Self, InvalidHeader> {
        let backend_path = class.path_and_query();
        let sent_path = match &class.target {
            Target::Gateway { prefix } => format!("{prefix}{backend_path}"),
            Target::Simulator(_) => backend_path.clone(),
        };
        Ok(Self {
            headers: headers(class)?,
            sent_path,
            backend_path,
            opening: opening(class),
            after_prompt: match class.operation {
                Operation::ChatCompletions => r#""}]"#,
                Operation::Completions | Operation::Embeddings | Operation::Helper => r#"""#,
            },
            closing: closing(class),
            class: class.clone(),
            seed,
        })
    }

    /// Name of the class.
    pub fn class(&self) -> &Arc<str> {
        &self.class.name
    }

    /// The operation that the requests call.
    pub fn operation(&self) -> Operation {
        self.class.operation
    }

    /// Whom the requests go to.
    pub fn target(&self) -> &Target {
        &self.class.target
    }

    /// Path and query as sent, with the gateway's prefix.
    pub fn sent_path(&self) -> &str {
        &self.sent_path
    }

    /// Path and query that must arrive at a backend.
    pub fn backend_path(&self) -> &str {
        &self.backend_path
    }

    /// Whether answers are streamed.
    pub fn streams(&self) -> bool {
        self.class.streams
    }

    /// The response headers that are written down.
    pub fn watched_headers(&self) -> &[String] {
        &self.class.watched_headers
    }

    /// The response header in which the gateway claims a backend.
    pub fn backend_header(&self) -> &str {
        &self.class.backend_header
    }

    /// How long a client waits for a complete answer, or until it hangs up.
    pub fn patience(&self) -> Duration {
        match self.class.hangs_up {
            Some(HangUp::After(time)) => time.min(self.class.timeout),
            Some(HangUp::AfterTokens(_)) | None => self.class.timeout,
        }
    }

    /// Whether a client that waits no longer does so on purpose.
    pub fn is_impatient(&self) -> bool {
        self.patience() < self.class.timeout
    }

    /// Whether a client hangs up after so many events with content.
    pub fn has_enough(&self, content_events: u64) -> bool {
        let enough =
            |hang_up| matches!(hang_up, HangUp::AfterTokens(most) if content_events >= most);
        self.class.hangs_up.is_some_and(enough)
    }

    /// Whether its users send the cookies of answers again.
    pub fn keeps_cookies(&self) -> bool {
        self.class.keeps_cookies
    }

    /// How long after `exchange` the client tries its request again; none if it does not.
    pub fn retries_after(&self, exchange: &Exchange) -> Option<Duration> {
        let retries = self.class.retries?;
        let seen = &exchange.observation;
        // One draw for each attempt of the request, whatever became of those before.
        let rng = self.key("retry_jitter", seen.request).rng();
        let mut draws = rng.random_iter().skip(seen.attempt as usize);
        retries.wait(exchange, draws.next().unwrap_or_default())
    }

    /// Whether [`think_time`](Self::think_time) counts from the request, not from its answer.
    pub fn is_paced(&self) -> bool {
        self.class.is_paced
    }

    /// How long a closed-model user thinks after the class's request with this ordinal.
    pub fn think_time(&self, ordinal: u64) -> Duration {
        let seconds = self
            .class
            .think_time_s
            .draw(self.key("think_time", ordinal));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Builds the body of the run's request `request`, the class's `ordinal`th.
    pub fn prepare(&self, request: u64, ordinal: u64, sizes: Sizes) -> Prepared {
        if let Prompt::Body(text) = &self.class.prompt {
            return Prepared {
                hash: body_hash(text.as_bytes()),
                body: text.clone().into(),
                mark: None,
            };
        }
        let mut body = self.opening.clone();
        let mark = self.push_prompt(&mut body, request, ordinal, sizes.prompt_tokens);
        body.push_str(self.after_prompt);
        if let Some(max_tokens) = self.max_tokens(ordinal, sizes.max_tokens) {
            body.push_str(r#","max_tokens":"#);
            body.push_str(&max_tokens.to_string());
        }
        body.push_str(self.closing);
        let body = Bytes::from(body);
        Prepared {
            hash: body_hash(&body),
            body,
            mark,
        }
    }

    /// The headers of an attempt; its correlations are derived from the arguments.
    ///
    /// # Panics
    /// If the run's name is not visible ASCII.
    pub fn headers(&self, run: &RunName, request: u64, attempt: u32) -> HeaderMap {
        const VISIBLE: &str = "run names are visible ASCII";
        let mut headers = self.headers.clone();
        let id = HeaderValue::try_from(run.request_id(request, attempt)).expect(VISIBLE);
        let trace = HeaderValue::try_from(run.traceparent(request, attempt)).expect(VISIBLE);
        headers.insert(CLIENT_REQUEST_ID, id.clone());
        headers.insert(REQUEST_ID, id);
        headers.insert(TRACEPARENT, trace);
        headers
    }

    fn key<'a>(&'a self, purpose: &'a str, ordinal: u64) -> Draw<'a> {
        Draw {
            seed: self.seed,
            purpose,
            class: &self.class.name,
            ordinal,
        }
    }

    /// A drawn number that the API refuses when it is 0.
    fn size(&self, quantity: &Quantity, purpose: &str, ordinal: u64) -> u32 {
        quantity.draw_whole(self.key(purpose, ordinal)).max(1)
    }

    fn max_tokens(&self, ordinal: u64, wanted: Option<u32>) -> Option<u32> {
        if self.class.operation == Operation::Embeddings {
            return None;
        }
        let own = || {
            let quantity = self.class.max_tokens.as_ref()?;
            Some(self.size(quantity, "max_tokens", ordinal))
        };
        wanted.or_else(own)
    }

    /// Appends the prompt and returns its mark, if it has one.
    fn push_prompt(
        &self,
        body: &mut String,
        request: u64,
        ordinal: u64,
        wanted: Option<u32>,
    ) -> Option<String> {
        // A mark that does not fit is left out: the size is part of the experiment.
        let mark = |room: u32, needed: u32| {
            (self.class.marks_prompts && room >= needed).then(|| workload::mark(request))
        };
        match (&self.class.prompt, wanted) {
            (Prompt::Characters(quantity), None) => {
                let characters = self.size(quantity, "prompt_characters", ordinal);
                let mark = mark(characters, workload::mark_characters());
                workload::push_characters(body, characters, mark.as_deref());
                mark
            }
            (Prompt::Tokens(quantity), None) => {
                let tokens = self.size(quantity, "prompt_tokens", ordinal);
                let mark = mark(tokens, workload::MARK_WORDS);
                workload::push_tokens(body, tokens, mark.as_deref());
                mark
            }
            (_, Some(tokens)) => {
                let mark = mark(tokens, workload::MARK_WORDS);
                workload::push_tokens(body, tokens, mark.as_deref());
                mark
            }
            // The text is in the opening already, or is all there is.
            (Prompt::Text(_) | Prompt::Body(_), None) => None,
        }
    }
}

/// Headers of every request of a class; its own may replace the defaults.
fn headers(class: &Class) -> Result<HeaderMap, InvalidHeader> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // As the official SDKs do, for streams too.
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(credential) = &class.credential {
        let (name, value) = parse_header(&credential.header, &credential.value)?;
        headers.insert(name, value);
    }
    let mut own = HeaderMap::new();
    for (name, value) in &class.headers {
        let (name, value) = parse_header(name, value)?;
        own.append(name, value);
    }
    // `extend` replaces what was there by the first value of a name and appends the others.
    headers.extend(own);
    Ok(headers)
}

fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeader> {
    let invalid = || InvalidHeader(name.to_owned());
    Ok((
        name.parse().map_err(|_| invalid())?,
        value.parse().map_err(|_| invalid())?,
    ))
}

fn opening(class: &Class) -> String {
    let mut opening = String::from("{");
    if !matches!(class.api, Api::AzureDated { .. }) {
        opening.push_str(r#""model":""#);
        opening.push_str(&json_text(&class.deployment));
        opening.push_str(r#"","#);
    }
    opening.push_str(match class.operation {
        Operation::ChatCompletions => r#""messages":[{"role":"user","content":""#,
        Operation::Completions => r#""prompt":""#,
        // A helper's request has no prompt: whoever sends it writes its body.
        Operation::Embeddings | Operation::Helper => r#""input":""#,
    });
    if let Prompt::Text(text) = &class.prompt {
        opening.push_str(&json_text(text));
    }
    opening
}

fn closing(class: &Class) -> &'static str {
    if class.operation == Operation::Embeddings {
        return if class.base64_embeddings {
            r#","encoding_format":"base64"}"#
        } else {
            "}"
        };
    }
    match (class.streams, class.includes_usage) {
        (true, true) => r#","stream":true,"stream_options":{"include_usage":true}}"#,
        (true, false) => r#","stream":true}"#,
        (false, _) => "}",
    }
}

/// `text` as it stands between the quotes of a JSON text.
fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests;
