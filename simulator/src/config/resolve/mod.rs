//! From sections to configurations: `like`, defaults, and every check that needs both.

mod limits;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::{
    ConfigError, Deployment, DeploymentList, DeploymentSection, Estimate, IdentitySection, Latency,
    LatencySection, OperationLatencies, OperationLatencySections, SimulatorConfig,
    SimulatorSection,
};
use crate::model::{Kind, Model};

/// The shared `[deployments.NAME]` tables of a file.
type Shared = BTreeMap<String, DeploymentSection>;

/// Marks a path that leads into the shared tables.
const SHARED: &str = "^deployments";

/// Large enough for a million-token prompt of four bytes each, times four for escapes.
const DEFAULT_MAX_BODY_BYTES: NonZeroU64 = NonZeroU64::new(16 * 1024 * 1024).expect("not zero");

/// What Azure calls the region most quotas are granted in.
const DEFAULT_REGION: &str = "East US";

/// An embedding larger than this is a slip: the largest real one has 3,072 numbers.
const LARGEST_EMBEDDING: u32 = 65_536;

impl SimulatorSection {
    /// Fills in `like` and defaults and checks the whole section.
    ///
    /// `name` is the simulator's name, for messages; `shared` are the `[deployments.NAME]`
    /// tables of the file the section stands in.
    ///
    /// # Errors
    /// Every mistake found, in the order of the section; paths are relative to the section,
    /// or start with `^deployments` for a mistake in a shared table.
    pub fn resolve(
        &self,
        name: &str,
        shared: &BTreeMap<String, DeploymentSection>,
    ) -> Result<SimulatorConfig, Vec<ConfigError>> {
        let mut errors = Vec::new();
        if self.api_keys.iter().any(String::is_empty) {
            errors.push(ConfigError::new(
                ["api_keys"],
                "expected keys that are not empty, found ``",
            ));
        }
        let latency = operation_latencies(self.latency.as_ref(), &mut errors);
        let allow_undefined = self.allow_undefined_deployments.unwrap_or(false);
        let sections = self.deployment_sections(name, shared, &mut errors);
        if sections.is_empty() && errors.is_empty() && !allow_undefined {
            errors.push(no_deployments(name));
        }
        let deployments = deployments(&sections, shared, &mut errors);
        // Of deployments with mistakes the list is not whole.
        let takes_any = allow_undefined || !errors.is_empty();
        if errors.is_empty() {
            let places = sections.iter();
            errors.extend(
                places.filter_map(|(_, place)| limits::check_spillover(name, *place, &deployments)),
            );
        }
        let knows = |deployment: &str| {
            let is_known = takes_any || deployments.contains_key(deployment);
            is_known
                .then_some(())
                .ok_or_else(|| stranger(name, deployment))
        };
        let faults = self.check_faults(knows);
        errors.extend(faults);
        errors.extend(self.identity.and_then(token_lifetime));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(SimulatorConfig {
            listen: self.listen,
            dialect: self.dialect,
            region: self.region.clone().unwrap_or_else(|| DEFAULT_REGION.into()),
            api_keys: self.api_keys.clone(),
            seed: self.seed.unwrap_or(0),
            allow_undefined_deployments: allow_undefined,
            max_body_bytes: self.max_body_bytes.unwrap_or(DEFAULT_MAX_BODY_BYTES),
            latency,
            stopped: self.stopped.unwrap_or(false),
            identity: self.identity.unwrap_or_default().resolve(),
            faults: self.faults.clone(),
            faults_by_header: self.faults_by_header.unwrap_or(false),
            deployments,
        })
    }

    fn check_faults(
        &self,
        knows: impl Fn(&str) -> Result<(), ConfigError> + Copy,
    ) -> Vec<ConfigError> {
        let faults = self.faults.iter().enumerate();
        let checked = faults.flat_map(|(index, fault)| {
            let found = fault.check(knows).into_iter();
            found.map(move |error| error.under(["faults".to_owned(), index.to_string()]))
        });
        checked.collect()
    }

