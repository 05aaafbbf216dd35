//! [`View`]: what is seen of scenarios while they run.

use std::collections::BTreeMap;
use std::io::Stderr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tell::Teller;
use crate::cli::terminal;
use crate::driver::EventSink;
use crate::progress::Event;
use crate::report::Stream;
use crate::report::progress::Progress;
use crate::report::watch::Watch;
use crate::run::parent::{self, Played};

/// The live view: redrawn in place on a terminal, plain lines elsewhere.
fn watch() -> Watch<Stderr> {
    let (stream, style) = terminal::stderr();
    match stream {
        Stream {
            is_terminal: true,
            lines: Some(lines),
            ..
        } => Watch::on_screen(std::io::stderr(), style, lines),
        _ => Watch::in_lines(std::io::stderr(), style),
    }
}

/// The live view as a listener of a run in this process.
pub(super) fn watched() -> EventSink {
    let view = Mutex::new(watch());
    EventSink::new(move |event| {
        let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
        // A view that cannot be drawn takes nothing from the run.
        let _ = view.hear(&event);
    })
}

/// Draws the news of running scenarios on stderr and tells those that are over.
pub(super) struct Audience<'a> {
    teller: &'a Teller,
    folders: BTreeMap<String, PathBuf>,
    view: Mutex<View>,
}

enum View {
    Progress(Progress),
    Watch(Box<Watch<Stderr>>),
}

impl<'a> Audience<'a> {
    /// Watches or follows runs, whose folders are given by name.
    pub(super) fn new(
        watches: bool,
        teller: &'a Teller,
        folders: BTreeMap<String, PathBuf>,
    ) -> Self {
        let view = if watches {
            View::Watch(Box::new(watch()))
        } else {
            let (stream, style) = terminal::stderr();
            View::Progress(Progress::to_stderr(stream.is_terminal, &style))
        };
        Self {
            teller,
            folders,
            view: Mutex::new(view),
        }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl parent::Audience for Audience<'_> {
    fn hear(&self, name: &str, event: &Event) {
        match &mut *self.view() {
            View::Progress(progress) => progress.hear(name, event),
            View::Watch(watch) => {
                // A view that cannot be drawn takes nothing from the run.
                let _ = watch.hear(event);
            }
        }
    }

    fn over(&self, played: &Played) {
        let Some(folder) = self.folders.get(&played.finished.name) else {
            return;
        };
        let tell = || self.teller.tell(played, folder);
        match &mut *self.view() {
            View::Progress(progress) => {
                progress.remove(&played.finished.name);
                progress.suspend(tell);
            }
            View::Watch(_) => tell(),
        }
    }
}
