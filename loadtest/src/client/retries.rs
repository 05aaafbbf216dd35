//! [`Retries::wait()`]: whether a client tries again, and after which wait.
//!
//! The official SDKs hide two refusals of three from whoever calls them, so a gateway that looks
//! sound to them may not be, and one that looks sound without them may be hammered. Both kinds of
//! caller are needed; the SDKs' rules are restated here.
// Source: openai-python 3.51 (`_base_client.py`, `_constants.py`) and openai-node 7.5
// (`client.ts`): 408, 409, 429, 500 and above and failed connections are tried again unless
// `x-should-retry` says otherwise; the wait is `retry-after-ms`, else `retry-after`, within
// bounds, else min(0.5 s * 2^n, 8 s) * (1 - 0.25 * random).

use std::time::Duration;

use super::exchange::Exchange;
use crate::observation::{Outcome, TransportError};
use crate::plan::{Retries, RetryStyle};

/// The wait before the first retry, which doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How long that gets at most.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// The part of a wait that is random.
const JITTER: f64 = 0.25;

/// The longest wait that openai-python accepts from a server; asked for more, it gives up.
const LONGEST_OF_PYTHON: Duration = Duration::from_mins(2);

/// The same of openai-node, which then waits as if it had been asked for nothing.
const LONGEST_OF_NODE: Duration = Duration::from_mins(1);

impl Retries {
    /// How long after the end of `exchange` the client tries again; none if it does not.
    ///
    /// `random` is uniform in [0, 1).
    pub fn wait(self, exchange: &Exchange, random: f64) -> Option<Duration> {
        let made = exchange.observation.attempt;
        if made >= self.most || hung_up(exchange) {
            return None;
        }
        let asked = exchange.advice.retry_after;
        match self.style {
            RetryStyle::RetryAfter => asked.filter(|_| is_refusal(exchange)),
            RetryStyle::OpenAiPython if asked > Some(LONGEST_OF_PYTHON) => None,
            RetryStyle::OpenAiPython | RetryStyle::OpenAiNode => {
                let accepted = asked.filter(|asked| match self.style {
                    RetryStyle::OpenAiNode => *asked <= LONGEST_OF_NODE,
                    _ => *asked > Duration::ZERO,
                });
                self.is_worth_it(exchange)
                    .then(|| accepted.unwrap_or_else(|| backoff(made, random)))
            }
        }
    }

    /// Whether an SDK tries again what ended so.
    fn is_worth_it(self, exchange: &Exchange) -> bool {
        let seen = &exchange.observation;
        match seen.status() {
            Some(status @ 400..) => exchange
                .advice
                .should_retry
                .unwrap_or(matches!(status, 408 | 409 | 429 | 500..)),
            _ if matches!(seen.outcome, Outcome::Status(_)) => false,
            // Once there is a response, only openai-python is still reading, and no stream.
            _ if seen.headers_at.is_some() => {
                self.style == RetryStyle::OpenAiPython && !seen.streamed
            }
            _ => true,
        }
    }
}

/// Whether the client itself ended the exchange, other than by its timeout.
fn hung_up(exchange: &Exchange) -> bool {
    let timed_out = Outcome::TransportError(TransportError::TimedOut);
    exchange.observation.aborted && exchange.observation.outcome != timed_out
}

fn is_refusal(exchange: &Exchange) -> bool {
    exchange
        .observation
        .status()
        .is_some_and(|status| status >= 400)
}

