//! What a phase sends: every ramp and every arrival fixed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clock::Span;
use toml::Spanned;

use super::Resolver;
use super::clients::Clients;
use super::phases::Draft;
use crate::plan::{Arrival, Class, Load, Ramp};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::hints;
use crate::scenario::rate::RateSection;
use crate::scenario::sections::{ArrivalsSection, MixSection, TraceSection};
use crate::scenario::source::Value;
use crate::workload::{self, Rate, Spacing, Stretch, Trace, TraceLimit};

/// Requests in flight at once before an open phase's generator itself queues.
const DEFAULT_WORKERS: u32 = 256;

/// A trace's last request gets this much time to be sent before its phase ends.
const AFTER_TRACE: Duration = Duration::from_secs(1);

/// Who takes part, and how many users of each class the phase before left.
#[derive(Debug)]
pub(super) struct Players<'a> {
    seed: u64,
    users_per_second: Option<f64>,
    clients: &'a Clients,
    users: Vec<u32>,
    /// Those of a mix.
    mixed: u32,
}

impl<'a> Players<'a> {
    /// Nobody yet; at a change users come and go at this rate, or all at once.
    pub(super) fn new(seed: u64, users_per_second: Option<f64>, clients: &'a Clients) -> Self {
        Self {
            seed,
            users_per_second,
            clients,
            users: vec![0; clients.classes.len()],
            mixed: 0,
        }
    }

    /// Ramps from the users of the phase before to `next`, who are there from then on.
    fn ramps(&mut self, next: Vec<u32>) -> Load {
        let users = self.users.iter().zip(&next);
        let ramps = users.map(|(from, to)| self.ramp(*from, *to)).collect();
        (self.users, self.mixed) = (next, 0);
        Load::Closed(ramps)
    }

    /// A ramp from the users of the mix before to those of this one.
    fn mix(&mut self, mix: &MixSection) -> Load {
        let weight = |class: &Class| mix.weights.get(&*class.name).copied().unwrap_or(0.0);
        let load = Load::Mixed {
            users: self.ramp(self.mixed, mix.users),
            weights: self.clients.classes.iter().map(weight).collect(),
        };
        self.users.fill(0);
        self.mixed = mix.users;
        load
    }

    fn ramp(&self, from: u32, to: u32) -> Ramp {
        let over = self.users_per_second.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64(f64::from(from.abs_diff(to)) / rate)
        });
        Ramp { from, to, over }
    }

    /// `users` who each make `iterations` requests; they are there at once.
    fn notebook(&mut self, users: Vec<u32>, iterations: u32, gap: Option<Span>) -> Load {
        self.users.clone_from(&users);
        self.mixed = 0;
        Load::Notebook {
            users,
            iterations,
            gap: gap.map_or(Duration::ZERO, Span::get),
        }
    }

    /// The rates of the classes that are named and send anything.
    fn rates(&self, named: &BTreeMap<String, RateSection>) -> Vec<Rate<'a>> {
        let classes = self.clients.classes.iter().enumerate();
        let rates = classes.filter_map(|(class, described)| {
            let rate = named.get(&*described.name)?;
            Some(Rate {
                class,
                name: &described.name,
                from: rate.from,
                to: rate.to,
            })
        });
        rates.collect()
    }

    /// `named` by index of the class; of classes that are not named there is none.
    fn by_class(&self, named: &BTreeMap<String, u32>) -> Vec<u32> {
        let classes = self.clients.classes.iter();
        classes
            .map(|class| named.get(&*class.name).copied().unwrap_or(0))
            .collect()
    }
}

