use boon::{Compiler, Schemas};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::seed::{Key, Purpose};

fn draw(schema: &Value, seed: u64) -> Value {
    let schema = Schema::compile(schema).unwrap();
    schema.draw(&mut Key::new(seed).rng(Purpose::Structure))
}

/// What another implementation of JSON Schema says of `instance`.
fn check(schema: &Value, instance: &Value) -> Result<(), String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    compiler
        .add_resource("schema.json", schema.clone())
        .unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    let valid = schemas.validate(instance, index);
    valid.map_err(|error| format!("{error}\nof {instance}\nby {schema}"))
}

#[track_caller]
fn draws_valid(schema: &Value) {
    for seed in 0..50 {
        check(schema, &draw(schema, seed)).unwrap();
    }
}

fn texts() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "type": "string" })),
        (0..40u64, 0..40u64).prop_map(|(least, more)| {
            json!({ "type": "string", "minLength": least, "maxLength": least + more })
        }),
        prop::sample::select(vec![
            "date-time",
            "date",
            "time",
            "duration",
            "email",
            "hostname",
            "ipv4",
            "ipv6",
            "uuid",
        ])
        .prop_map(|format| json!({ "type": "string", "format": format })),
        prop::sample::select(vec![
            "^[A-Z]{2}-\\d{3,5}$",
            "^\\+?[0-9 ()-]{7,}$",
            "^(yes|no|maybe)$",
            "^[^\"\\\\]+$",
            "x+y*",
            "\\w+@\\w+\\.com",
        ])
        .prop_map(|pattern| json!({ "type": "string", "pattern": pattern })),
    ]
}

fn numbers() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-1_000i64..1_000, 0i64..1_000).prop_map(|(least, more)| {
            json!({ "type": "integer", "minimum": least, "maximum": least + more })
        }),
        (-50i64..50, 1i64..9).prop_map(|(least, step)| {
            json!({ "type": "integer", "exclusiveMinimum": least, "multipleOf": step })
        }),
        (-50i64..50, 1i64..500).prop_map(|(most, more)| {
            let most = f64::from(i32::try_from(most).unwrap()) / 8.0;
            let least = most - f64::from(i32::try_from(more).unwrap()) / 1_000.0;
            json!({ "type": "number", "exclusiveMaximum": most, "exclusiveMinimum": least })
        }),
        prop::sample::select(vec![0.5, 0.25, 2.0, 7.5])
            .prop_map(|step| json!({ "type": "number", "multipleOf": step, "minimum": -3 })),
    ]
}

fn leaves() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => texts(),
        3 => numbers(),
        1 => Just(json!({ "type": "boolean" })),
        1 => Just(json!({ "type": "null" })),
        1 => Just(json!({ "const": { "a": [1, "é"] } })),
        1 => Just(json!({ "type": ["string", "null"], "enum": ["a", "b", null, 5] })),
        1 => Just(json!({ "type": ["integer", "boolean"] })),
        1 => Just(json!({})),
    ]
}

/// A schema that has an instance, without references.
fn plain(depth: u32) -> BoxedStrategy<Value> {
    leaves().prop_recursive(depth, 40, 5, |inner| {
        let properties = prop::collection::vec(("[a-z]{1,6}", inner.clone(), any::<bool>()), 0..5);
        prop_oneof![
            3 => (properties.clone(), any::<bool>()).prop_map(|(properties, is_open)| object(&properties, is_open)),
            2 => (inner.clone(), 0..4u64, 0..4u64).prop_map(|(items, least, more)| {
                json!({ "type": "array", "items": items, "minItems": least, "maxItems": least + more })
            }),
            1 => prop::collection::vec(inner.clone(), 1..4).prop_map(|items| {
                json!({ "type": "array", "prefixItems": items, "items": false })
            }),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|any| json!({ "anyOf": any })),
            1 => properties.prop_map(|properties| {
                json!({ "allOf": [object(&properties, true), { "minProperties": 2 }] })
            }),
        ]
    })
    .boxed()
}

