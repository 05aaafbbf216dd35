//! `[phases]`: what runs when, one phase after the other.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use clock::{Moment, Span};
use toml::Spanned;

use super::Resolver;
use super::clients::Clients;
use super::load::Players;
use crate::plan::{Load, Phase};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::reading::Entry;
use crate::scenario::sections::PhaseSection;
use crate::scenario::source::{Table, Value};

/// Taken as the length of a phase that does not say one, so that gates on parts of it are not wrong too.
const UNKNOWN_LENGTH: Duration = Duration::from_hours(24);

/// What the rest of the file needs to know of the phases.
#[derive(Debug, Default)]
pub(super) struct Phases {
    /// The phases that were understood, in order.
    pub(super) timed: Vec<Timed>,
    /// Names and lengths of all that are written.
    pub(super) written: Vec<(String, Duration)>,
}

/// A phase with the actions it plays.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    pub(super) phase: Phase,
    pub(super) actions: Vec<Cue>,
}

/// An action that a phase plays.
#[derive(Clone, Debug)]
pub(super) struct Cue {
    /// When, after the phase's start.
    pub(super) after: Duration,
    /// Name of the action.
    pub(super) name: String,
    /// Where it is named.
    pub(super) place: Range<usize>,
}

/// A phase as written, and where it stands in the plan.
#[derive(Clone, Debug)]
pub(super) struct Draft<'e, 't> {
    pub(super) entry: Entry<'e, 't>,
    pub(super) section: PhaseSection,
    /// Its index in the plan.
    pub(super) index: usize,
    /// Its first moment.
    pub(super) start: Moment,
}

