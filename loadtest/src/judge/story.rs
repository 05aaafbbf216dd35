//! What became of one request: what `explain RUN REQUEST` prints.
//!
//! Each party tells its own part, in the order of the way: the client's attempt, the gateway's
//! entry with its decisions and attempts, the entries in the ledgers. They are not merged into
//! one line of time: where two books disagree, that is what the reader is looking for.

use std::time::Duration;

use super::case::Case;
use super::join::{AttemptRef, JoinedRequest, Owner};
use super::words;
use crate::observation::{Observation, Outcome};
use crate::topology::{AccessAttempt, AccessDecision, AccessEntry, LedgerEntry};

impl Case<'_> {
    /// The story of the request of this number, or of the one with this `x-request-id`.
    pub(crate) fn story(&self, which: &str) -> Option<String> {
        let is_meant = |seen: &Observation| {
            seen.request_id == which
                || which
                    .parse()
                    .is_ok_and(|number: u64| number == seen.request)
        };
        let index = self.evidence.observations.iter().position(is_meant)?;
        let request = self.request(self.request_of_observation(index)?);
        let offender = self.offender(self.request_of_observation(index)?);
        let mut lines = vec![format!(
            "request {}: {}",
            offender.request, offender.summary
        )];
        for observation in request.observations.clone() {
            self.tell_client_attempt(request, observation, &mut lines);
        }
        lines.push(String::new());
        Some(lines.join("\n"))
    }

    fn tell_client_attempt(&self, request: &JoinedRequest, index: usize, lines: &mut Vec<String>) {
        let seen = &self.evidence.observations[index];
        lines.push(String::new());
        lines.push(client_line(seen, index - request.observations.start));
        let is_of_this = |owner: &Owner| matches!(owner, Owner::Request { observation, .. } if *observation == index);
        let entries = request.gateway.iter();
        let entries = entries.filter(|entry| is_of_this(&self.joined.gateway[**entry]));
        for entry in entries {
            tell_gateway(&self.log()[*entry], lines);
        }
        let of_this = |attempt: &&AttemptRef| attempt.observation == index;
        for attempt in request.attempts.iter().filter(of_this) {
            let conduct = self.conduct(&attempt.simulator, attempt.entry);
            let wasted = if conduct.is_wasted {
                ", before the promised wait was over"
            } else {
                ""
            };
            let entry = ledger_line(self.booked(attempt));
            lines.push(format!("  {} ledger {entry}{wasted}", attempt.simulator));
        }
    }
}

fn client_line(seen: &Observation, nth: usize) -> String {
    let outcome = match &seen.outcome {
        Outcome::Status(status) => status.to_string(),
        Outcome::TransportError(error) => error.to_string(),
    };
    let took = span(seen.ended.since(seen.sent));
    let mut line = format!(
        "client attempt {nth} at {} ({}): {outcome} after {took}",
        seen.sent, seen.request_id
    );
    if seen.aborted {
        line.push_str(", hung up");
    }
    line + &asked(seen.retry_after_ms)
}

fn tell_gateway(entry: &AccessEntry, lines: &mut Vec<String>) {
    let refusal = entry.refusal.as_ref();
    let refusal = refusal.map_or(String::new(), |reason| format!(", refused: {reason}"));
    lines.push(format!(
        "  gateway log {} at {}: {}{refusal}{}",
        entry.number,
        entry.arrived,
        entry.status,
        asked(entry.retry_after_ms)
    ));
    lines.extend(entry.trace.iter().map(decision_line));
    for (nth, attempt) in entry.attempts.iter().enumerate() {
        let before = nth.checked_sub(1).map(|before| &entry.attempts[before]);
        let waited = before.map(|before| attempt.started.since(before.ended));
        let waited = waited.filter(|wait| !wait.is_zero());
        lines.extend(waited.map(|wait| format!("    waited {}", span(wait))));
        lines.push(attempt_line(nth, attempt));
    }
    if entry.trace.is_empty() {
        lines.push("    no trace: the class sends no `x-gw-trace: 1`".to_owned());
    }
}

fn decision_line(decision: &AccessDecision) -> String {
    let mut about = vec![];
    about.extend(decision.backend.clone());
    about.extend(decision.status.map(|status| status.to_string()));
    about.extend(
        decision
            .retry_after_ms
            .map(|ms| span(Duration::from_millis(ms))),
    );
    let breaker = decision.breaker_state.as_ref();
    about.extend(breaker.map(|state| format!("breaker {state}")));
    let about = match about.as_slice() {
        [] => String::new(),
        about => format!(" ({})", about.join(", ")),
    };
    format!(
        "    {} {} {}: {}{about}",
        decision.at, decision.section, decision.policy, decision.decision
    )
}

fn attempt_line(nth: usize, attempt: &AccessAttempt) -> String {
    let status = attempt.status.map(|status| status.to_string());
    let parts: Vec<_> = status.into_iter().chain(attempt.error.clone()).collect();
    let tripped = if attempt.tripped {
        ", opened the breaker"
    } else {
        ""
    };
    format!(
        "    attempt {nth} on {} at {}: {} after {}{tripped}",
        attempt.backend,
        attempt.started,
        parts.join(" "),
        span(attempt.ended.since(attempt.started))
    )
}