    /// The sections of all deployments with the path at which each stands.
    fn deployment_sections<'a>(
        &'a self,
        name: &str,
        shared: &'a Shared,
        errors: &mut Vec<ConfigError>,
    ) -> Vec<(&'a str, Place<'a>)> {
        match &self.deployments {
            DeploymentList::Table(table) => table
                .iter()
                .map(|(key, section)| (key.as_str(), Place::own(key, section)))
                .collect(),
            DeploymentList::Names(names) => names
                .iter()
                .enumerate()
                .filter_map(|(index, key)| {
                    let found = shared.get_key_value(key);
                    if found.is_none() {
                        errors.push(undefined(name, index, key, shared));
                    }
                    found.map(|(key, section)| (key.as_str(), Place::shared(key, section)))
                })
                .collect(),
        }
    }
}

/// A deployment section and where it stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    root: &'static str,
    key: &'a str,
    section: &'a DeploymentSection,
}

impl<'a> Place<'a> {
    fn own(key: &'a str, section: &'a DeploymentSection) -> Self {
        let root = "deployments";
        Self { root, key, section }
    }

    fn shared(key: &'a str, section: &'a DeploymentSection) -> Self {
        let root = SHARED;
        Self { root, key, section }
    }

    fn error(&self, field: &str, message: impl Into<String>) -> ConfigError {
        ConfigError::new([field], message).under([self.root, self.key])
    }
}

fn no_deployments(name: &str) -> ConfigError {
    ConfigError::new(
        ["deployments"],
        format!("expected at least one deployment in simulator `{name}`"),
    )
    .with_help(
        "deployments = { gpt-4o = { model = \"gpt-4o\" } }, or allow_undefined_deployments = true",
    )
}

fn undefined(name: &str, index: usize, key: &str, shared: &Shared) -> ConfigError {
    let message = format!("simulator `{name}` names an undefined deployment `{key}`");
    ConfigError::new(["deployments".to_owned(), index.to_string()], message)
        .with_help(known("[deployments.NAME]", shared.keys()))
}

fn known<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => format!("no {what} is defined"),
        _ => format!("defined by {what} are {}", names.join(", ")),
    }
}

fn stranger(simulator: &str, deployment: &str) -> ConfigError {
    let message = format!("simulator `{simulator}` has no deployment `{deployment}`");
    ConfigError::new(["deployment"], message)
}

/// Tokens tell their end in whole seconds.
fn token_lifetime(identity: IdentitySection) -> Option<ConfigError> {
    let found = identity.token_lifetime?;
    (found.get() < Duration::from_secs(1)).then(|| {
        let message = format!("expected a token to live for a second or longer, found `{found}`");
        ConfigError::new(["identity", "token_lifetime"], message)
    })
}

fn operation_latencies(
    sections: Option<&OperationLatencySections>,
    errors: &mut Vec<ConfigError>,
) -> OperationLatencies {
    let Some(sections) = sections else {
        return OperationLatencies::default();
    };
    let mut resolve = |operation: &str, section: &Option<LatencySection>| {
        let Some(section) = section else {
            return Latency::ZERO;
        };
        section.resolve().unwrap_or_else(|error| {
            errors.push(error.under(["latency", operation]));
            Latency::ZERO
        })
    };
    OperationLatencies {
        chat_completions: resolve("chat_completions", &sections.chat_completions),
        completions: resolve("completions", &sections.completions),
        embeddings: resolve("embeddings", &sections.embeddings),
    }
}

