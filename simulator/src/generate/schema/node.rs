//! [`Node`]: what a schema without references allows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::number::Numbers;
use super::text::Text;
use super::{Compiler, Unmet};

/// Where a node stands among the nodes of its schema.
pub(super) type Id = usize;

/// What may stand at one place of an instance.
#[derive(Debug)]
pub(super) enum Node {
    /// One of these values.
    OneOf(Vec<Value>),
    /// An instance of one of these.
    Either(Vec<Id>),
    Text(Text),
    Number(Numbers),
    Array(Array),
    Object(Object),
}

#[derive(Debug)]
pub(super) struct Array {
    /// What the first items are.
    pub(super) first: Vec<Id>,
    /// What the others are.
    pub(super) items: Id,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) are_distinct: bool,
}

#[derive(Debug)]
pub(super) struct Object {
    pub(super) properties: Vec<Property>,
    /// What properties without a name of their own are.
    pub(super) others: Id,
    pub(super) least: usize,
    pub(super) most: usize,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: Id,
    pub(super) is_required: bool,
}

impl Node {
    /// What nothing satisfies.
    pub(super) const NEVER: Self = Self::Either(Vec::new());

    /// Reads a schema without `$ref` and `allOf`.
    pub(super) fn read(compiler: &mut Compiler, schema: &Value) -> Result<Self, Unmet> {
        let fields = match schema {
            Value::Bool(false) => return Ok(Self::NEVER),
            Value::Object(fields) => fields,
            // A schema that is no schema allows everything, as `true` does.
            _ => return Ok(Self::Text(Text::ANY)),
        };
        if let Some(values) = values(fields) {
            return Ok(Self::OneOf(values));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = fields.get(keyword) {
                return either(compiler, fields, keyword, alternatives);
            }
        }
        match fields.get("type") {
            Some(Value::Array(kinds)) => {
                let single = kinds.iter().map(|kind| with(fields, "type", kind.clone()));
                let single: Vec<_> = single.collect();
                Ok(Self::Either(compiler.ids(&single)?))
            }
            Some(Value::String(kind)) => Self::of(compiler, kind, fields),
            _ => Self::of(compiler, implied(fields), fields),
        }
    }

    fn of(compiler: &mut Compiler, kind: &str, fields: &Map<String, Value>) -> Result<Self, Unmet> {
        Ok(match kind {
            "object" => object(compiler, fields)?,
            "array" => array(compiler, fields)?,
            "integer" => Numbers::read(fields, true).map_or(Self::NEVER, Self::Number),
            "number" => Numbers::read(fields, false).map_or(Self::NEVER, Self::Number),
            "string" => Text::read(fields).map_or(Self::NEVER, Self::Text),
            "boolean" => Self::OneOf(vec![json!(true), json!(false)]),
            "null" => Self::OneOf(vec![Value::Null]),
            _ => Self::NEVER,
        })
    }
}

/// The values a schema lists, less those its `type` forbids.
fn values(fields: &Map<String, Value>) -> Option<Vec<Value>> {
    let listed = match (fields.get("const"), fields.get("enum")) {
        (None, Some(Value::Array(listed))) => listed.clone(),
        (Some(value), Some(Value::Array(listed))) if !listed.contains(value) => Vec::new(),
        (Some(value), _) => vec![value.clone()],
        (None, _) => return None,
    };
    let allowed = |value: &Value| match fields.get("type") {
        Some(Value::String(kind)) => is(value, kind),
        Some(Value::Array(kinds)) => kinds.iter().any(|k| is(value, k.as_str().unwrap_or(""))),
        _ => true,
    };
    Some(listed.into_iter().filter(allowed).collect())
}

