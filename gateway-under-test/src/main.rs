//! `aoai-gateway`: the gateway as a server. What it can do is in the library; here it is wired.

mod cli;
mod process;

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use clock::Clock;
use gateway_under_test::{Gateway, upstream};
use tracing::info;

use self::cli::{Cli, Command, InvalidConfig};

/// As clap itself answers wrong usage.
const INVALID: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::log_to_stderr();
    let done = match &cli.command {
        Some(Command::Preset { command }) => command.run(&mut io::stdout().lock()),
        Some(Command::Usage(usage)) => usage.run(&mut io::stdout().lock()),
        None => serve(&cli),
    };
    let Err(error) = done else {
        return ExitCode::SUCCESS;
    };
    let invalid = error.downcast_ref::<InvalidConfig>();
    let text = invalid.map_or_else(|| format!("error: {error:#}\n"), ToString::to_string);
    // Where stderr is closed there is nobody to tell.
    io::stderr().write_all(text.as_bytes()).unwrap_or_default();
    invalid.map_or(ExitCode::FAILURE, |_| ExitCode::from(INVALID))
}

fn serve(cli: &Cli) -> anyhow::Result<()> {
    let config = cli.config()?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let (served, writer) = runtime.block_on(async {
        let gateway = Gateway::new(config, clock(cli), upstream::http())
            .map_err(|errors| cli.located(&errors))?;
        let listener = process::bind(cli.address())?;
        let writer = match &cli.access_log {
            Some(path) => {
                let file = File::create(path);
                let file = file.with_context(|| format!("cannot create `{}`", path.display()))?;
                gateway.access_log().write_to(file)
            }
            None => None,
        };
        let served = process::serve(listener, gateway.clone()).await;
        anyhow::Ok((served, writer))
    })?;
    // Requests that outlasted the drain are dropped with the runtime, and booked by that.
    drop(runtime);
    if let Some(writer) = writer {
        let lines = writer.finish().context("cannot write the access log")?;
        info!(lines, "access log complete");
    }
    served
}

/// Starts now, dated by the machine, at the speed asked for.
fn clock(cli: &Cli) -> Clock {
    Clock::real(cli.speed, clock::now_utc())
}