/// The wait after so many retries that nobody asked for.
fn backoff(made: u32, random: f64) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(made));
    wait.min(LONGEST_WAIT).mul_f64(1.0 - JITTER * random)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Advice;
    use crate::driver::support::{at, observation};

    const PYTHON: RetryStyle = RetryStyle::OpenAiPython;
    const NODE: RetryStyle = RetryStyle::OpenAiNode;
    const POLITE: RetryStyle = RetryStyle::RetryAfter;

    fn exchange(attempt: u32, outcome: Outcome, asked: Option<f64>) -> Exchange {
        let mut observation = observation(0);
        observation.attempt = attempt;
        observation.outcome = outcome;
        Exchange {
            observation,
            gaps: Vec::new(),
            advice: Advice {
                retry_after: asked.map(Duration::from_secs_f64),
                ..Advice::default()
            },
        }
    }

    /// The wait of a client with two retries, in seconds, where nothing is random.
    fn wait(style: RetryStyle, exchange: &Exchange) -> Option<f64> {
        let wait = Retries { style, most: 2 }.wait(exchange, 0.0);
        wait.map(|wait| wait.as_secs_f64())
    }

    fn refused(style: RetryStyle, asked: Option<f64>) -> Option<f64> {
        wait(style, &exchange(0, Outcome::Status(429), asked))
    }

    #[test]
    fn sdks_wait_longer_each_time_and_by_up_to_a_quarter_less() {
        let patient = Retries {
            style: PYTHON,
            most: 9,
        };
        let waits = |random: f64| {
            [0, 1, 2, 3, 4, 8].map(|attempt| {
                let refused = exchange(attempt, Outcome::Status(503), None);
                patient.wait(&refused, random).unwrap().as_millis()
            })
        };
        assert_eq!(waits(0.0), [500, 1_000, 2_000, 4_000, 8_000, 8_000]);
        assert_eq!(waits(1.0), [375, 750, 1_500, 3_000, 6_000, 6_000]);
    }

    #[test]
    fn each_sdk_believes_a_server_within_its_own_bounds() {
        let answers =
            |style| [0.0, 7.0, 60.0, 61.0, 120.0, 86_400.0].map(|s| refused(style, Some(s)));
        let [asked_7, asked_60] = [Some(7.0), Some(60.0)];
        let python = [Some(0.5), asked_7, asked_60, Some(61.0), Some(120.0), None];
        assert_eq!(answers(PYTHON), python);
        let node = [
            Some(0.0),
            asked_7,
            asked_60,
            Some(0.5),
            Some(0.5),
            Some(0.5),
        ];
        assert_eq!(answers(NODE), node);
    }

    #[test]
    fn a_polite_client_waits_exactly_as_told_and_otherwise_gives_up() {
        assert_eq!(refused(POLITE, Some(61.5)), Some(61.5));
        assert_eq!(refused(POLITE, None), None);
        assert_eq!(
            wait(POLITE, &exchange(0, Outcome::Status(200), Some(1.0))),
            None
        );
    }

    #[test]
    fn two_retries_are_two() {
        let ways = [0, 1, 2].map(|made| wait(NODE, &exchange(made, Outcome::Status(500), None)));
        assert_eq!(ways, [Some(0.5), Some(1.0), None]);
    }

    #[test]
    fn what_a_client_did_wrong_is_not_tried_again_unless_the_server_says_so() {
        let is_retried =
            |status| wait(PYTHON, &exchange(0, Outcome::Status(status), None)).is_some();
        let retried = [200, 400, 404, 408, 409, 422, 424, 429, 500, 503].map(is_retried);
        let expected = [
            false, false, false, true, true, false, false, true, true, true,
        ];
        assert_eq!(retried, expected);

        let mut told = exchange(0, Outcome::Status(400), None);
        told.advice.should_retry = Some(true);
        assert_eq!(wait(NODE, &told), Some(0.5));
        let mut told = exchange(0, Outcome::Status(429), None);
        told.advice.should_retry = Some(false);
        assert_eq!(wait(NODE, &told), None);
    }

    #[test]
    fn a_connection_is_tried_again_until_its_answer_has_begun() {
        let failed = |error| exchange(0, Outcome::TransportError(error), None);
        let refused = failed(TransportError::Refused);
        assert_eq!(
            [PYTHON, NODE, POLITE].map(|style| wait(style, &refused)),
            [Some(0.5), Some(0.5), None]
        );

        let mut cut = failed(TransportError::Cut { status: 200 });
        cut.observation.headers_at = Some(at(0.0));
        assert_eq!(
            [PYTHON, NODE].map(|style| wait(style, &cut)),
            [Some(0.5), None]
        );
        cut.observation.streamed = true;
        assert_eq!([PYTHON, NODE].map(|style| wait(style, &cut)), [None, None]);
    }

    #[test]
    fn who_hung_up_does_not_call_again_and_who_timed_out_does() {
        let mut timed_out = exchange(0, Outcome::TransportError(TransportError::TimedOut), None);
        timed_out.observation.aborted = true;
        assert_eq!(wait(PYTHON, &timed_out), Some(0.5));
        let left = TransportError::Other("the client hung up".to_owned());
        let mut left = exchange(0, Outcome::TransportError(left), None);
        left.observation.aborted = true;
        assert_eq!(wait(PYTHON, &left), None);
    }
}
