//! `response_format`: text, any JSON object, or JSON that follows a schema.

use serde::Deserialize;
use serde_json::Value;

use super::strict::{self, Owner};
use super::tools::{given, name, object, text};
use crate::model::Model;
use crate::openai::Invalid;
use crate::tokens::Encoding;

const TYPES: [&str; 3] = ["json_object", "json_schema", "text"];

/// The format as written.
#[derive(Debug, Deserialize)]
pub(super) struct Format {
    r#type: String,
    json_schema: Option<JsonSchema>,
}

#[derive(Debug, Deserialize)]
struct JsonSchema {
    name: String,
    schema: Option<Value>,
    strict: Option<bool>,
}

/// What the text of an answer has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResponseFormat<'a> {
    /// Anything.
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema { name: &'a str, schema: &'a Value },
}

impl ResponseFormat<'_> {
    /// The error that something is wrong with the schema.
    pub(crate) fn invalid(self, wrong: &str) -> Invalid {
        let name = match self {
            Self::JsonSchema { name, .. } => name,
            Self::Text | Self::JsonObject => "",
        };
        Owner::Format { name }.invalid(wrong)
    }

    /// Whether `model` can be held to the format: structured outputs came with gpt-4o, and so did
    /// its tokenizer.
    pub(super) fn suits(self, model: &Model) -> Result<(), Invalid> {
        match (self, model.encoding) {
            (Self::JsonSchema { .. }, Encoding::Cl100k) => Err(Invalid {
                message: "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn more about supported models at the Structured Outputs guide: https://platform.openai.com/docs/guides/structured-outputs".to_owned(),
                param: None,
                code: None,
            }),
            _ => Ok(()),
        }
    }
}

impl Format {
    pub(super) fn wanted(&self) -> ResponseFormat<'_> {
        match (self.r#type.as_str(), &self.json_schema) {
            ("json_object", _) => ResponseFormat::JsonObject,
            (
                "json_schema",
                Some(JsonSchema {
                    name,
                    schema: Some(schema),
                    ..
                }),
            ) => ResponseFormat::JsonSchema { name, schema },
            _ => ResponseFormat::Text,
        }
    }

    /// Checks the format; `texts` are those of the messages.
    pub(super) fn validate<'a>(
        &self,
        mut texts: impl Iterator<Item = &'a str>,
    ) -> Result<(), Invalid> {
        match self.r#type.as_str() {
            "text" => Ok(()),
            "json_object" if texts.any(speaks_of_json) => Ok(()),
            // Without the word a real model may write white space without end.
            "json_object" => Err(Invalid {
                message: "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.".to_owned(),
                param: Some("messages".to_owned()),
                code: None,
            }),
            "json_schema" => self.validate_schema(),
            other => Err(Invalid::unsupported("response_format.type", &TYPES, other)),
        }
    }

    fn validate_schema(&self) -> Result<(), Invalid> {
        const AT: &str = "response_format.json_schema";
        let format = self
            .json_schema
            .as_ref()
            .ok_or_else(|| Invalid::missing(AT))?;
        name(&format!("{AT}.name"), &format.name)?;
        let schema = format.schema.as_ref();
        let schema = schema.ok_or_else(|| Invalid::missing(&format!("{AT}.schema")))?;
        let owner = Owner::Format { name: &format.name };
        strict::check(owner, schema, format.strict == Some(true))
    }
}

fn speaks_of_json(text: &str) -> bool {
    text.as_bytes()
        .windows(4)
        .any(|window| window.eq_ignore_ascii_case(b"json"))
}

/// What keeps `response_format` from being read.
pub(super) fn check(body: &Value) -> Result<(), Invalid> {
    let Some(format) = given(body, "response_format") else {
        return Ok(());
    };
    object(format, "response_format")?;
    text(format, "response_format", "type")?;
    let Some(schema) = given(format, "json_schema") else {
        return Ok(());
    };
    let at = "response_format.json_schema";
    object(schema, at)?;
    text(schema, at, "name")?;
    match given(schema, "strict") {
        Some(flag) if !flag.is_boolean() => Err(Invalid::wrong_type(
            &format!("{at}.strict"),
            "a boolean",
            flag,
        )),
        _ => Ok(()),
    }
}
