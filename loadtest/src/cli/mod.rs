//! The command line: `run`, `check`, `serve`, `list`, `new`, `schema`, `explain`.
//!
//! Each subcommand is a file with its flags and its function; here is what they share. Data goes
//! to stdout, everything about the run to stderr. Exit codes: 0 pass, 99 a gate failed, 98 the
//! rig is invalid, 2 a file or the usage is wrong (before anything runs), 105 cancelled, 1 an
//! error of our own.

mod check;
mod explain;
mod inputs;
mod list;
mod new;
mod play;
mod run;
mod schema;
mod serve;
mod terminal;

use clap::{Parser, Subcommand};

/// Runs scenario files through a GenAI gateway and judges the result.
#[derive(Debug, Parser)]
#[command(name = "aoai-loadtest", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios and judge them
    Run(run::Arguments),
    /// Check scenario files and show what would run, without running it
    Check(check::Arguments),
    /// Start a scenario's simulators and gateway and leave them up, without traffic
    Serve(serve::Arguments),
    /// List scenarios
    List(list::Arguments),
    /// Write a new scenario file from an existing one
    New(new::Arguments),
    /// Print the JSON Schema of scenario files, or the language of gates
    Schema(schema::Arguments),
    /// Show from which records a gate of a past run was computed
    Explain(explain::Arguments),
    /// Play one job of a run in this process (what `run` starts for each scenario)
    #[command(hide = true)]
    Play(play::Arguments),
}

/// Does what `cli` asks and gives the exit code.
///
/// # Errors
/// Errors of our own; whatever a user can mend is printed and has its exit code.
pub fn execute(cli: Cli) -> anyhow::Result<u8> {
    match cli.command {
        Command::Run(arguments) => run::execute(&arguments),
        Command::Check(arguments) => Ok(check::execute(&arguments)),
        Command::Serve(arguments) => serve::execute(&arguments),
        Command::List(arguments) => Ok(list::execute(&arguments)),
        Command::New(arguments) => Ok(new::execute(&arguments)),
        Command::Schema(arguments) => schema::execute(&arguments),
        Command::Explain(arguments) => Ok(explain::execute(&arguments)),
        Command::Play(arguments) => play::execute(&arguments),
    }
}

/// Tells an error of our own on stderr.
pub fn report_error(error: &anyhow::Error) {
    terminal::tell(format_args!("error: {error:#}"));
}
