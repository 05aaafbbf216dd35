//! Turns of tools: an answer's calls, and the results that have to follow it.
//!
//! Texts are those of recorded answers, with their spelling.

use serde::Deserialize;
use serde_json::Value;

use super::messages::Message;
use super::tools::{given, object, text};
use crate::openai::Invalid;

/// A call in the history.
#[derive(Debug, Deserialize)]
pub(super) struct ToolCall {
    id: String,
    function: Called,
}

#[derive(Debug, Deserialize)]
struct Called {
    name: String,
    arguments: String,
}

impl ToolCall {
    /// The texts whose tokens count.
    pub(super) fn texts(&self) -> [&str; 2] {
        [&self.function.name, &self.function.arguments]
    }
}

/// Checks that calls are answered, and that only calls are.
pub(super) fn validate(messages: &[Message]) -> Result<(), Invalid> {
    let mut open: Option<Turn<'_>> = None;
    for (index, message) in messages.iter().enumerate() {
        if message.is_tool() {
            answer(open.as_mut(), index, message)?;
        } else {
            open.take().map_or(Ok(()), Turn::close)?;
            let calls = message.tool_calls();
            open = calls.map(|calls| Turn::open(index, calls)).transpose()?;
        }
    }
    open.map_or(Ok(()), Turn::close)
}

/// An answer with calls, and which of them have no result yet.
struct Turn<'a> {
    index: usize,
    calls: &'a [ToolCall],
    waiting: Vec<&'a str>,
}

impl<'a> Turn<'a> {
    fn open(index: usize, calls: &'a [ToolCall]) -> Result<Self, Invalid> {
        if calls.is_empty() {
            return Err(Invalid::empty_array(&format!(
                "messages[{index}].tool_calls"
            )));
        }
        let waiting = calls.iter().map(|call| call.id.as_str()).collect();
        Ok(Self {
            index,
            calls,
            waiting,
        })
    }

    fn close(self) -> Result<(), Invalid> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let message = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            self.waiting.join(", ")
        );
        Err(invalid(message, self.index, "role"))
    }
}

fn answer(turn: Option<&mut Turn<'_>>, index: usize, message: &Message) -> Result<(), Invalid> {
    let Some(turn) = turn else {
        let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
        return Err(invalid(message.to_owned(), index, "role"));
    };
    let Some(id) = message.tool_call_id() else {
        let message = "Missing parameter 'tool_call_id': messages with role 'tool' must have a 'tool_call_id'.";
        return Err(invalid(message.to_owned(), index, "tool_call_id"));
    };
    if !turn.calls.iter().any(|call| call.id == id) {
        let message = format!(
            "Invalid parameter: 'tool_call_id' of '{id}' not found in 'tool_calls' of previous message."
        );
        return Err(invalid(message, index, "tool_call_id"));
    }
    turn.waiting.retain(|waiting| *waiting != id);
    Ok(())
}

/// An error in a message's field, located as only these are.
fn invalid(message: String, index: usize, field: &str) -> Invalid {
    Invalid {
        message,
        param: Some(format!("messages.[{index}].{field}")),
        code: None,
    }
}

/// What keeps the calls of a message, which stands at `at`, from being read.
pub(super) fn check(at: &str, message: &Value) -> Result<(), Invalid> {
    if let Some(id) = given(message, "tool_call_id").filter(|id| !id.is_string()) {
        return Err(Invalid::wrong_type(
            &format!("{at}.tool_call_id"),
            "a string",
            id,
        ));
    }
    let at = format!("{at}.tool_calls");
    let calls = match given(message, "tool_calls") {
        None => return Ok(()),
        Some(Value::Array(calls)) => calls,
        Some(other) => return Err(Invalid::wrong_type(&at, "an array of objects", other)),
    };
    for (index, call) in calls.iter().enumerate() {
        let at = format!("{at}[{index}]");
        object(call, &at)?;
        text(call, &at, "id")?;
        let function = format!("{at}.function");
        let called = call
            .get("function")
            .ok_or_else(|| Invalid::missing(&function))?;
        object(called, &function)?;
        text(called, &function, "name")?;
        text(called, &function, "arguments")?;
    }
    Ok(())
}
