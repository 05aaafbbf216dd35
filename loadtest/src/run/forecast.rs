//! What a plan will send: exact for open phases, by a dry run in virtual time for closed ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::virtual_time::{Alterations, in_virtual_time};
use super::{Conclusion, RunError};
use crate::driver::EventSink;
use crate::gate::{self, ClassForecast, Forecast, Gate, PhaseForecast, Planned, SentenceError};
use crate::plan::{Phase, Plan};

/// A plan's dry run and what follows from it for the gates.
#[derive(Debug)]
pub struct DryRun {
    /// The run in virtual time.
    pub conclusion: Conclusion,
    /// Requests by phase and class.
    pub forecast: Forecast,
}

/// The clauses of a plan's gates with what they can count on, or the gates that must not run.
pub type GateCheck<'p> = Result<Vec<(&'p Gate, Vec<Planned>)>, Vec<(&'p Gate, SentenceError)>>;

/// Plays `plan` in virtual time to see what it sends.
///
/// # Errors
/// [`RunError`] if the plan cannot be played there; a plan with a foreign gateway cannot, its
/// caller asks about the same scenario with its own preset.
pub fn dry_run(plan: &Arc<Plan>) -> Result<DryRun, RunError> {
    let conclusion = in_virtual_time(plan, EventSink::none(), &Alterations::default())?;
    let phases = plan
        .phases
        .iter()
        .map(|phase| phase_forecast(plan, phase, &conclusion))
        .collect();
    Ok(DryRun {
        conclusion,
        forecast: Forecast { phases },
    })
}

impl DryRun {
    /// Requests that the closed phases send.
    pub fn closed_requests(&self) -> u64 {
        self.conclusion.evidence.rig.sent_closed
    }

    /// Most requests that the plan sends in a simulated second.
    pub fn busiest_second(&self) -> u64 {
        let mut by_second = BTreeMap::new();
        for seen in &self.conclusion.evidence.observations {
            *by_second
                .entry(seen.planned.as_micros() / 1_000_000)
                .or_insert(0) += 1;
        }
        by_second.into_values().max().unwrap_or(0)
    }

    /// Whether each gate of `plan` can fail, can hold and has enough samples.
    ///
    /// # Errors
    /// The gates that cannot, each with what is wrong.
    pub fn check_gates<'p>(&self, plan: &'p Plan) -> GateCheck<'p> {
        let mut planned = Vec::new();
        let mut refused = Vec::new();
        for gate in plan.gates.iter().chain(&plan.must_observe) {
            match gate::check(gate, &self.forecast) {
                Ok(clauses) => planned.push((gate, clauses)),
                Err(error) => refused.push((gate, error)),
            }
        }
        if refused.is_empty() {
            Ok(planned)
        } else {
            Err(refused)
        }
    }
}

fn phase_forecast(plan: &Plan, phase: &Phase, conclusion: &Conclusion) -> PhaseForecast {
    let sent = |class: &str| {
        let observations = conclusion.evidence.observations.iter();
        let of_class =
            observations.filter(|seen| *seen.phase == *phase.name && *seen.class == *class);
        of_class.filter(|seen| seen.attempt == 0).count() as u64
    };
    let classes = plan.classes.iter().enumerate();
    let classes = classes.map(|(index, class)| {
        let exact = phase.load.exact(index);
        ClassForecast {
            class: class.name.to_string(),
            requests: exact.unwrap_or_else(|| sent(&class.name)),
            is_exact: exact.is_some(),
        }
    });
    let probers = plan.probers.iter().map(|prober| ClassForecast {
        class: prober.name.to_string(),
        requests: sent(&prober.name),
        is_exact: sent(&prober.name) == 0,
    });
    PhaseForecast {
        name: phase.name.to_string(),
        length: phase.end.since(phase.start),
        classes: classes.chain(probers).collect(),
    }
}
