//! The messages of a chat: who says what.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::parts::{self, Part, Picture};
use super::turns::{self, ToolCall};
use crate::model::Model;
use crate::openai::Invalid;
use crate::openai::check::Shape;
use crate::tokens::tools::call_overhead;
use crate::tokens::{Span, Vision, meaning};

const ROLES: [&str; 6] = [
    "system",
    "assistant",
    "user",
    "function",
    "tool",
    "developer",
];

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_CHARACTERS: usize = 1_048_576;

/// One turn of a chat; fields the service does not know are read over, because clients send an
/// answer's message back as it came.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    role: String,
    content: Option<Content>,
    name: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
    tool_call_id: Option<String>,
    function_call: Option<IgnoredAny>,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

impl Message {
    /// The texts of the content.
    pub(super) fn contents(&self) -> impl Iterator<Item = &str> {
        let (text, parts) = match &self.content {
            Some(Content::Text(text)) => (Some(text.as_str()), &[][..]),
            Some(Content::Parts(parts)) => (None, parts.as_slice()),
            None => (None, &[][..]),
        };
        text.into_iter().chain(parts.iter().filter_map(Part::text))
    }

    /// All texts whose tokens count.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let calls = self.tool_calls.iter().flatten().flat_map(ToolCall::texts);
        let name = self.name.as_deref().into_iter();
        let refusal = self.refusal.as_deref();
        name.chain(self.contents()).chain(refusal).chain(calls)
    }

    pub(super) fn pictures(&self) -> impl Iterator<Item = &Picture> {
        self.parts().iter().filter_map(Part::picture)
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

    pub(super) fn is_from(&self, role: &str) -> bool {
        self.role == role
    }

    /// Whether it is a tool's result.
    pub(super) fn is_tool(&self) -> bool {
        self.is_from("tool")
    }

    /// The calls of an answer.
    pub(super) fn tool_calls(&self) -> Option<&[ToolCall]> {
        self.tool_calls.as_deref()
    }

    /// The call that it is the result of.
    pub(super) fn tool_call_id(&self) -> Option<&str> {
        self.tool_call_id.as_deref()
    }

    /// The message as it stands in the prompt.
    pub(super) fn spans(&self, vision: Option<Vision>) -> impl Iterator<Item = Span<'_>> {
        let frame = Span {
            framing: self.overhead(),
            meaning: meaning((&self.role, &self.name)),
            text: "",
        };
        let pictures = self.pictures().filter_map(move |picture| {
            let framing = picture.tokens(vision?);
            Some(picture.span(framing))
        });
        let texts = self.texts().map(Span::text);
        std::iter::once(frame).chain(pictures).chain(texts)
    }

    fn parts(&self) -> &[Part] {
        match &self.content {
            Some(Content::Parts(parts)) => parts,
            Some(Content::Text(_)) | None => &[],
        }
    }

    /// Whether the values make sense; `index` is where the message stands.
    pub(super) fn validate(&self, index: usize) -> Result<(), Invalid> {
        let at = format!("messages[{index}]");
        if !ROLES.contains(&self.role.as_str()) {
            return Err(Invalid::unsupported(
                &format!("{at}.role"),
                &ROLES,
                &self.role,
            ));
        }
        if self.role == "function" && self.name.is_none() {
            // Assumed: told as for a tool's result without its id.
            let param = format!("messages.[{index}].name");
            let message =
                "Missing parameter 'name': messages with role 'function' must have a 'name'.";
            return Err(Invalid::told(message, Some(&param), None));
        }
        match &self.content {
            None => self.may_be_silent(index),
            Some(Content::Text(text)) => fits(&format!("{at}.content"), text),
            Some(Content::Parts(parts)) if parts.is_empty() => {
                Err(Invalid::empty_array(&format!("{at}.content")))
            }
            Some(Content::Parts(parts)) => parts.iter().enumerate().try_for_each(|(i, part)| {
                let part_at = format!("{at}.content[{i}]");
                part.validate(&part_at)?;
                if part.picture().is_some() && self.role != "user" {
                    return Err(misplaced_picture(&at, &self.role));
                }
                part.text().map_or(Ok(()), |text| fits(&part_at, text))
            }),
        }
    }

    /// Whether `model` can look at it.
    pub(super) fn suits(&self, model: &Model, index: usize) -> Result<(), Invalid> {
        for (i, part) in self.parts().iter().enumerate() {
            part.suits(model, &format!("messages.[{index}].content.[{i}].type"))?;
        }
        Ok(())
    }

    /// Only an assistant says nothing: it calls, or it refuses.
    ///
    /// Source: langchain-ai/langchainjs#4153.
    fn may_be_silent(&self, index: usize) -> Result<(), Invalid> {
        let acts =
            self.tool_calls.is_some() || self.function_call.is_some() || self.refusal.is_some();
        if self.role == "assistant" && acts {
            return Ok(());
        }
        let param = format!("messages.[{index}].content");
        let message = "Invalid value for 'content': expected a string, got null.";
        Err(Invalid::told(message, Some(&param), None))
    }
}

