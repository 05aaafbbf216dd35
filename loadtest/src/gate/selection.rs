//! Selections: a metric, and the labels that its records must have.
//!
//! Here the words of a sentence meet the names of the plan. A name that does not exist is noted
//! and reading goes on, so that all of them are reported at once.

use std::ops::Range;

use super::SentenceError;
use super::Tracking;
use super::label::Label;
use super::lexer::TokenKind;
use super::metric::{METRICS, Metric, Origin, Records};
use super::parser::{Parsed, Parser};
use super::sentence::Selection;
use super::suggest::{one_of, unknown};

impl Selection {
    /// The kinds of records that it is computed from.
    pub fn records(&self) -> Vec<Records> {
        let row = self.metric.row();
        if self.by.is_empty() || row.by.is_empty() {
            return match self.metric {
                Metric::Refusals => vec![Records::Gateway, Records::Ledgers],
                _ => vec![row.records],
            };
        }
        let mut kinds = vec![];
        for origin in &self.by {
            let kind = match origin {
                Origin::Client => Records::Requests,
                Origin::Gateway => Records::Gateway,
                Origin::Events => Records::Events,
                Origin::Metrics => Records::Metrics,
                Origin::Simulator(_) => Records::Ledgers,
            };
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        kinds
    }

    /// Labels that all its records have.
    fn labels(&self) -> Vec<Label> {
        let all = Label::ALL.into_iter().chain([Label::any_header()]);
        all.filter(|label| self.has(label)).collect()
    }

    fn has(&self, label: &Label) -> bool {
        match label {
            Label::By => !self.metric.row().by.is_empty(),
            Label::Name => self.metric.is_of_header(),
            label => self.records().iter().all(|kind| kind.has(label)),
        }
    }
}

impl Parser<'_> {
    /// `METRIC{label=value, …}`
    pub(super) fn selection(&mut self) -> Parsed<Selection> {
        let place = self.here();
        let mut selection = Selection {
            metric: self.metric()?,
            by: vec![],
            name: None,
            phases: vec![],
            filters: vec![],
        };
        if self.eat_symbol("{") {
            if self.eat_ellipsis() {
                self.repeated_labels(&mut selection)?;
            } else {
                self.labels(&mut selection)?;
            }
        }
        if selection.metric.is_of_header() && selection.name.is_none() {
            let metric = selection.metric.row().name;
            let message = format!("`{metric}` needs the name of a header");
            let help = format!("write `{metric}{{name=…}}`");
            self.report(SentenceError::new(place, message).with_help(help));
        }
        Ok(selection)
    }

    /// `…}`: what the term before selected, of this metric.
    fn repeated_labels(&mut self, selection: &mut Selection) -> Parsed<()> {
        let before = self.selection_before()?;
        let metric = selection.metric;
        *selection = Selection {
            metric,
            name: before.name.filter(|_| metric.is_of_header()),
            ..before
        };
        self.symbol("}")?;
        for filter in &selection.filters {
            self.check_label(&filter.label, selection);
        }
        Ok(())
    }

    /// `label=value, …}`
    fn labels(&mut self, selection: &mut Selection) -> Parsed<()> {
        let mut written = vec![];
        while !self.eat_symbol("}") {
            let place = self.here();
            let label = self.label()?;
            self.label_of(&label, selection)?;
            written.push((label, place));
            if !self.eat_symbol(",") {
                self.symbol("}")?;
                break;
            }
        }
        for (label, place) in written {
            self.check_label_at(&label, selection, place);
        }
        Ok(())
    }

    fn metric(&mut self) -> Parsed<Metric> {
        if self.kind() != TokenKind::Word {
            return Err(self.expected("a metric"));
        }
        let Some(metric) = Metric::named(self.slice()) else {
            let known: Vec<_> = METRICS.iter().map(|row| row.name).collect();
            return Err(unknown("metric", self.slice(), &known, self.here()));
        };
        if let Some((_, why)) = self.names.impossible.iter().find(|(m, _)| *m == metric) {
            let message = format!("`{}` measures nothing here: {why}", self.slice());
            self.report(SentenceError::new(self.here(), message));
        }
        if let Some(model) = self
            .names
            .unpriced
            .first()
            .filter(|_| metric == Metric::Cost)
        {
            let message = format!("the model `{model}` has no price");
            let help = format!("add [prices.{model:?}] with what its tokens cost");
            self.report(SentenceError::new(self.here(), message).with_help(help));
        }
        self.advance();
        Ok(metric)
    }

    /// The name of a label.
    pub(super) fn label(&mut self) -> Parsed<Label> {
        if self.kind() != TokenKind::Word {
            return Err(self.expected("a label"));
        }
        let Some(label) = Label::named(self.slice()) else {
            let known: Vec<_> = Label::ALL.iter().map(Label::name).collect();
            return Err(unknown("label", self.slice(), &known, self.here()));
        };
        if let Some(header) = label.header().filter(|_| !self.is_dimension(&label)) {
            self.check_watched(header, self.here());
        }
        self.advance();
        Ok(label)
    }

