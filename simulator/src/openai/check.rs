//! Finds the field that keeps a body from being read.
//!
//! Bodies are read straight into their types, which is fast and says little when it fails.
//! Only then is the body looked through again, field by field, to say which field has which
//! wrong type, as the service does.

use serde_json::{Map, Value};

use super::Invalid;

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

    /// A field that may be absent or null.
    pub(super) fn optional(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(self, name: &str) -> Result<(), Invalid> {
        self.expect(name, "a string", Value::is_string)
    }

    pub(super) fn boolean(self, name: &str) -> Result<(), Invalid> {
        self.expect(name, "a boolean", Value::is_boolean)
    }

    pub(super) fn integers(self, names: &[&str]) -> Result<(), Invalid> {
        for name in names {
            self.expect(name, "an integer", |value| value.is_i64() || value.is_u64())?;
            if let Some(found) = self.optional(name).filter(|value| !value.is_i64()) {
                return Err(Invalid::too_large(name, i64::MAX.unsigned_abs(), found));
            }
        }
        Ok(())
    }

    /// The fields that say how to stream.
    pub(super) fn streaming(self) -> Result<(), Invalid> {
        self.boolean("stream")?;
        self.expect("stream_options", "an object", Value::is_object)?;
        let flag = self
            .optional("stream_options")
            .and_then(|options| options.get("include_usage"));
        match flag {
            Some(flag) if !flag.is_boolean() && !flag.is_null() => Err(Invalid::wrong_type(
                "stream_options.include_usage",
                "a boolean",
                flag,
            )),
            _ => Ok(()),
        }
    }

    fn expect(
        self,
        name: &str,
        expected: &str,
        is_right: impl Fn(&Value) -> bool,
    ) -> Result<(), Invalid> {
        match self.optional(name) {
            Some(value) if !is_right(value) => Err(Invalid::wrong_type(name, expected, value)),
            _ => Ok(()),
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
