//! [`Outcome`]: what came of an attempt, as policies see it.
//!
//! Breakers, retries and balancers all judge by the same few facts, read once when the headers
//! are there: which status or failure, and the waits the backend asks for.

use std::time::Duration;

use axum::body::Body;
use clock::Timestamp;
use http::{Response, StatusCode};

use crate::config::Condition;
use crate::forward::Failure;
use crate::retry_after;

/// What came of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// The wait that is asked for; `None` if there is none or it is none.
    pub(crate) retry_after: Option<Duration>,
    /// The time until the limit that was hit is reset, where the backend tells.
    pub(crate) reset: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The backend answered.
    Answered(StatusCode),
    /// It did not.
    Failed(Failure),
    /// There was no backend to ask.
    Exhausted,
    /// The gateway could not tell the backend who it is.
    Unidentified,
}

impl Outcome {
    /// What `answer`, which came at `date`, comes to.
    pub(crate) fn of(answer: &Result<Response<Body>, Failure>, date: Timestamp) -> Self {
        let some_time = |wait: &Duration| !wait.is_zero();
        match answer {
            Ok(response) => Self {
                end: End::Answered(response.status()),
                retry_after: retry_after::asked(response.headers(), date).filter(some_time),
                reset: retry_after::reset(response.headers()).filter(some_time),
            },
            Err(failure) => Self::without_waits(End::Failed(*failure)),
        }
    }

    /// An attempt that ended so and told of no wait.
    pub(crate) fn without_waits(end: End) -> Self {
        Self {
            end,
            retry_after: None,
            reset: None,
        }
    }

    /// Whether one of `conditions` is met.
    pub(crate) fn meets(&self, conditions: &[Condition]) -> bool {
        conditions
            .iter()
            .any(|condition| match (*condition, self.end) {
                (Condition::Statuses { first, last }, End::Answered(status)) => {
                    (first..=last).contains(&status.as_u16())
                }
                (Condition::Transport, End::Failed(failure)) => failure.is_transport(),
                (Condition::Exhausted, end) => end == End::Exhausted,
                (Condition::Statuses { .. } | Condition::Transport, _) => false,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_is_met_by_its_own_end_only() {
        let status = |code| End::Answered(StatusCode::from_u16(code).unwrap());
        let ends = [
            status(429),
            status(500),
            status(599),
            End::Failed(Failure::Reset),
            End::Failed(Failure::RequestBody),
            End::Exhausted,
        ];
        let met_by = |condition| ends.map(|end| Outcome::without_waits(end).meets(&[condition]));
        let [yes, no] = [true, false];
        let full = Condition::status(StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(met_by(full), [yes, no, no, no, no, no]);
        assert_eq!(met_by(Condition::SERVER_ERRORS), [no, yes, yes, no, no, no]);
        assert_eq!(met_by(Condition::Transport), [no, no, no, yes, no, no]);
        assert_eq!(met_by(Condition::Exhausted), [no, no, no, no, no, yes]);
    }

    #[test]
    fn a_wait_of_no_time_is_none() {
        let response = Response::builder().status(429).header("retry-after", "0");
        let outcome = Outcome::of(
            &Ok(response.body(Body::empty()).unwrap()),
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(outcome.retry_after, None);
    }
}
