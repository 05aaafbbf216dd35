//! The command line and the environment; nothing else reads either.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;

use anyhow::{Context, anyhow, bail};
use clap::{ArgAction, Parser};
use clock::{Clock, Speed};
use futures::future::{self, Either, FutureExt};
use simulator::config::{File, SimulatorSection};
use simulator::{Simulator, SimulatorConfig, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A faithful Azure OpenAI / OpenAI on this machine.
///
/// Without a configuration it serves the deployments of microsoft/aoai-api-simulator, and any
/// other name without limits.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Configuration: one or more [simulators.NAME], and [deployments.NAME] they share
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Configuration in the JSON format of microsoft/aoai-api-simulator
    #[arg(long, value_name = "FILE", env = "OPENAI_DEPLOYMENT_CONFIG_PATH")]
    reference: Option<PathBuf>,

    /// Address to listen on, for simulators that state none
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,

    /// Port of the first simulator that states none; others follow
    #[arg(long, default_value_t = 8000)]
    port: u16,

    /// Simulated seconds per second
    #[arg(long, default_value_t = Speed::REAL_TIME)]
    speed: Speed,

    /// Key that is accepted by simulators that state none; without one any key is
    #[arg(
        long,
        value_name = "KEY",
        env = "SIMULATOR_API_KEY",
        hide_env_values = true
    )]
    api_key: Option<String>,

    /// Whether unknown deployments are served, without limits
    #[arg(
        long,
        value_name = "BOOL",
        env = "ALLOW_UNDEFINED_OPENAI_DEPLOYMENTS",
        value_parser = parse_bool,
        action = ArgAction::Set
    )]
    allow_undefined_deployments: Option<bool>,

    /// What is logged to standard error, as `warn` or `simulator=debug`
    #[arg(long, default_value = "warn", env = "RUST_LOG")]
    log: String,
}

/// `True`, as Python writes it, is meant to work too.
fn parse_bool(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(format!("expected `true` or `false`, found `{text}`")),
    }
}

/// Simulators to run, by name, in the order of their ports.
type Configs = Vec<(String, SimulatorConfig)>;

/// A simulator and the address it is bound to.
struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    simulator: Simulator,
}

impl Arguments {
    /// Serves until a signal says to stop.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        self.start_log()?;
        let configs = self.configs()?;
        let addresses = self.addresses(&configs)?;
        // Everything is checked and bound before anything is served.
        let clock = Clock::real(self.speed, clock::now_utc());
        let mut bound = Vec::new();
        for ((name, config), address) in configs.into_iter().zip(addresses) {
            bound.push(bind(&name, config, address, &clock)?);
        }
        announce(&bound, self.speed)?;
        let (stop, stopped) = watch::channel(());
        let servers = bound.into_iter().map(|bound| {
            let mut stopped = stopped.clone();
            // Both a message and a sender that is gone mean to stop.
            let shutdown = async move { drop(stopped.changed().await) };
            serve(bound.listener, bound.simulator, shutdown)
        });
        let servers = pin!(future::try_join_all(servers));
        let Either::Right((signalled, servers)) =
            future::select(servers, pin!(stop_signal())).await
        else {
            bail!("a listener closed by itself");
        };
        signalled?;
        stop.send_replace(());
        // Requests in flight are finished, unless a second signal says not to.
        match future::select(servers, pin!(stop_signal())).await {
            Either::Left((served, _)) => Ok(served.map(drop)?),
            Either::Right((signalled, _)) => signalled,
        }
    }

    fn start_log(&self) -> anyhow::Result<()> {
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log)
            .with_context(|| format!("--log `{}`", self.log))?;
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
        Ok(())
    }

    /// The simulators to run, by name, with what the command line says of all of them.
    fn configs(&self) -> anyhow::Result<Configs> {
        let mut configs = match (&self.config, &self.reference) {
            (Some(path), _) => {
                let text = read(path)?;
                File::resolve(&path.display().to_string(), &text)
                    .map_err(|found| anyhow!("cannot use {}\n{found}", path.display()))?
            }
            (None, Some(path)) => {
                let section = SimulatorSection::from_reference(&read(path)?);
                one(&section.with_context(|| path.display().to_string())?)?
            }
            (None, None) => one(&SimulatorSection::reference_default())?,
        };
        for (_, config) in &mut configs {
            if let (Some(key), true) = (&self.api_key, config.api_keys.is_empty()) {
                config.api_keys.push(key.clone());
            }
            if let Some(allow) = self.allow_undefined_deployments {
                config.allow_undefined_deployments = allow;
            }
        }
        if self.api_key.as_deref() == Some("") {
            bail!("expected a key that is not empty for --api-key or SIMULATOR_API_KEY");
        }
        Ok(configs)
    }

    /// Where each simulator listens: its own address, or the next port from `--port`.
    fn addresses(&self, configs: &Configs) -> anyhow::Result<Vec<SocketAddr>> {
        let mut next = self.port;
        let mut addresses = Vec::new();
        for (name, config) in configs {
            let address = config.listen.unwrap_or_else(|| {
                let address = SocketAddr::new(self.host, next);
                // Port 0 is any free port, for each of them.
                next = if next == 0 { 0 } else { next.saturating_add(1) };
                address
            });
            if config.api_keys.is_empty() && !address.ip().is_loopback() {
                bail!(
                    "simulator `{name}` would accept any key on {address}, which others can reach\n  \
                     help: set SIMULATOR_API_KEY or `api_keys`, or listen on 127.0.0.1"
                );
            }
            addresses.push(address);
        }
        Ok(addresses)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A simulator without a file of its own.
fn one(section: &SimulatorSection) -> anyhow::Result<Configs> {
    const NAME: &str = "simulator";
    match section.resolve(NAME, &BTreeMap::new()) {
        Ok(config) => Ok(vec![(NAME.to_owned(), config)]),
        Err(errors) => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            bail!("{}", errors.join("\n"))
        }
    }
}

