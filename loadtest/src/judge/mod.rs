//! The judge: a pure function from evidence to a verdict.
//!
//! [`judge`] matches the records of clients, gateway and simulators ([`join`]), decides whether
//! the rig itself can be believed, closes the books, and evaluates every gate. It reads no clock
//! and draws nothing, so the verdict on a saved run is computed again, equal to the letter, from
//! its files; [`explain`] does so for one gate and shows the records behind each number, or
//! tells what became of one request.
//!
//! What it knows of the plan is [`Facts`], small enough to be part of a report.

mod blur;
mod books;
mod case;
mod clause;
mod conduct;
mod consecutive;
mod explain;
mod facts;
mod fit;
mod gates;
pub mod join;
mod label;
mod measure;
mod page;
mod pattern;
mod relations;
mod rig;
mod sequence;
mod sources;
mod story;
#[cfg(test)]
mod support;
mod term;
#[cfg(test)]
mod tests;
mod usage;
mod window;
mod windows;
mod words;

pub use self::books::book_ids;
pub use self::facts::{
    BooksFacts, ClassFacts, Facts, InvalidFacts, ModelFacts, Models, PhaseFacts,
};

use serde::{Deserialize, Serialize};

use self::case::Case;
use crate::evidence::Evidence;
use crate::gate::{Body, Gate};
use crate::plan::Plan;
use crate::verdict::{GateResult, JoinSummary, Outcome, State, Verdict};

/// How the run was run, as far as a judgement depends on it.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct JudgeContext {
    /// Simulated seconds per real second; none in virtual time, where nothing takes real time.
    pub speed: Option<f64>,
}

/// Judges a run of `plan` by the evidence that it left.
pub fn judge(plan: &Plan, evidence: &Evidence, context: JudgeContext) -> Verdict {
    judge_facts(&Facts::of(plan), evidence, context)
}

/// The same from what a report keeps of the plan.
pub fn judge_facts(facts: &Facts, evidence: &Evidence, context: JudgeContext) -> Verdict {
    let case = Case::new(facts, evidence, context);
    let mut invalid = case.rig_faults();
    let mut judge_all = |gates: &[Gate]| -> Vec<GateResult> {
        let judgements = gates.iter().map(|gate| case.judge_gate(gate));
        let results = judgements.map(|judgement| {
            invalid.extend(judgement.invalid);
            judgement.result
        });
        results.collect()
    };
    let gates = judge_all(&facts.gates);
    let must_observe = judge_all(&facts.must_observe);
    let books = books::close(&case);
    if is_nothing_judged(&gates, &must_observe, &books) {
        invalid.push("Nothing was judged: no gate's evidence is given.".to_owned());
    }
    let outcome = if evidence.rig.cancelled {
        Outcome::Cancelled
    } else if !invalid.is_empty() {
        Outcome::Invalid
    } else if has_failure(&books) {
        // What is lost is lost, however busy the machine.
        Outcome::Fail
    } else if has_failure(&gates) || has_failure(&must_observe) {
        invalid = case.doubts();
        if invalid.is_empty() {
            Outcome::Fail
        } else {
            Outcome::Invalid
        }
    } else {
        Outcome::Pass
    };
    Verdict {
        outcome,
        invalid: if outcome == Outcome::Invalid {
            invalid
        } else {
            vec![]
        },
        gates,
        must_observe,
        books,
        join: case.joined.summary,
    }
}

fn has_failure(results: &[GateResult]) -> bool {
    results.iter().any(|result| result.state.is_failure())
}

/// The verdict on a run that is not made, and why.
pub fn skipped(plan: &Plan, why: &str) -> Verdict {
    let result = |gate: &Gate| {
        let state = match &gate.body {
            Body::Off { reason } => State::Off(reason.clone()),
            Body::Sentence { .. } => State::NotJudged(why.to_owned()),
        };
        gates::unjudged(gate, state)
    };
    Verdict {
        outcome: Outcome::Skipped,
        invalid: vec![why.to_owned()],
        gates: plan.gates.iter().map(result).collect(),
        must_observe: plan.must_observe.iter().map(result).collect(),
        books: Vec::new(),
        join: JoinSummary::default(),
    }
}

/// Whether no gate was judged; of a scenario without gates, no book.
///
/// Books that close around gates that nobody could judge would look like a pass.
fn is_nothing_judged(
    gates: &[GateResult],
    must_observe: &[GateResult],
    books: &[GateResult],
) -> bool {
    let is_judged = |result: &GateResult| matches!(result.state, State::Passed | State::Failed);
    let is_off = |result: &GateResult| matches!(result.state, State::Off(_));
    let mut declared = gates
        .iter()
        .chain(must_observe)
        .filter(|result| !is_off(result))
        .peekable();
    if declared.peek().is_some() {
        return !declared.any(is_judged);
    }
    !books.iter().any(is_judged)
}

/// From which records the gate called `what` was computed, as text; else what became of the
/// request of that number or `x-request-id`; none if there is neither.
pub fn explain(
    facts: &Facts,
    evidence: &Evidence,
    context: JudgeContext,
    what: &str,
) -> Option<String> {
    let case = Case::new(facts, evidence, context);
    let mut gates = facts.gates.iter().chain(&facts.must_observe);
    match gates.find(|gate| gate.id == what) {
        Some(gate) => Some(case.explain(gate)),
        None => case.story(what),
    }
}

/// Every gate, judged again: a line each.
pub fn overview(facts: &Facts, evidence: &Evidence, context: JudgeContext) -> String {
    let verdict = judge_facts(facts, evidence, context);
    let results = [&verdict.gates, &verdict.must_observe, &verdict.books];
    let lines = results.into_iter().flatten().map(|result| {
        let found = match &result.state {
            State::Passed => "passed",
            State::Failed => "FAILED",
            State::NotJudged(reason) => return format!("not judged  {}: {reason}", result.id),
            State::Off(reason) => return format!("off  {}: {reason}", result.id),
        };
        format!("{found}  {}: {}", result.id, result.observed)
    });
    lines.map(|line| line + "\n").collect()
}
