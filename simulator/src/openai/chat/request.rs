//! [`ChatRequest`]: the fields of a chat request, and which model takes which.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::format::{self, Format, ResponseFormat};
use super::messages::{self, Message};
use super::tools::{self, Offer, Tool, Tools, Wanted};
use super::turns;
use crate::model::Model;
use crate::openai::check::{Fields, Shape};
use crate::openai::options::{
    LogitBias, MOST_CHOICES, Sampling, Stop, StreamOptions, choices, in_range, includes_usage,
    obfuscates, stream_options_fit,
};
use crate::openai::{Body, Invalid, Operation};
use crate::tokens::tools::Costs;
use crate::tokens::{Encoding, Span, Vision};

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_MESSAGES: usize = 2_048;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>.
const MOST_LOGPROBS: u64 = 20;

/// The first is also written as the second.
const RETENTIONS: [&str; 3] = ["in_memory", "in-memory", "24h"];

const SERVICE_TIERS: [&str; 5] = ["auto", "default", "flex", "scale", "priority"];

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

/// The same fields with their shapes, to say what is wrong with one.
const FIELDS: &[(&str, Shape)] = &[
    ("model", Shape::Text),
    ("messages", Shape::Any),
    ("max_tokens", Shape::Integer),
    ("max_completion_tokens", Shape::Integer),
    ("n", Shape::Integer),
    ("stream", Shape::Flag),
    ("stream_options", Shape::Object),
    ("stop", Shape::Texts),
    ("temperature", Shape::Decimal),
    ("top_p", Shape::Decimal),
    ("presence_penalty", Shape::Decimal),
    ("frequency_penalty", Shape::Decimal),
    ("logit_bias", Shape::Object),
    ("logprobs", Shape::Flag),
    ("top_logprobs", Shape::Integer),
    ("service_tier", Shape::Text),
    ("reasoning_effort", Shape::Text),
    ("seed", Shape::Integer),
    ("user", Shape::Text),
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

    fn sampling(&self) -> Sampling<'_> {
        Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.as_ref(),
            stop: &self.stop,
        }
    }

    /// What reasoning models refuse, whatever its value.
    ///
    /// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning>, "Not
    /// supported"; for `stop` the API reference: "Not supported with latest reasoning models".
    fn suits_reasoning(&self, model: &Model) -> Result<(), Invalid> {
        if self.max_tokens.is_some() {
            let instead = Some("max_completion_tokens");
            return Err(Invalid::unsupported_parameter("max_tokens", instead));
        }
        // Source: pal-mcp-server#78: o3 refuses the value, o3-mini the parameter.
        match self.temperature {
            Some(_) if model.name == "o3-mini" => {
                return Err(Invalid::unsupported_parameter("temperature", None));
            }
            // Exactly the default is taken, anything else is not.
            Some(found) if (found - 1.0).abs() > 0.0 => {
                return Err(Invalid::unsupported_value("temperature", found, 1.0));
            }
            _ => {}
        }
        let takes_stop = model.name.starts_with("o1") || model.name == "o3-mini";
        let refused = [
            ("top_p", self.top_p.is_some()),
            ("presence_penalty", self.presence_penalty.is_some()),
            ("frequency_penalty", self.frequency_penalty.is_some()),
            ("logprobs", self.logprobs.is_some()),
            ("top_logprobs", self.top_logprobs.is_some()),
            ("logit_bias", self.logit_bias.is_some()),
            ("stop", !takes_stop && !self.stop.0.is_empty()),
        ];
        let first = refused.iter().find(|(_, is_given)| *is_given);
        first.map_or(Ok(()), |(name, _)| {
            Err(Invalid::unsupported_parameter(name, None))
        })
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
        fields.are(FIELDS)?;
        messages::check(fields.required("messages")?)?;
        tools::check(body)?;
        format::check(body)
    }

    fn validate(&self) -> Result<(), Invalid> {
        match self.messages.len() {
            0 => return Err(Invalid::empty_array("messages")),
            found if found > MOST_MESSAGES => {
                return Err(Invalid::long_array("messages", MOST_MESSAGES, found));
            }
            _ => {}
        }
        for (index, message) in self.messages.iter().enumerate() {
            message.validate(index)?;
        }
        turns::validate(&self.messages)?;
        self.about_tools().validate()?;
        tools::refuse_functions(self.functions.is_some(), self.function_call.is_some())?;
        if let Some(format) = &self.response_format {
            format.validate(self.messages.iter().flat_map(Message::contents))?;
        }
        in_range("max_tokens", self.max_tokens, 1, u64::MAX)?;
        let newer = self.max_completion_tokens;
        in_range("max_completion_tokens", newer, 1, u64::MAX)?;
        if self.max_tokens.is_some() && newer.is_some() {
            // Source: langchain-ai/langgraph#5943.
            return Err(Invalid::told(
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
                Some("max_tokens"),
                Some("invalid_parameter_combination"),
            ));
        }
        in_range("n", self.n, 1, MOST_CHOICES)?;
        self.sampling().validate()?;
        in_range("top_logprobs", self.top_logprobs, 0, MOST_LOGPROBS)?;
        if self.top_logprobs.is_some() && self.logprobs != Some(true) {
            // Source: IBM/unitxt#1193.
            let message =
                "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
            return Err(Invalid::told(message, Some("top_logprobs"), None));
        }
        match self.prompt_cache_retention.as_deref() {
            Some(kept) if !RETENTIONS.contains(&kept) => {
                let param = "prompt_cache_retention";
                return Err(Invalid::unsupported(param, &RETENTIONS, kept));
            }
            _ => {}
        }
        match self.service_tier.as_deref() {
            Some(tier) if !SERVICE_TIERS.contains(&tier) => {
                Err(Invalid::unsupported("service_tier", &SERVICE_TIERS, tier))
            }
            _ => stream_options_fit(self.stream, self.stream_options.as_ref()),
        }
    }

    fn suits(&self, model: &Model) -> Result<(), Invalid> {
        if model.is_reasoning() {
            self.suits_reasoning(model)?;
        } else if self.reasoning_effort.is_some() {
            return Err(Invalid::unrecognized(&["reasoning_effort"]));
        }
        self.response_format().suits(model)?;
        let messages = self.messages.iter().enumerate();
        for (index, message) in messages {
            message.suits(model, index)?;
        }
        Ok(())
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn first_text(&self) -> Option<&str> {
        self.messages.iter().flat_map(Message::contents).next()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai::read;

    fn chat(fields: &Value) -> Result<ChatRequest, Invalid> {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        read(body.to_string().as_bytes())
    }

    fn told(fields: &Value) -> String {
        chat(fields).unwrap_err().message
    }

    fn refused_by(model: &str, fields: &Value) -> Invalid {
        let model = Model::find(model).unwrap();
        chat(fields).unwrap().suits(model).unwrap_err()
    }

    #[test]
    fn every_field_is_listed_with_its_shape() {
        let nulls: serde_json::Map<_, _> = FIELDS
            .iter()
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

    #[test]
    fn numbers_have_their_ranges() {
        insta::assert_snapshot!(told(&json!({ "temperature": -1 })), @"Invalid 'temperature': decimal below minimum value. Expected a value >= 0, but got -1 instead.");
        insta::assert_snapshot!(told(&json!({ "top_p": 1.5 })), @"Invalid 'top_p': decimal above maximum value. Expected a value <= 1, but got 1.5 instead.");
        insta::assert_snapshot!(told(&json!({ "n": 1_000_000_000 })), @"Invalid 'n': integer above maximum value. Expected a value <= 128, but got 1000000000 instead.");
        insta::assert_snapshot!(told(&json!({ "max_tokens": -5 })), @"Invalid 'max_tokens': integer below minimum value. Expected a value >= 1, but got -5 instead.");
        insta::assert_snapshot!(told(&json!({ "logprobs": true, "top_logprobs": 21 })), @"Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 21 instead.");
        insta::assert_snapshot!(told(&json!({ "logit_bias": { "AI": 10 } })), @"Invalid key in 'logit_bias': AI. You should only be submitting non-negative integers.");
    }

    #[test]
    fn shapes_are_told() {
        insta::assert_snapshot!(told(&json!({ "stop": 1 })), @"Invalid type for 'stop': expected one of a string or array of strings, but got an integer instead.");
        insta::assert_snapshot!(told(&json!({ "temperature": "hot" })), @"Invalid type for 'temperature': expected a decimal, but got a string instead.");
        insta::assert_snapshot!(told(&json!({ "stop": ["a", "b", "c", "d", "e"] })), @"Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.");
        insta::assert_snapshot!(told(&json!({ "service_tier": "gold" })), @"Invalid value: 'gold'. Supported values are: 'auto', 'default', 'flex', 'scale', and 'priority'.");
    }

    #[test]
    fn what_excludes_each_other_is_told() {
        insta::assert_snapshot!(told(&json!({ "top_logprobs": 2 })), @"The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
        let both = json!({ "max_tokens": 5, "max_completion_tokens": 7 });
        assert_eq!(
            chat(&both).unwrap_err().code,
            Some("invalid_parameter_combination")
        );
    }

    #[test]
    fn reasoning_models_take_fewer_fields() {
        let old = refused_by("gpt-5", &json!({ "max_tokens": 5 }));
        assert_eq!(old.code, Some("unsupported_parameter"));
        insta::assert_snapshot!(old.message, @"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.");
        let warm = refused_by("o3", &json!({ "temperature": 0.2 }));
        assert_eq!(warm.code, Some("unsupported_value"));
        insta::assert_snapshot!(warm.message, @"Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.");
        let top_p = refused_by("o1", &json!({ "top_p": 1 }));
        assert_eq!(top_p.param.as_deref(), Some("top_p"));
        let effort = refused_by("gpt-4o", &json!({ "reasoning_effort": "low" }));
        insta::assert_snapshot!(effort.message, @"Unrecognized request argument supplied: reasoning_effort");
    }
}
