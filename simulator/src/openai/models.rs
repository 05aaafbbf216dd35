//! `models`: what there is, in the shape of each cloud.
//!
//! Azure's dated path lists the models that could be deployed, whatever is; its undated one and
//! OpenAI's list what a request may name.

use serde_json::{Value, json};

use crate::model::{Kind, Model};

/// The base models of Azure's dated path.
///
/// Source: the reference of `models/list` for 2024-10-21. Assumed: printed over several lines, as
/// embeddings are.
pub(crate) fn base_models() -> String {
    let published = Model::all().filter(|model| is_published(model));
    list(&published.map(base_entry).collect::<Vec<_>>())
}

/// The base model called `id`, by its name with or without its version.
pub(crate) fn base_model(id: &str) -> Option<String> {
    let mut published = Model::all().filter(|model| is_published(model));
    let found = published.find(|model| [model.name, model.version].contains(&id));
    found.map(|model| written(&base_entry(model)))
}

/// The models of Azure's undated path and of OpenAI: each with the name that a request gives.
pub(crate) fn models<'a>(named: impl Iterator<Item = (&'a str, &'static Model)>) -> String {
    list(
        &named
            .map(|(id, model)| entry(id, model))
            .collect::<Vec<_>>(),
    )
}

/// One of them.
pub(crate) fn model(id: &str, model: &Model) -> String {
    written(&entry(id, model))
}

/// Whether Azure lists it: neither OpenAI's spelling nor a name of the reference simulator's only.
fn is_published(model: &Model) -> bool {
    let foreign = ["-3-medium", "-3-xlarge", "-ada-001"];
    !model.name.starts_with("gpt-3.5") && !foreign.iter().any(|end| model.name.ends_with(end))
}

fn list(data: &[Value]) -> String {
    written(&json!({ "object": "list", "data": data }))
}

fn written(value: &Value) -> String {
    format!("{value:#}\n")
}

fn base_entry(model: &'static Model) -> Value {
    let created = released(model);
    let has_chat = matches!(model.kind, Kind::Chat | Kind::ChatAndCompletions);
    json!({
        "status": "succeeded",
        "capabilities": {
            "fine_tune": false,
            "inference": true,
            "completion": matches!(model.kind, Kind::Completions | Kind::ChatAndCompletions),
            "chat_completion": has_chat,
            "embeddings": matches!(model.kind, Kind::Embeddings { .. }),
        },
        "lifecycle_status": "generally-available",
        "deprecation": { "inference": created + GENERALLY_AVAILABLE },
        "id": model.version,
        "created_at": created,
        "object": "model",
    })
}

fn entry(id: &str, model: &Model) -> Value {
    json!({ "id": id, "object": "model", "created": released(model), "owned_by": "system" })
}

const DAY: i64 = 86_400;

/// Seconds from a model's release to its end.
///
/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/model-retirements>: a
/// year for everybody, then six months for who uses it. Assumed: of 30 days each.
const GENERALLY_AVAILABLE: i64 = (365 + 180) * DAY;

/// When a model was released, in seconds since 1970: the date in its version, or what OpenAI lists.
fn released(model: &Model) -> i64 {
    let dated = model.version.len().checked_sub(10).and_then(|start| {
        let (year, month_and_day) = model.version.get(start..)?.split_once('-')?;
        let (month, day) = month_and_day.split_once('-')?;
        Some(days(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?) * DAY)
    });
    dated.unwrap_or_else(|| listed(model.version))
}

/// What `GET /v1/models` of OpenAI says of models without a date in their versions.
fn listed(version: &str) -> i64 {
    match version {
        "davinci-002" => 1_692_634_301,
        "babbage-002" => 1_692_634_615,
        "text-embedding-ada-001" | "text-embedding-ada-002" => 1_671_217_299,
        "whisper-1" => 1_677_532_384,
        "gpt-3.5-turbo-0125" | "gpt-35-turbo-0125" => 1_706_048_358,
        "gpt-3.5-turbo-instruct" | "gpt-35-turbo-instruct" => 1_692_901_427,
        _ if version.starts_with("text-embedding-3") => 1_705_948_997,
        // The rest is of June 2023.
        _ => 1_686_588_896,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
///
/// Source: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_as_old_as_its_version_says() {
        let released = |name| released(Model::find(name).unwrap());
        // 2024-11-20 00:00 UTC.
        assert_eq!(released("gpt-4o"), 1_732_060_800);
        assert_eq!(released("text-embedding-3-large"), 1_705_948_997);
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2024, 2, 29), 19_782);
    }
}