impl<'t> Resolver<'_, 't> {
    /// The phases in order, the first from zero.
    pub(super) fn phases(&mut self, seed: u64, clients: &Clients) -> Phases {
        let section = self.required_section(
            "phases",
            "what runs when",
            "[phases] with play = [ { name = \"steady\", run_for = \"60s\", users = { NAME = 2 } } ]",
        );
        self.check_phase_keys(&section);
        let ramp = section
            .get("ramp_users_per_second")
            .and_then(|value| self.ramp(value));
        let mut players = Players::new(seed, ramp, clients);
        let mut phases = Phases::default();
        for value in self.play(&section) {
            self.next_phase(&value, &mut players, &mut phases);
        }
        phases
    }

    fn next_phase(&mut self, value: &Value<'t>, players: &mut Players<'_>, phases: &mut Phases) {
        let entry = phase_entry(value);
        if let Some(name) = value
            .get_ref()
            .get("name")
            .and_then(|name| name.get_ref().as_str())
        {
            self.check_name(name, &entry, phases);
        }
        let Some(section) = self.read::<PhaseSection>(&entry) else {
            return;
        };
        let start = phases
            .timed
            .last()
            .map_or(Moment::ZERO, |last| last.phase.end);
        let index = phases.timed.len();
        let draft = Draft {
            entry,
            section,
            index,
            start,
        };
        let timed = self.phase(draft, players);
        if let Some((_, length)) = phases.written.last_mut() {
            *length = timed.phase.end.since(timed.phase.start);
        }
        phases.timed.push(timed);
    }

    /// Notes a name that an earlier phase has; keeps it and its length for those who name it.
    fn check_name(&mut self, name: &str, entry: &Entry<'_, 't>, phases: &mut Phases) {
        if phases.written.iter().any(|(earlier, _)| earlier == name) {
            let message = format!("there is an earlier phase `{name}`");
            let twice = Diagnostic::at(entry.field("name"), message);
            self.note(twice.help("gates name phases: give each its own name"));
        }
        let length = entry.value.get_ref().get("run_for");
        let length = length.and_then(|length| length.get_ref().as_str()?.parse::<Span>().ok());
        let length = length.map_or(UNKNOWN_LENGTH, Span::get);
        phases.written.push((name.to_owned(), length));
    }

    fn phase(&mut self, draft: Draft<'_, 't>, players: &mut Players<'_>) -> Timed {
        // A load that was not understood must not hide what is wrong with the actions.
        let (length, load) = self.load(&draft, players).unwrap_or_else(|| {
            let length = draft.section.run_for.map_or(UNKNOWN_LENGTH, Span::get);
            (length, Load::Idle)
        });
        let actions = self.cues(&draft, length);
        Timed {
            phase: Phase {
                name: Arc::from(draft.section.name),
                start: draft.start,
                end: draft.start + length,
                say: draft.section.say,
                load,
            },
            actions,
        }
    }

    /// The actions that a phase plays, in order of time; each must come before its end.
    fn cues(&mut self, draft: &Draft<'_, 't>, length: Duration) -> Vec<Cue> {
        let table = draft.entry.value.get_ref().get("do");
        let written = table.and_then(|table| table.get_ref().as_table());
        let mut cues = Vec::new();
        for (key, value) in written.into_iter().flatten() {
            let (Ok(after), Some(name)) = (key.get_ref().parse::<Span>(), value.get_ref().as_str())
            else {
                // Refused already when the phase was read.
                continue;
            };
            if after.get() >= length {
                let message = format!("the action `{name}` at {after} comes after the phase's end");
                let help = format!("the phase ends at {}", Span::new(length));
                self.note(Diagnostic::at(key.span(), message).help(help));
            }
            cues.push(Cue {
                after: after.get(),
                name: name.to_owned(),
                place: value.span(),
            });
        }
        cues.sort_by_key(|cue| cue.after);
        cues
    }

    /// How long the phase runs, as it says.
    pub(super) fn length(&mut self, draft: &Draft<'_, 't>) -> Option<Duration> {
        match draft.section.run_for.map(Span::get) {
            Some(Duration::ZERO) => {
                let place = draft.entry.field("run_for");
                self.note(Diagnostic::at(place, "a phase lasts longer than nothing"));
                None
            }
            Some(length) => Some(length),
            None if draft.section.iterations.is_some() => Some(notebook_length(&draft.section)),
            None => {
                let message = format!(
                    "the phase `{}` does not say how long it runs",
                    draft.section.name
                );
                let missing = Diagnostic::at(draft.entry.place.clone(), message);
                self.note(missing.help("run_for = \"60s\""));
                None
            }
        }
    }

    fn check_phase_keys(&mut self, section: &Table<'t>) {
        const KEYS: [&str; 2] = ["ramp_users_per_second", "play"];
        for key in section.keys() {
            let name = key.get_ref().as_ref();
            if KEYS.contains(&name) {
                continue;
            }
            let unknown = Diagnostic::at(key.span(), format!("unknown key `{name}`"));
            self.note(match hints::strayed(name) {
                Some(help) => unknown.help(help),
                None => hints::did_you_mean(unknown, name, KEYS),
            });
        }
    }

    fn ramp(&mut self, value: &Value<'t>) -> Option<f64> {
        let entry = Entry {
            path: vec!["phases", "ramp_users_per_second"],
            place: value.span(),
            value,
            own: None,
        };
        let users_per_second = self.read::<f64>(&entry)?;
        if users_per_second > 0.0 && users_per_second.is_finite() {
            return Some(users_per_second);
        }
        let message = format!("expected a number above 0, found `{users_per_second}`");
        let wrong = Diagnostic::at(value.span(), message);
        self.note(wrong.help("leave it out to let all users join at once"));
        None
    }

    fn play(&mut self, section: &Table<'t>) -> Vec<Value<'t>> {
        const EXAMPLE: &str =
            "play = [ { name = \"steady\", run_for = \"60s\", users = { NAME = 2 } } ]";
        let Some(play) = section.get("play") else {
            if !section.is_empty() {
                let place = self.section_place("phases");
                self.note(
                    Diagnostic::at(place, "`play` is missing: the list of phases").help(EXAMPLE),
                );
            }
            return Vec::new();
        };
        let phases = play
            .get_ref()
            .as_array()
            .filter(|phases| !phases.is_empty());
        if phases.is_none() {
            self.note(Diagnostic::at(play.span(), "expected a list of phases").help(EXAMPLE));
        }
        phases.into_iter().flatten().cloned().collect()
    }
}

/// How long a notebook runs that does not say it: a second for each request, beside its gap.
fn notebook_length(section: &PhaseSection) -> Duration {
    const ANSWER: Duration = Duration::from_secs(1);
    let gap = section.gap.map_or(Duration::ZERO, Span::get);
    (ANSWER + gap) * section.iterations.unwrap_or(1)
}

/// A phase is pointed at by its name; without one, by the brace it starts with.
fn phase_entry<'e, 't>(value: &'e Value<'t>) -> Entry<'e, 't> {
    let start = value.span().start;
    let name = value.get_ref().get("name");
    Entry {
        path: vec!["phases", "play"],
        place: name.map_or(start..start + 1, Spanned::span),
        value,
        own: None,
    }
}
