//! Tools: what a chat may call instead of answering, and which of it the answer has to.
//!
//! Texts of errors are those of recorded answers, unless they say "Assumed:". Not taken:
//! `functions` and `function_call`, which `tools` replaced in 2023, and tools of other types
//! than functions.

use serde::Deserialize;
use serde_json::Value;

use super::strict::{self, Owner};
use crate::openai::Invalid;

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>.
const MOST_TOOLS: usize = 128;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>: "a maximum length of 64".
const LONGEST_NAME: usize = 64;

const LONGEST_DESCRIPTION: usize = 1_024;

/// A tool as offered.
#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    r#type: String,
    function: Option<Function>,
}

/// A function that may be called.
#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// The JSON Schema of its arguments; absent: it takes none.
    pub(crate) parameters: Option<Value>,
    strict: Option<bool>,
}

/// What is to be called, as written.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Wanted {
    Word(String),
    Named {
        r#type: String,
        function: Option<Name>,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Name {
    name: String,
}

/// The tools that an answer may or must call.
#[derive(Debug)]
pub(crate) struct Offer<'a> {
    /// With their places among the tools.
    pub(crate) functions: Vec<(usize, &'a Function)>,
    pub(crate) choice: Choice,
    /// Whether one answer may have several calls.
    pub(crate) is_parallel: bool,
}

/// Who decides about calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Choice {
    /// The model.
    Auto,
    /// The request: at least one of the functions is called.
    Required,
    /// The request: the only function of the offer is called, once.
    Named,
}

/// The fields of a request about tools.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tools<'a> {
    pub(super) offered: Option<&'a [Tool]>,
    pub(super) choice: Option<&'a Wanted>,
    pub(super) parallel: Option<bool>,
}

impl<'a> Tools<'a> {
    /// Every function that is offered.
    pub(super) fn functions(self) -> impl Iterator<Item = &'a Function> {
        let tools = self.offered.unwrap_or_default().iter();
        tools.filter_map(|tool| tool.function.as_ref())
    }

    /// What the answer may call; `None` where it can only be text.
    pub(super) fn offer(self) -> Option<Offer<'a>> {
        let (name, choice) = match self.choice {
            Some(Wanted::Named { function, .. }) => (function.as_ref(), Choice::Named),
            Some(Wanted::Word(word)) if word == "none" => return None,
            Some(Wanted::Word(word)) if word == "required" => (None, Choice::Required),
            Some(Wanted::Word(_)) | None => (None, Choice::Auto),
        };
        let is_meant = |function: &Function| name.is_none_or(|it| it.name == function.name);
        let functions = self.functions().enumerate().filter(|(_, it)| is_meant(it));
        let functions: Vec<_> = functions.collect();
        (!functions.is_empty()).then_some(Offer {
            functions,
            choice,
            is_parallel: self.parallel != Some(false) && choice != Choice::Named,
        })
    }

    pub(super) fn validate(self) -> Result<(), Invalid> {
        match self.offered.map(<[_]>::len) {
            Some(0) => return Err(Invalid::empty_array("tools")),
            Some(found) if found > MOST_TOOLS => {
                return Err(Invalid::long_array("tools", MOST_TOOLS, found));
            }
            _ => {}
        }
        for (index, tool) in self.offered.unwrap_or_default().iter().enumerate() {
            tool.validate(&format!("tools[{index}]"))?;
        }
        if self.offered.is_none() && self.choice.is_some() {
            return Err(only_with_tools("tool_choice"));
        }
        if self.offered.is_none() && self.parallel.is_some() {
            return Err(only_with_tools("parallel_tool_calls"));
        }
        self.choice
            .map_or(Ok(()), |choice| self.validate_choice(choice))
    }

    fn validate_choice(self, choice: &Wanted) -> Result<(), Invalid> {
        const WORDS: [&str; 3] = ["none", "auto", "required"];
        let name = match choice {
            Wanted::Word(word) if WORDS.contains(&word.as_str()) => return Ok(()),
            Wanted::Word(word) => return Err(Invalid::unsupported("tool_choice", &WORDS, word)),
            Wanted::Named { r#type, .. } if r#type != "function" => {
                return Err(Invalid::unsupported(
                    "tool_choice.type",
                    &["function"],
                    r#type,
                ));
            }
            Wanted::Named { function: None, .. } => {
                return Err(Invalid::missing("tool_choice.function"));
            }
            Wanted::Named {
                function: Some(function),
                ..
            } => &function.name,
        };
        if self.functions().any(|function| function.name == *name) {
            return Ok(());
        }
        Err(Invalid {
            message: format!(
                "Invalid value for 'tool_choice': no function named '{name}' was specified in the 'tools' parameter."
            ),
            param: Some("tool_choice".to_owned()),
            code: None,
        })
    }
}

impl Function {
    /// The error that something is wrong with the parameters of the tool at `index`.
    pub(crate) fn invalid(&self, index: usize, wrong: &str) -> Invalid {
        let param = &format!("tools[{index}].function.parameters");
        let name = &self.name;
        Owner::Function { name, param }.invalid(wrong)
    }
}

