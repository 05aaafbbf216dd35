//! Every shipped scenario passes in virtual time, and does so twice in the same bytes.

use std::path::Path;
use std::sync::Arc;

use loadtest::driver::EventSink;
use loadtest::plan::Plan;
use loadtest::report::{Invocation, RunFacts};
use loadtest::run::{Alterations, forecast, in_virtual_time, output};
use loadtest::scenario::{self, Options};
use loadtest::verdict::Outcome;

use crate::support::{failures, plan, scenarios};

/// Every plan of every scenario file below `folder`.
fn plans(folder: &Path) -> Vec<Plan> {
    let mut plans = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("the folder is shipped")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            plans.extend(self::plans(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            plans.extend(
                scenario::load(&path, &Options::default())
                    .unwrap_or_else(|errors| panic!("{errors}")),
            );
        }
    }
    plans
}

#[test]
fn every_shipped_scenario_passes() {
    let plans = plans(&scenarios());
    assert!(plans.len() >= 10, "only {} plans were found", plans.len());
    for plan in plans {
        let name = plan.name.clone();
        let conclusion =
            in_virtual_time(&Arc::new(plan), EventSink::none(), &Alterations::default()).unwrap();
        let verdict = &conclusion.report.verdict;
        assert_eq!(
            verdict.outcome,
            Outcome::Pass,
            "{name}: {:?} {:?}",
            failures(verdict),
            verdict.invalid
        );
    }
}

#[test]
fn every_gate_of_every_shipped_scenario_can_fail() {
    for plan in plans(&scenarios()) {
        let plan = Arc::new(plan);
        let dry_run = forecast::dry_run(&plan).unwrap();
        let refused = dry_run.check_gates(&plan).err().unwrap_or_default();
        assert!(refused.is_empty(), "{}: {refused:?}", plan.name);
    }
}

#[test]
fn two_runs_with_one_seed_leave_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        let plan = Arc::new(plan("manage-spikes-with-payg/retry"));
        let conclusion =
            in_virtual_time(&plan, EventSink::none(), &Alterations::default()).unwrap();
        let run = RunFacts::new(
            invocation(),
            std::time::Duration::ZERO,
            &conclusion.evidence.rig,
        );
        output::write(folder.path(), &conclusion, &run).unwrap();
    }
    let files = [
        "report.json",
        "observations.jsonl",
        "access-log.jsonl",
        "ledger-ptu-1.jsonl",
        "ledger-payg-1.jsonl",
    ];
    for file in files {
        let [first, second] = folders
            .each_ref()
            .map(|folder| std::fs::read(folder.path().join(file)).unwrap());
        assert!(!first.is_empty(), "{file} is empty");
        assert!(first == second, "{file} differs between two runs");
    }
}

fn invocation() -> Invocation {
    Invocation {
        started_at: clock::DEFAULT_ANCHOR,
        host: String::new(),
        jobs: 1,
        command_line: Vec::new(),
        versions: std::collections::BTreeMap::new(),
    }
}
