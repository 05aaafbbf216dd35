//! Changing a configuration that runs.
//!
//! A patch is a JSON merge patch (RFC 7396) onto the configuration's JSON form. The result is
//! read and resolved like a file, so a running simulator can be told nothing that a file could
//! not say; every mistake is found, and one mistake refuses the whole patch.
//!
//! The keys of microsoft/aoai-api-simulator are understood: they are translated into ours
//! first. Its latencies are normal distributions in milliseconds, per token for chats and
//! completions and per request for embeddings, as it documents them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    ConfigError, DeploymentList, DeploymentSection, Distribution, KINDS, Latency, LatencySection,
    Limiter, SimulatorConfig, SimulatorSection, Timing,
};
use crate::openai::Operation;

/// The reference's names of the latencies, and whether they are per token.
const REFERENCE_LATENCIES: [(&str, Operation, bool); 3] = [
    ("open_ai_embeddings", Operation::Embeddings, false),
    ("open_ai_completions", Operation::Completions, true),
    ("open_ai_chat_completions", Operation::ChatCompletions, true),
];

const ALLOW_UNDEFINED: &str = "allow_undefined_openai_deployments";
const MODE: &str = "simulator_mode";
const DEPLOYMENTS: &str = "openai_deployments";

/// The configuration as the admin API shows it: no keys, the reference's names beside ours.
pub(crate) fn shown(config: &SimulatorConfig) -> Value {
    let mut shown = written(config);
    shown.remove("api_keys");
    // Left open below, so that a patch may change the kind of limiter.
    for (name, deployment) in &config.deployments {
        let shown = &mut shown["deployments"][name];
        shown["estimate"] = json!(deployment.estimate);
        shown["rate_limit_headers"] = json!(deployment.rate_limit_headers);
        shown["refusal_text"] = json!(deployment.refusal_text);
    }
    shown.insert(MODE.to_owned(), json!("generate"));
    shown.insert(
        ALLOW_UNDEFINED.to_owned(),
        json!(config.allow_undefined_deployments),
    );
    shown.insert(DEPLOYMENTS.to_owned(), reference_deployments(config));
    if let Some(Value::Object(latency)) = shown.get_mut("latency") {
        for (name, operation, _) in REFERENCE_LATENCIES {
            latency.insert(name.to_owned(), shown_latency(config, operation));
        }
    }
    Value::Object(shown)
}

/// The configuration of the simulator `name` with `patch` merged into it.
pub(crate) fn apply(
    name: &str,
    config: &SimulatorConfig,
    patch: &Value,
) -> Result<SimulatorConfig, Vec<ConfigError>> {
    let Value::Object(patch) = patch else {
        let message = format!("expected an object, found `{patch}`");
        return Err(vec![ConfigError::new(Vec::<String>::new(), message)]);
    };
    let mut errors = Vec::new();
    let translated = translate(config, patch.clone(), &mut errors);
    let mut merged = Value::Object(written(config));
    merge(&mut merged, &Value::Object(translated));
    let section = read(&merged, &mut errors);
    if section.listen != config.listen {
        errors.push(ConfigError::new(
            ["listen"],
            "expected an unchanged `listen` while running",
        ));
    }
    match section.resolve(name, &BTreeMap::new()) {
        Ok(resolved) if errors.is_empty() => Ok(resolved),
        Ok(_) => Err(errors),
        Err(found) => {
            // What is missing may only be missing because it could not be read.
            let is_new = |error: &ConfigError| {
                errors.is_empty()
                    || exists(&merged, &error.path) && errors.iter().all(|e| e.path != error.path)
            };
            let found: Vec<_> = found.into_iter().filter(is_new).collect();
            errors.extend(found);
            Err(errors)
        }
    }
}

fn exists(value: &Value, path: &[String]) -> bool {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    found.is_some()
}

/// The configuration as a file would say it.
fn written(config: &SimulatorConfig) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(written)) => written,
        Ok(_) | Err(_) => unreachable!("a section serialises as an object with string keys"),
    }
}

/// Merges as RFC 7396 says: objects key by key, null removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            merge(target.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

/// Replaces the reference's keys by ours.
fn translate(
    config: &SimulatorConfig,
    mut patch: Map<String, Value>,
    errors: &mut Vec<ConfigError>,
) -> Map<String, Value> {
    if let Some(mode) = patch.shift_remove(MODE)
        && mode != "generate"
    {
        let message = format!("expected `generate`, the only mode, found `{mode}`");
        errors.push(ConfigError::new([MODE], message));
    }
    if let Some(allow) = patch.shift_remove(ALLOW_UNDEFINED) {
        patch.insert("allow_undefined_deployments".to_owned(), allow);
    }
    if let Some(deployments) = patch.shift_remove(DEPLOYMENTS)
        && deployments != reference_deployments(config)
    {
        let unchanged = ConfigError::new([DEPLOYMENTS], "expected unchanged deployments");
        errors.push(unchanged.with_help("change them under `deployments`"));
    }
    if let Some(Value::Object(latency)) = patch.get_mut("latency") {
        for (name, operation, is_per_token) in REFERENCE_LATENCIES {
            let Some(given) = latency.shift_remove(name) else {
                continue;
            };
            // Who sends back what was shown means to change something else.
            if given == shown_latency(config, operation) {
                continue;
            }
            let current = moments(config.latency.of(operation)).unwrap_or((0.0, 0.0));
            match reference_latency(&given, current, is_per_token) {
                Ok(section) => replace(latency, operation, &section),
                Err(message) => errors.push(ConfigError::new(["latency", name], message)),
            }
        }
    }
    patch
}