impl Tool {
    fn validate(&self, at: &str) -> Result<(), Invalid> {
        // Assumed: the words of a model that knows no `custom` tools.
        if self.r#type != "function" {
            return Err(Invalid::unsupported(
                &format!("{at}.type"),
                &["function"],
                &self.r#type,
            ));
        }
        let at = format!("{at}.function");
        let function = self
            .function
            .as_ref()
            .ok_or_else(|| Invalid::missing(&at))?;
        name(&format!("{at}.name"), &function.name)?;
        let description = function.description.as_deref().unwrap_or_default();
        shorter(
            &format!("{at}.description"),
            description,
            LONGEST_DESCRIPTION,
        )?;
        let Some(parameters) = &function.parameters else {
            return Ok(());
        };
        let owner = Owner::Function {
            name: &function.name,
            param: &format!("{at}.parameters"),
        };
        strict::check(owner, parameters, function.strict == Some(true))
    }
}

/// Checks the name of a function or of a schema.
pub(super) fn name(param: &str, name: &str) -> Result<(), Invalid> {
    let invalid = |message, code| Invalid {
        message,
        param: Some(param.to_owned()),
        code: Some(code),
    };
    if name.is_empty() {
        let message = format!(
            "Invalid '{param}': empty string. Expected a string with minimum length 1, but got an empty string instead."
        );
        return Err(invalid(message, "empty_string"));
    }
    shorter(param, name, LONGEST_NAME)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.bytes().all(is_plain) {
        return Ok(());
    }
    let message = format!(
        "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    );
    Err(invalid(message, "invalid_value"))
}

fn shorter(param: &str, text: &str, most: usize) -> Result<(), Invalid> {
    let found = text.chars().count();
    if found <= most {
        return Ok(());
    }
    Err(Invalid {
        message: format!(
            "Invalid '{param}': string too long. Expected a string with maximum length {most}, but got a string with length {found} instead."
        ),
        param: Some(param.to_owned()),
        code: Some("string_above_max_length"),
    })
}

fn only_with_tools(param: &str) -> Invalid {
    Invalid {
        message: format!(
            "Invalid value for '{param}': '{param}' is only allowed when 'tools' are specified."
        ),
        param: Some(param.to_owned()),
        code: None,
    }
}

/// Refuses what `tools` replaced.
///
/// Assumed: in the words with which newer models refuse `max_tokens`.
pub(super) fn refuse_functions(functions: bool, function_call: bool) -> Result<(), Invalid> {
    let (param, instead) = match (functions, function_call) {
        (true, _) => ("functions", "tools"),
        (false, true) => ("function_call", "tool_choice"),
        (false, false) => return Ok(()),
    };
    Err(Invalid {
        message: format!(
            "Unsupported parameter: '{param}' is not supported with this model. Use '{instead}' instead."
        ),
        param: Some(param.to_owned()),
        code: Some("unsupported_parameter"),
    })
}

/// What keeps the fields about tools from being read.
pub(super) fn check(body: &Value) -> Result<(), Invalid> {
    if let Some(tools) = given(body, "tools") {
        let Value::Array(tools) = tools else {
            return Err(Invalid::wrong_type("tools", "an array of objects", tools));
        };
        for (index, tool) in tools.iter().enumerate() {
            check_tool(&format!("tools[{index}]"), tool)?;
        }
    }
    if let Some(choice) = given(body, "tool_choice") {
        match choice {
            Value::String(_) => {}
            Value::Object(_) => {
                text(choice, "tool_choice", "type")?;
                if let Some(function) = given(choice, "function") {
                    object(function, "tool_choice.function")?;
                    text(function, "tool_choice.function", "name")?;
                }
            }
            other => {
                let expected = "one of a string or object";
                return Err(Invalid::wrong_type("tool_choice", expected, other));
            }
        }
    }
    match given(body, "parallel_tool_calls") {
        Some(flag) if !flag.is_boolean() => Err(Invalid::wrong_type(
            "parallel_tool_calls",
            "a boolean",
            flag,
        )),
        _ => Ok(()),
    }
}

fn check_tool(at: &str, tool: &Value) -> Result<(), Invalid> {
    object(tool, at)?;
    text(tool, at, "type")?;
    let Some(function) = given(tool, "function") else {
        return Ok(());
    };
    let at = format!("{at}.function");
    object(function, &at)?;
    text(function, &at, "name")?;
    for (name, is_right, expected) in [
        (
            "description",
            Value::is_string as fn(&Value) -> bool,
            "a string",
        ),
        ("strict", Value::is_boolean, "a boolean"),
    ] {
        if let Some(value) = given(function, name).filter(|value| !is_right(value)) {
            return Err(Invalid::wrong_type(
                &format!("{at}.{name}"),
                expected,
                value,
            ));
        }
    }
    Ok(())
}

/// A field that is there and not null.
pub(super) fn given<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).filter(|value| !value.is_null())
}

pub(super) fn object(value: &Value, at: &str) -> Result<(), Invalid> {
    if value.is_object() {
        Ok(())
    } else {
        Err(Invalid::wrong_type(at, "an object", value))
    }
}

/// Checks that `of`, which stands at `at`, has a text called `name`.
pub(super) fn text(of: &Value, at: &str, name: &str) -> Result<(), Invalid> {
    match of.get(name) {
        None => Err(Invalid::missing(&format!("{at}.{name}"))),
        Some(Value::String(_)) => Ok(()),
        Some(other) => Err(Invalid::wrong_type(
            &format!("{at}.{name}"),
            "a string",
            other,
        )),
    }
}