fn object(properties: &[(String, Value, bool)], is_open: bool) -> Value {
    let required: std::collections::BTreeSet<_> = properties
        .iter()
        .filter(|(_, _, is_required)| *is_required)
        .map(|(name, _, _)| name)
        .collect();
    let named: serde_json::Map<_, _> = properties
        .iter()
        .map(|(name, schema, _)| (name.clone(), schema.clone()))
        .collect();
    json!({
        "type": "object", "properties": named, "required": required,
        "additionalProperties": is_open,
    })
}

#[test]
fn a_bound_that_is_next_to_a_decimal_number_holds_all_the_same() {
    let bounds = [
        json!({ "type": "number", "exclusiveMinimum": -2.719_999_999_999_999_8, "maximum": -2.7 }),
        json!({ "type": "number", "minimum": -2.719_999_999_999_999_8, "maximum": -2.7 }),
        json!({ "type": "number", "minimum": 2.7, "exclusiveMaximum": 2.719_999_999_999_999_8 }),
        json!({ "type": "number", "minimum": 2.7, "maximum": 2.719_999_999_999_999_8 }),
    ];
    for schema in bounds {
        for seed in 0..50 {
            assert_eq!(check(&schema, &draw(&schema, seed)), Ok(()));
        }
    }
}

proptest! {
    #[test]
    fn what_is_drawn_is_valid(schema in plain(4), seed in any::<u64>()) {
        let drawn = draw(&schema, seed);
        prop_assert_eq!(check(&schema, &drawn), Ok(()));
        prop_assert_eq!(draw(&schema, seed), drawn);
    }

    #[test]
    fn what_refers_to_itself_ends_and_is_valid(inner in plain(3), seed in any::<u64>()) {
        let schema = json!({
            "$ref": "#/$defs/node",
            "$defs": { "node": {
                "type": "object",
                "properties": {
                    "value": inner,
                    "next": { "anyOf": [{ "$ref": "#/$defs/node" }, { "type": "null" }] },
                    "children": { "type": "array", "items": { "$ref": "#" } },
                },
                "required": ["value", "next", "children"],
                "additionalProperties": false,
            } },
        });
        let drawn = draw(&schema, seed);
        prop_assert!(drawn.to_string().len() < 100_000);
        prop_assert_eq!(check(&schema, &drawn), Ok(()));
    }

    #[test]
    fn any_json_is_a_schema_or_is_refused(schema in any_json()) {
        if let Ok(schema) = Schema::compile(&schema) {
            schema.draw(&mut Key::new(0).rng(Purpose::Structure));
        }
    }
}

/// JSON that speaks of schemas without making sense.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "#",
            "#/a",
            "object",
            "array",
            "string",
            "integer",
            "number",
            "(",
            "a{9}{9}{9}{9}"
        ])
        .prop_map(Value::from),
    ];
    let keywords = vec![
        "$ref",
        "a",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
        "maxProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "enum",
        "const",
        "anyOf",
        "oneOf",
        "allOf",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "multipleOf",
        "format",
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let fields = prop::collection::vec((prop::sample::select(keywords.clone()), inner.clone()), 0..6);
        prop_oneof![
            3 => fields.prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::Array),
        ]
    })
}

#[test]
fn schemas_that_demand_the_same_together_are_met() {
    draws_valid(&json!({
        "allOf": [{ "$ref": "#/$defs/named" }, { "$ref": "#/$defs/aged" }],
        "properties": { "name": { "maxLength": 9 } },
        "$defs": {
            "named": { "type": "object", "properties": { "name": { "type": "string", "minLength": 7 } }, "required": ["name"] },
            "aged": { "type": "object", "properties": { "age": { "type": "integer", "minimum": 7 } }, "required": ["age"] },
        },
    }));
    draws_valid(&json!({
        "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "integer" } },
        "anyOf": [{ "required": ["a"] }, { "required": ["b"] }],
        "additionalProperties": false,
    }));
}

#[test]
fn distinct_items_are_distinct() {
    let days = json!({ "enum": ["mon", "tue", "wed", "thu", "fri"] });
    draws_valid(&json!({ "type": "array", "items": days, "minItems": 5, "uniqueItems": true }));
    let dice = json!({ "type": "integer", "minimum": 1, "maximum": 6 });
    draws_valid(&json!({ "type": "array", "items": dice, "minItems": 6, "uniqueItems": true }));
}

