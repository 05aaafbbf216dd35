//! What is refused before anything runs, and how that is said.

use crate::support::{code, run, scenario, stderr, stdout};

#[test]
fn a_file_that_is_not_there_is_a_usage_error() {
    let output = run(&["run", "nowhere.toml"]);
    assert_eq!(code(&output), Some(2));
    assert_eq!(
        stderr(&output).trim(),
        "error: there is no scenario file or folder nowhere.toml"
    );
}

#[test]
fn a_speed_for_a_gateway_with_its_own_clock_is_refused() {
    let simple = scenario("load-balancing/simple");
    let output = run(&[
        "run",
        simple.to_str().unwrap(),
        "--gateway",
        "http://127.0.0.1:9",
        "--speed",
        "20",
    ]);
    assert_eq!(code(&output), Some(2));
    assert!(
        stderr(&output).contains("--speed cannot be given with a gateway that keeps its own time")
    );
}

#[test]
fn a_foreign_gateway_does_not_run_in_virtual_time() {
    let simple = scenario("load-balancing/simple");
    let output = run(&[
        "run",
        simple.to_str().unwrap(),
        "--driver",
        "virtual",
        "--gateway",
        "http://127.0.0.1:9",
    ]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("--gateway needs --driver sockets"));
}

#[test]
fn a_trace_that_nothing_replays_is_refused() {
    let simple = scenario("load-balancing/simple");
    let trace = scenario("baseline/trace").with_extension("csv");
    let output = run(&[
        "check",
        simple.to_str().unwrap(),
        "--trace",
        trace.to_str().unwrap(),
    ]);
    assert_eq!(code(&output), Some(2));
    assert_eq!(
        stderr(&output).trim(),
        "error: --trace is given, but nothing here replays a trace"
    );
}

#[test]
fn a_gate_that_cannot_fail_is_refused_with_its_place() {
    let simple = scenario("load-balancing/simple");
    let output = run(&[
        "check",
        simple.to_str().unwrap(),
        "--set",
        "gates.RR-2=requests >= 0",
    ]);
    assert_eq!(code(&output), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("can never fail") && said.contains("--set:1:"),
        "{said}"
    );
}

#[test]
fn an_override_of_nothing_is_refused() {
    let simple = scenario("load-balancing/simple");
    let output = run(&[
        "check",
        simple.to_str().unwrap(),
        "--set",
        "clients.user.tink_time=1s",
    ]);
    assert_eq!(code(&output), Some(2));
    assert!(
        stderr(&output).contains("did you mean `think_time`?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_schema_is_json_and_the_language_of_gates_is_text() {
    let schema = run(&["schema"]);
    let parsed: serde_json::Value = serde_json::from_str(&stdout(&schema)).unwrap();
    assert_eq!(parsed["title"], "Scenario");
    assert!(stdout(&run(&["schema", "gates"])).contains("tokens_charged"));
}

#[test]
fn a_new_scenario_is_a_copy_that_checks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine/first.toml");
    let scenarios = scenario("x").parent().unwrap().to_owned();
    let arguments = [
        "new",
        file.to_str().unwrap(),
        "--scenarios",
        scenarios.to_str().unwrap(),
    ];
    assert_eq!(code(&run(&arguments)), Some(0));
    let checked = run(&["check", "--quiet", file.to_str().unwrap()]);
    assert_eq!(code(&checked), Some(0), "{}", stderr(&checked));
    let again = run(&arguments);
    assert_eq!(
        code(&again),
        Some(2),
        "an existing file is never overwritten"
    );
}

#[test]
fn the_list_can_be_narrowed_by_tag() {
    let scenarios = scenario("x").parent().unwrap().to_owned();
    let listed = stdout(&run(&[
        "list",
        scenarios.to_str().unwrap(),
        "--tag",
        "baseline",
    ]));
    assert!(
        listed.contains("baseline/direct") && !listed.contains("load-balancing"),
        "{listed}"
    );
}
