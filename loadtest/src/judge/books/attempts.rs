//! `books.attempts`: what the gateway says it tried is what the simulators booked.

use super::{Balance, Count};
use crate::judge::case::Case;
use crate::judge::join::{AttemptRef, JoinedRequest, Owner};
use crate::judge::words;

pub(super) fn close(case: &Case<'_>) -> Balance {
    if let Some(reason) = case.missing_log().or_else(|| case.missing_ledger(None)) {
        return Balance::NotJudged(reason);
    }
    let mut count = Count::default();
    let mut different = 0;
    for (index, request) in case.joined.requests.iter().enumerate() {
        for observation in request.observations.clone() {
            if !agrees(case, request, observation) {
                different += 1;
                count.against.push(index);
            }
        }
    }
    let attempts: usize = case.joined.requests.iter().map(|r| r.attempts.len()).sum();
    let owners = case.joined.ledgers.values().flatten();
    let strangers = owners.filter(|owner| **owner == Owner::Nobody).count();
    count.note(different, "different in log and ledgers");
    count.note(strangers, "booked but of no request");
    count.samples = attempts as u64;
    count.observed = format!(
        "{} in log and ledgers alike",
        words::count(attempts, "attempt")
    );
    Balance::Counted(count)
}

/// Whether log and ledgers tell the same attempts of one client attempt.
fn agrees(case: &Case<'_>, request: &JoinedRequest, observation: usize) -> bool {
    let observed = &case.evidence.observations[observation];
    if case.facts.direct(observed).is_some() {
        return true;
    }
    let logged = request.gateway.iter();
    let logged = logged.filter(|entry| is_of(case.joined.gateway[**entry], observation));
    let tried = logged.flat_map(|entry| &case.log()[*entry].attempts);
    let tried: Vec<_> = tried
        .map(|tried| (tried.backend.as_str(), tried.status))
        .collect();
    let of_this = |attempt: &&AttemptRef| attempt.observation == observation;
    let booked = request.attempts.iter().filter(of_this);
    let booked: Vec<_> = booked
        .map(|attempt| (&*attempt.simulator, case.booked(attempt).status))
        .collect();
    is_alike(&tried, &booked)
}

/// Whether the attempts that somebody tells, backends with statuses, are those that are booked.
///
/// An attempt without an answer may have failed before it arrived or after; every other is booked.
pub(super) fn is_alike(tried: &[(&str, Option<u16>)], booked: &[(&str, u16)]) -> bool {
    // Which numbers of booked entries the attempts so far can account for.
    let mut accounted = vec![false; booked.len() + 1];
    accounted[0] = true;
    for (backend, status) in tried {
        let mut next = vec![false; booked.len() + 1];
        for (index, _) in accounted.iter().enumerate().filter(|(_, is)| **is) {
            next[index] |= status.is_none();
            let entry = booked.get(index);
            let is_booked = entry.is_some_and(|(simulator, answered)| {
                backend == simulator && status.is_none_or(|status| status == *answered)
            });
            if is_booked {
                next[index + 1] = true;
            }
        }
        accounted = next;
    }
    accounted[booked.len()]
}

fn is_of(owner: Owner, observation: usize) -> bool {
    matches!(owner, Owner::Request { observation: other, .. } if other == observation)
}
