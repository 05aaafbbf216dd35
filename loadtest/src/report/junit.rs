//! `JUnit` XML for CI systems: a suite per scenario, a case per gate.
//!
//! The name of a case is the gate's id, which stays the same when its sentence is edited, so that
//! a CI system's history of a gate survives. The case `rig` is always there: it is an error where
//! the rig cannot be believed, and then no other case says pass or fail, because neither would
//! mean anything. Times are real; everything else is a function of the reports.

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::document::{Driver, Report};
use super::finished::Finished;
use crate::verdict::{GateResult, Offender, Outcome, State};

/// The reports of `runs` as `JUnit` XML.
///
/// # Panics
/// Never: the writer drops characters that XML cannot hold, and memory takes every byte.
pub fn write(runs: &[Finished]) -> String {
    let mut document = Document::new("aoai-loadtest");
    document.set_time(runs.iter().map(|run| run.wall).sum());
    document.add_test_suites(runs.iter().map(suite));
    document
        .to_string()
        .expect("names and texts are valid XML once filtered")
}

fn suite(run: &Finished) -> TestSuite {
    let mut suite = TestSuite::new(run.name.as_str());
    suite.set_time(run.wall);
    let report = match &run.report {
        Ok(report) => report,
        Err(reason) => {
            suite.add_test_case(case(run, "rig", error("no report", reason)));
            return suite;
        }
    };
    for (name, value) in properties(report) {
        suite.add_property((name, value.as_str()));
    }
    suite.add_test_case(case(run, "rig", rig(report)));
    let verdict = &report.verdict;
    let believed = matches!(verdict.outcome, Outcome::Pass | Outcome::Fail);
    let gates = verdict.gates.iter().map(|result| (String::new(), result));
    let observed = verdict.must_observe.iter();
    let observed = observed.map(|result| ("must_observe.".to_owned(), result));
    let books = verdict.books.iter().map(|result| (String::new(), result));
    for (prefix, result) in gates.chain(observed).chain(books) {
        let name = format!("{prefix}{}", result.id);
        suite.add_test_case(case(run, &name, status(result, believed)));
    }
    suite
}

fn properties(report: &Report) -> Vec<(&'static str, String)> {
    let driver = match report.driver {
        Driver::Sockets => "sockets",
        Driver::Virtual => "virtual",
    };
    let mut properties = vec![
        ("seed", report.scenario.seed.to_string()),
        ("driver", driver.to_owned()),
        ("speed", report.scenario.speed.to_string()),
    ];
    let gateway = report.scenario.gateway.clone();
    properties.extend(gateway.map(|gateway| ("gateway", gateway)));
    let overrides = report.scenario.overrides.iter();
    properties.extend(overrides.map(|set| ("set", format!("{}={}", set.path, set.value))));
    properties
}

fn case(run: &Finished, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(run.name.as_str());
    case
}

fn rig(report: &Report) -> TestCaseStatus {
    let reasons = report.verdict.invalid.join("\n");
    match report.verdict.outcome {
        Outcome::Pass | Outcome::Fail => TestCaseStatus::success(),
        Outcome::Invalid => error("the rig cannot be believed", &reasons),
        Outcome::Cancelled => error("cancelled; the evidence is partial", &reasons),
        Outcome::Skipped => skip(&reasons),
    }
}

fn error(message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(message);
    if !description.is_empty() {
        status.set_description(description);
    }
    status
}

fn skip(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(reason);
    status
}

fn status(result: &GateResult, believed: bool) -> TestCaseStatus {
    match &result.state {
        State::NotJudged(reason) => skip(&format!("not judged: {reason}")),
        State::Off(reason) => skip(&format!("off: {reason}")),
        State::Passed | State::Failed if !believed => skip("the rig cannot be believed"),
        State::Passed => TestCaseStatus::success(),
        State::Failed => failure(result),
    }
}

fn failure(result: &GateResult) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(format!(
        "observed {}, declared {}",
        result.observed, result.declared
    ));
    let mut lines = vec![
        result.sentence.clone(),
        format!("observed {} ({} samples)", result.observed, result.samples),
        format!("declared {}", result.declared),
    ];
    lines.extend(result.detail.clone());
    lines.extend(result.offenders.iter().map(offence));
    status.set_description(lines.join("\n"));
    status
}

