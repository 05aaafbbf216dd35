//! The program as a user starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The shipped scenario of this name.
pub(crate) fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scenarios")
        .join(format!("{name}.toml"))
}

/// The program with these arguments, plain and without colours.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aoai-loadtest"));
    command
        .args(arguments)
        .env("NO_COLOR", "1")
        .env_remove("COLUMNS");
    command
}

/// What running it gave.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments)
        .output()
        .expect("the program can be started")
}

/// Its exit code.
pub(crate) fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// What it wrote to stdout.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it wrote to stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A scenario that takes two seconds on sockets: three simulated minutes are cut to these.
pub(crate) const SHORT: [&str; 6] = [
    "--set",
    "phases.play.0.run_for=20s",
    "--set",
    "phases.play.1.run_for=20s",
    "--set",
    "must_observe.both_served=requests{backend=payg-1} >= 10",
];
