//! [`Event`]: what a running scenario tells while it runs.
//!
//! A socket run is a child process; it writes these as JSON lines that start with [`MARK`], and
//! the parent draws them: a bar, a line every few seconds, or the live view of `--watch`. They
//! are news, not evidence: backends are those that responses claim.

use std::collections::BTreeMap;

use clock::Moment;
use serde::{Deserialize, Serialize};

/// First character of an event's line, so that stray output of libraries is told apart.
pub const MARK: char = '\u{1e}';

/// News of a running scenario.
///
/// Not tagged inside: serde reads such enums through a buffer in which a map's numbers have
/// become strings for good, and every second with an answer would be lost.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The rig is up and the first phase starts.
    Started {
        /// Name of the run.
        name: String,
        /// Its question.
        about: String,
        /// Simulated length of all phases.
        end: Moment,
        /// Simulated seconds per real second; none in virtual time.
        speed: Option<f64>,
        /// The simulators' names, in order.
        backends: Vec<String>,
    },
    /// A phase starts.
    Phase {
        /// Its name.
        name: String,
        /// When.
        at: Moment,
        /// What a presenter says.
        say: Option<String>,
    },
    /// A timed action was done.
    Action {
        /// Its name.
        name: String,
        /// When.
        at: Moment,
    },
    /// What happened in the simulated second that ends at `at`.
    Second {
        /// Its end.
        at: Moment,
        /// Answers by claimed backend (`gateway` where the gateway itself answered) and status (0 = transport error).
        answers: BTreeMap<String, BTreeMap<u16, u64>>,
        /// Requests in flight at its end.
        in_flight: u64,
        /// Median latency of the second's answers, in simulated microseconds.
        latency_p50: Option<u64>,
    },
    /// All requests have ended; judging begins.
    Finished {
        /// When.
        at: Moment,
        /// Requests sent.
        requests: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_with_answers_is_heard_as_it_was_told() {
        let second = Event::Second {
            at: Moment::from_micros(1_000_000),
            answers: BTreeMap::from([("ptu-1".to_owned(), BTreeMap::from([(200, 3), (429, 1)]))]),
            in_flight: 2,
            latency_p50: Some(500_000),
        };
        let line = serde_json::to_string(&second).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), second);
    }
}
