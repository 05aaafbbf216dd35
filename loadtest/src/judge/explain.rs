//! From which records a gate was computed: what `explain REPORT GATE` prints.

use super::case::{Case, PhaseBy, Place, Record};
use super::clause::Finding;
use super::words::{Unit, number, unit_of_record, unit_of_term};
use crate::gate::{
    Assertion, Body, Clause, Extreme, Filter, Gate, Kind, Records, Selection, Statistic, Term,
};

/// Records that are printed of each selection.
const MOST_RECORDS: usize = 10;

impl Case<'_> {
    /// Each clause of `gate` with its terms, their values and their first records.
    pub(crate) fn explain(&self, gate: &Gate) -> String {
        let mut lines = vec![format!("{}: {}", gate.id, gate.text)];
        match &gate.body {
            Body::Off { reason } => lines.push(format!("turned off: {reason}")),
            Body::Sentence { clauses } => {
                for clause in clauses {
                    self.explain_clause(gate, clause, &mut lines);
                }
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn explain_clause(&self, gate: &Gate, clause: &Clause, lines: &mut Vec<String>) {
        let judged = self.judge_clause(clause);
        let finding = match &judged.finding {
            Finding::Holds => "holds".to_owned(),
            Finding::Fails => "fails".to_owned(),
            Finding::NotJudged(reason) | Finding::CannotTell(reason) => {
                format!("not judged: {reason}")
            }
        };
        lines.push(String::new());
        lines.push(gate.text[clause.range.clone()].to_owned());
        lines.push(format!("  {finding}; observed {}", judged.observed));
        lines.extend(judged.details.iter().map(|detail| format!("  {detail}")));
        match &clause.assertion {
            Assertion::Compare(comparison) => {
                for term in comparison.terms() {
                    self.explain_term(term, lines);
                }
            }
            Assertion::Order { within: of, .. } | Assertion::Each { of, .. } => {
                lines.push(format!("  {}", in_words(of)));
                self.first_records(of, self.sequence(of), lines);
            }
        }
    }

    fn explain_term(&self, term: &Term, lines: &mut Vec<String>) {
        let reading = self.read(term);
        let value = reading
            .value
            .map_or("no value".to_owned(), |v| number(v, unit_of_term(term)));
        let note = reading
            .note
            .map_or(String::new(), |note| format!(" ({note})"));
        let records = reading.samples;
        lines.push(format!(
            "  {} = {value}{note}, from {records} records",
            term_in_words(term)
        ));
        let selection = term.selection();
        let records = match term {
            Term::Among { .. } | Term::LongestRun { .. } => self.sequence(selection),
            Term::Window { .. } => self.by_arrival(selection, PhaseBy::Arrival),
            _ => self.by_arrival(selection, PhaseBy::Planned),
        };
        self.first_records(selection, records, lines);
    }

    fn by_arrival(&self, selection: &Selection, by: PhaseBy) -> Vec<Record> {
        let mut records = self.select(selection, by);
        records.sort_by_key(|record| record.arrived);
        records
    }

    fn first_records(&self, selection: &Selection, records: Vec<Record>, lines: &mut Vec<String>) {
        let more = records.len().saturating_sub(MOST_RECORDS);
        for record in records.into_iter().take(MOST_RECORDS) {
            lines.push(format!("    {}", self.line(selection, &record)));
        }
        if more > 0 {
            lines.push(format!("    and {more} more"));
        }
    }

    /// One record: where it is written down, what it says, and the attempts of its request.
    fn line(&self, selection: &Selection, record: &Record) -> String {
        let place = match &record.place {
            Place::Request(index) => {
                format!("request {}", self.result(self.request(*index)).request)
            }
            Place::ClientAttempt(index) => {
                let observation = &self.evidence.observations[*index];
                format!(
                    "request {} attempt {}",
                    observation.request, observation.attempt
                )
            }
            Place::Gateway(index) => format!("gateway log {}", self.log()[*index].number),
            Place::GatewayAttempt(index, nth) => {
                let attempt = self.gateway_attempt(*index, *nth);
                let number = self.log()[*index].number;
                format!("gateway log {number} attempt {nth} at {}", attempt.backend)
            }
            Place::Ledger(name, index) => {
                format!("{name} ledger {}", self.ledger_entry(name, *index).number)
            }
            Place::Event(index) => format!("usage event {}", self.events()[*index].event_id),
            Place::Series(index) => format!("series {}", self.series[*index].name),
        };
        let status = self
            .status(record)
            .map_or("no status".to_owned(), |status| status.to_string());
        let value = match unit_of_record(selection) {
            Unit::Count(_) if selection.metric.row().kind == Kind::Count => String::new(),
            unit => format!(" {}", number(record.value, unit)),
        };
        let attempts = record.request.map(|request| {
            let attempts = self.request(request).attempts.iter();
            let attempts = attempts.map(|attempt| {
                let entry = self.booked(attempt);
                format!("{}:{} #{}", attempt.simulator, entry.status, entry.number)
            });
            attempts.collect::<Vec<_>>().join(", ")
        });
        let attempts = attempts.unwrap_or_else(|| "no request".to_owned());
        format!(
            "{place} at {}: {status}{value} [{attempts}]",
            record.arrived
        )
    }
}

fn in_words(selection: &Selection) -> String {
    let kinds = selection.records().into_iter().map(Records::words);
    let kinds: Vec<_> = kinds.collect();
    format!("{selection} over {}", kinds.join(" and "))
}

fn term_in_words(term: &Term) -> String {
    let selection = in_words(term.selection());
    let extreme = |extreme: &Extreme| match extreme {
        Extreme::Most => "most",
        Extreme::Fewest => "fewest",
    };
    let matching = |filter: &Filter| filter.to_string();
    match term {
        Term::Total(_) => selection,
        Term::Statistic(statistic, _) => match statistic {
            Statistic::Percentile(percent) => format!("p{percent} of {selection}"),
            Statistic::Mean => format!("mean of {selection}"),
            Statistic::Sum => format!("sum of {selection}"),
            Statistic::Min => format!("min of {selection}"),
            Statistic::Max => format!("max of {selection}"),
        },
        Term::Window {
            extreme: end,
            length,
            ..
        } => {
            format!(
                "{} in any {} of {selection}",
                extreme(end),
                clock::Span::new(*length)
            )
        }
        Term::Share {
            matching: filter, ..
        } => format!("share of {} in {selection}", matching(filter)),
        Term::Among {
            extreme: end,
            matching: filter,
            length,
            ..
        } => {
            format!(
                "{} {} among {length} consecutive {selection}",
                extreme(end),
                matching(filter)
            )
        }
        Term::LongestRun {
            is_timed,
            matching: filter,
            ..
        } => {
            let what = if *is_timed { "stretch" } else { "run" };
            format!("longest {what} of {} in {selection}", matching(filter))
        }
        Term::Fit { label, .. } => format!("fit of {} in {selection}", label.name()),
        Term::Related(related) => related.to_string(),
    }
}
