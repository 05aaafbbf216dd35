//! [`ChatRequest`]: the fields of a chat request, and what is asked of them.

mod rules;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::format::{self, Format, ResponseFormat};
use super::messages::{self, Message};
use super::tools::{self, Offer, Tool, Tools, Wanted};
use crate::model::Model;
use crate::openai::check::{Fields, Shape};
use crate::openai::options::{
    LogitBias, SHARED, Stop, StreamOptions, choices, includes_usage, obfuscates,
};
use crate::openai::{Body, Invalid, Operation};
use crate::tokens::tools::Costs;
use crate::tokens::{Encoding, Span, Vision};

/// Every field of a chat request; what is not acted on is read for its type only.
///
/// Source: <https://platform.openai.com/docs/api-reference/chat/create>; the last two are Azure's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatRequest {
    model: Option<String>,
    messages: Vec<Message>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    n: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    stop: Stop,
    temperature: Option<f64>,
    top_p: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    logit_bias: Option<LogitBias>,
    logprobs: Option<bool>,
    top_logprobs: Option<i64>,
    service_tier: Option<String>,
    reasoning_effort: Option<String>,
    seed: Option<i64>,
    #[serde(rename = "user")]
    _user: Option<String>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Wanted>,
    parallel_tool_calls: Option<bool>,
    functions: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
    response_format: Option<Format>,
    #[serde(rename = "audio")]
    _audio: Option<IgnoredAny>,
    #[serde(rename = "metadata")]
    _metadata: Option<IgnoredAny>,
    #[serde(rename = "modalities")]
    _modalities: Option<IgnoredAny>,
    #[serde(rename = "prediction")]
    _prediction: Option<IgnoredAny>,
    prompt_cache_key: Option<String>,
    prompt_cache_retention: Option<String>,
    #[serde(rename = "safety_identifier")]
    _safety_identifier: Option<String>,
    #[serde(rename = "store")]
    _store: Option<bool>,
    #[serde(rename = "verbosity")]
    _verbosity: Option<String>,
    #[serde(rename = "web_search_options")]
    _web_search_options: Option<IgnoredAny>,
    #[serde(rename = "data_sources")]
    _data_sources: Option<IgnoredAny>,
    #[serde(rename = "user_security_context")]
    _user_security_context: Option<IgnoredAny>,
}

/// Beside those of [`SHARED`], the fields with their shapes, to say what is wrong with one.
const FIELDS: &[(&str, Shape)] = &[
    ("messages", Shape::Any),
    ("max_completion_tokens", Shape::Integer),
    ("logprobs", Shape::Flag),
    ("top_logprobs", Shape::Integer),
    ("service_tier", Shape::Text),
    ("reasoning_effort", Shape::Text),
    ("tools", Shape::Any),
    ("tool_choice", Shape::Any),
    ("parallel_tool_calls", Shape::Any),
    ("functions", Shape::Array),
    ("function_call", Shape::Any),
    ("response_format", Shape::Any),
    ("audio", Shape::Object),
    ("metadata", Shape::Object),
    ("modalities", Shape::Array),
    ("prediction", Shape::Object),
    ("prompt_cache_key", Shape::Text),
    ("prompt_cache_retention", Shape::Text),
    ("safety_identifier", Shape::Text),
    ("store", Shape::Flag),
    ("verbosity", Shape::Text),
    ("web_search_options", Shape::Object),
    ("data_sources", Shape::Array),
    ("user_security_context", Shape::Object),
];

impl ChatRequest {
    /// The longest answer wanted.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        let wanted = self.max_completion_tokens.or(self.max_tokens)?;
        u64::try_from(wanted).ok()
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages.len() as u64
    }

    /// How many answers are wanted.
    pub(crate) fn choices(&self) -> u32 {
        choices(self.n)
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    pub(crate) fn includes_usage(&self) -> bool {
        includes_usage(self.stream_options.as_ref())
    }

    /// The texts whose tokens count; [`overhead`](Self::overhead) comes on top.
    pub(crate) fn texts(&self) -> Vec<&str> {
        self.messages.iter().flat_map(Message::texts).collect()
    }

    /// The tokens of images.
    pub(crate) fn images(&self, model: &Model) -> u64 {
        let pictures = self.messages.iter().flat_map(Message::pictures);
        Vision::of(model).map_or(0, |vision| {
            pictures.map(|picture| picture.tokens(vision)).sum()
        })
    }

    /// The tokens that are no text: images, and what frames the messages: three and the role
    /// each, one more for a name, and three that begin the answer.
    ///
    /// A reasoning model's answer begins with two: the harmony format has no channel yet when
    /// the model starts. That gives the 11 tokens recorded of gpt-5-nano.
    ///
    /// Source: "How to count tokens with tiktoken" and "`OpenAI` harmony response format",
    /// openai-cookbook.
    pub(crate) fn overhead(&self, model: &Model) -> u64 {
        let framing: u64 = self.messages.iter().map(Message::overhead).sum();
        let opening = if model.is_reasoning() { 2 } else { 3 };
        framing + self.images(model) + opening
    }

    /// What the definitions of tools and of the answer's schema cost on top of the messages.
    pub(crate) fn definitions(&self, encoding: Encoding) -> Costs {
        let mut costs = Costs::default();
        for function in self.about_tools().functions() {
            let description = function.description.as_deref().unwrap_or_default();
            let parameters = function.parameters.as_ref();
            costs.add_function(encoding, &function.name, description, parameters);
        }
        if let ResponseFormat::JsonSchema { schema, .. } = self.response_format() {
            costs.add_schema(schema);
        }
        costs
    }

    /// What may or must be called instead of answering.
    pub(crate) fn tools(&self) -> Option<Offer<'_>> {
        self.about_tools().offer()
    }

    /// Whether what is to be answered are the results of tools.
    pub(crate) fn ends_with_results(&self) -> bool {
        self.messages.last().is_some_and(Message::is_tool)
    }

    /// What the answer's text has to be.
    pub(crate) fn response_format(&self) -> ResponseFormat<'_> {
        let format = self.response_format.as_ref();
        format.map_or(ResponseFormat::Text, Format::wanted)
    }

    fn about_tools(&self) -> Tools<'_> {
        Tools {
            offered: self.tools.as_deref(),
            choice: self.tool_choice.as_ref(),
            parallel: self.parallel_tool_calls,
        }
    }

    /// The prompt from its beginning, as far as it can be told apart from another.
    ///
    /// Assumed: the definitions stand before the messages.
    pub(crate) fn spans<'a>(&'a self, definitions: &'a Costs, model: &Model) -> Vec<Span<'a>> {
        let vision = Vision::of(model);
        let turns = self.messages.iter();
        let first = Span {
            framing: definitions.overhead,
            meaning: 0,
            text: "",
        };
        let defined = definitions.texts.iter().map(|text| Span::text(text));
        std::iter::once(first)
            .chain(defined)
            .chain(turns.flat_map(|turn| turn.spans(vision)))
            .collect()
    }

    /// A part of the cache that the request wants for itself.
    pub(crate) fn prompt_cache_key(&self) -> Option<&str> {
        self.prompt_cache_key.as_deref()
    }

    /// Whether the prompt is to be kept for a day.
    pub(crate) fn is_kept_long(&self) -> bool {
        self.prompt_cache_retention.as_deref() == Some("24h")
    }
}

