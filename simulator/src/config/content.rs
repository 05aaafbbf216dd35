//! What a deployment says, as written.
//!
//! A script stands in the configuration and not in a file beside it, because a running
//! simulator can be told a new one, and must not read files for whoever may talk to it.

use std::num::NonZeroU32;

use clock::Span;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// What a deployment says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Random words, exactly as many tokens as wanted.
    #[default]
    Lorem,
    /// What the user said last; of a completion, its prompt.
    Echo,
    /// Always the same text.
    Text(String),
    /// The first turn that fits the request; random words if none does.
    Script(#[serde(deserialize_with = "turns")] Vec<Turn>),
}

/// One answer of a script, and what it answers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a turn such as { turn = 1, text = \"hello\" }"
)]
pub struct Turn {
    /// Answers this turn of a conversation only; the first is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn: Option<NonZeroU32>,
    /// Answers only a user whose last message contains this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// What is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why nothing is said; excludes `text` and `tool_calls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The tools that are called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ScriptedCall>,
    /// Why the answer ends; `tool_calls` with calls, else `stop` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// How much later than usual everything is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Span>,
}

/// A call of a tool in a script.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a call such as { name = \"weather\", arguments = { city = \"Rome\" } }"
)]
pub struct ScriptedCall {
    /// The tool's name.
    pub name: String,
    /// The arguments; a text is sent as it is, be it JSON or not.
    #[serde(default)]
    pub arguments: Value,
}

/// Why an answer ends, in the words of the API.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// All was said.
    Stop,
    /// The longest answer allowed was reached.
    Length,
    /// Tools have to be called first.
    ToolCalls,
    /// The content filter ended it.
    ContentFilter,
}

/// Reads turns, each of which says something.
fn turns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Turn>, D::Error> {
    let turns = Vec::<Turn>::deserialize(deserializer)?;
    for (turn, number) in turns.iter().zip(1..) {
        let says = turn.text.is_some() || !turn.tool_calls.is_empty();
        let message = match (says, turn.refusal.is_some()) {
            (true, true) => "either a `refusal` or `text` and `tool_calls`, found both",
            (false, false) => "a `text`, a `refusal` or `tool_calls`, found none",
            _ => continue,
        };
        let message = format!("expected in turn {number} of the script {message}");
        return Err(D::Error::custom(message));
    }
    Ok(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Content, String> {
        #[derive(Debug, Deserialize)]
        struct Table {
            content: Content,
        }
        let table: Result<Table, _> = toml::from_str(toml);
        table
            .map(|table| table.content)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_is_read_and_written_alike() {
        for toml in [
            "content = \"lorem\"",
            "content = \"echo\"",
            "content = { text = \"hello\" }",
            "content = { script = [{ turn = 1, contains = \"sun\", refusal = \"no\" }, { text = \"\", pause = \"1s\" }] }",
            "[[content.script]]\ntool_calls = [{ name = \"go\", arguments = { n = 1 } }]",
        ] {
            let content = read(toml).unwrap();
            let json = serde_json::to_string(&content).unwrap();
            assert_eq!(serde_json::from_str::<Content>(&json).unwrap(), content);
        }
    }

    #[test]
    fn mistakes_say_what_was_expected_and_where() {
        let told = |toml| read(toml).unwrap_err();
        insta::assert_snapshot!(told("content = \"ipsum\""), @r#"
        TOML parse error at line 1, column 11
          |
        1 | content = "ipsum"
          |           ^^^^^^^
        unknown variant `ipsum`, expected one of `lorem`, `echo`, `text`, `script`
        "#);
        insta::assert_snapshot!(told("content = { script = [{ text = \"a\" }, { turn = 2 }] }"), @r#"
        TOML parse error at line 1, column 11
          |
        1 | content = { script = [{ text = "a" }, { turn = 2 }] }
          |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        expected in turn 2 of the script a `text`, a `refusal` or `tool_calls`, found none
        "#);
        insta::assert_snapshot!(told("[[content.script]]\ntext = \"a\"\nrefusal = \"b\""), @r"
        TOML parse error at line 1, column 3
          |
        1 | [[content.script]]
          |   ^^^^^^^
        expected in turn 1 of the script either a `refusal` or `text` and `tool_calls`, found both
        ");
        insta::assert_snapshot!(told("[[content.script]]\nturn = 0\ntext = \"a\""), @r"
        TOML parse error at line 2, column 8
          |
        2 | turn = 0
          |        ^
        invalid value: integer `0`, expected a nonzero u32
        ");
    }
}
