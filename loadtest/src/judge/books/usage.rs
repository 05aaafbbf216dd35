//! `books.usage`: one usage event of each answer, with the tokens that simulator and client count.
//!
//! An estimate may be off by a twentieth; so may the end of a stream that broke off, where
//! buffers lie between what the simulator yielded and what the client received. All else is
//! equal to the unit.

use std::collections::{BTreeMap, HashSet};

use super::{Balance, Count};
use crate::judge::case::Case;
use crate::judge::join::Owner;
use crate::judge::words;
use crate::observation::{Observation, Outcome};
use crate::topology::{LedgerEntry, UsageEvent};

/// What an estimate may be off by: one part in so many of the ledger's tokens.
const ESTIMATE_PARTS: u64 = 20;

pub(super) fn close(case: &Case<'_>) -> Balance {
    let missing = case.missing_events().or_else(|| case.missing_ledger(None));
    if let Some(reason) = missing {
        return Balance::NotJudged(reason);
    }
    let told = told(case);
    let mut count = Count::default();
    let mut sums = Sums::default();
    let (mut missing, mut repeated, mut unasked, mut different) = (0, 0, 0, 0);
    for (index, request) in case.joined.requests.iter().enumerate() {
        for observation in request.observations.clone() {
            let events = told.get(&observation).map_or(&[][..], Vec::as_slice);
            let booked = answer(case, index, observation);
            let is_wrong = match (booked, events) {
                (None, []) => false,
                (Some(_), []) => add(&mut missing, 1),
                (_, [_, others @ ..]) if !others.is_empty() => add(&mut repeated, others.len()),
                (None, _) => !is_logged(case, index, observation) && add(&mut unasked, 1),
                (Some(entry), [event, ..]) => {
                    let seen = &case.evidence.observations[observation];
                    count.samples += 1;
                    !sums.add(event, seen, entry) && add(&mut different, 1)
                }
            };
            count.against.extend(is_wrong.then_some(index));
        }
    }
    count.note(missing, "answers without a usage event");
    count.note(repeated, "usage events of an answer that has one");
    count.note(unasked, "usage events of requests without an answer");
    count.note(strangers(case), "usage events of nobody's request");
    count.note(
        same_ids(case.events()),
        "usage events with the id of another",
    );
    count.note(
        different,
        "usage events with other tokens than the ledger or the client",
    );
    count.observed = sums.observed();
    count.detail = sums.detail();
    Balance::Counted(count)
}

/// Adds to a number of discrepancies; true, as there is one.
fn add(number: &mut usize, more: usize) -> bool {
    *number += more;
    true
}

/// The usage events by the client attempt that they are of.
fn told<'a>(case: &Case<'a>) -> BTreeMap<usize, Vec<&'a UsageEvent>> {
    let mut told: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (owner, event) in case.joined.events.iter().zip(case.events()) {
        if let Owner::Request { observation, .. } = owner {
            told.entry(*observation).or_default().push(event);
        }
    }
    told
}

/// The ledger entry behind a 200 that this client attempt got through the gateway.
fn answer<'a>(case: &Case<'a>, request: usize, observation: usize) -> Option<&'a LedgerEntry> {
    let seen = &case.evidence.observations[observation];
    if seen.status() != Some(200) || case.facts.direct(seen).is_some() {
        return None;
    }
    let attempts = case.request(request).attempts.iter().rev();
    let own = attempts.filter(|attempt| attempt.observation == observation);
    let mut booked = own.map(|attempt| case.booked(attempt));
    booked.find(|entry| entry.status == 200)
}

/// Whether the gateway says that it answered 200, although the client saw no status.
fn is_logged(case: &Case<'_>, request: usize, observation: usize) -> bool {
    let is_of_this = |entry: &&usize| matches!(case.joined.gateway[**entry], Owner::Request { observation: of, .. } if of == observation);
    let mut entries = case.request(request).gateway.iter().filter(is_of_this);
    entries.any(|entry| case.log()[*entry].status == 200)
}

fn strangers(case: &Case<'_>) -> usize {
    let owners = case.joined.events.iter();
    owners.filter(|owner| **owner == Owner::Nobody).count()
}

fn same_ids(events: &[UsageEvent]) -> usize {
    let ids: HashSet<&str> = events.iter().map(|event| event.event_id.as_str()).collect();
    events.len() - ids.len()
}

/// What all usage events come to.
#[derive(Debug, Default)]
struct Sums {
    events: usize,
    tokens: u64,
    estimated: usize,
    /// Tokens of estimated events in the ledgers.
    booked: u64,
    /// By how many tokens the estimates are off, each by itself.
    off: u64,
}

impl Sums {
    /// Adds one event; false if ledger or client disagree with it.
    fn add(&mut self, event: &UsageEvent, seen: &Observation, entry: &LedgerEntry) -> bool {
        self.events += 1;
        self.tokens += event.total_tokens;
        let is_sum = event.total_tokens == event.prompt_tokens + event.completion_tokens;
        let has_ended = matches!(seen.outcome, Outcome::Status(_)) && !seen.aborted;
        let booked = entry.prompt_tokens + entry.completion_tokens;
        if has_ended && !event.estimated {
            let told = (seen.prompt_tokens, seen.completion_tokens);
            return is_sum
                && event.prompt_tokens == entry.prompt_tokens
                && event.completion_tokens == entry.completion_tokens
                && told.0.is_none_or(|tokens| tokens == event.prompt_tokens)
                && told
                    .1
                    .is_none_or(|tokens| tokens == event.completion_tokens);
        }
        let (least, most) = if has_ended {
            (booked, booked)
        } else {
            let most = entry.tokens_yielded.max(seen.content_events);
            (
                entry.prompt_tokens + seen.content_events,
                entry.prompt_tokens + most,
            )
        };
        let below = least.saturating_sub(event.total_tokens);
        let off = below + event.total_tokens.saturating_sub(most);
        if event.estimated {
            self.estimated += 1;
            self.booked += most;
            self.off += off;
        }
        is_sum && off * ESTIMATE_PARTS <= most
    }

    fn observed(&self) -> String {
        let events = words::count(self.events, "usage event");
        format!("{} tokens in {events}", words::plain(number(self.tokens)))
    }

    fn detail(&self) -> Option<String> {
        let estimated = words::count(self.estimated, "estimated event");
        let (off, booked) = (self.off, self.booked);
        (self.estimated > 0).then(|| {
            let part = number(off) / number(booked.max(1));
            format!(
                "{estimated}: off by {off} of {booked} tokens ({})",
                words::share(part)
            )
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 tokens")]
fn number(tokens: u64) -> f64 {
    tokens as f64
}