    /// Whether the gateway's metrics page tells usage by `label`.
    fn is_dimension(&self, label: &Label) -> bool {
        matches!(&self.names.tracking, Tracking::By(dimensions) if dimensions.contains(label))
    }

    /// Notes an error at `place` if no class watches `header`.
    fn check_watched(&mut self, header: &str, place: Range<usize>) {
        let Some(watched) = &self.names.headers else {
            return;
        };
        if watched.iter().any(|name| name == header) {
            return;
        }
        let error = SentenceError::new(place, format!("no class watches the header `{header}`"));
        let help = format!("add `watches_headers = [\"{header}\"]` to the class");
        self.report(error.with_help(help));
    }

    fn label_of(&mut self, label: &Label, selection: &mut Selection) -> Parsed<()> {
        match label {
            Label::By => self.by(selection),
            Label::Name => self.header_name(selection),
            Label::Phase => self.phases(selection),
            _ => {
                let filter = self.filter(label)?;
                selection.filters.push(filter);
                Ok(())
            }
        }
    }

    /// Notes an error if `selection`'s records do not have `label`, which was just read.
    pub(super) fn check_label(&mut self, label: &Label, selection: &Selection) {
        let place = self.last();
        self.check_label_at(label, selection, place);
    }

    fn check_label_at(&mut self, label: &Label, selection: &Selection, place: Range<usize>) {
        if selection.has(label) {
            self.check_dimension(label, selection, place);
            return;
        }
        let known: Vec<_> = selection
            .labels()
            .iter()
            .map(|l| format!("`{}`", l.name()))
            .collect();
        let message = format!(
            "`{}` has no label `{}`, expected {}",
            selection.metric.row().name,
            label.name(),
            one_of(&known)
        );
        self.report(SentenceError::new(place, message));
    }

    /// Notes an error if `selection` reads the metrics page, which does not tell `label`; or if it
    /// does not, and no class watches the header of `label`.
    fn check_dimension(&mut self, label: &Label, selection: &Selection, place: Range<usize>) {
        let reads_page = selection.records().contains(&Records::Metrics);
        let is_dimension = self.is_dimension(label);
        if !reads_page {
            if let Some(header) = label.header().filter(|_| is_dimension) {
                self.check_watched(header, place);
            }
            return;
        }
        let Tracking::By(dimensions) = &self.names.tracking else {
            return;
        };
        if !is_dimension && *label != Label::By {
            let known: Vec<_> = dimensions.iter().map(Label::name).collect();
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let message = format!(
                "the gateway's metrics do not tell `{}`, expected {}",
                label.name(),
                one_of(&known)
            );
            let help = "add it to the dimensions of the gateway's [usage]";
            self.report(SentenceError::new(place, message).with_help(help));
        }
    }

    fn header_name(&mut self, selection: &mut Selection) -> Parsed<()> {
        self.symbol("=")?;
        let name = self.name()?.to_ascii_lowercase();
        self.check_watched(&name, self.last());
        selection.name = Some(name.into());
        Ok(())
    }

    fn by(&mut self, selection: &mut Selection) -> Parsed<()> {
        self.symbol("=")?;
        let row = selection.metric.row();
        let names = self.names;
        let parties = row.by.iter().copied();
        let parties = parties.filter(|party| *party == "client" || names.has_gateway);
        let simulators = names.simulators.iter().map(String::as_str);
        let known: Vec<&str> = parties.chain(simulators).collect();
        loop {
            let name = self.name()?;
            let is_known = row.by.is_empty() || known.contains(&name.as_str());
            if !is_known {
                self.report(unknown("source", &name, &known, self.last()));
            }
            let origin = Origin::named(name);
            let is_tracked = matches!(origin, Origin::Events | Origin::Metrics);
            if is_known && is_tracked && names.tracking == Tracking::Off {
                let error = SentenceError::new(self.last(), "the gateway tracks no usage");
                self.report(error.with_help("give it a table [usage]"));
            }
            selection.by.push(origin);
            if !self.eat_symbol("|") {
                return Ok(());
            }
        }
    }

    /// `=` or `!=`: whether values are excluded.
    pub(super) fn sign(&mut self) -> Parsed<bool> {
        if self.eat_symbol("!=") {
            return Ok(true);
        }
        // `==` is a slip that cannot mean anything else.
        if self.eat_symbol("=") || self.eat_symbol("==") {
            return Ok(false);
        }
        Err(self.expected("`=` or `!=`"))
    }

    /// A name as written; one that looks like a number or a duration is a name too.
    pub(super) fn name(&mut self) -> Parsed<String> {
        let is_name = matches!(
            self.kind(),
            TokenKind::Word | TokenKind::Number(_) | TokenKind::Micros(_)
        );
        if !is_name {
            return Err(self.expected("a name"));
        }
        let name = self.slice().to_owned();
        self.advance();
        Ok(name)
    }
}