impl<'t> Resolver<'_, 't> {
    /// How long the phase runs and what it sends.
    pub(super) fn load(
        &mut self,
        draft: &Draft<'_, 't>,
        players: &mut Players<'_>,
    ) -> Option<(Duration, Load)> {
        self.check_one_load(draft)?;
        let section = &draft.section;
        let written = draft.entry.value.get_ref();
        if let Some(users) = &section.users {
            let all_known = self.check_classes(written.get("users"), users.keys(), players.clients);
            let length = self.length(draft)?;
            let next = players.by_class(users);
            return all_known.then(|| match section.iterations {
                Some(iterations) => (length, players.notebook(next, iterations, section.gap)),
                None => (length, players.ramps(next)),
            });
        }
        if let Some(mix) = &section.mix {
            let weights = written
                .get("mix")
                .and_then(|mix| mix.get_ref().get("weights"));
            let all_known = self.check_classes(weights, mix.weights.keys(), players.clients);
            let length = self.length(draft)?;
            return all_known.then(|| (length, players.mix(mix)));
        }
        players.users.fill(0);
        players.mixed = 0;
        if let Some(rates) = &section.requests_per_second {
            let keys = rates.keys();
            let rates_written = written.get("requests_per_second");
            let all_known = self.check_classes(rates_written, keys, players.clients);
            let length = self.length(draft)?;
            return all_known.then(|| (length, self.open(draft, rates, length, players)));
        }
        if let Some(trace) = &section.trace {
            return self.replay(draft, trace, players.clients);
        }
        Some((self.length(draft)?, Load::Idle))
    }

    /// Notes several loads in one phase, and options of an open load without one.
    fn check_one_load(&mut self, draft: &Draft<'_, 't>) -> Option<()> {
        const LOADS: [&str; 4] = ["users", "mix", "requests_per_second", "trace"];
        let phase = draft.entry.value.get_ref();
        let given: Vec<&str> = LOADS
            .into_iter()
            .filter(|load| phase.get(load).is_some())
            .collect();
        if let [_, second, ..] = given.as_slice() {
            let message = format!("a phase has one load, found {}", hints::list(&given));
            let several = Diagnostic::at(draft.entry.field(second), message);
            self.note(several.help("make them phases of their own, or remove all but one"));
            return None;
        }
        self.check_notebook(draft)?;
        self.check_mix(draft)?;
        let is_open = draft.section.requests_per_second.is_some();
        let has_arrivals = draft.section.arrivals.is_some() && !is_open;
        let has_workers =
            draft.section.workers.is_some() && !is_open && draft.section.trace.is_none();
        for (option, is_idle) in [("arrivals", has_arrivals), ("workers", has_workers)] {
            if is_idle {
                let message = format!("`{option}` changes nothing without `requests_per_second`");
                self.note(Diagnostic::at(draft.entry.field(option), message));
            }
        }
        self.check_shape(draft)
    }

    /// What belongs to a notebook, and only there.
    fn check_notebook(&mut self, draft: &Draft<'_, 't>) -> Option<()> {
        let section = &draft.section;
        let (field, message, help) = match (section.iterations, section.gap, &section.users) {
            (Some(0), ..) => (
                "iterations",
                "a notebook makes at least one request",
                "iterations = 20",
            ),
            (Some(_), _, None) => (
                "iterations",
                "a notebook needs users, who make its requests",
                "users = { NAME = 1 }",
            ),
            (None, Some(_), _) => (
                "gap",
                "`gap` is the pause of a notebook, which has `iterations`",
                "add iterations = 20, or give the class a `think_time`",
            ),
            _ => return Some(()),
        };
        self.note(Diagnostic::at(draft.entry.field(field), message).help(help));
        None
    }

    /// Somebody to draw for, and something to draw.
    fn check_mix(&mut self, draft: &Draft<'_, 't>) -> Option<()> {
        let Some(mix) = &draft.section.mix else {
            return Some(());
        };
        let is_weight = |weight: &f64| *weight > 0.0 && weight.is_finite();
        let (message, help) = if mix.users == 0 {
            ("a mix needs users, who make its requests", "users = 6")
        } else if mix.weights.is_empty() || !mix.weights.values().all(is_weight) {
            (
                "a mix needs classes to draw from, each with a weight above 0",
                "weights = { NAME = 3, OTHER = 1 }",
            )
        } else {
            return Some(());
        };
        self.note(Diagnostic::at(draft.entry.field("mix"), message).help(help));
        None
    }

    fn check_shape(&mut self, draft: &Draft<'_, 't>) -> Option<()> {
        if let Some(ArrivalsSection::Gamma(shape)) = draft.section.arrivals
            && !(shape > 0.0 && shape.is_finite())
        {
            let message = format!("expected a shape above 0, found `{shape}`");
            self.note(Diagnostic::at(draft.entry.field("arrivals"), message));
            return None;
        }
        Some(())
    }

    /// Whether all classes that a phase names in the table `written` exist; notes those that do not.
    fn check_classes<'n>(
        &mut self,
        written: Option<&Value<'t>>,
        names: impl Iterator<Item = &'n String>,
        clients: &Clients,
    ) -> bool {
        let mut all_known = true;
        for name in names.filter(|name| !clients.has(name)) {
            all_known = false;
            if clients.written.is_empty() {
                // That there are none at all was said.
                continue;
            }
            let table = written.and_then(|table| table.get_ref().as_table());
            let key = table.and_then(|table| table.get_key_value(name.as_str()));
            // What was read from a table is in it.
            if let Some((key, _)) = key {
                self.unknown_class(key.span(), name, clients);
            }
        }
        all_known
    }

    fn unknown_class(&mut self, place: std::ops::Range<usize>, name: &str, clients: &Clients) {
        let unknown = Diagnostic::at(place, format!("there is no client class `{name}`"));
        let known = clients.written.iter().map(String::as_str);
        self.note(hints::did_you_mean(unknown, name, known));
    }

    fn open(
        &mut self,
        draft: &Draft<'_, 't>,
        rates: &BTreeMap<String, RateSection>,
        length: Duration,
        players: &Players<'_>,
    ) -> Load {
        let rates = players.rates(rates);
        let stretch = Stretch {
            phase: draft.index,
            start: draft.start,
            length,
        };
        let spacing = spacing(draft.section.arrivals);
        let arrivals = workload::arrivals(players.seed, stretch, spacing, &rates);
        // Without any class that was understood there is nothing to send, and that was said.
        if arrivals.is_empty() && !rates.is_empty() {
            let place = draft.entry.field("requests_per_second");
            let few = Diagnostic::at(
                place,
                "at this rate the phase ends before its first request",
            );
            self.note(few.help("run it longer, or raise the rate"));
        }
        scheduled(arrivals, draft.section.workers)
    }

    fn replay(
        &mut self,
        draft: &Draft<'_, 't>,
        section: &TraceSection,
        clients: &Clients,
    ) -> Option<(Duration, Load)> {
        if !clients.has(&section.class) {
            let class = draft.entry.value.get_ref().get("trace");
            let class = class.and_then(|trace| trace.get_ref().get("class"));
            let place = class.map_or_else(|| draft.entry.field("trace"), Spanned::span);
            self.unknown_class(place, &section.class, clients);
        }
        let trace = self.read_trace(draft, section)?;
        let length = match draft.section.run_for {
            Some(_) => self.length(draft)?,
            None => trace.length() + AFTER_TRACE,
        };
        let class = clients.index(&section.class)?;
        let arrivals = trace.arrivals(draft.start, class);
        Some((length, scheduled(arrivals, draft.section.workers)))
    }

    fn read_trace(&mut self, draft: &Draft<'_, 't>, section: &TraceSection) -> Option<Trace> {
        let path: PathBuf = match &self.options.trace {
            Some(given) => given.clone(),
            None => self.path.parent().unwrap_or(self.path).join(&section.file),
        };
        let limit = TraceLimit {
            rows: section.rows,
            duration: draft.section.run_for.map(Span::get),
        };
        let file = std::fs::File::open(&path).map_err(|error| error.to_string());
        let trace =
            file.and_then(|file| Trace::read(file, limit).map_err(|error| error.to_string()));
        trace
            .map_err(|error| {
                let file = draft.entry.value.get_ref().get("trace");
                let file = file.and_then(|trace| trace.get_ref().get("file"));
                let place = file.map_or_else(|| draft.entry.field("trace"), Spanned::span);
                let message = format!("cannot replay {}: {error}", path.display());
                self.note(Diagnostic::at(place, message));
            })
            .ok()
    }
}

fn scheduled(arrivals: Vec<Arrival>, workers: Option<u32>) -> Load {
    Load::Open {
        arrivals: Arc::from(arrivals),
        workers: workers.unwrap_or(DEFAULT_WORKERS).max(1),
    }
}

fn spacing(section: Option<ArrivalsSection>) -> Spacing {
    match section {
        None | Some(ArrivalsSection::Constant) => Spacing::Constant,
        Some(ArrivalsSection::Poisson) => Spacing::Poisson,
        Some(ArrivalsSection::Gamma(shape)) => Spacing::Gamma { shape },
    }
}
