//! The sections' JSON Schema, which scenario files embed.

use serde_json::Value;
use simulator::config::{DeploymentSection, File, SimulatorSection};

/// Walks a schema and collects properties without a description.
fn undocumented(at: &str, schema: &Value, found: &mut Vec<String>) {
    let Value::Object(fields) = schema else {
        return;
    };
    if let Some(Value::Object(properties)) = fields.get("properties") {
        // The parameters of a distribution are described where the distribution is.
        for (name, property) in properties.iter().filter(|_| !at.ends_with("Table")) {
            if property.get("description").is_none() && property.get("$ref").is_none() {
                found.push(format!("{at}.{name}"));
            }
        }
    }
    for (name, inner) in fields {
        undocumented(&format!("{at}/{name}"), inner, found);
    }
}

#[test]
fn every_key_of_a_section_is_described() {
    let mut found = Vec::new();
    for (name, schema) in [
        ("simulator", schemars::schema_for!(SimulatorSection)),
        ("deployment", schemars::schema_for!(DeploymentSection)),
        ("file", schemars::schema_for!(File)),
    ] {
        undocumented(name, schema.as_value(), &mut found);
    }
    found.retain(|path| !path.contains("oneOf"));
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn the_schema_knows_every_key_that_is_read() {
    let schema = schemars::schema_for!(DeploymentSection);
    let keys: Vec<_> = schema.as_value()["properties"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    insta::assert_debug_snapshot!(keys, @r#"
    [
        "like",
        "model",
        "context_tokens",
        "limiter",
        "tokens_per_minute",
        "requests_per_minute",
        "requests_window",
        "requests_per_day",
        "refused_are_charged",
        "ptus",
        "throughput",
        "utilization_window",
        "spillover",
        "estimate",
        "rate_limit_headers",
        "retry_after",
        "refusal_text",
        "latency",
        "concurrency",
        "prompt_caching",
        "embedding_size",
        "tool_calls",
        "content",
        "answer_tokens",
        "reasoning_tokens",
    ]
    "#);
    let wrong = toml::from_str::<DeploymentSection>("colour = 1")
        .unwrap_err()
        .to_string();
    assert!(
        keys.iter().all(|key| wrong.contains(&format!("`{key}`"))),
        "{wrong}"
    );
}
