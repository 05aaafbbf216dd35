//! `books.requests`: every client attempt arrived exactly once, and nothing else did.

use std::collections::HashSet;

use super::{Balance, Count};
use crate::judge::case::Case;
use crate::judge::join::Owner;
use crate::judge::words;
use crate::observation::{Observation, Outcome, TransportError};

pub(super) fn close(case: &Case<'_>) -> Balance {
    let uses_gateway = |observation: &Observation| direct(case, observation).is_none();
    if case.evidence.observations.iter().any(uses_gateway)
        && let Some(reason) = case.missing_log()
    {
        return Balance::NotJudged(reason);
    }
    let twice = observed_twice(case);
    let arrivals = arrivals(case, &twice);
    let mut count = Count {
        samples: case.evidence.observations.len() as u64,
        observed: format!(
            "{}, each arrived once",
            words::count(arrivals.len(), "client attempt")
        ),
        ..Count::default()
    };
    let (mut missing, mut repeated) = (0, 0);
    for (index, arrived) in arrivals.iter().enumerate() {
        match arrived {
            Some(0) if must_have_arrived(case, index) => missing += 1,
            Some(more @ 2..) => repeated += more - 1,
            Some(_) | None => continue,
        }
        count.against.extend(case.request_of_observation(index));
    }
    count.note(missing, "missing from the gateway's log or the ledger");
    count.note(repeated, "arrived more often than sent");
    count.note(twice.len(), "observed twice");
    count.note(strangers(case), "written down but sent by no client");
    count.against.extend(
        twice
            .into_iter()
            .filter_map(|index| case.request_of_observation(index)),
    );
    Balance::Counted(count)
}

/// How often each client attempt arrived at its target; none where the target's books are closed to us.
///
/// Nor for an observation made twice: it is reported as such, not as missing too.
fn arrivals(case: &Case<'_>, twice: &HashSet<usize>) -> Vec<Option<usize>> {
    let observations = &case.evidence.observations;
    let mut arrived = vec![0; observations.len()];
    for owner in &case.joined.gateway {
        if let Owner::Request { observation, .. } = owner {
            arrived[*observation] += 1;
        }
    }
    for (name, owners) in &case.joined.ledgers {
        for owner in owners {
            if let Owner::Request { observation, .. } = owner {
                let is_target = direct(case, &observations[*observation]) == Some(&**name);
                arrived[*observation] += usize::from(is_target);
            }
        }
    }
    let is_open = |observation: &Observation| {
        direct(case, observation).is_none_or(|name| case.joined.ledgers.contains_key(name))
    };
    let counted = arrived.into_iter().enumerate().map(|(index, arrived)| {
        (is_open(&observations[index]) && !twice.contains(&index)).then_some(arrived)
    });
    counted.collect()
}

/// Entries that belong to no client attempt: of the log, or of the ledgers where no gateway stands between.
fn strangers(case: &Case<'_>) -> usize {
    let joined = &case.joined;
    let ledgers = joined.ledgers.values().filter(|_| !case.facts.has_gateway);
    let owners = joined.gateway.iter().chain(ledgers.flatten());
    owners.filter(|owner| **owner == Owner::Nobody).count()
}

/// Observations whose request id an earlier one has already.
fn observed_twice(case: &Case<'_>) -> HashSet<usize> {
    let mut seen = HashSet::new();
    let mut twice = HashSet::new();
    for (index, observation) in case.evidence.observations.iter().enumerate() {
        if !seen.insert(observation.request_id.as_str()) {
            twice.insert(index);
        }
    }
    twice
}

/// The simulator that this attempt was sent to directly.
fn direct<'a>(case: &Case<'a>, observation: &'a Observation) -> Option<&'a str> {
    case.facts.direct(observation)
}

/// A connection that was refused carried nothing to anybody; one to a simulator that was reset,
/// which stopping it does too, may have carried nothing.
fn must_have_arrived(case: &Case<'_>, index: usize) -> bool {
    let observation = &case.evidence.observations[index];
    let Outcome::TransportError(error) = &observation.outcome else {
        return true;
    };
    let may_be_lost = *error == TransportError::Reset && direct(case, observation).is_some();
    *error != TransportError::Refused && !may_be_lost
}
