//! A small scenario, and what it becomes when something is added or said on the command line.

use std::path::PathBuf;

use loadtest::plan::{Class, Plan};
use loadtest::scenario::{self, Options};
use tempfile::TempDir;

/// A scenario without its gates, to which tests add.
const BASE: &str = r#"
format = 1
about  = "Two backends take turns."
seed   = 7
speed  = 10

[simulators]
payg-1 = { deployments = ["chat"] }
payg-2 = { deployments = ["chat"], api_keys = ["own-key"], seed = 99 }

[deployments.chat]
model             = "gpt-3.5-turbo"
tokens_per_minute = 100_000
latency           = { per_token = "10ms" }

[gateway]
preset = "load-balancing/simple"

[clients.user]
operation  = "chat_completions"
deployment = "chat"
max_tokens = 10
think_time = "1s"

[gates]
RR-1 = "requests{status!=200} == 0"
"#;

/// Phases for tests that are about something else.
pub(crate) const STEADY: &str = r#"
[phases]
play = [{ name = "steady", run_for = "60s", users = { user = 2 } }]
"#;

/// A scenario file in a folder of its own, and what the command line says beside it.
pub(crate) struct File {
    folder: TempDir,
    pub(crate) options: Options,
}

/// The small scenario with `more` at its end.
pub(crate) fn scenario(more: &str) -> File {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("turns.toml"), format!("{BASE}{more}")).unwrap();
    File {
        folder,
        options: Options::default(),
    }
}

impl File {
    /// With `--set path=value`.
    pub(crate) fn set(mut self, path: &str, value: &str) -> Self {
        self.options
            .overrides
            .push((path.to_owned(), value.to_owned()));
        self
    }

    /// With another file beside it; gives its path.
    pub(crate) fn beside(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// All its plans, or everything that is wrong with it.
    pub(crate) fn load(&self) -> Result<Vec<Plan>, String> {
        let folder = self.folder.path().display().to_string();
        scenario::load(&self.folder.path().join("turns.toml"), &self.options)
            .map_err(|errors| errors.to_string().replace(&folder, "[FOLDER]"))
    }

    /// The plan of the file as it stands.
    pub(crate) fn plan(&self) -> Plan {
        match self.load() {
            Ok(mut plans) => plans.remove(0),
            Err(errors) => panic!("{errors}"),
        }
    }

    /// What is wrong with it.
    pub(crate) fn errors(&self) -> String {
        self.load().map(|plans| plans.len()).unwrap_err()
    }
}

/// The class of this name.
pub(crate) fn class<'p>(plan: &'p Plan, name: &str) -> &'p Class {
    plan.class(name).expect("the plan has the class")
}