fn bind(
    name: &str,
    config: SimulatorConfig,
    address: SocketAddr,
    clock: &Clock,
) -> anyhow::Result<Bound> {
    let listener = simulator::listen(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!("address {address} is in use"),
        _ => anyhow!("cannot listen on {address}: {error}"),
    })?;
    Ok(Bound {
        address: listener.local_addr()?,
        listener,
        simulator: Simulator::new(name, config, clock.clone()),
    })
}

/// Says where each simulator listens, one line each.
fn announce(bound: &[Bound], speed: Speed) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for Bound {
        address, simulator, ..
    } in bound
    {
        writeln!(out, "{} listens on http://{address}", simulator.name())?;
    }
    let is_open = |bound: &Bound| bound.simulator.accepts_any_key();
    if bound.iter().any(is_open) {
        writeln!(
            out,
            "no key is configured: any key that is not empty is accepted"
        )?;
    }
    if speed != Speed::REAL_TIME {
        writeln!(out, "time runs at speed {speed}")?;
    }
    Ok(out.flush()?)
}

/// Resolves at the first SIGINT or SIGTERM.
async fn stop_signal() -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (interrupt, terminate) = (interrupt.recv().boxed(), terminate.recv().boxed());
    future::select(interrupt, terminate).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::parse_from(std::iter::once("aoai-simulator").chain(line.split_whitespace()))
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    const TWO: &str = r#"
        [simulators.a]
        deployments = ["x"]
        [simulators.b]
        deployments = ["x"]
        api_keys = ["own"]
        [deployments.x]
        model = "gpt-4o"
    "#;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn simulators_get_consecutive_ports() {
        let file = file(TWO);
        let arguments = arguments(&format!("--port 9000 --config {}", file.path().display()));
        let addresses = arguments.addresses(&arguments.configs().unwrap()).unwrap();
        let ports: Vec<_> = addresses.iter().map(SocketAddr::port).collect();
        assert_eq!(ports, [9_000, 9_001]);
    }

    #[test]
    fn a_key_from_outside_is_for_simulators_without_one() {
        let file = file(TWO);
        let arguments = arguments(&format!("--api-key k --config {}", file.path().display()));
        let configs = arguments.configs().unwrap();
        assert_eq!(configs[0].1.api_keys, ["k"]);
        assert_eq!(configs[1].1.api_keys, ["own"]);
    }

    #[test]
    fn without_a_configuration_unknown_deployments_are_served() {
        let configs = arguments("").configs().unwrap();
        assert!(configs[0].1.allow_undefined_deployments);
        let configs = arguments("--allow-undefined-deployments False")
            .configs()
            .unwrap();
        assert!(!configs[0].1.allow_undefined_deployments);
    }

    #[test]
    fn without_a_key_only_this_machine_is_served() {
        let arguments = arguments("--host 0.0.0.0");
        let error = arguments
            .addresses(&arguments.configs().unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("simulator `simulator` would accept any key on 0.0.0.0:8000"),
            "{error}"
        );
    }

    #[test]
    fn mistakes_in_a_file_are_shown_with_their_lines() {
        let file = file("[simulators.a.deployments.x]\nmodel = \"gpt-9\"\n");
        let arguments = arguments(&format!("--config {}", file.path().display()));
        let error = arguments.configs().unwrap_err().to_string();
        assert!(
            error.contains(":2:9: expected a known model, found `gpt-9`\n"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let (_, config) = arguments("").configs().unwrap().remove(0);
        let clock = Clock::real(Speed::REAL_TIME, clock::DEFAULT_ANCHOR);
        let Err(error) = bind("a", config, address, &clock) else {
            panic!("expected the address to be taken");
        };
        assert_eq!(error.to_string(), format!("address {address} is in use"));
    }
}
