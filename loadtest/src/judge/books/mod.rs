//! The books: client, gateway and simulators tell one story.
//!
//! These gates close in every scenario without being written. Proportions and percentiles hide a
//! lost retry or a response counted twice; counting each request in three places does not.
//! A scenario opts out of one by name, with a reason.

mod answers;
mod attempts;
mod claims;
mod requests;
mod tokens;
mod usage;

use super::case::Case;
use super::gates::MOST_OFFENDERS;
use crate::verdict::{GateResult, State};

/// One of the books.
struct Book {
    id: &'static str,
    sentence: &'static str,
    /// Whose records it is about; without them there is nothing to close.
    of: Of,
    close: fn(&Case<'_>) -> Balance,
}

/// Whose records a book is about.
#[derive(Clone, Copy, Debug)]
enum Of {
    /// Clients' and simulators'.
    Everyone,
    /// A gateway's.
    Gateway,
    /// A gateway's that tracks usage.
    Usage,
}

/// All of them, in the order of the path from client to simulator and back.
const BOOKS: [Book; 8] = [
    Book {
        id: "books.requests",
        sentence: "every client attempt arrived exactly once",
        of: Of::Everyone,
        close: requests::close,
    },
    Book {
        id: "books.attempts",
        sentence: "the gateway's attempts are those in the ledgers, in order",
        of: Of::Gateway,
        close: attempts::close,
    },
    Book {
        id: "books.tokens",
        sentence: "clients are told the tokens that the simulators count",
        of: Of::Everyone,
        close: tokens::close,
    },
    Book {
        id: "books.usage",
        sentence: "one usage event of each answer, with the tokens that simulator and client count",
        of: Of::Usage,
        close: usage::close,
    },
    Book {
        id: "books.transport",
        sentence: "no transport error and no malformed answer",
        of: Of::Everyone,
        close: answers::transport,
    },
    Book {
        id: "books.server_errors",
        sentence: "no client sees a 5xx that the scenario does not allow",
        of: Of::Everyone,
        close: answers::server_errors,
    },
    Book {
        id: "books.statuses",
        sentence: "clients see allowed statuses only",
        of: Of::Everyone,
        close: answers::statuses,
    },
    Book {
        id: "books.backend_claims",
        sentence: "x-gw-backend and x-gw-attempts say what the ledgers say",
        of: Of::Gateway,
        close: claims::close,
    },
];

/// The ids of all books, which a scenario may opt out of.
pub fn book_ids() -> Vec<&'static str> {
    BOOKS.iter().map(|book| book.id).collect()
}

/// How a book closed.
#[derive(Debug)]
enum Balance {
    /// Judged.
    Counted(Count),
    /// Its evidence is missing, for this reason.
    NotJudged(String),
}

/// What was counted.
#[derive(Debug, Default)]
struct Count {
    /// Records that were looked at.
    samples: u64,
    /// Discrepancies by kind, in words: `observed twice: 1`.
    wrong: Vec<String>,
    /// Requests that the discrepancies belong to.
    against: Vec<usize>,
    /// What was observed when nothing is wrong.
    observed: String,
    /// More about it.
    detail: Option<String>,
}

impl Count {
    /// Notes `number` discrepancies of this kind.
    fn note(&mut self, number: usize, kind: &str) {
        if number > 0 {
            self.wrong.push(format!("{kind}: {number}"));
        }
    }
}

/// Closes every book that the scenario has.
pub(super) fn close(case: &Case<'_>) -> Vec<GateResult> {
    let books = BOOKS.iter();
    let kept = books.filter(|book| match book.of {
        Of::Everyone => true,
        Of::Gateway => case.facts.has_gateway,
        Of::Usage => case.facts.tracks_usage,
    });
    kept.map(|book| book.result(case)).collect()
}

impl Book {
    fn result(&self, case: &Case<'_>) -> GateResult {
        if let Some(reason) = case.facts.books.opted_out.get(self.id) {
            return self.without_count(State::Off(reason.clone()));
        }
        match (self.close)(case) {
            Balance::NotJudged(reason) => self.without_count(State::NotJudged(reason)),
            Balance::Counted(count) => self.counted(case, count),
        }
    }

    fn counted(&self, case: &Case<'_>, mut count: Count) -> GateResult {
        count.against.sort_unstable();
        count.against.dedup();
        let offenders = count.against.iter().take(MOST_OFFENDERS);
        let is_balanced = count.wrong.is_empty();
        GateResult {
            state: if is_balanced {
                State::Passed
            } else {
                State::Failed
            },
            observed: if is_balanced {
                count.observed
            } else {
                count.wrong.join(", ")
            },
            samples: count.samples,
            detail: count.detail,
            offenders: offenders.map(|request| case.offender(*request)).collect(),
            ..self.without_count(State::Passed)
        }
    }

    fn without_count(&self, state: State) -> GateResult {
        GateResult {
            id: self.id.to_owned(),
            sentence: self.sentence.to_owned(),
            state,
            observed: String::new(),
            declared: self.sentence.to_owned(),
            samples: 0,
            detail: None,
            offenders: vec![],
        }
    }
}
