//! `aoai-loadtest`: runs scenario files through a GenAI gateway and judges the result.

use std::process::ExitCode;

use clap::Parser;
use loadtest::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::execute(Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            cli::report_error(&error);
            ExitCode::FAILURE
        }
    }
}