fn offence(offender: &Offender) -> String {
    let attempts = offender.attempts.join(", ");
    format!(
        "request {}: {} [{attempts}]",
        offender.request, offender.summary
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{failing, finished, millis, passed, spike};
    use super::*;

    #[test]
    fn a_failed_gate_is_a_failure_with_its_offenders() {
        insta::assert_snapshot!(write(&[finished(&failing(), millis(1_440))]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="aoai-loadtest" tests="7" skipped="0" failures="3" errors="0" time="1.440">
            <testsuite name="manage-spikes-with-payg/retry" tests="7" skipped="0" errors="0" failures="3" time="1.440">
                <properties>
                    <property name="seed" value="42"/>
                    <property name="driver" value="virtual"/>
                    <property name="speed" value="20"/>
                    <property name="gateway" value="manage-spikes-with-payg/retry"/>
                </properties>
                <testcase name="rig" classname="manage-spikes-with-payg/retry"/>
                <testcase name="SP1-1" classname="manage-spikes-with-payg/retry"/>
                <testcase name="SP1-2" classname="manage-spikes-with-payg/retry">
                    <failure message="observed 42.9 %, declared 28 %..32 %">random share of requests{phase=spike, backend=payg-1} among {status=200} in 28 %..32 %
        observed 42.9 % (420 samples)
        declared 28 %..32 %
        Wilson interval at 1e-6: 31.6 %..54.9 %
        request 962: spike, batch, planned 180.250 s, 429 after 1.020 s [ptu-1:429 at 180.251 s, payg-1:429 at 181.260 s]</failure>
                </testcase>
                <testcase name="SP1-3" classname="manage-spikes-with-payg/retry"/>
                <testcase name="must_observe.ptu_was_full" classname="manage-spikes-with-payg/retry">
                    <failure message="observed 0 requests, declared &gt;= 1">requests{status=429} &gt;= 1
        observed 0 requests (180 samples)
        declared &gt;= 1</failure>
                </testcase>
                <testcase name="books.transport" classname="manage-spikes-with-payg/retry">
                    <failure message="observed 1 request without an answer, declared 0">every request ends with an answer
        observed 1 request without an answer (1142 samples)
        declared 0
        request 1141: spike, batch, planned 180.250 s, 429 after 1.020 s [ptu-1:429 at 180.251 s, payg-1:429 at 181.260 s]</failure>
                </testcase>
                <testcase name="books.tokens" classname="manage-spikes-with-payg/retry"/>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn what_says_nothing_is_skipped_with_its_reason() {
        let mut rig = spike();
        rig.verdict.gates[0].state = State::NotJudged("no access log".to_owned());
        rig.verdict.gates[1].state = State::Off("the tracking policy keeps no count".to_owned());
        rig.plan.overrides = vec![("seed".to_owned(), "7".to_owned())];
        insta::assert_snapshot!(write(&[finished(&rig, millis(440))]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="aoai-loadtest" tests="7" skipped="2" failures="0" errors="0" time="0.440">
            <testsuite name="manage-spikes-with-payg/retry" tests="7" skipped="2" errors="0" failures="0" time="0.440">
                <properties>
                    <property name="seed" value="42"/>
                    <property name="driver" value="virtual"/>
                    <property name="speed" value="20"/>
                    <property name="gateway" value="manage-spikes-with-payg/retry"/>
                    <property name="set" value="seed=7"/>
                </properties>
                <testcase name="rig" classname="manage-spikes-with-payg/retry"/>
                <testcase name="SP1-1" classname="manage-spikes-with-payg/retry">
                    <skipped message="not judged: no access log"/>
                </testcase>
                <testcase name="SP1-2" classname="manage-spikes-with-payg/retry">
                    <skipped message="off: the tracking policy keeps no count"/>
                </testcase>
                <testcase name="SP1-3" classname="manage-spikes-with-payg/retry"/>
                <testcase name="must_observe.ptu_was_full" classname="manage-spikes-with-payg/retry"/>
                <testcase name="books.requests" classname="manage-spikes-with-payg/retry"/>
                <testcase name="books.tokens" classname="manage-spikes-with-payg/retry"/>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn an_invalid_rig_is_an_error_and_no_gate_passes_or_fails() {
        let mut rig = failing();
        rig.verdict.outcome = Outcome::Invalid;
        rig.verdict.invalid = vec!["Requests were sent 80 ms late (p99).".to_owned()];
        rig.verdict.must_observe = vec![passed("ptu_was_full")];
        insta::assert_snapshot!(write(&[finished(&rig, millis(440))]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="aoai-loadtest" tests="7" skipped="6" failures="0" errors="1" time="0.440">
            <testsuite name="manage-spikes-with-payg/retry" tests="7" skipped="6" errors="1" failures="0" time="0.440">
                <properties>
                    <property name="seed" value="42"/>
                    <property name="driver" value="virtual"/>
                    <property name="speed" value="20"/>
                    <property name="gateway" value="manage-spikes-with-payg/retry"/>
                </properties>
                <testcase name="rig" classname="manage-spikes-with-payg/retry">
                    <error message="the rig cannot be believed">Requests were sent 80 ms late (p99).</error>
                </testcase>
                <testcase name="SP1-1" classname="manage-spikes-with-payg/retry">
                    <skipped message="the rig cannot be believed"/>
                </testcase>
                <testcase name="SP1-2" classname="manage-spikes-with-payg/retry">
                    <skipped message="the rig cannot be believed"/>
                </testcase>
                <testcase name="SP1-3" classname="manage-spikes-with-payg/retry">
                    <skipped message="the rig cannot be believed"/>
                </testcase>
                <testcase name="must_observe.ptu_was_full" classname="manage-spikes-with-payg/retry">
                    <skipped message="the rig cannot be believed"/>
                </testcase>
                <testcase name="books.transport" classname="manage-spikes-with-payg/retry">
                    <skipped message="the rig cannot be believed"/>
                </testcase>
                <testcase name="books.tokens" classname="manage-spikes-with-payg/retry">
                    <skipped message="the rig cannot be believed"/>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_scenario_without_a_report_is_an_error() {
        let lost = Finished {
            name: "baseline/direct".to_owned(),
            report: Err("the child process died by signal 9".to_owned()),
            wall: millis(12),
        };
        insta::assert_snapshot!(write(&[lost]), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="aoai-loadtest" tests="1" skipped="0" failures="0" errors="1" time="0.012">
            <testsuite name="baseline/direct" tests="1" skipped="0" errors="1" failures="0" time="0.012">
                <testcase name="rig" classname="baseline/direct">
                    <error message="no report">the child process died by signal 9</error>
                </testcase>
            </testsuite>
        </testsuites>
        "#);
    }
}
