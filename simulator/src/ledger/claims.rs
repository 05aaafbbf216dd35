//! What a test claims of a ledger, and what there contradicts it.
//!
//! Claims return an error that tells the entries, rather than panic: a test writes `?` or
//! `unwrap`, anything else goes on.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use clock::Moment;
use thiserror::Error;

use super::{Entry, Ledger};

/// Entries that are told before it is only said how many more there are.
const TOLD: usize = 10;

/// A claim that does not hold, and the entries that contradict it.
#[derive(Clone, Eq, Error, PartialEq)]
#[error("the ledger contradicts that {claim}:{}", told(evidence))]
pub struct Contradiction {
    /// What was claimed.
    pub claim: String,
    /// A line for each entry that contradicts it, in order of arrival.
    pub evidence: Vec<String>,
}

impl fmt::Debug for Contradiction {
    /// As it is displayed: this is what a test shows that unwraps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn told(evidence: &[String]) -> String {
    let more = evidence.len().saturating_sub(TOLD);
    let more = (more > 0).then(|| format!("and {more} more"));
    let lines = evidence.iter().take(TOLD).chain(&more);
    lines.flat_map(|line| ["\n  ", line]).collect()
}

impl Ledger {
    /// Every request has come to its end, none was left by its caller, and none is forgotten.
    ///
    /// An answer that a fault cut short is one: that was asked for.
    ///
    /// # Errors
    /// The requests that are open, or that were left.
    pub fn every_request_was_answered(&self) -> Result<(), Contradiction> {
        let first = self.first_number();
        let forgotten = (first > 0).then(|| format!("{first} older entries were dropped"));
        let entries = self.entries();
        let unanswered = entries.iter().filter_map(|entry| {
            let problem = match (entry.ended, entry.aborted_by_client) {
                (None, _) => "is still open".to_owned(),
                (Some(ended), true) => format!("was left by its caller at {ended}"),
                (Some(_), false) => return None,
            };
            Some(format!("{} {problem}", name(entry)))
        });
        holds(
            "every request was answered",
            forgotten.into_iter().chain(unanswered),
        )
    }

    /// No request was refused, for whatever reason.
    ///
    /// # Errors
    /// The requests that were.
    pub fn nothing_was_refused(&self) -> Result<(), Contradiction> {
        let entries = self.entries();
        let refused = entries.iter().filter_map(|entry| {
            let reason = entry.refusal.as_ref()?;
            Some(format!("{} got {}: {reason}", name(entry), entry.status))
        });
        holds("nothing was refused", refused)
    }

    /// Whoever was told to wait did not ask the same deployment again before the wait was over.
    ///
    /// Attempts of one request carry the same id (`x-request-id`, `x-ms-client-request-id` or
    /// `traceparent`); without an id they are the same bytes from the same caller. The wait begins
    /// when the refusal is handed over.
    ///
    /// # Errors
    /// The requests that came early, and what they had been told.
    pub fn nobody_retried_early(&self) -> Result<(), Contradiction> {
        let mut promises: HashMap<_, (u64, Moment, Moment)> = HashMap::new();
        let mut early = Vec::new();
        for entry in &self.entries() {
            let attempt = (attempt_of(entry), entry.deployment.clone());
            if let Some(&(number, told, until)) = promises.get(&attempt)
                && (told..until).contains(&entry.arrived)
            {
                let told =
                    format!("request {number} had been told at {told} to wait until {until}");
                early.push(format!("{} came early: {told}", name(entry)));
            }
            if let (Some(millis), Some(told)) =
                (entry.retry_after_ms, entry.first_byte.or(entry.ended))
            {
                let until = told + Duration::from_millis(millis);
                promises.insert(attempt, (entry.number, told, until));
            }
        }
        holds("nobody retried early", early)
    }

    /// No request was sent more than `most` times; see
    /// [`nobody_retried_early`](Self::nobody_retried_early) for what an attempt is.
    ///
    /// # Errors
    /// The attempts that were too many.
    pub fn at_most_attempts(&self, most: usize) -> Result<(), Contradiction> {
        let mut attempts: HashMap<_, usize> = HashMap::new();
        let entries = self.entries();
        let excess = entries.iter().filter_map(|entry| {
            let count = attempts.entry(attempt_of(entry)).or_default();
            *count += 1;
            (*count > most).then(|| format!("{} was attempt {count}", name(entry)))
        });
        holds(
            &format!("no request was sent more than {most} times"),
            excess,
        )
    }

    /// The limiters charged no more than `most` tokens in all.
    ///
    /// # Errors
    /// The requests from the one on that went beyond.
    pub fn charged_at_most(&self, most: u64) -> Result<(), Contradiction> {
        let mut sum: u64 = 0;
        let entries = self.entries();
        let beyond = entries.iter().filter_map(|entry| {
            sum = sum.saturating_add(entry.tokens_charged);
            let counts = sum > most && entry.tokens_charged > 0;
            counts.then(|| {
                format!(
                    "{} was charged {}, which makes {sum}",
                    name(entry),
                    entry.tokens_charged
                )
            })
        });
        holds(&format!("at most {most} tokens were charged"), beyond)
    }
}

fn holds(claim: &str, evidence: impl IntoIterator<Item = String>) -> Result<(), Contradiction> {
    let evidence: Vec<_> = evidence.into_iter().collect();
    if evidence.is_empty() {
        return Ok(());
    }
    let claim = claim.to_owned();
    Err(Contradiction { claim, evidence })
}

/// What attempts of one request have in common.
fn attempt_of(entry: &Entry) -> Vec<String> {
    if let Some(id) = entry.correlation() {
        return vec![id.to_owned()];
    }
    let bytes = [entry.path_and_query.clone(), entry.request_hash.clone()];
    let caller = entry.credential_hashes.iter().cloned();
    bytes.into_iter().chain(caller).collect()
}

/// `request 3 (id `a`) to `gpt-4o` at 0.500 s`.
fn name(entry: &Entry) -> String {
    let Entry {
        number, arrived, ..
    } = entry;
    let id = entry.correlation();
    let id = id.map_or_else(String::new, |id| format!(" (id `{id}`)"));
    let target = match &entry.deployment {
        Some(deployment) => format!("to `{deployment}`"),
        None => format!("{} {}", entry.method, entry.path_and_query),
    };
    format!("request {number}{id} {target} at {arrived}")
}