#[test]
fn a_pattern_and_a_length_are_met_together() {
    draws_valid(
        &json!({ "type": "string", "pattern": "^[a-z]+$", "minLength": 30, "maxLength": 40 }),
    );
}

#[test]
fn a_pattern_that_looks_around_is_read_over() {
    let schema = json!({ "type": "string", "pattern": "^(?!a).+@x$", "format": "email" });
    assert!(draw(&schema, 1).as_str().unwrap().ends_with("@example.com"));
}

#[test]
fn work_is_bounded_for_schemas_made_to_cause_it() {
    let nothing = format!("{}^{}", "(".repeat(80), ")*".repeat(80));
    draws_valid(&json!({ "type": "string", "pattern": nothing }));
    let repeated = "((^{1000}){1000}){1000}";
    draw(&json!({ "type": "string", "pattern": repeated }), 1);
    // A chain in the order that settles slowest.
    let link = |n: usize| {
        let before = json!({ "$ref": format!("#/properties/{}", n.saturating_sub(1)) });
        json!({ "type": "object", "properties": { "before": before }, "required": ["before"] })
    };
    let mut links: serde_json::Map<_, _> = (1..3_000).map(|n| (n.to_string(), link(n))).collect();
    links.insert("0".to_owned(), json!({ "type": "null" }));
    let names: Vec<_> = links.keys().cloned().collect();
    let chain = json!({ "type": "object", "properties": links, "required": names });
    assert!(Schema::compile(&chain).is_err());
}

#[test]
fn decimal_steps_read_as_a_person_writes_them() {
    let drawn = draw(
        &json!({ "type": "number", "multipleOf": 0.01, "minimum": 0.07, "maximum": 0.07 }),
        1,
    );
    assert_eq!(drawn.to_string(), "0.07");
}

#[test]
fn keys_are_in_the_order_of_the_schema() {
    let schema = json!({
        "type": "object",
        "properties": { "zebra": { "const": 1 }, "ant": { "const": 2 } },
        "required": ["ant", "zebra"],
    });
    assert_eq!(draw(&schema, 1).to_string(), r#"{"zebra":1,"ant":2}"#);
}

#[test]
fn what_no_finite_value_satisfies_is_refused() {
    let refused = |schema: Value| Schema::compile(&schema).unwrap_err();
    let endless = json!({
        "type": "object", "properties": { "next": { "$ref": "#" } }, "required": ["next"],
    });
    assert_eq!(refused(endless), Unmet::Unsatisfiable);
    assert_eq!(
        refused(json!({ "type": "integer", "minimum": 2, "maximum": 1 })),
        Unmet::Unsatisfiable
    );
    assert_eq!(
        refused(json!({ "type": "string", "enum": [1, 2] })),
        Unmet::Unsatisfiable
    );
    assert_eq!(refused(json!({ "$ref": "#" })), Unmet::Endless);
    assert_eq!(
        refused(json!({ "$ref": "https://example.com/schema" })).to_string(),
        "reference to component 'https://example.com/schema' which was not found in the schema"
    );
}

#[test]
fn what_only_immense_values_satisfy_is_refused() {
    let refused = |schema: Value| Schema::compile(&schema).unwrap_err();
    assert_eq!(
        refused(json!({ "type": "string", "minLength": 1e300 })),
        Unmet::TooLarge
    );
    let many = json!({ "type": "array", "items": {}, "minItems": 10_000_000 });
    assert_eq!(refused(many), Unmet::TooLarge);
    // Forty doublings.
    let level = |n: u32| {
        json!({
            "type": "object", "required": ["a", "b"],
            "properties": { "a": { "$ref": format!("#/$defs/{}", n + 1) }, "b": { "$ref": format!("#/$defs/{}", n + 1) } },
        })
    };
    let mut levels: serde_json::Map<_, _> = (0..40).map(|n| (n.to_string(), level(n))).collect();
    levels.insert("40".to_owned(), json!({ "type": "null" }));
    assert_eq!(
        refused(json!({ "$ref": "#/$defs/0", "$defs": levels })),
        Unmet::TooLarge
    );
}
