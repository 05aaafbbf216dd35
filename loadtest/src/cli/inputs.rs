//! What to run: the files of the arguments, loaded and checked whole before anything runs.

use std::path::{Path, PathBuf};

use clap::Args;
use clock::Speed;

use super::terminal;
use crate::plan::Plan;
use crate::scenario::{self, Options, ScenarioErrors};
use crate::topology::Profile;

/// Flags that change what a scenario says.
#[derive(Args, Clone, Debug)]
pub(super) struct Changes {
    /// Simulated seconds per real second, instead of the file's
    #[arg(long, value_name = "N")]
    pub(super) speed: Option<Speed>,
    /// Seed of every random draw, instead of the file's
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Replace a value of the scenario: `gateway.preset=load-balancing/weighted`
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    pub(super) overrides: Vec<(String, String)>,
    /// Test this gateway instead of ours: its URL, or a profile file
    #[arg(long, value_name = "URL|PROFILE.toml")]
    pub(super) gateway: Option<String>,
    /// Replay this trace instead of the one that a phase names
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
}

/// A scenario of the arguments: its file, its variant and its plan.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) file: PathBuf,
    pub(super) variant: String,
    /// What will run.
    pub(super) plan: Plan,
    /// The same with our own gateway, for the dry run.
    pub(super) own: Plan,
}

/// The scenarios of the arguments.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// Those that this run's gateway and simulators can play.
    pub(super) playable: Vec<Input>,
    /// The others.
    pub(super) skipped: Vec<Skipped>,
}

/// A scenario that is right, and that somebody else's gateway or simulator cannot play.
#[derive(Debug)]
pub(super) struct Skipped {
    pub(super) plan: Plan,
    /// Why it cannot be played.
    pub(super) reason: String,
}

/// A scenario file of the arguments.
#[derive(Debug, Eq, PartialEq)]
struct Found {
    file: PathBuf,
    /// The variant that is asked for; none for all.
    variant: Option<String>,
    /// Whether it was asked for by name and not found in a folder.
    is_named: bool,
}

/// What is wrong with the arguments or the files, as it is to be printed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unusable(pub(super) String);

/// `path=value`.
fn assignment(text: &str) -> Result<(String, String), String> {
    let (path, value) = text
        .split_once('=')
        .ok_or("expected PATH=VALUE, such as seed=7")?;
    Ok((path.trim().to_owned(), value.trim().to_owned()))
}

impl Changes {
    /// The same for the scenario reader.
    pub(super) fn options(&self) -> Result<Options, Unusable> {
        let gateway = self
            .gateway
            .as_deref()
            .map(Profile::from_argument)
            .transpose();
        let gateway = gateway.map_err(|error| Unusable(format!("error: {error}")))?;
        let foreign_clock = gateway
            .as_ref()
            .is_some_and(|profile| !profile.follows_our_clock());
        if foreign_clock && self.speed.is_some_and(|speed| speed != Speed::REAL_TIME) {
            return Err(Unusable(
                "error: --speed cannot be given with a gateway that keeps its own time\n\
                 help: if it runs on our clock, write clock = \"ours\" into its profile"
                    .to_owned(),
            ));
        }
        Ok(Options {
            overrides: self.overrides.clone(),
            seed: self.seed,
            speed: if foreign_clock {
                Some(Speed::REAL_TIME)
            } else {
                self.speed
            },
            gateway,
            trace: self.trace.clone(),
            variant: None,
        })
    }
}

/// Every scenario of `paths`, or everything that is wrong with any of them.
///
/// A path is a file, `FILE#variant`, or a folder, whose scenario files are found at any depth. What
/// cannot be played is skipped, unless it is all that a file has which was asked for by name.
pub(super) fn load(paths: &[PathBuf], changes: &Changes) -> Result<Inputs, Unusable> {
    let options = changes.options()?;
    let mut inputs = Inputs::default();
    let mut wrong: Vec<String> = Vec::new();
    for found in files(paths)? {
        match load_file(&found, &options) {
            Ok(more) => {
                inputs.playable.extend(more.playable);
                inputs.skipped.extend(more.skipped);
            }
            Err(errors) => wrong.push(errors.to_string()),
        }
    }
    if !wrong.is_empty() {
        return Err(Unusable(wrong.join("\n\n")));
    }
    if inputs.playable.is_empty() && inputs.skipped.is_empty() {
        return Err(Unusable("error: no scenario file there".to_owned()));
    }
    let mut plans = inputs.playable.iter().map(|input| &input.plan);
    if changes.trace.is_some() && !plans.any(Plan::replays_a_trace) {
        return Err(Unusable(
            "error: --trace is given, but nothing here replays a trace".to_owned(),
        ));
    }
    notice_dropped_speeds(&inputs.playable, &options);
    Ok(inputs)
}

