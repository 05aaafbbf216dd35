//! [`Invalid`]: what is wrong with a request body, in the service's words.

use serde_json::Value;

/// What is wrong with a request body: the fields of an error of type `invalid_request_error`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Invalid {
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    pub(crate) code: Option<&'static str>,
}

impl Invalid {
    fn new(message: String, param: &str, code: &'static str) -> Self {
        Self {
            message,
            param: Some(param.to_owned()),
            code: Some(code),
        }
    }

    /// The body is not JSON.
    pub(crate) fn not_json() -> Self {
        Self {
            message: "We could not parse the JSON body of your request. (HINT: This likely means \
                you aren't using your HTTP library correctly. The OpenAI API expects a JSON \
                payload, but what was sent was not valid JSON. If you have trouble figuring out \
                how to fix this, please contact us through our help center at help.openai.com.)"
                .to_owned(),
            param: None,
            code: None,
        }
    }

    /// The body cannot be read for a reason the service has no words for.
    pub(crate) fn unreadable(error: &serde_json::Error) -> Self {
        Self {
            message: format!("Invalid body: {error}."),
            param: None,
            code: None,
        }
    }

    /// A header that only the simulator knows says what it cannot play.
    pub(crate) fn header(name: &str, why: impl std::fmt::Display) -> Self {
        let message = format!("Invalid header '{name}': {why}.");
        Self::new(message, name, "invalid_value")
    }

    pub(crate) fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self::new(message, param, "missing_required_parameter")
    }

    pub(crate) fn wrong_type(param: &str, expected: &str, found: &Value) -> Self {
        let found = kind(found);
        let message =
            format!("Invalid type for '{param}': expected {expected}, but got {found} instead.");
        Self::new(message, param, "invalid_type")
    }

    pub(crate) fn body_type(found: &Value) -> Self {
        let message = format!(
            "Invalid body: expected an object, but got {} instead.",
            kind(found)
        );
        Self {
            message,
            param: None,
            code: None,
        }
    }

    pub(crate) fn too_small(param: &str, least: u64, found: i64) -> Self {
        let message = format!(
            "Invalid '{param}': integer below minimum value. Expected a value >= {least}, but got {found} instead."
        );
        Self::new(message, param, "integer_below_min_value")
    }

    pub(crate) fn too_large(param: &str, most: u64, found: impl std::fmt::Display) -> Self {
        let message = format!(
            "Invalid '{param}': integer above maximum value. Expected a value <= {most}, but got {found} instead."
        );
        Self::new(message, param, "integer_above_max_value")
    }

    pub(crate) fn decimal_too_small(param: &str, least: f64, found: f64) -> Self {
        let message = format!(
            "Invalid '{param}': decimal below minimum value. Expected a value >= {least}, but got {found} instead."
        );
        Self::new(message, param, "decimal_below_min_value")
    }

    pub(crate) fn decimal_too_large(param: &str, most: f64, found: f64) -> Self {
        let message = format!(
            "Invalid '{param}': decimal above maximum value. Expected a value <= {most}, but got {found} instead."
        );
        Self::new(message, param, "decimal_above_max_value")
    }

    /// Source: gptscript-ai/clio#41.
    pub(crate) fn long_text(param: &str, most: usize, found: usize) -> Self {
        let message = format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {most}, but got a string with length {found} instead."
        );
        Self::new(message, param, "string_above_max_length")
    }

    pub(crate) fn empty_array(param: &str) -> Self {
        let message = format!(
            "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        );
        Self::new(message, param, "empty_array")
    }

    pub(crate) fn long_array(param: &str, most: usize, found: usize) -> Self {
        let message = format!(
            "Invalid '{param}': array too long. Expected an array with maximum length {most}, but got an array with length {found} instead."
        );
        Self::new(message, param, "array_above_max_length")
    }

    pub(crate) fn empty_text(param: &str) -> Self {
        let message = format!("Invalid '{param}': input cannot be an empty string.");
        Self::new(message, param, "empty_string")
    }

    pub(crate) fn unsupported(param: &str, supported: &[&str], found: &str) -> Self {
        let supported: Vec<_> = supported.iter().map(|value| format!("'{value}'")).collect();
        let supported = match supported.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, [other])) => format!("{other} and {last}"),
            Some((last, others)) => format!("{}, and {last}", others.join(", ")),
            None => String::new(),
        };
        let message = format!("Invalid value: '{found}'. Supported values are: {supported}.");
        Self::new(message, param, "invalid_value")
    }

    /// Fields at the top that the operation does not have.
    ///
    /// Source: `langchain_dart#712`, `nashsu/llm_wiki#336`; other operations have
    /// `unknown_parameter`.
    pub(crate) fn unrecognized(names: &[&str]) -> Self {
        let plural = if names.len() == 1 { "" } else { "s" };
        let names = names.join(", ");
        let message = format!("Unrecognized request argument{plural} supplied: {names}");
        Self::told(message, None, None)
    }

    /// A field that the model does not have.
    pub(crate) fn unsupported_parameter(param: &str, instead: Option<&str>) -> Self {
        let mut message =
            format!("Unsupported parameter: '{param}' is not supported with this model.");
        if let Some(instead) = instead {
            message.push_str(" Use '");
            message.push_str(instead);
            message.push_str("' instead.");
        }
        Self::new(message, param, "unsupported_parameter")
    }

    /// A value that the model does not take: it has one only.
    pub(crate) fn unsupported_value(param: &str, found: f64, only: f64) -> Self {
        let message = format!(
            "Unsupported value: '{param}' does not support {found} with this model. Only the default ({only}) value is supported."
        );
        Self::new(message, param, "unsupported_value")
    }

    /// Source: `OkGoDoIt/OpenAI-API-dotnet#163`.
    pub(crate) fn logit_bias_key(found: &str) -> Self {
        let message = format!(
            "Invalid key in 'logit_bias': {found}. You should only be submitting non-negative integers."
        );
        Self::told(message, Some("logit_bias"), None)
    }

    /// What is told in words of its own.
    pub(crate) fn told(
        message: impl Into<String>,
        param: Option<&str>,
        code: Option<&'static str>,
    ) -> Self {
        Self {
            message: message.into(),
            param: param.map(str::to_owned),
            code,
        }
    }

    pub(crate) fn stream_options_without_stream() -> Self {
        Self {
            message: "The 'stream_options' parameter is only allowed when 'stream' is enabled."
                .to_owned(),
            param: Some("stream_options".to_owned()),
            code: None,
        }
    }
}

/// A JSON value's kind, with its article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
