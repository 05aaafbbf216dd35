//! `new`: a scenario file to start from.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::inputs::Unusable;
use super::terminal;

/// Flags of `new`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file to write; it must not exist
    file: PathBuf,
    /// The scenario to copy: its name in --scenarios, or a file
    #[arg(long, value_name = "NAME", default_value = "load-balancing/simple")]
    from: String,
    /// Folder of the scenarios that have names
    #[arg(long, value_name = "DIR", default_value = "scenarios")]
    scenarios: PathBuf,
}

pub(super) fn execute(arguments: &Arguments) -> u8 {
    match write(arguments) {
        Ok(()) => {
            let file = arguments.file.display();
            terminal::tell(format_args!(
                "wrote {file}\nnext: change `about`, then aoai-loadtest check {file}"
            ));
            0
        }
        Err(error) => {
            terminal::tell(format_args!("error: {error:#}"));
            2
        }
    }
}

fn write(arguments: &Arguments) -> anyhow::Result<()> {
    let source = source(&arguments.from, &arguments.scenarios)?;
    let text = std::fs::read_to_string(&source)
        .with_context(|| format!("cannot read {}", source.display()))?;
    let text = text.replacen(
        "../scenario.schema.json",
        &schema_path(&arguments.file, &arguments.scenarios),
        1,
    );
    if let Some(folder) = arguments
        .file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&arguments.file);
    let mut file = file.with_context(|| format!("cannot write {}", arguments.file.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", arguments.file.display()))
}

fn source(from: &str, scenarios: &Path) -> anyhow::Result<PathBuf> {
    let named = scenarios.join(format!("{from}.toml"));
    [named, PathBuf::from(from)]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            Unusable(format!(
                "there is no scenario `{from}`; aoai-loadtest list names them"
            ))
            .into()
        })
}

/// Where the new file finds the schema for editors: beside the scenarios.
fn schema_path(file: &Path, scenarios: &Path) -> String {
    let is_beside = file.parent().and_then(Path::parent) == Some(scenarios);
    if is_beside {
        "../scenario.schema.json".to_owned()
    } else {
        scenarios.join("scenario.schema.json").display().to_string()
    }
}
