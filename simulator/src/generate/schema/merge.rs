//! Two schemas as one that demands both: what `allOf`, and a `$ref` with keywords beside it,
//! come to.
//!
//! Only at one level: where both speak of the same property, its schema becomes an `allOf` of
//! theirs, to be merged when it is read.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Unmet;

/// References and `allOf`s that may lead to each other before it is called endless.
const MOST_HOPS: usize = 100;

/// The most schemas in an `allOf`: each is merged with all before it.
const MOST_PARTS: usize = 256;

/// `schema` with `$ref` and `allOf` merged into it; references are looked up in `root`.
pub(super) fn flat(root: &Value, mut schema: Value) -> Result<Value, Unmet> {
    for _ in 0..MOST_HOPS {
        let Value::Object(fields) = &mut schema else {
            return Ok(schema);
        };
        if let Some(Value::String(reference)) = fields.shift_remove("$ref") {
            let target = resolve(root, &reference)?;
            schema = if fields.is_empty() {
                target.clone()
            } else {
                merge(target.clone(), schema)
            };
        } else if let Some(Value::Array(parts)) = fields.shift_remove("allOf") {
            if parts.len() > MOST_PARTS {
                return Err(Unmet::TooLarge);
            }
            schema = parts.into_iter().fold(schema, merge);
        } else {
            return Ok(schema);
        }
    }
    Err(Unmet::Endless)
}

/// What a reference within the schema leads to.
pub(super) fn resolve<'a>(root: &'a Value, reference: &str) -> Result<&'a Value, Unmet> {
    let pointer = reference.strip_prefix('#');
    let found = pointer.and_then(|pointer| root.pointer(pointer));
    found.ok_or_else(|| Unmet::Reference(reference.to_owned()))
}

/// The schema that demands what both do.
fn merge(left: Value, right: Value) -> Value {
    let (mut left, mut right) = match (left, right) {
        (Value::Object(left), Value::Object(right)) => (left, right),
        (Value::Bool(false), _) | (_, Value::Bool(false)) => return json!(false),
        (left @ Value::Object(_), _) => return left,
        (_, right) => return right,
    };
    merge_properties(&mut left, &mut right);
    set_aside(&mut left, &mut right);
    for (key, right) in right {
        let merged = match left.shift_remove(&key) {
            None => right,
            Some(left) if left == right => left,
            Some(left) => merge_keyword(&key, left, right),
        };
        left.insert(key, merged);
    }
    Value::Object(left)
}

/// Of what cannot be one keyword's value, makes what can: a second reference becomes a part of
/// `allOf`, and two constants no value at all.
fn set_aside(left: &mut Map<String, Value>, right: &mut Map<String, Value>) {
    let differs =
        |key: &str| matches!((left.get(key), right.get(key)), (Some(a), Some(b)) if a != b);
    let (references, constants) = (differs("$ref"), differs("const"));
    if constants {
        left.insert("enum".to_owned(), json!([]));
    }
    if references && let Some(reference) = right.shift_remove("$ref") {
        let mut parts = right.shift_remove("allOf").unwrap_or_else(|| json!([]));
        if let Value::Array(parts) = &mut parts {
            parts.push(json!({ "$ref": reference }));
        }
        right.insert("allOf".to_owned(), parts);
    }
}

fn merge_keyword(key: &str, left: Value, right: Value) -> Value {
    match key {
        "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
            farther(left, right, Ordering::Greater)
        }
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
            farther(left, right, Ordering::Less)
        }
        "multipleOf" => common_multiple(&left, &right).unwrap_or(right),
        "uniqueItems" => json!(left == json!(true) || right == json!(true)),
        "required" => union(left, right),
        "allOf" => concatenation(left, right),
        "enum" => intersection(left, &right),
        "type" => types(left, right),
        "additionalProperties" | "items" => json!({ "allOf": [left, right] }),
        "anyOf" | "oneOf" => product(key, left, &right),
        _ => right,
    }
}

/// The properties of both; one that only one of them names is for the other an additional one.
fn merge_properties(left: &mut Map<String, Value>, right: &mut Map<String, Value>) {
    let take = |fields: &mut Map<String, Value>| match fields.shift_remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let (ours, theirs) = (take(left), take(right));
    if ours.is_empty() && theirs.is_empty() {
        return;
    }
    let names: Vec<_> = ours
        .keys()
        .chain(theirs.keys().filter(|name| !ours.contains_key(*name)))
        .collect();
    let side = |properties: &Map<String, Value>, fields: &Map<String, Value>, name: &String| {
        let stated = properties
            .get(name)
            .or_else(|| fields.get("additionalProperties"));
        stated.filter(|schema| **schema != json!(true)).cloned()
    };
    let merged: Map<_, _> = names
        .into_iter()
        .map(|name| {
            let schema = match (side(&ours, left, name), side(&theirs, right, name)) {
                (Some(left), Some(right)) if left != right => json!({ "allOf": [left, right] }),
                (Some(schema), _) | (None, Some(schema)) => schema,
                (None, None) => json!(true),
            };
            (name.clone(), schema)
        })
        .collect();
    left.insert("properties".to_owned(), Value::Object(merged));
}

fn farther(left: Value, right: Value, wanted: Ordering) -> Value {
    match left.as_f64().partial_cmp(&right.as_f64()) {
        Some(found) if found == wanted => left,
        _ => right,
    }
}

fn common_multiple(left: &Value, right: &Value) -> Option<Value> {
    let (left, right) = (left.as_u64()?, right.as_u64()?);
    let (mut divisor, mut rest) = (left, right);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (left / divisor.max(1)).checked_mul(right).map(Value::from)
}

fn union(left: Value, right: Value) -> Value {
    let (Value::Array(mut left), Value::Array(right)) = (left, right) else {
        return json!([]);
    };
    let known: BTreeSet<_> = left.iter().map(Value::to_string).collect();
    left.extend(
        right
            .into_iter()
            .filter(|it| !known.contains(&it.to_string())),
    );
    Value::Array(left)
}

fn concatenation(left: Value, right: Value) -> Value {
    let (Value::Array(mut left), Value::Array(right)) = (left, right) else {
        return json!([]);
    };
    left.extend(right);
    Value::Array(left)
}

fn intersection(left: Value, right: &Value) -> Value {
    let (Value::Array(mut left), Value::Array(right)) = (left, right) else {
        return json!([]);
    };
    let known: BTreeSet<_> = right.iter().map(Value::to_string).collect();
    left.retain(|it| known.contains(&it.to_string()));
    Value::Array(left)
}

/// The types both allow; every integer is a number.
fn types(left: Value, right: Value) -> Value {
    let list = |types: Value| match types {
        Value::Array(types) => types,
        one => vec![one],
    };
    let (left, right) = (list(left), list(right));
    let narrower = |one: &Value, others: &[Value]| {
        others.contains(one) || (one == "integer" && others.contains(&json!("number")))
    };
    let mut both: Vec<_> = left
        .iter()
        .filter(|it| narrower(it, &right))
        .cloned()
        .collect();
    both.extend(
        right
            .iter()
            .filter(|it| !left.contains(it) && narrower(it, &left))
            .cloned(),
    );
    Value::Array(both)
}

/// Alternatives of alternatives.
fn product(key: &str, left: Value, right: &Value) -> Value {
    let Value::Array(left) = left else {
        return right.clone();
    };
    let both = left
        .into_iter()
        .map(|it| json!({ "allOf": [it, { key: right }] }));
    both.collect()
}