fn deployments(
    sections: &[(&str, Place<'_>)],
    shared: &Shared,
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<String, Deployment> {
    let mut resolved = BTreeMap::new();
    for &(name, place) in sections {
        let outcome = inherit(place, shared)
            .map_err(|error| vec![error])
            .and_then(|section| deployment(place, &section));
        match outcome {
            Ok(deployment) => {
                resolved.insert(name.to_owned(), deployment);
            }
            // Two deployments may share the mistaken table: say it once.
            Err(found) => {
                for error in found {
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
            }
        }
    }
    resolved
}

/// Follows `like` until a table that inherits nothing.
fn inherit(place: Place<'_>, shared: &Shared) -> Result<DeploymentSection, ConfigError> {
    let mut section = place.section.clone();
    let mut visited = Vec::new();
    let mut from = place;
    while let Some(like) = section.like.take() {
        let Some((key, base)) = shared.get_key_value(&like) else {
            let message = format!("expected the name of a shared deployment, found `{like}`");
            let help = known("[deployments.NAME]", shared.keys());
            return Err(from.error("like", message).with_help(help));
        };
        let is_itself = from.root == SHARED && from.key == key;
        if is_itself || visited.contains(&key) {
            let message = format!("`{like}` is like itself through `{}`", from.key);
            return Err(from.error("like", message));
        }
        visited.push(key);
        section = section.or(base);
        from = Place::shared(key, base);
    }
    Ok(section)
}

fn deployment(
    place: Place<'_>,
    section: &DeploymentSection,
) -> Result<Deployment, Vec<ConfigError>> {
    let model = model(place, section);
    let limiter = limits::limiter(place, section, model.as_ref().ok().copied());
    let latency = latency(place, section);
    let embedding_size = embedding_size(place, section);
    let headers = match &limiter {
        Ok(limiter) => limits::rate_limit_headers(place, section, limiter),
        // There is a mistake already.
        Err(_) => Ok(Vec::new()),
    };
    match (model, limiter, latency, embedding_size, headers) {
        (Ok(model), Ok(limiter), Ok(latency), Ok(embedding_size), Ok(headers)) => Ok(Deployment {
            model,
            context_tokens: section.context_tokens.unwrap_or(
                NonZeroU32::new(model.context_tokens).expect("the table has no zero window"),
            ),
            estimate: section
                .estimate
                .unwrap_or_else(|| Estimate::default_of(limiter.kind())),
            spillover: section.spillover.clone(),
            refusal_text: section
                .refusal_text
                .unwrap_or_else(|| limiter.kind().refusal_text()),
            limiter,
            rate_limit_headers: headers,
            retry_after: section.retry_after,
            latency,
            concurrency: section.concurrency,
            prompt_caching: section.prompt_caching,
            embedding_size: embedding_size.unwrap_or_else(|| default_embedding_size(model)),
            tool_calls: section.tool_calls.unwrap_or_default(),
            content: section.content.clone().unwrap_or_default(),
            answer_tokens: section.answer_tokens,
            reasoning_tokens: section.reasoning_tokens,
        }),
        (model, limiter, latency, embedding_size, headers) => Err([
            model.err(),
            limiter.err(),
            latency.err(),
            embedding_size.err(),
            headers.err(),
        ]
        .into_iter()
        .flatten()
        .collect()),
    }
}

fn model(place: Place<'_>, section: &DeploymentSection) -> Result<&'static Model, ConfigError> {
    let list = || {
        let names: Vec<_> = Model::names().collect();
        format!("known models are {}", names.join(", "))
    };
    let Some(name) = &section.model else {
        let missing = format!("expected a `model` for deployment `{}`", place.key);
        return Err(place.error("model", missing).with_help(list()));
    };
    Model::find(name).ok_or_else(|| {
        let message = format!("expected a known model, found `{name}`");
        place.error("model", message).with_help(list())
    })
}

fn latency(place: Place<'_>, section: &DeploymentSection) -> Result<Option<Latency>, ConfigError> {
    let resolved = section.latency.as_ref().map(LatencySection::resolve);
    resolved
        .transpose()
        .map_err(|error| error.under([place.root, place.key, "latency"]))
}

fn embedding_size(
    place: Place<'_>,
    section: &DeploymentSection,
) -> Result<Option<NonZeroU32>, ConfigError> {
    match section.embedding_size {
        Some(size) if size.get() > LARGEST_EMBEDDING => Err(place.error(
            "embedding_size",
            format!("expected at most {LARGEST_EMBEDDING} numbers, found `{size}`"),
        )),
        size => Ok(size),
    }
}

fn default_embedding_size(model: &Model) -> NonZeroU32 {
    let size = match model.kind {
        Kind::Embeddings { size, .. } => size,
        // Never used; the size of ada-002 as in microsoft/aoai-api-simulator.
        Kind::Chat | Kind::ChatAndCompletions | Kind::Completions | Kind::Audio => 1_536,
    };
    NonZeroU32::new(size).expect("the table has no empty embedding")
}
