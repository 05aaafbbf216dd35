//! [`Teller`]: finished runs on stdout, what went wrong in full.

use std::path::{Path, PathBuf};

use crate::cli::terminal;
use crate::report::text;
use crate::run::output;
use crate::run::parent::Played;
use crate::verdict::Outcome;

/// Tells finished runs: what passed is told in full only where that is asked for.
pub(super) struct Teller {
    out: PathBuf,
    is_verbose: bool,
}

impl Teller {
    /// Tells runs whose folders are below `out`.
    pub(super) fn new(out: &Path, is_verbose: bool) -> Self {
        Self {
            out: out.to_owned(),
            is_verbose,
        }
    }

    /// The folder of a run.
    pub(super) fn folder(&self, plan_folder: &str) -> PathBuf {
        self.out.join(plan_folder)
    }

    /// Tells one run whose files are in `folder`.
    pub(super) fn tell(&self, played: &Played, folder: &Path) {
        let style = terminal::stdout_style();
        match &played.finished.report {
            Err(why) => terminal::tell(format_args!("error: {}: {why}\n", played.finished.name)),
            Ok(report) if self.is_verbose || report.verdict.outcome != Outcome::Pass => {
                terminal::print(&text::render(report, &style));
                if let Ok(run) = output::read_run(folder) {
                    terminal::print(&text::closing(report, &run, &style));
                }
                terminal::print("\n");
            }
            Ok(_) => {}
        }
    }
}