/// Writes `section` so that merging it leaves nothing of what was there.
fn replace(latency: &mut Map<String, Value>, operation: Operation, section: &LatencySection) {
    let distribution = |value: &Option<Distribution>| value.as_ref().map_or(Value::Null, whole);
    let fields = json!({
        "profile": null,
        "time_to_first_token": distribution(&section.time_to_first_token),
        "per_token": distribution(&section.per_token),
        "per_request": distribution(&section.per_request),
        "per_prompt_token": null,
        "load": null,
    });
    latency.insert(operation.as_str().to_owned(), fields);
}

/// A distribution with every other kind removed.
fn whole(distribution: &Distribution) -> Value {
    let kinds = KINDS.iter();
    let mut fields: Map<_, _> = kinds.map(|&kind| (kind.to_owned(), Value::Null)).collect();
    match serde_json::to_value(distribution) {
        Ok(Value::Object(kind)) => {
            fields.extend(kind);
            Value::Object(fields)
        }
        Ok(constant) => constant,
        Err(_) => unreachable!("a distribution serialises as a string or an object"),
    }
}

fn reference_latency(
    given: &Value,
    (mean, std_dev): (f64, f64),
    is_per_token: bool,
) -> Result<LatencySection, String> {
    let Value::Object(fields) = given else {
        return Err(format!(
            "expected an object with `mean` and `std_dev`, found `{given}`"
        ));
    };
    if let Some(unknown) = fields
        .keys()
        .find(|key| *key != "mean" && *key != "std_dev")
    {
        return Err(format!("expected `mean` and `std_dev`, found `{unknown}`"));
    }
    let span = |name: &str, current: f64| {
        let millis = match fields.get(name) {
            None => current,
            Some(value) => value
                .as_f64()
                .filter(|millis| (0.0..=1e9).contains(millis))
                .ok_or_else(|| format!("expected `{name}` in milliseconds, found `{value}`"))?,
        };
        Ok::<_, String>(Duration::from_secs_f64(millis / 1_000.0).into())
    };
    let normal = Distribution::Normal {
        mean: span("mean", mean)?,
        std_dev: span("std_dev", std_dev)?,
    };
    Ok(LatencySection {
        per_token: is_per_token.then(|| normal.clone()),
        per_request: (!is_per_token).then_some(normal),
        ..LatencySection::default()
    })
}

/// A latency as the reference shows it; null where it could not say it.
fn shown_latency(config: &SimulatorConfig, operation: Operation) -> Value {
    let (mean, std_dev) = moments(config.latency.of(operation)).unzip();
    json!({ "mean": mean, "std_dev": std_dev })
}

/// Mean and standard deviation in milliseconds, where the reference could say it.
fn moments(latency: &Latency) -> Option<(f64, f64)> {
    let (Timing::PerRequest(distribution)
    | Timing::PerToken {
        per_token: distribution,
        ..
    }) = &latency.timing;
    let millis = |span: &clock::Span| span.get().as_secs_f64() * 1_000.0;
    match distribution {
        Distribution::Constant(span) => Some((millis(span), 0.0)),
        Distribution::Normal { mean, std_dev } => Some((millis(mean), millis(std_dev))),
        _ => None,
    }
}

fn reference_deployments(config: &SimulatorConfig) -> Value {
    let deployments = config.deployments.iter().map(|(name, deployment)| {
        let tokens_per_minute = match deployment.limiter {
            Limiter::Provisioned(provisioned) => provisioned.input_tokens_per_minute(),
            limiter => limiter
                .rate()
                .map_or(0, |rate| rate.tokens_per_minute.get()),
        };
        let model = json!({ "name": deployment.model.name });
        (
            name.clone(),
            json!({ "tokens_per_minute": tokens_per_minute, "model": model }),
        )
    });
    Value::Object(deployments.collect())
}

/// Reads a section key by key, so that every mistake is found and has its place.
fn read(merged: &Value, errors: &mut Vec<ConfigError>) -> SimulatorSection {
    let mut merged = merged.clone();
    let Some(object) = merged.as_object_mut() else {
        return SimulatorSection::default();
    };
    let deployments = match object.shift_remove("deployments") {
        Some(Value::Object(deployments)) => DeploymentList::Table(
            deployments
                .iter()
                .map(|(name, value)| (name.clone(), fields(&["deployments", name], value, errors)))
                .collect::<BTreeMap<String, DeploymentSection>>(),
        ),
        Some(other) => {
            let message = format!("expected an object, found `{other}`");
            errors.push(ConfigError::new(["deployments"], message));
            DeploymentList::default()
        }
        None => DeploymentList::default(),
    };
    SimulatorSection {
        deployments,
        ..fields(&[], &merged, errors)
    }
}

/// Reads an object whose fields all have defaults; a field that cannot be read is an error.
fn fields<T: DeserializeOwned + Default>(
    path: &[&str],
    value: &Value,
    errors: &mut Vec<ConfigError>,
) -> T {
    let mut readable = Map::new();
    let Value::Object(object) = value else {
        let message = format!("expected an object, found `{value}`");
        errors.push(ConfigError::new(path.iter().copied(), message));
        return T::default();
    };
    for (key, value) in object {
        let one = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
        match serde_json::from_value::<T>(one) {
            Ok(_) => {
                readable.insert(key.clone(), value.clone());
            }
            Err(error) => {
                let path = path.iter().copied().chain([key.as_str()]);
                errors.push(ConfigError::new(path, error.to_string()));
            }
        }
    }
    serde_json::from_value(Value::Object(readable)).unwrap_or_default()
}

#[cfg(test)]
#[path = "patch/tests.rs"]
mod tests;
