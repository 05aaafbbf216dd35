//! Clauses about order: `order of … is …` and `each … has attempts […]`.

use super::case::{Case, PhaseBy, Record};
use super::clause::{Finding, Judged};
use super::label::Found;
use super::pattern::{Item, Machine, Mismatch};
use super::words;
use crate::gate::{Label, Pattern, Selection};

impl Case<'_> {
    /// Judges whether the values of `label`, in order, match `pattern` as a whole.
    pub(super) fn order(&self, label: &Label, within: &Selection, pattern: &Pattern) -> Judged {
        let records = self.sequence(within);
        if records.is_empty() {
            return Judged::no_samples();
        }
        let unit = within.metric.row().unit;
        let items = records.iter().map(|record| Item {
            value: self.label(record, label),
            status: self.status(record),
        });
        let whole = words::count(records.len(), unit);
        let Err(mismatch) = Machine::new(pattern).matches(items) else {
            return Judged::new(
                Finding::Holds,
                format!("{whole} in this order"),
                records.len(),
            );
        };
        let request = records.get(mismatch.at).and_then(|record| record.request);
        let place = mismatch.at + 1;
        let observed = format!("broken at number {place} of {whole}");
        Judged {
            details: vec![self.deviation(label, &records, &mismatch)],
            against: request.into_iter().collect(),
            ..Judged::new(Finding::Fails, observed, records.len())
        }
    }

    /// What stands where the pattern ends to match, and what it would permit there.
    fn deviation(&self, label: &Label, records: &[Record], mismatch: &Mismatch) -> String {
        let record = records.get(mismatch.at);
        let found = record.map_or("the end".to_owned(), |r| self.label(r, label).to_string());
        let expected = match mismatch.expected.as_slice() {
            [] => "the end".to_owned(),
            expected => expected.join(" or "),
        };
        format!("number {} is {found}, expected {expected}", mismatch.at + 1)
    }

    /// Judges whether the attempts of each request match `pattern`.
    pub(super) fn each(&self, of: &Selection, pattern: &Pattern) -> Judged {
        let machine = Machine::new(pattern);
        let records = self.select(of, PhaseBy::Planned);
        let requests: Vec<usize> = records.iter().filter_map(|record| record.request).collect();
        if requests.is_empty() {
            return Judged::no_samples();
        }
        let differs = |index: &usize| {
            let attempts = self.request(*index).attempts.iter();
            let items = attempts.map(|attempt| Item {
                value: Found::Word(&attempt.simulator),
                status: Some(self.booked(attempt).status),
            });
            machine.matches(items).is_err()
        };
        let against: Vec<usize> = requests.iter().copied().filter(differs).collect();
        let whole = words::count(requests.len(), "request");
        if against.is_empty() {
            return Judged::new(Finding::Holds, format!("all of {whole}"), requests.len());
        }
        let observed = format!("{} of {whole} otherwise", against.len());
        Judged {
            against,
            ..Judged::new(Finding::Fails, observed, requests.len())
        }
    }
}
