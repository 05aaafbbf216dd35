//! `books.transport`, `books.server_errors` and `books.statuses`: what clients got.
//!
//! A scenario that provokes a 5xx allows that status by its number; any other is an error still.

use super::{Balance, Count};
use crate::judge::case::Case;
use crate::judge::words;
use crate::observation::{Observation, Outcome};

pub(super) fn transport(case: &Case<'_>) -> Balance {
    let is_error = |o: &Observation| !o.aborted && matches!(o.outcome, Outcome::TransportError(_));
    let mut count = Count::default();
    let errors = find(case, &mut count, is_error);
    let malformed = find(case, &mut count, |o| !o.aborted && o.malformed.is_some());
    count.note(errors, "transport errors");
    count.note(malformed, "malformed answers");
    let complaints = case.evidence.observations.iter().filter(|o| !o.aborted);
    let mut complaints = complaints.filter_map(|observation| match &observation.outcome {
        Outcome::TransportError(error) => Some(error.to_string()),
        Outcome::Status(_) => observation.malformed.clone(),
    });
    count.detail = complaints
        .next()
        .map(|complaint| format!("the first: {complaint}"));
    Balance::Counted(count)
}

pub(super) fn server_errors(case: &Case<'_>) -> Balance {
    let mut count = Count::default();
    let allowed = &case.facts.books.allowed_statuses;
    let is_error = |status: u16| status >= 500 && !allowed.contains(&status);
    let errors = find(case, &mut count, |o| o.status().is_some_and(is_error));
    count.note(errors, "5xx answers");
    Balance::Counted(count)
}

pub(super) fn statuses(case: &Case<'_>) -> Balance {
    let allowed = &case.facts.books.allowed_statuses;
    let is_other = |o: &Observation| o.status().is_some_and(|status| !allowed.contains(&status));
    let mut count = Count::default();
    let others = find(case, &mut count, is_other);
    count.note(others, "answers of another status");
    let mut seen: Vec<u16> = case
        .evidence
        .observations
        .iter()
        .filter_map(Observation::status)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let listed = |statuses: &[u16]| {
        let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
        statuses.join(", ")
    };
    count.detail =
        (others > 0).then(|| format!("seen {}, allowed {}", listed(&seen), listed(allowed)));
    Balance::Counted(count)
}

/// Client attempts that `is_wrong`; their requests are noted.
fn find(case: &Case<'_>, count: &mut Count, is_wrong: impl Fn(&Observation) -> bool) -> usize {
    let observations = &case.evidence.observations;
    count.samples = observations.len() as u64;
    count.observed = format!(
        "none in {}",
        words::count(observations.len(), "client attempt")
    );
    let mut found = 0;
    for (index, request) in case.joined.requests.iter().enumerate() {
        let attempts = &observations[request.observations.clone()];
        let wrong = attempts.iter().filter(|o| is_wrong(o)).count();
        found += wrong;
        if wrong > 0 {
            count.against.push(index);
        }
    }
    found
}
