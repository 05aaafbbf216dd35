//! `embeddings`: the request and the answer.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::check::{self, Fields, Shape};
use super::options::in_range;
use super::{Body, Invalid, Operation, Prompt};
use crate::model::{Kind, Model};

/// What is embedded: the same shapes as a prompt.
pub(crate) type Input = Prompt;

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_INPUTS: usize = 2_048;

const FORMATS: [&str; 2] = ["float", "base64"];

/// Every field of an embeddings request.
///
/// Source: <https://platform.openai.com/docs/api-reference/embeddings/create>; the last is
/// Azure's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingsRequest {
    model: Option<String>,
    input: Input,
    encoding_format: Option<String>,
    dimensions: Option<i64>,
    #[serde(rename = "user")]
    _user: Option<String>,
    #[serde(rename = "input_type")]
    _input_type: Option<String>,
}

/// The same fields with their shapes, to say what is wrong with one.
const FIELDS: &[(&str, Shape)] = &[
    ("model", Shape::Text),
    ("input", Shape::Any),
    ("encoding_format", Shape::Text),
    ("dimensions", Shape::Integer),
    ("user", Shape::Text),
    ("input_type", Shape::Text),
];

impl EmbeddingsRequest {
    pub(crate) fn input(&self) -> &Input {
        &self.input
    }

    pub(crate) fn is_base64(&self) -> bool {
        self.encoding_format.as_deref() == Some("base64")
    }

    /// How many numbers are wanted, of the `size` the model has.
    pub(crate) fn dimensions(&self, size: u32) -> Result<u32, Invalid> {
        in_range("dimensions", self.dimensions, 1, size.into())?;
        Ok(self
            .dimensions
            .and_then(|wanted| u32::try_from(wanted).ok())
            .unwrap_or(size))
    }
}

impl Body for EmbeddingsRequest {
    const OPERATION: Operation = Operation::Embeddings;

    fn check(body: &Value) -> Result<(), Invalid> {
        let fields = Fields::of(body)?;
        fields.are(FIELDS.iter())?;
        check::prompt("input", fields.required("input")?)
    }

    fn validate(&self) -> Result<(), Invalid> {
        match self.input.len() {
            0 => return Err(Invalid::empty_array("input")),
            found if found > MOST_INPUTS => {
                return Err(Invalid::long_array("input", MOST_INPUTS, found));
            }
            _ => {}
        }
        let is_empty = match &self.input {
            Input::Texts(texts) => texts.iter().any(String::is_empty),
            Input::Tokens(lists) => lists.iter().any(Vec::is_empty),
        };
        if is_empty {
            return Err(Invalid::empty_text("input"));
        }
        match self.encoding_format.as_deref() {
            Some(format) if !FORMATS.contains(&format) => {
                Err(Invalid::unsupported("encoding_format", &FORMATS, format))
            }
            _ => in_range("dimensions", self.dimensions, 1, u64::MAX),
        }
    }

    fn suits(&self, model: &Model) -> Result<(), Invalid> {
        let takes_dimensions = match model.kind {
            Kind::Embeddings {
                takes_dimensions, ..
            } => takes_dimensions,
            Kind::Chat | Kind::ChatAndCompletions | Kind::Completions | Kind::Audio => false,
        };
        if self.dimensions.is_some() && !takes_dimensions {
            // Source: SciPhi-AI/R2R#768.
            let message = "This model does not support specifying dimensions.";
            return Err(Invalid::told(message, None, None));
        }
        self.input.suits("input", model)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn first_text(&self) -> Option<&str> {
        self.input.first_text()
    }
}

/// The numbers of one embedding.
pub(crate) type Embedding = Vec<f32>;

/// Writes the answer's body, over several lines as both clouds do.
///
/// Source: openllmetry, `test_azure_openai_embeddings` of 2024-02 and `test_embeddings`.
pub(crate) fn write_embeddings(
    model: &str,
    embeddings: &[Embedding],
    is_base64: bool,
    tokens: u64,
) -> String {
    let numbers: usize = embeddings.iter().map(Vec::len).sum();
    let bytes_each = if is_base64 { 6 } else { 24 };
    let mut out = String::with_capacity(numbers * bytes_each + embeddings.len() * 96 + 256);
    out.push_str("{\n  \"object\": \"list\",\n  \"data\": [");
    for (index, embedding) in embeddings.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        out.push_str("\n    {\n      \"object\": \"embedding\",\n      \"index\": ");
        number(&mut out, index);
        out.push_str(",\n      \"embedding\": ");
        if is_base64 {
            write_base64(&mut out, embedding);
        } else {
            write_floats(&mut out, embedding);
        }
        out.push_str("\n    }");
    }
    out.push_str("\n  ],\n  \"model\": \"");
    out.push_str(model);
    out.push_str("\",\n  \"usage\": {\n    \"prompt_tokens\": ");
    number(&mut out, tokens);
    out.push_str(",\n    \"total_tokens\": ");
    number(&mut out, tokens);
    out.push_str("\n  }\n}\n");
    out
}

fn write_floats(out: &mut String, embedding: &[f32]) {
    out.push('[');
    for (index, value) in embedding.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        out.push_str("\n        ");
        number(out, value);
    }
    out.push_str("\n      ]");
}

/// Little-endian 32-bit floats, what SDKs ask for by default.
fn write_base64(out: &mut String, embedding: &[f32]) {
    let bytes: Vec<u8> = embedding
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

fn number(out: &mut String, number: impl std::fmt::Display) {
    write!(out, "{number}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_lists_the_embeddings_in_order() {
        let body = write_embeddings("m", &[vec![0.5, -0.25], vec![1.0]], false, 3);
        insta::assert_snapshot!(body, @r#"
        {
          "object": "list",
          "data": [
            {
              "object": "embedding",
              "index": 0,
              "embedding": [
                0.5,
                -0.25
              ]
            },
            {
              "object": "embedding",
              "index": 1,
              "embedding": [
                1
              ]
            }
          ],
          "model": "m",
          "usage": {
            "prompt_tokens": 3,
            "total_tokens": 3
          }
        }
        "#);
    }

    #[test]
    fn base64_is_that_of_little_endian_floats() {
        let body = write_embeddings("m", &[vec![1.0, -2.0]], true, 1);
        // 00 00 80 3f and 00 00 00 c0.
        assert!(body.contains(r#""embedding": "AACAPwAAAMA=""#), "{body}");
    }
}
