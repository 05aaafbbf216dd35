//! Flags, and the configuration they add up to: the only reader of the command line.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use clock::Speed;
use gateway_under_test::bill::{Bill, By, Format, Per, Prices};
use gateway_under_test::config::Diagnostic;
use gateway_under_test::{ConfigError, GatewayConfig, preset};
use tracing_subscriber::EnvFilter;

/// The smallest gateway that has the behaviours we test gateways for.
#[derive(Debug, Parser)]
#[command(
    name = "aoai-gateway",
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", required_unless_present = "preset")]
    config: Option<PathBuf>,

    /// Shipped configuration, see `preset list`; its backends are given by --backend
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    preset: Option<String>,

    /// Url of a backend, once for each
    #[arg(long = "backend", value_name = "NAME=URL", value_parser = pair)]
    backends: Vec<(String, String)>,

    /// Credential of a backend, sent to it as `api-key`
    #[arg(long = "backend-key", value_name = "NAME=KEY", value_parser = pair)]
    backend_keys: Vec<(String, String)>,

    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4000)]
    port: u16,

    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// Simulated seconds per second: waits and timeouts pass that much faster
    #[arg(long, default_value_t)]
    pub(crate) speed: Speed,

    /// Writes one JSON line per request to this file, replacing what was in it
    #[arg(long, value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shipped configurations
    Preset {
        #[command(subcommand)]
        command: PresetCommand,
    },
    /// Sums up who used how much, and what it cost
    Usage(UsageArgs),
}

#[derive(Args, Debug)]
pub(crate) struct UsageArgs {
    /// Usage events as JSON lines, as a sink writes them; `-` reads standard input
    file: PathBuf,

    /// What rows are told apart by, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "subscription")]
    by: Vec<By>,

    /// A row for each such stretch of time, in UTC; otherwise one for all of it
    #[arg(long)]
    per: Option<Per>,

    /// What a million tokens cost, by model (TOML)
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,

    /// How it is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PresetCommand {
    /// Prints the name of each
    List,
    /// Prints one, as a start for a configuration file
    Show {
        /// Its name
        name: String,
    },
}

/// A configuration that cannot run, with all its mistakes.
#[derive(Debug)]
pub(crate) struct InvalidConfig(Vec<Diagnostic>);

impl Cli {
    pub(crate) fn address(&self) -> SocketAddr {
        (self.host, self.port).into()
    }

    /// The configuration asked for, complete and valid.
    ///
    /// # Errors
    /// [`InvalidConfig`] with every mistake; otherwise what could not be read.
    pub(crate) fn config(&self) -> anyhow::Result<GatewayConfig> {
        let (name, text) = self.source()?;
        let mut config = GatewayConfig::parse(&name, &text).map_err(InvalidConfig)?;
        let mut errors = self.fill_in(&mut config);
        errors.extend(config.validate());
        if !errors.is_empty() {
            bail!(InvalidConfig(GatewayConfig::locate(&name, &text, &errors)));
        }
        Ok(config)
    }

    /// The mistakes `errors` of the configuration, which only its use has shown, in their places.
    pub(crate) fn located(&self, errors: &[ConfigError]) -> anyhow::Error {
        match self.source() {
            Ok((name, text)) => InvalidConfig(GatewayConfig::locate(&name, &text, errors)).into(),
            Err(error) => error,
        }
    }

    /// The text of the configuration, and what to call it.
    fn source(&self) -> anyhow::Result<(String, String)> {
        if let Some(path) = &self.config {
            let name = path.display().to_string();
            let text = fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
            return Ok((name, text));
        }
        let name = self.preset.as_deref().unwrap_or_default();
        Ok((format!("preset {name}"), preset_text(name)?.to_owned()))
    }

    /// Puts urls and keys given by flags into `config`.
    fn fill_in(&self, config: &mut GatewayConfig) -> Vec<ConfigError> {
        let known: Vec<_> = config.backends.keys().map(|k| format!("`{k}`")).collect();
        let unknown = |flag: &str, name: &str| {
            let message = format!("`{flag}` names the unknown backend `{name}`");
            ConfigError::new(&["backends"], message)
                .help(format!("the backends are {}", known.join(", ")))
        };
        let mut errors = Vec::new();
        for (name, url) in &self.backends {
            match config.backends.get_mut(name) {
                Some(backend) => backend.url = Some(url.clone()),
                None => errors.push(unknown("--backend", name)),
            }
        }
        for (name, key) in &self.backend_keys {
            match config.backends.get_mut(name) {
                Some(backend) => backend.api_key = Some(key.as_str().into()),
                None => errors.push(unknown("--backend-key", name)),
            }
        }
        errors
    }
}

