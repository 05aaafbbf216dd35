//! What a chat request must keep to whatever the model, and what a model does not take of it.

use super::ChatRequest;
use crate::model::Model;
use crate::openai::Invalid;
use crate::openai::chat::messages::Message;
use crate::openai::chat::{tools, turns};
use crate::openai::options::{MOST_CHOICES, Sampling, in_range, stream_options_fit};

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_MESSAGES: usize = 2_048;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>.
const MOST_LOGPROBS: u64 = 20;

/// The first is also written as the second.
const RETENTIONS: [&str; 3] = ["in_memory", "in-memory", "24h"];

const SERVICE_TIERS: [&str; 5] = ["auto", "default", "flex", "scale", "priority"];

impl ChatRequest {
    /// Checks what holds for every model.
    pub(super) fn check_rules(&self) -> Result<(), Invalid> {
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
        self.check_lengths()?;
        in_range("n", self.n, 1, MOST_CHOICES)?;
        self.sampling().validate()?;
        self.check_logprobs()?;
        self.check_words()?;
        stream_options_fit(self.stream, self.stream_options.as_ref())
    }

    /// Checks what `model` does not take.
    pub(super) fn check_model(&self, model: &Model) -> Result<(), Invalid> {
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

    fn check_lengths(&self) -> Result<(), Invalid> {
        let (older, newer) = (self.max_tokens, self.max_completion_tokens);
        in_range("max_tokens", older, 1, u64::MAX)?;
        in_range("max_completion_tokens", newer, 1, u64::MAX)?;
        if older.is_some() && newer.is_some() {
            // Source: langchain-ai/langgraph#5943.
            return Err(Invalid::told(
                "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
                Some("max_tokens"),
                Some("invalid_parameter_combination"),
            ));
        }
        Ok(())
    }

    fn check_logprobs(&self) -> Result<(), Invalid> {
        in_range("top_logprobs", self.top_logprobs, 0, MOST_LOGPROBS)?;
        if self.top_logprobs.is_some() && self.logprobs != Some(true) {
            // Source: IBM/unitxt#1193.
            let message =
                "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
            return Err(Invalid::told(message, Some("top_logprobs"), None));
        }
        Ok(())
    }

    /// Checks the fields that take some words only.
    fn check_words(&self) -> Result<(), Invalid> {
        let kept = self.prompt_cache_retention.as_deref();
        one_of("prompt_cache_retention", kept, &RETENTIONS)?;
        one_of("service_tier", self.service_tier.as_deref(), &SERVICE_TIERS)
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

fn one_of(name: &str, found: Option<&str>, known: &[&str]) -> Result<(), Invalid> {
    match found {
        Some(found) if !known.contains(&found) => Err(Invalid::unsupported(name, known, found)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{chat, told};
    use super::*;
    use crate::openai::Body;

    fn refused_by(model: &str, fields: &Value) -> Invalid {
        let model = Model::find(model).unwrap();
        chat(fields).unwrap().suits(model).unwrap_err()
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
