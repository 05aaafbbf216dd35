//! [`ToolCalls`]: when an answer calls tools that it may call.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU8;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When an answer calls tools that it may call, and how many at once.
///
/// `tool_choice` goes before it: what a request requires is called, what it forbids is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToolCalls {
    /// When there are calls at all.
    pub when: CallsWhen,
    /// Calls in one answer, unless the request forbids parallel ones.
    pub at_once: NonZeroU8,
}

/// When an answer that may call tools does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CallsWhen {
    /// With this probability, from 0 to 1, and never in answer to results of tools.
    Asked(f64),
    /// Always, results or not: a conversation that never ends by itself.
    Always,
}

impl Default for ToolCalls {
    /// One call to whatever is asked, and text in answer to its result.
    fn default() -> Self {
        CallsWhen::Asked(1.0).into()
    }
}

impl From<CallsWhen> for ToolCalls {
    fn from(when: CallsWhen) -> Self {
        let at_once = NonZeroU8::MIN;
        Self { when, at_once }
    }
}

impl CallsWhen {
    const EXPECTED: &str = "`when-asked`, `never`, `always` or a probability from 0 to 1";

    fn named<E: Error>(name: &str) -> Result<Self, E> {
        match name {
            "when-asked" => Ok(Self::Asked(1.0)),
            "never" => Ok(Self::Asked(0.0)),
            "always" => Ok(Self::Always),
            other => Err(E::custom(format!(
                "expected {}, found `{other}`",
                Self::EXPECTED
            ))),
        }
    }

    fn probability<E: Error>(value: f64) -> Result<Self, E> {
        if (0.0..=1.0).contains(&value) {
            return Ok(Self::Asked(value));
        }
        Err(E::custom(format!(
            "expected {}, found `{value}`",
            Self::EXPECTED
        )))
    }
}

impl Serialize for CallsWhen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Always => "always".serialize(serializer),
            Self::Asked(1.0) => "when-asked".serialize(serializer),
            Self::Asked(0.0) => "never".serialize(serializer),
            Self::Asked(probability) => probability.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CallsWhen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(ToolCallsVisitor { takes_table: false })
            .map(|it| it.when)
    }
}

/// The table form.
#[derive(Deserialize, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { when = \"when-asked\", at_once = 2 }"
)]
struct Table {
    #[serde(default = "when_asked")]
    when: CallsWhen,
    at_once: NonZeroU8,
}

fn when_asked() -> CallsWhen {
    CallsWhen::Asked(1.0)
}

impl Serialize for ToolCalls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { when, at_once } = *self;
        if at_once.get() == 1 {
            return when.serialize(serializer);
        }
        Table { when, at_once }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ToolCalls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ToolCallsVisitor { takes_table: true })
    }
}

/// Reads both forms, or only the first.
struct ToolCallsVisitor {
    takes_table: bool,
}

impl<'de> Visitor<'de> for ToolCallsVisitor {
    type Value = ToolCalls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CallsWhen::EXPECTED)?;
        if self.takes_table {
            f.write_str(", or a table such as { when = \"when-asked\", at_once = 2 }")?;
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<ToolCalls, E> {
        CallsWhen::named(name).map(Into::into)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<ToolCalls, E> {
        CallsWhen::probability(value).map(Into::into)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ToolCalls, E> {
        // Whole numbers other than 0 and 1 are no probabilities, whatever they are rounded to.
        self.visit_f64(i32::try_from(value).map_or(f64::MAX, f64::from))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ToolCalls, E> {
        self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolCalls, A::Error> {
        if !self.takes_table {
            return Err(A::Error::custom(format!(
                "expected {}",
                CallsWhen::EXPECTED
            )));
        }
        let Table { when, at_once } = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ToolCalls { when, at_once })
    }
}

impl JsonSchema for ToolCalls {
    fn schema_name() -> Cow<'static, str> {
        "ToolCalls".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let name = serde_json::json!({ "enum": ["when-asked", "never", "always"] });
        let probability = serde_json::json!({ "type": "number", "minimum": 0, "maximum": 1 });
        json_schema!({
            "description": "When an answer calls tools that it may call: \"when-asked\" (text follows the results), \"never\", \"always\", or a probability; { when, at_once = 2 } makes several calls in one answer.",
            "oneOf": [name, probability, {
                "type": "object",
                "properties": {
                    "when": { "oneOf": [name, probability] },
                    "at_once": { "type": "integer", "minimum": 1 },
                },
                "required": ["at_once"],
                "additionalProperties": false,
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct File {
        tool_calls: ToolCalls,
    }

    fn read(value: &str) -> Result<ToolCalls, String> {
        let file: Result<File, _> = toml::from_str(&format!("tool_calls = {value}"));
        file.map(|file| file.tool_calls)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_form_is_read_and_written_as_it_was() {
        for (form, when, at_once) in [
            ("\"when-asked\"", CallsWhen::Asked(1.0), 1),
            ("\"never\"", CallsWhen::Asked(0.0), 1),
            ("\"always\"", CallsWhen::Always, 1),
            ("0.25", CallsWhen::Asked(0.25), 1),
            (r#"{"when":"always","at_once":2}"#, CallsWhen::Always, 2),
        ] {
            let read: ToolCalls = serde_json::from_str(form).unwrap();
            assert_eq!((read.when, read.at_once.get()), (when, at_once), "{form}");
            assert_eq!(serde_json::to_string(&read).unwrap(), form);
        }
        assert_eq!(read("{ at_once = 3 }").unwrap().when, CallsWhen::Asked(1.0));
        assert_eq!(read("1"), Ok(ToolCalls::default()));
    }

    #[test]
    fn what_says_no_when_is_told_what_does() {
        let expected = "expected `when-asked`, `never`, `always` or a probability from 0 to 1";
        for (form, found) in [("\"sometimes\"", "`sometimes`"), ("1.5", "`1.5`")] {
            assert_eq!(read(form), Err(format!("{expected}, found {found}")));
        }
        assert!(read("{ at_once = 0 }").is_err());
    }
}
