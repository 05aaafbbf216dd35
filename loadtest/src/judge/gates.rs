//! One gate: its clauses, put together.

use super::case::Case;
use super::clause::{Finding, Judged};
use crate::gate::{Body, Clause, Gate};
use crate::verdict::{GateResult, State};

/// Offenders that a result names; more would bury the first.
pub(super) const MOST_OFFENDERS: usize = 3;

/// A judged gate, and why it makes the rig invalid, if it does.
#[derive(Debug)]
pub(crate) struct GateJudgement {
    pub(crate) result: GateResult,
    pub(crate) invalid: Option<String>,
}

impl Case<'_> {
    /// Judges one gate.
    pub(crate) fn judge_gate(&self, gate: &Gate) -> GateJudgement {
        match &gate.body {
            Body::Off { reason } => GateJudgement {
                result: unjudged(gate, State::Off(reason.clone())),
                invalid: None,
            },
            Body::Sentence { clauses } => self.judge_clauses(gate, clauses),
        }
    }

    fn judge_clauses(&self, gate: &Gate, clauses: &[Clause]) -> GateJudgement {
        let judged: Vec<(&Clause, Judged)> = clauses
            .iter()
            .map(|clause| (clause, self.judge_clause(clause)))
            .collect();
        let mut against: Vec<usize> = judged
            .iter()
            .flat_map(|(_, j)| &j.against)
            .copied()
            .collect();
        against.sort_unstable();
        against.dedup();
        let offenders = against
            .iter()
            .take(MOST_OFFENDERS)
            .map(|request| self.offender(*request));
        let declared: Vec<_> = clauses
            .iter()
            .map(|c| &gate.text[c.declared.clone()])
            .collect();
        let observed: Vec<_> = judged.iter().map(|(_, j)| j.observed.as_str()).collect();
        let invalid = judged.iter().find_map(|(_, judged)| match &judged.finding {
            Finding::CannotTell(reason) => Some(format!("Gate {}: {reason}.", gate.id)),
            Finding::Holds | Finding::Fails | Finding::NotJudged(_) => None,
        });
        GateJudgement {
            result: GateResult {
                id: gate.id.clone(),
                sentence: gate.text.clone(),
                state: state(&judged),
                observed: observed.join(" and "),
                declared: declared.join(" and "),
                samples: judged.iter().map(|(_, j)| j.samples).max().unwrap_or(0),
                detail: detail(gate, &judged),
                offenders: offenders.collect(),
            },
            invalid,
        }
    }
}

/// Failed if a clause fails, else not judged if one could not be, else passed.
fn state(judged: &[(&Clause, Judged)]) -> State {
    let findings = || judged.iter().map(|(_, judged)| &judged.finding);
    if findings().any(|finding| *finding == Finding::Fails) {
        return State::Failed;
    }
    let reason = findings().find_map(|finding| match finding {
        Finding::NotJudged(reason) | Finding::CannotTell(reason) => Some(reason.clone()),
        Finding::Holds | Finding::Fails => None,
    });
    reason.map_or(State::Passed, State::NotJudged)
}

/// What there is to say of failed and statistical clauses; of several clauses, which ones failed.
fn detail(gate: &Gate, judged: &[(&Clause, Judged)]) -> Option<String> {
    let mut lines = vec![];
    for (clause, result) in judged {
        let details = result.details.join("; ");
        if result.finding == Finding::Fails && judged.len() > 1 {
            let text = &gate.text[clause.range.clone()];
            let colon = if details.is_empty() { "" } else { ": " };
            lines.push(format!("fails in `{text}`{colon}{details}"));
        } else if !details.is_empty() {
            lines.push(details);
        }
    }
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// The result of a gate that nobody looked at.
pub(super) fn unjudged(gate: &Gate, state: State) -> GateResult {
    GateResult {
        id: gate.id.clone(),
        sentence: gate.text.clone(),
        state,
        observed: String::new(),
        declared: String::new(),
        samples: 0,
        detail: None,
        offenders: vec![],
    }
}