fn is(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => {
            let is_whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
            kind == "number" || (kind == "integer" && is_whole)
        }
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

/// Each alternative together with what the schema says besides them.
fn either(
    compiler: &mut Compiler,
    fields: &Map<String, Value>,
    keyword: &str,
    alternatives: &[Value],
) -> Result<Node, Unmet> {
    let mut besides = fields.clone();
    besides.shift_remove(keyword);
    for annotation in [
        "title",
        "description",
        "default",
        "examples",
        "$defs",
        "definitions",
    ] {
        besides.shift_remove(annotation);
    }
    if besides.is_empty() {
        return Ok(Node::Either(compiler.ids(alternatives)?));
    }
    let both = alternatives
        .iter()
        .map(|it| json!({ "allOf": [besides, it] }));
    Ok(Node::Either(compiler.ids(&both.collect::<Vec<_>>())?))
}

/// The type of a schema that states none, by the first keyword that holds for one type only.
fn implied(fields: &Map<String, Value>) -> &'static str {
    const KEYWORDS: [(&str, &[&str]); 4] = [
        (
            "object",
            &[
                "properties",
                "required",
                "additionalProperties",
                "minProperties",
            ],
        ),
        (
            "array",
            &[
                "items",
                "prefixItems",
                "minItems",
                "maxItems",
                "uniqueItems",
            ],
        ),
        (
            "number",
            &[
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
            ],
        ),
        ("string", &["minLength", "maxLength", "pattern", "format"]),
    ];
    let implies = |keywords: &[&str]| keywords.iter().any(|keyword| fields.contains_key(*keyword));
    let found = KEYWORDS.iter().find(|(_, keywords)| implies(keywords));
    found.map_or("string", |(kind, _)| kind)
}

fn array(compiler: &mut Compiler, fields: &Map<String, Value>) -> Result<Node, Unmet> {
    // Before draft 2020-12 a list of `items` was what `prefixItems` is now.
    let first = ["prefixItems", "items"]
        .iter()
        .find_map(|name| fields.get(*name)?.as_array());
    let first = compiler.ids(first.into_iter().flatten())?;
    let items = ["items", "additionalItems"].iter().find_map(|name| {
        let items = fields.get(*name)?;
        (!items.is_array()).then_some(items)
    });
    let items = compiler.id(items.cloned().unwrap_or(json!(true)))?;
    Ok(Node::Array(Array {
        first,
        items,
        least: count(fields, "minItems").unwrap_or(0),
        most: count(fields, "maxItems").unwrap_or(usize::MAX),
        are_distinct: fields.get("uniqueItems") == Some(&json!(true)),
    }))
}

fn object(compiler: &mut Compiler, fields: &Map<String, Value>) -> Result<Node, Unmet> {
    let required = fields.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    let required: BTreeSet<&str> = required.collect();
    let others = fields.get("additionalProperties").cloned();
    let others = compiler.id(others.unwrap_or(json!(true)))?;
    let none = Map::new();
    let stated = fields
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let mut properties = Vec::new();
    for (name, schema) in stated {
        properties.push(Property {
            name: name.clone(),
            value: compiler.id(schema.clone())?,
            is_required: required.contains(name.as_str()),
        });
    }
    let unstated = required
        .into_iter()
        .filter(|name| !stated.contains_key(*name));
    properties.extend(unstated.map(|name| Property {
        name: name.to_owned(),
        value: others,
        is_required: true,
    }));
    Ok(Node::Object(Object {
        properties,
        others,
        least: count(fields, "minProperties").unwrap_or(0),
        most: count(fields, "maxProperties").unwrap_or(usize::MAX),
    }))
}

pub(super) fn with(fields: &Map<String, Value>, key: &str, value: Value) -> Value {
    let mut fields = fields.clone();
    fields.insert(key.to_owned(), value);
    Value::Object(fields)
}

/// A keyword that counts.
pub(super) fn count(fields: &Map<String, Value>, keyword: &str) -> Option<usize> {
    let stated = fields.get(keyword)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count below zero or beyond all bounds means the nearest there is"
    )]
    stated.as_f64().map(|stated| stated as usize)
}
