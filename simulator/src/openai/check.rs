//! Finds the field that keeps a body from being read.
//!
//! Bodies are read straight into their types, which is fast and says little when it fails.
//! Only then is the body looked through again, field by field, to say which field has which
//! wrong type, as the service does.

use serde_json::{Map, Value};

use super::Invalid;

/// What a field has to look like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Something that is looked at elsewhere, or not at all.
    Any,
    Text,
    Flag,
    Integer,
    Decimal,
    Object,
    Array,
    /// One text or several.
    Texts,
}

/// The fields of a request body.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a Value) -> Result<Self, Invalid> {
        body.as_object()
            .map(Self)
            .ok_or_else(|| Invalid::body_type(body))
    }

    /// A field that must be there.
    pub(super) fn required(self, name: &str) -> Result<&'a Value, Invalid> {
        self.0.get(name).ok_or_else(|| Invalid::missing(name))
    }

    /// Checks that the body has none but these fields, in their shapes.
    pub(super) fn are<'f>(
        self,
        fields: impl Iterator<Item = &'f (&'f str, Shape)> + Clone,
    ) -> Result<(), Invalid> {
        let is_known = |name: &str| fields.clone().any(|(known, _)| *known == name);
        let unknown = self.0.keys().map(String::as_str);
        let unknown: Vec<_> = unknown.filter(|name| !is_known(name)).collect();
        if !unknown.is_empty() {
            return Err(Invalid::unrecognized(&unknown));
        }
        for (name, shape) in fields {
            shape.check(name, self.0.get(*name))?;
        }
        let options = self.0.get("stream_options");
        options.map_or(Ok(()), |options| {
            for flag in ["include_usage", "include_obfuscation"] {
                Shape::Flag.check(&format!("stream_options.{flag}"), options.get(flag))?;
            }
            Ok(())
        })
    }
}

impl Shape {
    /// Checks a value that may be absent or null; `at` is where it stands.
    pub(super) fn check(self, at: &str, value: Option<&Value>) -> Result<(), Invalid> {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(());
        };
        if !self.holds(value) {
            return Err(Invalid::wrong_type(at, self.as_str(), value));
        }
        // The largest number is OpenAI's, not ours: it counts in 64 bits with a sign.
        let is_too_large = matches!(self, Self::Integer) && !value.is_i64();
        if is_too_large {
            return Err(Invalid::too_large(at, i64::MAX.unsigned_abs(), value));
        }
        Ok(())
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Decimal => value.is_number(),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::Texts => {
                let texts = value.as_array();
                value.is_string() || texts.is_some_and(|texts| texts.iter().all(Value::is_string))
            }
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Text => "a string",
            Self::Flag => "a boolean",
            Self::Integer => "an integer",
            Self::Decimal => "a decimal",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Texts => "one of a string or array of strings",
        }
    }
}

/// What a prompt or an input may be.
const PROMPT: &str =
    "one of a string, array of strings, array of integers, or array of arrays of integers";

/// A prompt or an embedding's input: texts or tokens, one or several.
pub(super) fn prompt(name: &str, value: &Value) -> Result<(), Invalid> {
    let Value::Array(items) = value else {
        return if value.is_string() {
            Ok(())
        } else {
            Err(Invalid::wrong_type(name, PROMPT, value))
        };
    };
    let Some(first) = items.first() else {
        return Ok(());
    };
    let (expected, is_right): (_, fn(&Value) -> bool) = match first {
        Value::String(_) => ("a string", Value::is_string),
        Value::Array(_) => ("an array of integers", is_tokens),
        _ => ("an integer", is_token),
    };
    let wrong = items.iter().enumerate().find(|(_, item)| !is_right(item));
    wrong.map_or(Ok(()), |(index, item)| {
        Err(Invalid::wrong_type(
            &format!("{name}[{index}]"),
            expected,
            item,
        ))
    })
}

fn is_token(value: &Value) -> bool {
    value
        .as_u64()
        .is_some_and(|token| u32::try_from(token).is_ok())
}

fn is_tokens(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|tokens| tokens.iter().all(is_token))
}
