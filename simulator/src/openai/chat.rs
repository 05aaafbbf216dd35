//! `chat/completions`: the request.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::check::Fields;
use super::{Body, Invalid, Operation};

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_MESSAGES: usize = 2_048;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>.
pub(super) const MOST_CHOICES: u64 = 128;

const ROLES: [&str; 6] = [
    "system",
    "assistant",
    "user",
    "function",
    "tool",
    "developer",
];

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
}

/// How to stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Content,
    name: Option<String>,
}

/// The texts of a message; images and sounds are not looked at.
#[derive(Debug, Default)]
struct Content(Vec<String>);

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

impl ChatRequest {
    /// The longest answer wanted; the newer field goes before the older.
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        let wanted = self.max_completion_tokens.or(self.max_tokens)?;
        u64::try_from(wanted).ok()
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
        let texts = self.messages.iter().flat_map(|message| {
            let name = message.name.iter();
            name.chain(&message.content.0)
        });
        texts.map(String::as_str).collect()
    }

    /// The tokens that frame the messages: three and the role each, one more for a name, and
    /// three that begin the answer.
    ///
    /// Source: "How to count tokens with tiktoken", openai-cookbook.
    pub(crate) fn overhead(&self) -> u64 {
        let of = |message: &Message| 4 + u64::from(message.name.is_some());
        self.messages.iter().map(of).sum::<u64>() + 3
    }
}

/// A count that was checked before.
pub(super) fn choices(n: Option<i64>) -> u32 {
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

pub(super) fn includes_usage(options: Option<&StreamOptions>) -> bool {
    options.is_some_and(|options| options.include_usage == Some(true))
}

/// Checks `value`, where it is given, against its range.
pub(super) fn in_range(
    name: &str,
    value: Option<i64>,
    least: u64,
    most: u64,
) -> Result<(), Invalid> {
    let Some(value) = value else { return Ok(()) };
    match u64::try_from(value) {
        Ok(number) if number > most => Err(Invalid::too_large(name, most, number)),
        Ok(number) if number >= least => Ok(()),
        Ok(_) | Err(_) => Err(Invalid::too_small(name, least, value)),
    }
}

/// Checks that `stream_options` stand only where a stream is asked for.
pub(super) fn stream_options_fit(
    stream: Option<bool>,
    options: Option<&StreamOptions>,
) -> Result<(), Invalid> {
    match options {
        Some(_) if stream != Some(true) => Err(Invalid::stream_options_without_stream()),
        _ => Ok(()),
    }
}

impl Body for ChatRequest {
    const OPERATION: Operation = Operation::ChatCompletions;

    fn check(body: &Value) -> Result<(), Invalid> {
        let fields = Fields::of(body)?;
        fields.text("model")?;
        check_messages(fields.required("messages")?)?;
        fields.integers(&["max_tokens", "max_completion_tokens", "n"])?;
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
            if !ROLES.contains(&message.role.as_str()) {
                let param = format!("messages[{index}].role");
                return Err(Invalid::unsupported(&param, &ROLES, &message.role));
            }
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
        let contents = self.messages.iter().flat_map(|message| &message.content.0);
        contents.map(String::as_str).next()
    }
}

fn check_messages(messages: &Value) -> Result<(), Invalid> {
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
    use crate::openai::read;
    use crate::tokens::Encoding;

    #[test]
    fn every_role_is_one_token() {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            assert!(ROLES.iter().all(|role| encoding.count(role) == 1));
        }
    }

    #[test]
    fn parts_names_and_absent_contents_are_read() {
        let body = br#"{"messages": [
            {"role": "system", "content": null},
            {"role": "assistant", "tool_calls": [{"id": "x"}]},
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
