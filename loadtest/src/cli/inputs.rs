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
/// A path is a file, `FILE#variant`, or a folder, whose scenario files are found at any depth.
pub(super) fn load(paths: &[PathBuf], changes: &Changes) -> Result<Vec<Input>, Unusable> {
    let options = changes.options()?;
    let mut inputs = Vec::new();
    let mut wrong: Vec<String> = Vec::new();
    for (file, variant) in files(paths)? {
        let options = Options {
            variant,
            ..options.clone()
        };
        match load_file(&file, &options) {
            Ok(more) => inputs.extend(more),
            Err(errors) => wrong.push(errors.to_string()),
        }
    }
    if !wrong.is_empty() {
        return Err(Unusable(wrong.join("\n\n")));
    }
    if inputs.is_empty() {
        return Err(Unusable("error: no scenario file there".to_owned()));
    }
    if changes.trace.is_some() && !inputs.iter().any(|input| input.plan.replays_a_trace()) {
        return Err(Unusable(
            "error: --trace is given, but nothing here replays a trace".to_owned(),
        ));
    }
    notice_dropped_speeds(&inputs, &options);
    Ok(inputs)
}

fn load_file(file: &Path, options: &Options) -> Result<Vec<Input>, ScenarioErrors> {
    let plans = scenario::load(file, options)?;
    let own = scenario::load(
        file,
        &Options {
            gateway: None,
            ..options.clone()
        },
    )?;
    let inputs = plans.into_iter().zip(own).map(|(plan, own)| Input {
        file: file.to_owned(),
        variant: plan
            .name
            .split_once('#')
            .map_or(String::new(), |(_, variant)| variant.to_owned()),
        plan,
        own,
    });
    Ok(inputs.collect())
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
fn files(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Option<String>)>, Unusable> {
    let mut files: Vec<(PathBuf, Option<String>)> = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        if path.is_dir() {
            files.extend(below(path)?.into_iter().map(|file| (file, None)));
        } else if path.is_file() {
            files.push((path.clone(), None));
        } else if let Some((file, variant)) = text
            .rsplit_once('#')
            .filter(|(file, _)| Path::new(file).is_file())
        {
            files.push((PathBuf::from(file), Some(variant.to_owned())));
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
