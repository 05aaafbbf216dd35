//! From a scenario's table to its [`Plan`]: each section typed, each name looked up.
//!
//! A section that could not be understood must not make the others wrong: names are looked up
//! among all that are written ([`Rig`], [`Written`](phases::Written)), not among those that
//! were understood.

mod actions;
mod books;
mod class;
mod clients;
mod gates;
mod header;
mod load;
mod phases;
mod prices;
mod probers;
mod rig;

pub(super) use self::gates::refused_gate;

use std::path::Path;

use clock::Speed;

use super::Options;
use super::diagnostic::Diagnostic;
use super::reading::{Entry, read};
use super::source::{Sources, Table};
use crate::plan::Plan;

/// What the resolving functions share: the table and the mistakes found so far.
pub(super) struct Resolver<'a, 't> {
    name: String,
    path: &'a Path,
    document: Table<'t>,
    options: &'a Options,
    sources: &'a mut Sources<'t>,
    diagnostics: Vec<Diagnostic>,
}

/// The plan of one document, or everything that is wrong with it.
pub(super) fn plan<'t>(
    name: String,
    path: &Path,
    document: Table<'t>,
    options: &Options,
    sources: &mut Sources<'t>,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut resolver = Resolver {
        name,
        path,
        document,
        options,
        sources,
        diagnostics: Vec::new(),
    };
    let plan = resolver.plan();
    if resolver.diagnostics.is_empty() {
        Ok(plan)
    } else {
        Err(resolver.diagnostics)
    }
}

impl<'t> Resolver<'_, 't> {
    /// Resolves section by section; the plan is good if no mistake was noted.
    fn plan(&mut self) -> Plan {
        let header = self.header();
        let rig = self.rig();
        let clients = self.clients(&rig);
        let seed = self.seed();
        let phases = self.phases(seed, &clients);
        let probers = self.probers(&clients, &rig);
        let actions = self.actions(&phases.timed, &probers, &rig);
        let books = self.books();
        let prices = self.prices(&rig);
        let senders = [clients.written.as_slice(), &probers.written].concat();
        let (gates, must_observe) = self.gates(&phases, &clients, senders, &rig, &prices);
        Plan {
            name: self.name.clone(),
            about: header.about.unwrap_or_default(),
            source: header.source.unwrap_or_default(),
            tags: header.tags.unwrap_or_default(),
            seed,
            speed: (self.options.speed)
                .or(header.speed)
                .unwrap_or(Speed::REAL_TIME),
            starts_at: header.starts_at,
            simulators: rig.simulators,
            gateway: rig.gateway,
            classes: clients.classes,
            phases: phases.timed.into_iter().map(|timed| timed.phase).collect(),
            probers: probers.probers,
            actions,
            books,
            prices,
            gates,
            must_observe,
            overrides: self.options.overrides.clone(),
        }
    }

    /// The seed of the run, which parts that draw by themselves take over.
    fn seed(&self) -> u64 {
        let written = self.document.get("seed");
        let written = written.and_then(|seed| seed.get_ref().as_integer());
        let written = written.and_then(|seed| seed.to_string().parse().ok());
        self.options.seed.or(written).unwrap_or_default()
    }

    fn note(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// The table of section `name`; empty where the file has none.
    fn section(&self, name: &str) -> Table<'t> {
        let section = self.document.get(name);
        let table = section.and_then(|section| section.get_ref().as_table());
        table.cloned().unwrap_or_default()
    }

    /// The same, and its absence is a mistake that `purpose` explains and `example` mends.
    fn required_section(&mut self, name: &str, purpose: &str, example: &str) -> Table<'t> {
        let table = self.section(name);
        if self.document.get(name).is_none() {
            let missing = format!("the section [{name}] is missing: {purpose}");
            self.note(Diagnostic::of_file(missing).help(example));
        } else if table.is_empty() && !self.is_broken(name) {
            let place = self.section_place(name);
            let empty = Diagnostic::at(place, format!("the section [{name}] is empty: {purpose}"));
            self.note(empty.help(example));
        }
        table
    }

    /// Whether section `name` is there but no table, which was noted already.
    fn is_broken(&self, name: &str) -> bool {
        let section = self.document.get(name);
        section.is_some_and(|section| !section.get_ref().is_table())
    }

    /// The name of section `name` where it is written first.
    fn section_place(&self, name: &str) -> std::ops::Range<usize> {
        let entry = self.document.get_key_value(name);
        entry.map_or(0..0, |(key, _)| key.span())
    }

    /// Reads an entry of a section as its type.
    fn read<T>(&mut self, entry: &Entry<'_, 't>) -> Option<T>
    where
        T: serde::Deserialize<'t> + schemars::JsonSchema,
    {
        read(entry, &mut self.diagnostics)
    }
}