/// What the answer's text is made by.
impl ChatRequest {
    /// The texts that end an answer.
    pub(crate) fn stop(&self) -> &[String] {
        &self.stop.0
    }

    pub(crate) fn seed(&self) -> Option<i64> {
        self.seed
    }

    /// The tier that should serve it.
    pub(crate) fn service_tier(&self) -> Option<&str> {
        self.service_tier.as_deref()
    }

    /// How many alternatives are wanted to each token, if its probability is.
    pub(crate) fn logprobs(&self) -> Option<u8> {
        let alternatives = self.top_logprobs.unwrap_or(0);
        let wanted = self.logprobs == Some(true);
        wanted.then(|| u8::try_from(alternatives).unwrap_or(0))
    }

    pub(crate) fn obfuscates(&self) -> bool {
        obfuscates(self.stream_options.as_ref())
    }

    /// What the user said last: the first text of it.
    pub(crate) fn last_user_text(&self) -> Option<&str> {
        let mut turns = self.messages.iter().rev();
        turns.find(|turn| turn.is_from("user"))?.contents().next()
    }

    /// Which turn of the assistant's is wanted: the first is 1.
    pub(crate) fn turn(&self) -> u32 {
        let said = self
            .messages
            .iter()
            .filter(|turn| turn.is_from("assistant"));
        u32::try_from(said.count() + 1).unwrap_or(u32::MAX)
    }
}

impl Body for ChatRequest {
    const OPERATION: Operation = Operation::ChatCompletions;

    fn check(body: &Value) -> Result<(), Invalid> {
        let fields = Fields::of(body)?;
        fields.are(SHARED.iter().chain(FIELDS))?;
        messages::check(fields.required("messages")?)?;
        tools::check(body)?;
        format::check(body)
    }

    fn validate(&self) -> Result<(), Invalid> {
        self.check_rules()
    }

    fn suits(&self, model: &Model) -> Result<(), Invalid> {
        self.check_model(model)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn first_text(&self) -> Option<&str> {
        self.messages.iter().flat_map(Message::contents).next()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai::read;

    /// A request with these `fields` beside a message.
    pub(in crate::openai::chat::request) fn chat(fields: &Value) -> Result<ChatRequest, Invalid> {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        read(body.to_string().as_bytes())
    }

    /// What is said of wrong `fields`.
    pub(in crate::openai::chat::request) fn told(fields: &Value) -> String {
        chat(fields).unwrap_err().message
    }

    #[test]
    fn every_field_is_listed_with_its_shape() {
        let nulls: serde_json::Map<_, _> = SHARED
            .iter()
            .chain(FIELDS)
            .filter(|(name, _)| *name != "messages")
            .map(|(name, _)| ((*name).to_owned(), Value::Null))
            .collect();
        chat(&nulls.into()).unwrap();
    }

    #[test]
    fn fields_that_do_not_exist_are_named() {
        let message = told(&json!({ "thinking": true }));
        assert_eq!(message, "Unrecognized request argument supplied: thinking");
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let body = br#"{"messages": [{"role": "user", "content": ""}], "n": 2, "n": 3}"#;
        assert_eq!(read::<ChatRequest>(body).unwrap().choices(), 3);
    }

    #[test]
    fn parts_and_names_are_read() {
        let body = br#"{"messages": [
            {"role": "system", "content": "be brief"},
            {"role": "assistant", "content": null, "refusal": "no"},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
            ]}
        ]}"#;
        let request: ChatRequest = read(body).unwrap();
        assert_eq!(request.texts(), ["be brief", "no", "ann", "what is this?"]);
        assert_eq!(request.first_text(), Some("be brief"));
        let overhead = |model| request.overhead(Model::find(model).unwrap());
        // An image of unknown size is taken for 1024 × 1024.
        assert_eq!(overhead("gpt-4o"), 3 * 4 + 1 + 3 + 765);
        assert_eq!(overhead("gpt-5"), 3 * 4 + 1 + 2 + 70 + 4 * 140);
    }
}
