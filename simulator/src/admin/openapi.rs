//! The description of the admin API in the format of `OpenAPI` 3.1.
//!
//! Its schemas are those of the types that are read and written.

// Source: https://spec.openapis.org/oas/v3.1.1 (read 2026-08).

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::Endpoint;
use super::answers::{Clock, Message, Problem, Selection, Unauthorized};
use crate::config::SimulatorSection;
use crate::ledger::{Counters, Entry, Filter};
use crate::metrics;

/// What an endpoint does, takes and answers.
#[derive(Clone, Copy)]
pub(super) struct Description {
    /// Its name for generated clients.
    id: &'static str,
    summary: &'static str,
    /// The parameters of the query.
    query: Option<Describe>,
    /// The body it takes.
    takes: Option<Describe>,
    /// Content type and schema of its answer.
    answers: (&'static str, Describe),
    /// Whether there is a request that it refuses.
    refuses: bool,
}

/// Writes a schema.
type Describe = fn(&mut SchemaGenerator) -> Value;

const JSON: &str = "application/json";

pub(super) const SHOW_CONFIG: Description = Description {
    id: "showConfiguration",
    summary: "The running configuration, without keys; beside its own keys those of microsoft/aoai-api-simulator",
    query: None,
    takes: None,
    answers: (JSON, configuration),
    refuses: false,
};

pub(super) const CHANGE_CONFIG: Description = Description {
    id: "changeConfiguration",
    summary: "Merges a JSON merge patch (RFC 7396) into the running configuration, or changes nothing and says why",
    takes: Some(
        |_| json!({ "type": "object", "description": "Parts of a configuration; null takes a key away, lists are replaced." }),
    ),
    refuses: true,
    ..SHOW_CONFIG
};

pub(super) const LEDGER: Description = Description {
    id: "readLedger",
    summary: "Requests as they really were, one JSON object per line, oldest first",
    query: Some(schema::<Filter>),
    takes: None,
    answers: ("application/jsonl", schema::<Entry>),
    refuses: true,
};

pub(super) const COUNTERS: Description = Description {
    id: "readCounters",
    summary: "What all requests since the last reset add up to",
    query: None,
    takes: None,
    answers: (JSON, schema::<Counters>),
    refuses: false,
};

pub(super) const METRICS: Description = Description {
    id: "readMetrics",
    summary: "The counters as text for Prometheus; times in simulated seconds",
    answers: (metrics::CONTENT_TYPE, schema::<String>),
    ..COUNTERS
};

pub(super) const CLOCK: Description = Description {
    id: "readClock",
    summary: "Simulated time",
    answers: (JSON, schema::<Clock>),
    ..COUNTERS
};

pub(super) const RESET: Description = Description {
    id: "reset",
    summary: "Forgets what limits admitted, what faults counted and what was booked",
    query: Some(schema::<Selection>),
    takes: None,
    answers: (JSON, schema::<Message>),
    refuses: true,
};

pub(super) const DOCUMENT: Description = Description {
    id: "describe",
    summary: "This document",
    answers: (JSON, |_| json!({ "type": "object" })),
    ..COUNTERS
};

/// The description of `endpoints`.
pub(super) fn document(endpoints: &[Endpoint]) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut generator = settings
        .with(|s| s.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = Map::new();
    for endpoint in endpoints {
        let path = paths
            .entry(format!("/++{}", endpoint.path))
            .or_insert_with(|| json!({}));
        path[endpoint.method.to_ascii_lowercase()] =
            operation(endpoint.description, &mut generator);
    }
    let mut schemas = Value::Object(generator.take_definitions(true));
    add_reference_keys(&mut schemas);
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Admin API of the simulator",
            "summary": "Reads and changes a simulator while it runs",
            "version": env!("CARGO_PKG_VERSION"),
        },
        // A key is asked for where one is configured.
        "security": [{}, { "key": [] }, { "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": "api-key" },
                "bearer": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

fn operation(description: Description, generator: &mut SchemaGenerator) -> Value {
    let Description {
        id,
        summary,
        query,
        takes,
        answers,
        refuses,
    } = description;
    let (content_type, describe) = answers;
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "responses": {
            "200": content("Done", content_type, &describe(generator)),
            "401": content("No accepted key", JSON, &schema::<Unauthorized>(generator)),
        },
    });
    if let Some(query) = query {
        operation["parameters"] = parameters(&query(generator), generator);
    }
    if let Some(takes) = takes {
        operation["requestBody"] =
            json!({ "required": true, "content": { JSON: { "schema": takes(generator) } } });
    }
    if refuses {
        operation["responses"]["400"] = content(
            "Refused; nothing was done",
            JSON,
            &schema::<Problem>(generator),
        );
    }
    operation
}

fn content(description: &str, content_type: &str, schema: &Value) -> Value {
    json!({ "description": description, "content": { content_type: { "schema": schema } } })
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// The configuration as it is shown.
fn configuration(generator: &mut SchemaGenerator) -> Value {
    schema::<SimulatorSection>(generator)
}

/// Each key of a type as a parameter of the query.
fn parameters(reference: &Value, generator: &SchemaGenerator) -> Value {
    let name = reference["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next());
    let properties =
        name.and_then(|name| generator.definitions().get(name)?["properties"].as_object());
    let parameters = properties.into_iter().flatten().map(|(name, property)| {
        let mut schema = property.clone();
        let description = schema
            .as_object_mut()
            .and_then(|fields| fields.remove("description"));
        json!({ "name": name, "in": "query", "description": description, "schema": schema })
    });
    parameters.collect()
}

/// Describes the keys of microsoft/aoai-api-simulator, which are shown and understood too.
fn add_reference_keys(schemas: &mut Value) {
    let section = &mut schemas["SimulatorSection"]["properties"];
    section["simulator_mode"] = json!({ "const": "generate" });
    section["allow_undefined_openai_deployments"] = json!({ "type": "boolean" });
    section["openai_deployments"] = json!({ "type": "object" });
    let latency = json!({
        "type": "object",
        "description": "Milliseconds: per token for chats and completions, per request for embeddings.",
        "properties": { "mean": { "type": ["number", "null"] }, "std_dev": { "type": ["number", "null"] } },
    });
    let latencies = &mut schemas["OperationLatencySections"]["properties"];
    for name in [
        "open_ai_embeddings",
        "open_ai_completions",
        "open_ai_chat_completions",
    ] {
        latencies[name] = latency.clone();
    }
}