fn fits(at: &str, text: &str) -> Result<(), Invalid> {
    // As many bytes as characters at least: what is short need not be counted.
    if text.len() <= MOST_CHARACTERS {
        return Ok(());
    }
    match text.chars().count() {
        found if found > MOST_CHARACTERS => Err(Invalid::long_text(at, MOST_CHARACTERS, found)),
        _ => Ok(()),
    }
}

/// Source: openai/openai-node#1030.
fn misplaced_picture(at: &str, role: &str) -> Invalid {
    let message = format!(
        "Invalid '{at}'. Image URLs are only allowed for messages with role 'user', but this message with role '{role}' contains an image URL."
    );
    Invalid::told(message, Some(at), Some("invalid_value"))
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
    for name in ["name", "refusal"] {
        Shape::Text.check(&format!("{at}.{name}"), fields.get(name))?;
    }
    turns::check(at, message)?;
    let param = format!("{at}.content");
    match fields.get("content") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => parts
            .iter()
            .enumerate()
            .try_for_each(|(i, part)| parts::check(&format!("{param}[{i}]"), part)),
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

    fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Content, E> {
        Ok(Content::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<Content, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(parts)).map(Content::Parts)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content, A::Error> {
        IgnoredAny::deserialize(MapAccessDeserializer::new(map))?;
        Err(A::Error::custom("expected a string or an array of objects"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::openai::{ChatRequest, read};
    use crate::tokens::Encoding;

    fn told(message: &Value) -> (String, Option<String>) {
        let body = json!({ "messages": [{ "role": "user", "content": "hi" }, message] });
        let invalid = read::<ChatRequest>(body.to_string().as_bytes()).unwrap_err();
        (invalid.message, invalid.param)
    }

    #[test]
    fn every_role_is_one_token() {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            assert!(ROLES.iter().all(|role| encoding.count(role) == 1));
        }
    }

    #[test]
    fn only_an_assistant_may_say_nothing() {
        let (message, param) = told(&json!({ "role": "user", "content": null }));
        insta::assert_snapshot!(message, @"Invalid value for 'content': expected a string, got null.");
        assert_eq!(param.as_deref(), Some("messages.[1].content"));
    }

    #[test]
    fn a_text_has_a_longest_length_in_characters() {
        let text = "é".repeat(MOST_CHARACTERS);
        let body = |text: &str| json!({ "messages": [{ "role": "user", "content": text }] });
        assert!(read::<ChatRequest>(body(&text).to_string().as_bytes()).is_ok());
        let (message, _) = told(&json!({ "role": "user", "content": text + "é" }));
        insta::assert_snapshot!(message, @"Invalid 'messages[1].content': string too long. Expected a string with maximum length 1048576, but got a string with length 1048577 instead.");
    }

    #[test]
    fn images_stand_in_messages_of_the_user_only() {
        let image =
            json!([{ "type": "image_url", "image_url": { "url": "https://example.org/" } }]);
        let (message, param) = told(&json!({ "role": "system", "content": image }));
        insta::assert_snapshot!(message, @"Invalid 'messages[1]'. Image URLs are only allowed for messages with role 'user', but this message with role 'system' contains an image URL.");
        assert_eq!(param.as_deref(), Some("messages[1]"));
    }
}
