//! Scenarios: an experiment as its author writes it, and how it becomes a [`Plan`].
//!
//! A file is read in four steps, each of which keeps the place of every value, so that a mistake
//! found in the last still points at the line it was made in:
//!
//! 1. `source`: text to table, all syntax errors at once.
//! 2. `document`: `--set`, variants and `like` are laid over the table as written; nothing is
//!    typed yet, so a fragment may set any key.
//! 3. `sections`: each section becomes its type by itself; a mistake in one does not hide
//!    another's.
//! 4. `resolve`: names are looked up, presets applied, schedules drawn; the result is a plan.
//!
//! The rejected alternative, one derived struct for the whole file, stops at the first mistake
//! and loses places wherever `untagged` or `flatten` would be needed.

mod complaint;
mod diagnostic;
mod document;
mod hints;
mod like;
mod number;
mod parts;
mod rate;
mod reading;
mod resolve;
mod schema;
mod sections;
mod source;
mod syntax;

use std::path::{Path, PathBuf};

use clock::Speed;
use toml::de::DeValue;

use crate::gate::SentenceError;
use crate::plan::Plan;
use crate::topology::Profile;

use self::diagnostic::{Diagnostic, add_variant};
use self::document::lay_table_over;
use self::source::{Sources, Table};

pub use self::diagnostic::ScenarioErrors;
pub use self::schema::schema;

/// What the command line says beside the file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--set path=value`, in order.
    pub overrides: Vec<(String, String)>,
    /// `--seed`, instead of the file's.
    pub seed: Option<u64>,
    /// `--speed`, instead of the file's.
    pub speed: Option<Speed>,
    /// `--gateway`: somebody else's gateway instead of the file's preset.
    pub gateway: Option<Profile>,
    /// `--trace`: a trace file instead of the one that a phase names.
    pub trace: Option<PathBuf>,
    /// Only the variant of this name, `""` for the file without variants; none for all of them.
    pub variant: Option<String>,
}

/// Reads the scenario at `path`: one plan for the file as it stands and one for each variant.
///
/// # Errors
/// Everything that is wrong with it, each with its place.
pub fn load(path: &Path, options: &Options) -> Result<Vec<Plan>, ScenarioErrors> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        ScenarioErrors::unreadable(format_args!("cannot read {shown}: {error}"))
    })?;
    let sets = options.set_lines();
    let mut sources = Sources::default();
    read(path, &text, &sets, options, &mut sources)
        .map_err(|diagnostics| ScenarioErrors::new(&shown, &sources, diagnostics))
}

/// What is wrong with gates that were refused after the scenario was read, each at its place.
pub fn refusal(
    path: &Path,
    options: &Options,
    variant: &str,
    refused: &[(String, SentenceError)],
) -> ScenarioErrors {
    let shown = path.display().to_string();
    let Ok(text) = std::fs::read_to_string(path) else {
        return ScenarioErrors::unreadable(format_args!("cannot read {shown}"));
    };
    let sets = options.set_lines();
    let mut sources = Sources::default();
    let documents = layers(path, &text, &sets, &mut sources)
        .and_then(|layers| documents(layers, Some(variant)));
    let (_, document) = documents
        .ok()
        .and_then(|mut all| all.pop())
        .unwrap_or_default();
    let diagnostics = refused
        .iter()
        .map(|(id, error)| resolve::refused_gate(&document, id, error).in_variant(variant))
        .collect();
    ScenarioErrors::new(&shown, &sources, diagnostics)
}

/// `folder/file` without extension: how a scenario is called everywhere.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path
        .parent()
        .and_then(Path::file_name)
        .map(std::ffi::OsStr::to_string_lossy);
    match folder {
        Some(folder) => format!("{folder}/{stem}"),
        None => stem.into_owned(),
    }
}

impl Options {
    /// Each `--set` as a line of TOML.
    fn set_lines(&self) -> Vec<String> {
        let overrides = self.overrides.iter();
        overrides
            .map(|(path, value)| set_line(path, value))
            .collect()
    }
}

