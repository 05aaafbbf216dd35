//! The JSON Schema of scenario files: from the types, with what the types cannot say.

use schemars::transform::transform_subschemas;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::sections::Document;

/// The JSON Schema of scenario files, for editors.
pub fn schema() -> Schema {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<Document>();
    without_null(&mut schema);
    let alternatives = [
        (
            "/$defs/ClientSection",
            json!([{ "required": ["like"] }, { "required": ["operation", "deployment"] }]),
        ),
        (
            "/$defs/PhaseSection",
            json!([{ "required": ["run_for"] }, { "required": ["trace"] }, { "required": ["iterations"] }]),
        ),
    ];
    for (section, any_of) in alternatives {
        if let Some(Value::Object(section)) = schema.pointer_mut(section) {
            // What one of the alternatives asks for is not asked for in general.
            if let Some(Value::Array(required)) = section.get_mut("required") {
                required.retain(|key| !any_of.to_string().contains(&key.to_string()));
            }
            section.insert("anyOf".to_owned(), any_of);
        }
    }
    schema
}

/// TOML has no null: what is optional is left out, so no editor may offer it.
fn without_null(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        if let Some(Value::Array(types)) = object.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                object.insert("type".to_owned(), only);
            }
        }
        let null = json!({ "type": "null" });
        let inner = match object
            .get("anyOf")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
        {
            Some([inner, other]) if *other == null => inner.as_object().cloned(),
            _ => None,
        };
        if let Some(inner) = inner {
            object.remove("anyOf");
            for (key, value) in inner {
                object.entry(key).or_insert(value);
            }
        }
    }
    transform_subschemas(&mut without_null, schema);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_be_null() {
        assert!(!schema().as_value().to_string().contains("null"));
    }

    #[test]
    fn every_key_is_documented() {
        let schema = schema();
        let mut silent = Vec::new();
        let definitions = schema.get("$defs").and_then(Value::as_object).unwrap();
        for (name, section) in definitions
            .iter()
            .filter(|(name, _)| name.ends_with("Section"))
        {
            let properties = section.get("properties").and_then(Value::as_object);
            for (key, property) in properties.into_iter().flatten() {
                if property.get("description").is_none() {
                    silent.push(format!("{name}.{key}"));
                }
            }
        }
        assert_eq!(silent, Vec::<String>::new());
    }
}
