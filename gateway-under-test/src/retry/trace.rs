//! What was decided for each attempt of a request, for whoever asked for its trace.

use std::sync::Arc;
use std::time::Duration;

use clock::Moment;

use crate::access_log::{Decision, OpenEntry};
use crate::backend::Backend;
use crate::balance::{Choice, Nobody};
use crate::identity::IdentityError;
use crate::outcome::{End, Outcome};

/// A backend that might be chosen, and for how long it is to be left alone.
pub(super) type Candidate = (Arc<Backend>, Duration);

/// Of all who could be chosen at `now`: who was, and why the others were not.
pub(super) fn choice(
    entry: &OpenEntry,
    candidates: &[Candidate],
    choice: &Result<Choice, Nobody>,
    now: Moment,
) {
    let chosen = choice.as_ref().map(|choice| choice.backend.name.as_str());
    for (backend, wait) in candidates {
        let decision = match chosen {
            Ok(chosen) if chosen == backend.name => "chosen",
            _ if !wait.is_zero() => "left alone",
            _ => "not its turn",
        };
        entry.decided(|| Decision {
            retry_after_ms: millis(*wait),
            breaker_state: backend.breaker_state(now).map(str::to_owned),
            ..Decision::backend("balance", decision).on(&backend.name)
        });
    }
    if let Err(nobody) = choice {
        entry.decided(|| Decision {
            retry_after_ms: millis(nobody.wait),
            ..Decision::backend("balance", "nobody can be asked")
        });
    }
}

/// The gateway could not tell `backend` who it is.
pub(super) fn no_token(entry: &OpenEntry, backend: &Backend, error: &IdentityError) {
    entry.decided(|| Decision::backend("identity", error.to_string()).on(&backend.name));
}

/// What came of the attempt on `backend`, and whether that opened its breaker.
pub(super) fn outcome(
    entry: &OpenEntry,
    backend: &Backend,
    outcome: &Outcome,
    has_tripped: bool,
    now: Moment,
) {
    entry.decided(|| {
        let (decision, status) = match outcome.end {
            End::Answered(status) => ("answered".to_owned(), Some(status.as_u16())),
            End::Failed(failure) => (failure.to_string(), None),
            End::Exhausted | End::Unidentified => ("not asked".to_owned(), None),
        };
        Decision {
            status,
            retry_after_ms: outcome.retry_after.and_then(millis),
            ..Decision::backend("forward", decision).on(&backend.name)
        }
    });
    if has_tripped {
        entry.decided(|| Decision {
            retry_after_ms: millis(backend.wait(now)),
            breaker_state: backend.breaker_state(now).map(str::to_owned),
            ..Decision::backend("breaker", "opened").on(&backend.name)
        });
    }
}

/// After which wait there is another attempt, if there is.
pub(super) fn retry(entry: &OpenEntry, wait: Option<Duration>) {
    entry.decided(|| {
        let decision = wait.map_or("no further attempt", |_| "another attempt");
        Decision {
            retry_after_ms: wait.and_then(millis),
            ..Decision::backend("retry", decision)
        }
    });
}

/// `wait` rounded up; `None` if there is none.
fn millis(wait: Duration) -> Option<u64> {
    let millis = u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
    (millis > 0).then_some(millis)
}
