//! `chat/completions`: the request.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::format::{self, Format, ResponseFormat};
use super::messages::{self, Message};
use super::tools::{self, Offer, Tool, Tools, Wanted};
use super::turns;
use crate::openai::check::Fields;
use crate::openai::options::{
    MOST_CHOICES, StreamOptions, choices, in_range, includes_usage, stream_options_fit,
};
use crate::openai::{Body, Invalid, Operation};
use crate::tokens::Encoding;
use crate::tokens::tools::Costs;

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_MESSAGES: usize = 2_048;

/// The fields of a chat request that the simulator acts on.
#[derive(Debug, Deserialize)]
pub(crate) struct ChatRequest {
    model: Option<String>,
    messages: Vec<Message>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    n: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Tool>>,
    tool_choice: Option<Wanted>,
    parallel_tool_calls: Option<bool>,
    functions: Option<IgnoredAny>,
    function_call: Option<IgnoredAny>,
    response_format: Option<Format>,
}

impl ChatRequest {
    /// The longest answer wanted; the newer field goes before the older.
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

    /// The tokens that frame the messages: three and the role each, one more for a name, and
    /// three that begin the answer.
    ///
    /// Source: "How to count tokens with tiktoken", openai-cookbook.
    pub(crate) fn overhead(&self) -> u64 {
        self.messages.iter().map(Message::overhead).sum::<u64>() + 3
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
}

impl Body for ChatRequest {
    const OPERATION: Operation = Operation::ChatCompletions;

    fn check(body: &Value) -> Result<(), Invalid> {
        let fields = Fields::of(body)?;
        fields.text("model")?;
        messages::check(fields.required("messages")?)?;
        fields.integers(&["max_tokens", "max_completion_tokens", "n"])?;
        tools::check(body)?;
        format::check(body)?;
        fields.streaming()
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
            message.validate(&format!("messages[{index}]"))?;
        }
        turns::validate(&self.messages)?;
        self.about_tools().validate()?;
        tools::refuse_functions(self.functions.is_some(), self.function_call.is_some())?;
        if let Some(format) = &self.response_format {
            format.validate(self.messages.iter().flat_map(Message::contents))?;
        }
        in_range("max_tokens", self.max_tokens, 1, u64::MAX)?;
        in_range(
            "max_completion_tokens",
            self.max_completion_tokens,
            1,
            u64::MAX,
        )?;
        in_range("n", self.n, 1, MOST_CHOICES)?;
        stream_options_fit(self.stream, self.stream_options.as_ref())
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
    use super::*;
    use crate::openai::read;

    #[test]
    fn parts_names_and_absent_contents_are_read() {
        let body = br#"{"messages": [
            {"role": "system", "content": null},
            {"role": "assistant"},
            {"role": "user", "name": "ann", "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
            ]}
        ]}"#;
        let request: ChatRequest = read(body).unwrap();
        assert_eq!(request.texts(), ["ann", "what is this?"]);
        assert_eq!(request.overhead(), 3 * 4 + 1 + 3);
        assert_eq!(request.first_text(), Some("what is this?"));
    }

    #[test]
    fn the_newer_limit_on_tokens_wins() {
        let body = br#"{"messages": [{"role": "user", "content": ""}],
            "max_tokens": 5, "max_completion_tokens": 7}"#;
        assert_eq!(read::<ChatRequest>(body).unwrap().max_tokens(), Some(7));
    }
}