fn ledger_line(entry: &LedgerEntry) -> String {
    let mut line = format!("{} at {}: {}", entry.number, entry.arrived, entry.status);
    for (what, value) in [("refused", &entry.refusal), ("fault", &entry.fault)] {
        let value = value.as_ref();
        line.extend(value.map(|value| format!(", {what}: {value}")));
    }
    line + &asked(entry.retry_after_ms)
}

fn asked(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or(String::new(), |ms| {
        format!(", asks to wait {}", span(Duration::from_millis(ms)))
    })
}

#[expect(clippy::cast_precision_loss, reason = "display only")]
fn span(length: Duration) -> String {
    words::duration(length.as_micros() as f64)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::judge::support::{Run, at, request};
    use crate::judge::{explain, overview};
    use crate::topology::AccessDecision;

    fn run() -> Run {
        let spill = [("ptu-1", 429), ("payg-1", 200)];
        let mut run = Run::of([
            request(0.0).over(&spill).pausing(1.0).taking(1.5),
            request(2.0).over(&spill).pausing(1.0).taking(1.5),
            request(4.0).refused(503, "pool-exhausted"),
        ]);
        for entry in run.ledger("ptu-1") {
            entry.retry_after_ms = Some(5_000);
        }
        run.log()[0].attempts[0].tripped = true;
        run.log()[0].trace = vec![
            AccessDecision {
                at: at(0.0),
                section: "inbound".to_owned(),
                policy: "balance".to_owned(),
                decision: "priority 1".to_owned(),
                backend: Some("ptu-1".to_owned()),
                ..AccessDecision::default()
            },
            AccessDecision {
                at: at(0.0),
                section: "backend".to_owned(),
                policy: "breaker".to_owned(),
                decision: "opens".to_owned(),
                backend: Some("ptu-1".to_owned()),
                status: Some(429),
                retry_after_ms: Some(5_000),
                breaker_state: Some("open".to_owned()),
            },
        ];
        run
    }

    fn told(run: &Run, what: &str) -> String {
        explain(&run.facts, &run.evidence, run.context, what).unwrap()
    }

    #[test]
    fn a_request_is_told_by_each_party_in_turn() {
        assert_snapshot!(told(&run(), "0"), @r"
        request 0: base, chat, planned 0.000 s, status 200, 1.5 s

        client attempt 0 at 0.000 s (run-7-0-0): 200 after 1.5 s
          gateway log 0 at 0.000 s: 200
            0.000 s inbound balance: priority 1 (ptu-1)
            0.000 s backend breaker: opens (ptu-1, 429, 5 s, breaker open)
            attempt 0 on ptu-1 at 0.000 s: 429 after 0 us, opened the breaker
            waited 1 s
            attempt 1 on payg-1 at 1.000 s: 200 after 0 us
          ptu-1 ledger 0 at 0.000 s: 429, refused: tokens, asks to wait 5 s
          payg-1 ledger 0 at 1.000 s: 200
        ");
    }

    #[test]
    fn an_attempt_on_a_cooling_backend_says_so() {
        assert_snapshot!(told(&run(), "run-7-1-0"), @r"
        request 1: base, chat, planned 2.000 s, status 200, 1.5 s

        client attempt 0 at 2.000 s (run-7-1-0): 200 after 1.5 s
          gateway log 1 at 2.000 s: 200
            attempt 0 on ptu-1 at 2.000 s: 429 after 0 us
            waited 1 s
            attempt 1 on payg-1 at 3.000 s: 200 after 0 us
            no trace: the class sends no `x-gw-trace: 1`
          ptu-1 ledger 1 at 2.000 s: 429, refused: tokens, asks to wait 5 s, before the promised wait was over
          payg-1 ledger 1 at 3.000 s: 200
        ");
    }

    #[test]
    fn a_refused_request_has_no_attempts() {
        assert_snapshot!(told(&run(), "2"), @r"
        request 2: base, chat, planned 4.000 s, status 503, 500 ms

        client attempt 0 at 4.000 s (run-7-2-0): 503 after 500 ms
          gateway log 2 at 4.000 s: 503, refused: pool-exhausted
            no trace: the class sends no `x-gw-trace: 1`
        ");
    }

    #[test]
    fn who_asks_for_nothing_gets_every_gate() {
        let mut run = run();
        run.facts.gates = vec![run.gate("trips == 0"), run.gate("off: not here")];
        run.facts.must_observe = vec![run.gate("wasted_attempts >= 1")];
        assert_snapshot!(overview(&run.facts, &run.evidence, run.context), @r"
        FAILED  G: 1 trip
        off  G: not here
        passed  G: 1 wasted attempt
        passed  books.requests: 3 client attempts, each arrived once
        passed  books.attempts: 4 attempts in log and ledgers alike
        passed  books.tokens: 8 prompt and 12 completion tokens, equal at client and simulator
        passed  books.transport: none in 3 client attempts
        FAILED  books.server_errors: 5xx answers: 1
        FAILED  books.statuses: answers of another status: 1
        not judged  books.backend_claims: no answer carries x-gw-backend or x-gw-attempts
        ");
    }

    #[test]
    fn a_request_that_nobody_sent_has_no_story() {
        let run = run();
        assert_eq!(explain(&run.facts, &run.evidence, run.context, "17"), None);
    }
}
