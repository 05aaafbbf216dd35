//! [`RemoteSimulator`]: a simulator of ours in another process, through its admin API.

use std::time::Duration;

use anyhow::{Context, bail};
use clock::{Clock, Moment};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LedgerEntry, SimulatorConfig};

/// Long enough for a busy machine, short enough that a dead address is noticed.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// A running simulator elsewhere.
#[derive(Clone, Debug)]
pub(super) struct RemoteSimulator {
    url: String,
    key: Option<String>,
    client: reqwest::Client,
    /// Number of the first ledger entry of this run.
    first: u64,
}

/// The simulator's answer to `GET /++/clock`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct RemoteClock {
    now: Moment,
    speed: f64,
}

impl RemoteSimulator {
    /// Connects to the simulator at `url` and sets it up as `config` says.
    pub(super) async fn set_up(
        url: &str,
        key: Option<&str>,
        config: &SimulatorConfig,
        clock: &Clock,
    ) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ADMIN_TIMEOUT)
            .build()?;
        let mut remote = Self {
            url: url.trim_end_matches('/').to_owned(),
            key: key.map(str::to_owned),
            client,
            first: 0,
        };
        remote.check_speed(clock).await?;
        remote.post("/++/reset").await?;
        let running = remote.get("/++/config").await?;
        let running = serde_json::from_str(&running)
            .with_context(|| format!("the configuration of {} is not as expected", remote.url))?;
        let patch = set_up_patch(&running, serde_json::to_value(config)?);
        remote.patch(&patch).await?;
        remote.first = remote
            .ledger_from(0)
            .await?
            .last()
            .map_or(0, |entry| entry.number + 1);
        Ok(remote)
    }

    /// Lays `patch` over the running configuration.
    pub(super) async fn patch(&self, patch: &Value) -> anyhow::Result<()> {
        let request = self
            .client
            .patch(format!("{}/++/config", self.url))
            .body(patch.to_string());
        self.send(request.header("content-type", "application/json"))
            .await?;
        Ok(())
    }

    /// The ledger of this run, its moments on our clock.
    pub(super) async fn ledger(&self, clock: &Clock) -> anyhow::Result<Vec<LedgerEntry>> {
        let before = clock.now();
        let theirs = self.clock().await?.now;
        let ours = before + clock.now().since(before) / 2;
        let mut entries = self.ledger_from(self.first).await?;
        for entry in &mut entries {
            entry.arrived = aligned(entry.arrived, theirs, ours);
            entry.admitted = entry.admitted.map(|at| aligned(at, theirs, ours));
            entry.first_byte = entry.first_byte.map(|at| aligned(at, theirs, ours));
            entry.ended = entry.ended.map(|at| aligned(at, theirs, ours));
            entry.number -= self.first;
        }
        Ok(entries)
    }

    async fn ledger_from(&self, number: u64) -> anyhow::Result<Vec<LedgerEntry>> {
        let text = self.get(&format!("/++/ledger?since={number}")).await?;
        let entries = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>();
        entries.with_context(|| format!("the ledger of {} is not as expected", self.url))
    }

    async fn clock(&self) -> anyhow::Result<RemoteClock> {
        let text = self.get("/++/clock").await?;
        serde_json::from_str(&text)
            .with_context(|| format!("the clock of {} is not as expected", self.url))
    }

    async fn check_speed(&self, clock: &Clock) -> anyhow::Result<()> {
        let (theirs, ours) = (self.clock().await?.speed, clock.speed().as_f64());
        if (theirs - ours).abs() > f64::EPSILON {
            bail!(
                "the simulator at {} runs at speed {theirs}, this run at {ours}: start it with --speed {ours}",
                self.url
            );
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> anyhow::Result<String> {
        self.send(self.client.get(format!("{}{path}", self.url)))
            .await
    }

    async fn post(&self, path: &str) -> anyhow::Result<()> {
        self.send(self.client.post(format!("{}{path}", self.url)))
            .await?;
        Ok(())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<String> {
        let request = match &self.key {
            Some(key) => request.header("api-key", key),
            None => request,
        };
        let response = request
            .send()
            .await
            .with_context(|| format!("no simulator answers at {}", self.url))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            bail!("the simulator at {} answered {status}: {text}", self.url);
        }
        Ok(text)
    }
}

/// The merge patch that turns the `running` configuration into `wanted`.
///
/// A patch adds to what it does not name: deployments of before would stay, and a latency per
/// token beside one per request is refused. Address and keys are whose who started the simulator.
fn set_up_patch(running: &Value, mut wanted: Value) -> Value {
    if let Value::Object(wanted) = &mut wanted {
        wanted.retain(|key, _| key != "listen" && key != "api_keys");
        for section in ["latency", "deployments"] {
            if let (Some(running), Some(wanted)) = (running.get(section), wanted.get_mut(section)) {
                *wanted = replacing(running, wanted);
            }
        }
    }
    wanted
}

/// The merge patch that leaves nothing of `running` that is not `wanted`.
fn replacing(running: &Value, wanted: &Value) -> Value {
    let (Value::Object(running), Value::Object(wanted)) = (running, wanted) else {
        return wanted.clone();
    };
    let gone = running
        .keys()
        // The reference's names stand for what is here under our own.
        .filter(|key| !wanted.contains_key(*key) && !key.starts_with("open_ai_"))
        .map(|key| (key.clone(), Value::Null));
    let stay = wanted.iter().map(|(key, value)| {
        let patch = match running.get(key) {
            Some(running) => replacing(running, value),
            None => value.clone(),
        };
        (key.clone(), patch)
    });
    Value::Object(gone.chain(stay).collect::<Map<_, _>>())
}

/// A moment of their clock on ours, given one moment of both.
fn aligned(moment: Moment, theirs: Moment, ours: Moment) -> Moment {
    if moment >= theirs {
        ours + moment.since(theirs)
    } else {
        ours - theirs.since(moment)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_the_configuration_before_stays() {
        let running = json!({
            "region": "East US",
            "latency": {
                "completions": { "per_token": { "normal": { "mean": "15ms", "std_dev": "2ms" } } },
                "open_ai_completions": { "mean": 15.0, "std_dev": 2.0 },
            },
            "deployments": { "old": { "model": "gpt-4o" } },
        });
        let wanted = json!({
            "listen": "127.0.0.1:9000",
            "api_keys": ["key"],
            "region": "Sweden Central",
            "latency": { "completions": { "per_request": "0s" } },
            "deployments": { "new": { "model": "gpt-4o" } },
        });
        let patch = json!({
            "region": "Sweden Central",
            "latency": { "completions": { "per_token": null, "per_request": "0s" } },
            "deployments": { "old": null, "new": { "model": "gpt-4o" } },
        });
        assert_eq!(set_up_patch(&running, wanted), patch);
    }

    #[test]
    fn moments_keep_their_distance_when_they_change_clocks() {
        let at = Moment::from_micros;
        assert_eq!(aligned(at(900), at(1_000), at(250)), at(150));
        assert_eq!(aligned(at(1_100), at(1_000), at(250)), at(350));
    }
}
