//! The schema that editors use: committed, up to date, and of one mind with the reader.

use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use loadtest::scenario;
use serde_json::Value;

/// Where editors find it: `#:schema ../scenario.schema.json` in each scenario.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/scenario.schema.json")
}

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let folders = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|folder| {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path())
    });
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect()
}

fn document(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let table: toml::Table = text.parse().ok()?;
    Some(serde_json::to_value(table).unwrap())
}

/// The committed schema, compiled.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let path = committed().canonicalize().unwrap();
        let index = Compiler::new()
            .compile(path.to_str().unwrap(), &mut schemas)
            .unwrap();
        Self { schemas, index }
    }

    fn accepts(&self, document: &Value) -> Result<(), String> {
        self.schemas
            .validate(document, self.index)
            .map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let current = serde_json::to_string_pretty(&scenario::schema()).unwrap() + "\n";
    let committed = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        committed == current,
        "scenarios/scenario.schema.json is stale; regenerate it with\n\
         cargo run -p loadtest -- schema > scenarios/scenario.schema.json"
    );
}

#[test]
fn every_shipped_scenario_names_the_schema_and_is_valid_by_it() {
    let validator = Validator::new();
    let files = scenarios();
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("#:schema ../scenario.schema.json\n"),
            "{}",
            file.display()
        );
        let verdict = validator.accepts(&document(&file).unwrap());
        assert_eq!(verdict, Ok(()), "{}", file.display());
    }
}

/// What only the reader can know: names that must exist, what excludes what, what gates mean.
const BEYOND_A_SCHEMA: [&str; 48] = [
    "action-after-the-end",
    "action-unknown",
    "backend-without-simulator",
    "class-unknown-in-users",
    "deployment-unknown",
    "drain-without-gateway",
    "gap-without-notebook",
    "gate-cannot-fail",
    "gate-cannot-hold",
    "gate-grammar",
    "gate-has-too-few-samples",
    "gate-names-unknown",
    "gates-on-what-cannot-happen",
    "gateway-key-misspelt",
    "gateway-weights-unknown-backend",
    "hangs-up-twice",
    "hangs-up-without-stream",
    "like-circle",
    "like-unknown",
    "mix-of-unknown-class",
    "model-unknown",
    "nobody-to-call",
    "notebook-without-users",
    "opt-out-without-reason",
    "paced-without-think-time",
    "phase-name-twice",
    "preset-misspelt",
    "prober-and-action",
    "prober-and-client",
    "prober-backend-unknown",
    "prober-deployment-unknown",
    "prober-misspelt-in-do",
    "prober-names-another",
    "prober-without-gateway",
    "rate-without-request",
    "retries-without-a-style",
    "shared-deployment-unknown",
    "simulator-unknown-in-to",
    "stream-of-embeddings",
    "subscription-unknown",
    "trace-missing",
    "trace-row-wrong",
    "two-loads-in-a-phase",
    "two-prompts",
    "usage-that-nobody-tells",
    "usage-without-stream",
    "variant-is-wrong",
    "watched-header-is-none",
];

#[test]
fn an_editor_marks_every_mistake_of_structure() {
    let validator = Validator::new();
    let mut unmarked = Vec::new();
    for name in super::wrong::names("toml") {
        let path = super::wrong::folder().join(format!("{name}.toml"));
        // An editor marks a syntax error without a schema.
        let document = document(&path);
        if document.is_some_and(|document| validator.accepts(&document).is_ok()) {
            unmarked.push(name);
        }
    }
    assert_eq!(unmarked, BEYOND_A_SCHEMA);
}
