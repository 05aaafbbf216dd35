//! The rules for schemas of tools and answers.
//!
//! A schema that is `strict` is enforced token by token, which the service can do for a part of
//! JSON Schema only. Source of the rules:
//! <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>; their texts
//! are those of recorded answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::openai::Invalid;

/// What is not permitted in a strict schema; `oneOf` and `uniqueItems` as recorded, the others
/// as documented.
const NOT_PERMITTED: [&str; 9] = [
    "oneOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "uniqueItems",
];

/// Whose schema it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Owner<'a> {
    /// A function's parameters.
    Function { name: &'a str, param: &'a str },
    /// The response format.
    Format { name: &'a str },
}

impl Owner<'_> {
    /// The error that `wrong` is with the schema.
    pub(super) fn invalid(self, wrong: &str) -> Invalid {
        let (kind, name, param, code) = match self {
            Self::Function { name, param } => {
                ("function", name, param, Some("invalid_function_parameters"))
            }
            Self::Format { name } => ("response_format", name, "response_format", None),
        };
        Invalid {
            message: format!("Invalid schema for {kind} '{name}': {wrong}."),
            param: Some(param.to_owned()),
            code,
        }
    }
}

/// Checks a schema as far as it has to hold: a schema that is not strict only at its root and
/// in its arrays.
pub(super) fn check(owner: Owner<'_>, schema: &Value, is_strict: bool) -> Result<(), Invalid> {
    let Value::Object(fields) = schema else {
        let param = match owner {
            Owner::Function { param, .. } => param,
            Owner::Format { .. } => "response_format.json_schema.schema",
        };
        return Err(Invalid::wrong_type(param, "an object", schema));
    };
    let kind = match fields.get("type") {
        None => "None",
        Some(Value::String(kind)) => kind,
        Some(_) => "array",
    };
    if kind != "object" && !fields.contains_key("$ref") {
        let wrong =
            format!("schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'");
        return Err(owner.invalid(&wrong));
    }
    if kind == "object" && !fields.contains_key("properties") && !is_strict {
        return Err(owner.invalid("In context=(), object schema missing properties"));
    }
    let rules = Rules {
        is_strict,
        root: schema,
    };
    rules
        .check(schema, &mut Vec::new())
        .map_err(|wrong| owner.invalid(&wrong))
}

struct Rules<'a> {
    is_strict: bool,
    root: &'a Value,
}

impl Rules<'_> {
    /// Checks a schema and all within; `path` leads to it. As deep as a body of JSON can be
    /// nested, which its parser limits.
    fn check<'v>(&self, schema: &'v Value, path: &mut Vec<&'v str>) -> Result<(), String> {
        let Value::Object(fields) = schema else {
            return Ok(());
        };
        let wrong = if self.is_strict {
            self.wrong(fields)
        } else {
            loose(fields)
        };
        if let Some(wrong) = wrong {
            return Err(format!("In context={}, {wrong}", context(path)));
        }
        for (keyword, inner) in fields {
            match (keyword.as_str(), inner) {
                ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                    for (name, schema) in schemas {
                        path.extend([keyword.as_str(), name]);
                        self.check(schema, path)?;
                        path.truncate(path.len() - 2);
                    }
                }
                ("anyOf" | "prefixItems", Value::Array(schemas)) => {
                    for (schema, index) in schemas.iter().zip(INDICES) {
                        path.extend([keyword.as_str(), index]);
                        self.check(schema, path)?;
                        path.truncate(path.len() - 2);
                    }
                }
                ("items", Value::Object(_)) => {
                    path.push(keyword);
                    self.check(inner, path)?;
                    path.pop();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What is wrong with one schema by the strict rules.
    fn wrong(&self, fields: &Map<String, Value>) -> Option<String> {
        if let Some(Value::String(reference)) = fields.get("$ref") {
            return self.wrong_reference(reference, fields);
        }
        if let Some(keyword) = NOT_PERMITTED.iter().find(|it| fields.contains_key(**it)) {
            return Some(format!("'{keyword}' is not permitted"));
        }
        match fields.get("type") {
            None if !fields.contains_key("anyOf") => {
                Some("schema must have a 'type' key".to_owned())
            }
            Some(kind) if of_type(kind, "object") => wrong_object(fields),
            _ => loose(fields),
        }
    }

    fn wrong_reference(&self, reference: &str, fields: &Map<String, Value>) -> Option<String> {
        let besides = fields
            .keys()
            .find(|key| !matches!(key.as_str(), "$ref" | "$defs"));
        if let Some(besides) = besides {
            return Some(format!("$ref cannot have keywords {{'{besides}'}}"));
        }
        let pointer = reference.strip_prefix('#');
        let found = pointer.and_then(|pointer| self.root.pointer(pointer));
        found.is_none().then(|| {
            format!("reference to component '{reference}' which was not found in the schema")
        })
    }
}

/// What is wrong with a schema whether or not it is strict.
fn loose(fields: &Map<String, Value>) -> Option<String> {
    let is_array = fields
        .get("type")
        .is_some_and(|kind| of_type(kind, "array"));
    let has_items = fields.contains_key("items") || fields.contains_key("prefixItems");
    (is_array && !has_items).then(|| "array schema missing items".to_owned())
}

fn wrong_object(fields: &Map<String, Value>) -> Option<String> {
    if fields.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Some(
            "'additionalProperties' is required to be supplied and to be false".to_owned(),
        );
    }
    let none = Map::new();
    let properties = fields
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let required = fields.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    let required: BTreeSet<&str> = required.collect();
    let rule = "'required' is required to be supplied and to be an array including every key in properties";
    if let Some(missing) = properties
        .keys()
        .find(|name| !required.contains(name.as_str()))
    {
        return Some(format!("{rule}. Missing '{missing}'"));
    }
    let extra = required
        .iter()
        .find(|name| !properties.contains_key(**name));
    extra.map(|extra| format!("{rule}. Extra required key '{extra}' supplied"))
}

fn of_type(kind: &Value, wanted: &str) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| kind == wanted),
        kind => kind == wanted,
    }
}

/// The first alternatives' places as text; later ones are not looked at.
const INDICES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// A path as Python writes a tuple.
fn context(path: &[&str]) -> String {
    let quoted: Vec<_> = path.iter().map(|step| format!("'{step}'")).collect();
    match quoted.as_slice() {
        [one] => format!("({one},)"),
        steps => format!("({})", steps.join(", ")),
    }
}