fn read<'t>(
    path: &Path,
    text: &'t str,
    sets: &'t [String],
    options: &Options,
    sources: &mut Sources<'t>,
) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let layers = layers(path, text, sets, sources)?;
    let mut plans = Vec::new();
    let mut found = Vec::new();
    for (variant, document) in documents(layers, options.variant.as_deref())? {
        let name = match variant.as_str() {
            "" => name_of(path),
            variant => format!("{}#{variant}", name_of(path)),
        };
        match resolve::plan(name, path, document, options, sources) {
            Ok(plan) => plans.push(plan),
            Err(more) if variant.is_empty() => found = more,
            Err(more) => add_variant(&mut found, &variant, more),
        }
    }
    if found.is_empty() {
        Ok(plans)
    } else {
        Err(found)
    }
}

/// What a scenario is made of: the file with every `--set` laid over it, its variants, and the
/// `--set`s again, because they count more than a variant.
struct Layers<'t> {
    base: Table<'t>,
    variants: Table<'t>,
    sets: Vec<Table<'t>>,
}

fn layers<'t>(
    path: &Path,
    text: &'t str,
    sets: &'t [String],
    sources: &mut Sources<'t>,
) -> Result<Layers<'t>, Vec<Diagnostic>> {
    let mut base = syntax(sources.parse(&path.display().to_string(), text))?;
    let mut diagnostics = Vec::new();
    let mut again = Vec::new();
    for set in sets {
        let mut set = syntax(sources.parse("--set", set))?;
        lay_table_over(&mut base, set.clone(), &mut diagnostics);
        set.remove("variants");
        again.push(set);
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let variants = take_variants(&mut base)?;
    Ok(Layers {
        base,
        variants,
        sets: again,
    })
}

fn syntax(
    parsed: Result<Table<'_>, Vec<syntax::SyntaxError>>,
) -> Result<Table<'_>, Vec<Diagnostic>> {
    parsed.map_err(|errors| errors.into_iter().map(Diagnostic::from).collect())
}

fn take_variants<'t>(document: &mut Table<'t>) -> Result<Table<'t>, Vec<Diagnostic>> {
    let Some(variants) = document.remove("variants") else {
        return Ok(Table::new());
    };
    let span = variants.span();
    match variants.into_inner() {
        DeValue::Table(variants) => Ok(variants),
        _ => Err(vec![Diagnostic::at(
            span,
            "expected a table of fragments, one per variant",
        )]),
    }
}

/// The file as it stands, then each variant laid over it; or only the one asked for.
fn documents<'t>(
    layers: Layers<'t>,
    only: Option<&str>,
) -> Result<Vec<(String, Table<'t>)>, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let mut documents = vec![(String::new(), layers.base.clone())];
    for (name, fragment) in layers.variants {
        let mut document = layers.base.clone();
        match fragment.into_inner() {
            DeValue::Table(fragment) => lay_table_over(&mut document, fragment, &mut found),
            _ => found.push(not_a_fragment(&name)),
        }
        for set in &layers.sets {
            lay_table_over(&mut document, set.clone(), &mut found);
        }
        documents.push((name.into_inner().into_owned(), document));
    }
    if !found.is_empty() {
        return Err(found);
    }
    let Some(only) = only else {
        return Ok(documents);
    };
    let names: Vec<String> = documents
        .iter()
        .skip(1)
        .map(|(name, _)| name.clone())
        .collect();
    documents.retain(|(name, _)| name == only);
    if documents.is_empty() {
        let unknown = Diagnostic::of_file(format!("there is no variant `{only}`"));
        return Err(vec![hints::did_you_mean(
            unknown,
            only,
            names.iter().map(String::as_str),
        )]);
    }
    Ok(documents)
}

fn not_a_fragment(name: &source::Key<'_>) -> Diagnostic {
    let message = format!("expected a table [variants.{}]", name.get_ref());
    Diagnostic::at(name.span(), message).maybe_help(hints::strayed(name.get_ref()))
}

/// `--set path=value` as a line of TOML: a value that is not TOML by itself is a string.
fn set_line(path: &str, value: &str) -> String {
    let line = format!("{path} = {value}");
    if toml::de::DeTable::parse(&line).is_ok() {
        line
    } else {
        format!("{path} = {}", toml::Value::from(value))
    }
}
