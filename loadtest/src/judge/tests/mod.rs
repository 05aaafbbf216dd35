//! The judge against runs written down by hand.

mod books;
mod gates;
mod join;
mod pattern;
mod relations;
mod rig;
mod routing;
mod statistics;
mod usage;

use super::support::Run;
use crate::verdict::{GateResult, State};

/// `sentence` holds, and this is what was observed.
#[track_caller]
fn assert_passes(run: &Run, sentence: &str, observed: &str) {
    let result = run.judge(sentence);
    assert_eq!(result.state, State::Passed, "{sentence}: {result:?}");
    assert_eq!(result.observed, observed, "{sentence}");
}

/// `sentence` does not hold, and this is what was observed.
#[track_caller]
fn assert_fails(run: &Run, sentence: &str, observed: &str) -> GateResult {
    let result = run.judge(sentence);
    assert_eq!(result.state, State::Failed, "{sentence}: {result:?}");
    assert_eq!(result.observed, observed, "{sentence}");
    result
}

/// The requests that a gate names as its reason.
fn offenders(result: &GateResult) -> Vec<u64> {
    result
        .offenders
        .iter()
        .map(|offender| offender.request)
        .collect()
}
