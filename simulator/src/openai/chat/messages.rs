//! The messages of a chat: who says what.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::turns::{self, ToolCall};
use crate::openai::Invalid;
use crate::tokens::tools::call_overhead;

const ROLES: [&str; 6] = [
    "system",
    "assistant",
    "user",
    "function",
    "tool",
    "developer",
];

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    role: String,
    #[serde(default)]
    content: Content,
    name: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
}

/// The texts of a message; images and sounds are not looked at.
#[derive(Debug, Default)]
struct Content(Vec<String>);

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl Message {
    /// The texts of the content.
    pub(super) fn contents(&self) -> impl Iterator<Item = &str> {
        self.content.0.iter().map(String::as_str)
    }

    /// All texts whose tokens count.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let calls = self.tool_calls.iter().flatten().flat_map(ToolCall::texts);
        let name = self.name.as_deref().into_iter();
        name.chain(self.contents()).chain(calls)
    }

    /// The tokens that frame the message: three and the role, one more for a name, and what
    /// calls cost besides their texts.
    ///
    /// Assumed: a tool's result costs one more as well, as if it were named: two of them did, in a
    /// recording of gpt-4o-mini of November 2024.
    pub(super) fn overhead(&self) -> u64 {
        let calls = self.tool_calls.as_ref().map_or(0, Vec::len);
        let name = u64::from(self.name.is_some() || self.is_tool());
        4 + name + calls as u64 * call_overhead(calls)
    }

    /// Whether it is a tool's result.
    pub(super) fn is_tool(&self) -> bool {
        self.role == "tool"
    }

    /// The calls of an answer.
    pub(super) fn tool_calls(&self) -> Option<&[ToolCall]> {
        self.tool_calls.as_deref()
    }

    /// The call that it is the result of.
    pub(super) fn tool_call_id(&self) -> Option<&str> {
        self.tool_call_id.as_deref()
    }

    /// Whether the values make sense; `at` is where the message stands.
    pub(super) fn validate(&self, at: &str) -> Result<(), Invalid> {
        if ROLES.contains(&self.role.as_str()) {
            return Ok(());
        }
        let param = format!("{at}.role");
        Err(Invalid::unsupported(&param, &ROLES, &self.role))
    }
}

/// What keeps `messages` from being read.
pub(super) fn check(messages: &Value) -> Result<(), Invalid> {
    let Value::Array(messages) = messages else {
        return Err(Invalid::wrong_type(
            "messages",
            "an array of objects",
            messages,
        ));
    };
    for (index, message) in messages.iter().enumerate() {
        check_message(&format!("messages[{index}]"), message)?;
    }
    Ok(())
}

fn check_message(at: &str, message: &Value) -> Result<(), Invalid> {
    let Value::Object(fields) = message else {
        return Err(Invalid::wrong_type(at, "an object", message));
    };
    match fields.get("role") {
        None => return Err(Invalid::missing(&format!("{at}.role"))),
        Some(Value::String(_)) => {}
        Some(role) => return Err(Invalid::wrong_type(&format!("{at}.role"), "a string", role)),
    }
    match fields.get("name") {
        None | Some(Value::Null | Value::String(_)) => {}
        Some(name) => return Err(Invalid::wrong_type(&format!("{at}.name"), "a string", name)),
    }
    turns::check(at, message)?;
    let param = format!("{at}.content");
    match fields.get("content") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => match parts.iter().position(|part| !part.is_object()) {
            Some(i) => Err(Invalid::wrong_type(
                &format!("{param}[{i}]"),
                "an object",
                &parts[i],
            )),
            None => Ok(()),
        },
        Some(other) => Err(Invalid::wrong_type(
            &param,
            "one of a string or array of objects",
            other,
        )),
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of objects")
    }

    fn visit_unit<E: Error>(self) -> Result<Content, E> {
        Ok(Content::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
        Ok(Content(vec![text.to_owned()]))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Content, E> {
        Ok(Content(vec![text]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
        let parts: Vec<Part> = Deserialize::deserialize(SeqAccessDeserializer::new(parts))?;
        Ok(Content(
            parts.into_iter().filter_map(|part| part.text).collect(),
        ))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content, A::Error> {
        IgnoredAny::deserialize(MapAccessDeserializer::new(map))?;
        Err(A::Error::custom("expected a string or an array of objects"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Encoding;

    #[test]
    fn every_role_is_one_token() {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            assert!(ROLES.iter().all(|role| encoding.count(role) == 1));
        }
    }
}