impl PresetCommand {
    /// Prints what is asked for to `out`.
    pub(crate) fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Self::List => {
                let names: Vec<_> = preset::names().collect();
                writeln!(out, "{}", names.join("\n"))?;
            }
            Self::Show { name } => out.write_all(preset_text(name)?.as_bytes())?,
        }
        Ok(())
    }
}

impl UsageArgs {
    /// Prints the bill to `out`, and to stderr what should be known of it.
    pub(crate) fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let prices = self.prices.as_deref().map(prices).transpose()?;
        let mut bill = Bill::new(&self.by, self.per, prices);
        let name = self.file.display();
        let read = if self.file.as_os_str() == "-" {
            bill.read(io::stdin().lock())
        } else {
            let file = File::open(&self.file).with_context(|| format!("cannot read `{name}`"))?;
            bill.read(BufReader::new(file))
        };
        read.with_context(|| format!("cannot read `{name}`"))?;
        bill.print(self.format, out)?;
        for remark in bill.remarks() {
            // Where stderr is closed there is nobody to tell.
            writeln!(io::stderr(), "{name}: {remark}").unwrap_or_default();
        }
        Ok(())
    }
}

fn prices(path: &Path) -> anyhow::Result<Prices> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
    Ok(Prices::parse(&name, &text).map_err(InvalidConfig)?)
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let diagnostics: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&diagnostics.join("\n"))
    }
}

impl std::error::Error for InvalidConfig {}

/// Sends events to stderr; `RUST_LOG` says which, by default those a person should see.
pub(crate) fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
}

fn preset_text(name: &str) -> anyhow::Result<&'static str> {
    preset::text(name).with_context(|| {
        let names: Vec<_> = preset::names().map(|name| format!("`{name}`")).collect();
        format!("expected one of {}, found `{name}`", names.join(", "))
    })
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("expected a name, `=` and a value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> Result<GatewayConfig, String> {
        let args = ["aoai-gateway"].iter().chain(args);
        let cli = Cli::try_parse_from(args).map_err(|e| e.to_string())?;
        cli.config().map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn urls_and_keys_complete_a_preset() {
        let config = config(&[
            "--preset=request-forwarding/transparent",
            "--backend=payg-1=http://127.0.0.1:8001?",
        ]);
        assert!(config.is_err());
        let config = self::config(&[
            "--preset=request-forwarding/transparent",
            "--backend=payg-1=http://127.0.0.1:8001",
            "--backend-key=payg-1=a=b",
        ]);
        let backend = &config.unwrap().backends["payg-1"];
        assert_eq!(backend.url.as_deref(), Some("http://127.0.0.1:8001"));
        assert_eq!(backend.api_key.as_ref().unwrap().expose(), "a=b");
    }

    #[test]
    fn a_backend_without_a_url_is_named() {
        let error = config(&[
            "--preset=load-balancing/simple",
            "--backend=payg-1=http://127.0.0.1:8001",
            "--backend=ptu-9=http://127.0.0.1:8009",
        ]);
        insta::assert_snapshot!(error.unwrap_err(), @r#"
        error: `--backend` names the unknown backend `ptu-9`
          --> preset load-balancing/simple:16:2
           |
        16 | [backends]
           |  ^^^^^^^^
        help: the backends are `payg-1`, `payg-2`

        error: backend `payg-2` has no url
          --> preset load-balancing/simple:18:1
           |
        18 | payg-2 = { apim_backend = "payg-backend-2" }
           | ^^^^^^
        help: give its address: `--backend payg-2=http://127.0.0.1:8001`, or `url` in the file
        "#);
    }

    #[test]
    fn an_unknown_preset_is_answered_with_those_there_are() {
        let message = config(&["--preset=round-robin"]).unwrap_err();
        assert!(message.starts_with("expected one of `genai-gateway-apim/round-robin`, `"));
        assert!(
            message.ends_with("`, `usage-tracking/toolkit`, found `round-robin`"),
            "{message}"
        );
    }

    #[test]
    fn a_file_and_a_preset_exclude_each_other() {
        assert!(config(&["--preset=toolkit", "--config=x.toml"]).is_err());
        assert!(config(&["--port=1"]).is_err());
    }

    #[test]
    fn every_preset_is_shown_as_shipped() {
        let mut listed = Vec::new();
        PresetCommand::List.run(&mut listed).unwrap();
        let listed = String::from_utf8(listed).unwrap();
        assert!(listed.lines().eq(preset::names()));
        for name in listed.lines() {
            let mut shown = Vec::new();
            let name = name.to_owned();
            PresetCommand::Show { name }.run(&mut shown).unwrap();
            assert!(shown.starts_with(b"# "));
        }
    }
}
