//! [`StartedGateway`]: a gateway that a profile's command starts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::Profile;

/// How long a gateway may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often readiness is asked for.
const READY_EVERY: Duration = Duration::from_millis(20);

/// A gateway's process; it is ended when this value is dropped.
#[derive(Debug)]
pub(super) struct StartedGateway {
    process: Child,
    directory: TempDir,
}

impl StartedGateway {
    /// Starts the profile's command before the simulators at `backends` (host and port by name).
    pub(super) fn start(
        profile: &Profile,
        port: u16,
        backends: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let directory =
            TempDir::new().context("cannot make a directory for the gateway's files")?;
        let places = Places {
            port,
            directory: directory.path(),
            backends,
        };
        for (name, text) in &profile.files {
            let path = directory.path().join(name);
            std::fs::write(&path, places.fill(text))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let words: Vec<String> = profile
            .command
            .iter()
            .map(|word| places.fill(word))
            .collect();
        let (program, arguments) = words
            .split_first()
            .context("the gateway's command is empty")?;
        let process = Command::new(program)
            .args(arguments)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the gateway's command `{program}`"))?;
        Ok(Self { process, directory })
    }

    /// Whether the process has ended already, with what it said.
    pub(super) async fn ended(&mut self) -> Option<String> {
        let status = self.process.try_wait().ok().flatten()?;
        let mut said = String::new();
        if let Some(stderr) = self.process.stderr.as_mut() {
            // What it said is help only; that it ended is the finding.
            let _ = tokio::io::AsyncReadExt::read_to_string(stderr, &mut said).await;
        }
        Some(format!(
            "the gateway's command ended with {status}: {}",
            said.trim()
        ))
    }

    /// Ends the process: first as a service manager would, then for good.
    pub(super) async fn stop(mut self) {
        if let Some(pid) = self
            .process
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(rustix::process::Pid::from_raw)
        {
            // A process that is gone already needs no signal.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let clock = clock::Clock::system();
        let patience = clock.now() + Duration::from_secs(3);
        if clock
            .timeout_at(patience, self.process.wait())
            .await
            .is_err()
        {
            // Dropping it kills it too; the error would only say that it is gone.
            let _ = self.process.kill().await;
        }
        drop(self.directory);
    }
}

/// Waits until the gateway at `url` is ready, as its profile says.
pub(super) async fn ready(
    profile: &Profile,
    url: &str,
    mut started: Option<&mut StartedGateway>,
) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(1))
        .build()?;
    let clock = clock::Clock::system();
    let patience = clock.now() + READY_WITHIN;
    let path = profile.ready.as_deref().unwrap_or("/");
    while clock.now() < patience {
        let answer = client.get(format!("{url}{path}")).send().await;
        let is_ready = match &answer {
            Ok(response) => profile.ready.is_none() || response.status().as_u16() < 500,
            Err(_) => false,
        };
        if is_ready {
            return Ok(());
        }
        if let Some(started) = started.as_deref_mut()
            && let Some(why) = started.ended().await
        {
            bail!(why);
        }
        clock.sleep_until(clock.now() + READY_EVERY).await;
    }
    bail!(
        "the gateway {} was not ready at {url}{path} within {} s",
        profile.name,
        READY_WITHIN.as_secs()
    )
}

/// What the places in a profile's texts stand for.
struct Places<'a> {
    port: u16,
    directory: &'a Path,
    backends: &'a BTreeMap<String, String>,
}

impl Places<'_> {
    /// Fills in `{port}`, `{dir}` and `{NAME}`; any other brace stays as it is.
    fn fill(&self, text: &str) -> String {
        let mut filled = text
            .replace("{port}", &self.port.to_string())
            .replace("{dir}", &self.directory.display().to_string());
        for (name, address) in self.backends {
            filled = filled.replace(&format!("{{{name}}}"), address);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_places_are_filled_in() {
        let backends = BTreeMap::from([("payg-1".to_owned(), "127.0.0.1:9001".to_owned())]);
        let places = Places {
            port: 4000,
            directory: Path::new("/d"),
            backends: &backends,
        };
        let filled = places.fill("upstream u { server {payg-1}; } listen {port}; {dir}/x {other}");
        assert_eq!(
            filled,
            "upstream u { server 127.0.0.1:9001; } listen 4000; /d/x {other}"
        );
    }
}
