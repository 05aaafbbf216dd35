//! Every shipped scenario passes in virtual time, and does so twice in the same bytes.

use std::path::Path;
use std::sync::{Arc, Mutex};

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

/// What speaks against a plan: it is refused, does not pass, or has a gate that cannot fail.
fn complaints(plan: Plan) -> Vec<String> {
    let plan = Arc::new(plan);
    let dry_run = match forecast::dry_run(&plan) {
        Ok(dry_run) => dry_run,
        Err(error) => return vec![format!("{}: {error:?}", plan.name)],
    };
    let refused = dry_run.check_gates(&plan).err().unwrap_or_default();
    let mut complaints: Vec<_> = refused
        .iter()
        .map(|(gate, error)| format!("{}: {}: {error}", plan.name, gate.id))
        .collect();
    let verdict = &dry_run.conclusion.report.verdict;
    if verdict.outcome != Outcome::Pass {
        let failures = failures(verdict);
        complaints.push(format!("{}: {failures:?} {:?}", plan.name, verdict.invalid));
    }
    complaints
}

/// Each is played once, on as many threads as there are processors: this is the longest test.
#[test]
fn every_shipped_scenario_passes_and_each_of_its_gates_can_fail() {
    let plans = plans(&scenarios());
    assert!(plans.len() >= 10, "only {} plans were found", plans.len());
    let plans = Mutex::new(plans.into_iter());
    let next = || plans.lock().unwrap().next();
    let play = || std::iter::from_fn(next).flat_map(complaints).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let complaints: Vec<String> = std::thread::scope(|scope| {
        let players: Vec<_> = (0..threads).map(|_| scope.spawn(play)).collect();
        let played = players.into_iter().map(|player| player.join().unwrap());
        played
            .flat_map(|complaints: Vec<String>| complaints)
            .collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
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
