//! `books.backend_claims`: response headers may claim nothing that the ledgers deny.

use super::attempts::is_alike;
use super::{Balance, Count};
use crate::judge::case::Case;
use crate::judge::join::{AttemptRef, JoinedRequest};
use crate::judge::words;

pub(super) fn close(case: &Case<'_>) -> Balance {
    if let Some(reason) = case.missing_ledger(None) {
        return Balance::NotJudged(reason);
    }
    let mut count = Count::default();
    let mut false_claims = 0;
    for (index, request) in case.joined.requests.iter().enumerate() {
        let result = case.result(request);
        if result.claimed_backend.is_none() && result.claimed_attempts.is_none() {
            continue;
        }
        count.samples += 1;
        if !(backend_agrees(case, request) && attempts_agree(case, request)) {
            false_claims += 1;
            count.against.push(index);
        }
    }
    if count.samples == 0 {
        return Balance::NotJudged("no answer carries x-gw-backend or x-gw-attempts".to_owned());
    }
    count.note(false_claims, "answers with headers that the ledgers deny");
    let claims = usize::try_from(count.samples).unwrap_or(usize::MAX);
    count.observed = format!("{} with true headers", words::count(claims, "answer"));
    Balance::Counted(count)
}

/// Where no backend's answer was passed on, the claim must at least name one that was tried.
fn backend_agrees(case: &Case<'_>, request: &JoinedRequest) -> bool {
    let Some(claim) = case.result(request).claimed_backend.as_deref() else {
        return true;
    };
    match request.backend.as_deref() {
        Some(backend) => backend == claim,
        None => request
            .attempts
            .iter()
            .any(|attempt| *attempt.simulator == *claim),
    }
}

/// `ptu-1:429, payg-1:200`, with commas or spaces between; an error's words stand where a status is missing.
fn attempts_agree(case: &Case<'_>, request: &JoinedRequest) -> bool {
    let Some(claim) = case.result(request).claimed_attempts.as_deref() else {
        return true;
    };
    let separator = if claim.contains(',') { ',' } else { ' ' };
    let claimed = claim
        .split(separator)
        .filter_map(|attempt| attempt.trim().split_once(':'));
    let claimed: Vec<_> = claimed
        .map(|(backend, status)| (backend, status.parse().ok()))
        .collect();
    let number = case.result(request).attempt;
    let is_of_result =
        |attempt: &&AttemptRef| case.evidence.observations[attempt.observation].attempt == number;
    let booked = request.attempts.iter().filter(is_of_result);
    let booked: Vec<_> = booked
        .map(|attempt| (&*attempt.simulator, case.booked(attempt).status))
        .collect();
    is_alike(&claimed, &booked)
}