/// Each plan of a file: with our own gateway, which tells all mistakes, and as it is to be played.
fn load_file(found: &Found, options: &Options) -> Result<Inputs, ScenarioErrors> {
    let file = &found.file;
    let own = Options {
        variant: found.variant.clone(),
        gateway: None,
        ..options.clone()
    };
    let mut inputs = Inputs::default();
    let mut unplayable = None;
    for own in scenario::load(file, &own)? {
        let variant = own.name.split_once('#');
        let variant = variant.map_or(String::new(), |(_, variant)| variant.to_owned());
        match as_played(file, &own, &variant, options) {
            Ok(plan) => inputs.playable.push(Input {
                file: file.clone(),
                variant,
                plan,
                own,
            }),
            Err(errors) => match errors.unplayable() {
                Some(reason) => {
                    inputs.skipped.push(skipped(own, reason, options));
                    unplayable = Some(errors);
                }
                None => return Err(errors),
            },
        }
    }
    match unplayable {
        Some(errors) if found.is_named && inputs.playable.is_empty() => Err(errors),
        _ => Ok(inputs),
    }
}

/// The plan `own` with the gateway and the simulators that are to play it.
fn as_played(
    file: &Path,
    own: &Plan,
    variant: &str,
    options: &Options,
) -> Result<Plan, ScenarioErrors> {
    if options.gateway.is_none() {
        return Ok(own.clone());
    }
    let options = Options {
        variant: Some(variant.to_owned()),
        ..options.clone()
    };
    let plan = scenario::load(file, &options)?.pop();
    // The file that had this variant a moment ago has it still.
    Ok(plan.unwrap_or_else(|| own.clone()))
}

fn skipped(own: Plan, reason: &str, options: &Options) -> Skipped {
    let profile = options.gateway.clone();
    let gateway = own.gateway.clone().zip(profile);
    Skipped {
        reason: reason.to_owned(),
        plan: Plan {
            gateway: gateway.map(|(gateway, profile)| gateway.replaced_by(profile)),
            ..own
        },
    }
}

/// A speed in a file is dropped where somebody else's clock rules, and that is said.
fn notice_dropped_speeds(inputs: &[Input], options: &Options) {
    let Some(profile) = options
        .gateway
        .as_ref()
        .filter(|profile| !profile.follows_our_clock())
    else {
        return;
    };
    let mut dropped: Vec<&str> = Vec::new();
    for input in inputs {
        let written = scenario::load(&input.file, &Options::default());
        if written.is_ok_and(|plans| plans.iter().any(|plan| plan.speed != Speed::REAL_TIME)) {
            dropped.push(&input.plan.name);
        }
    }
    if !dropped.is_empty() {
        terminal::tell(format_args!(
            "notice: {} keeps its own time: running at speed 1 instead of the files' speed ({})",
            profile.name,
            dropped.join(", ")
        ));
    }
}

/// The files of `paths` with the variant that is asked for, in order, each once.
fn files(paths: &[PathBuf]) -> Result<Vec<Found>, Unusable> {
    let named = |file: &Path, variant: Option<&str>| Found {
        file: file.to_owned(),
        variant: variant.map(str::to_owned),
        is_named: true,
    };
    let mut files: Vec<Found> = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        if path.is_dir() {
            files.extend(below(path)?.into_iter().map(|file| Found {
                is_named: false,
                ..named(&file, None)
            }));
        } else if path.is_file() {
            files.push(named(path, None));
        } else if let Some((file, variant)) = text
            .rsplit_once('#')
            .filter(|(file, _)| Path::new(file).is_file())
        {
            files.push(named(Path::new(file), Some(variant)));
        } else {
            return Err(Unusable(format!(
                "error: there is no scenario file or folder {text}"
            )));
        }
    }
    files.dedup();
    Ok(files)
}

/// Scenario files below `folder`, by name.
fn below(folder: &Path) -> Result<Vec<PathBuf>, Unusable> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Unusable(format!("error: cannot read {}: {error}", folder.display())))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(below(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    Ok(files)
}
