//! What a run leaves behind, and what can be asked of it later.

use crate::support::{SHORT, code, program, run, scenario, stderr, stdout};

#[test]
fn a_failed_gate_is_told_first_and_exits_with_99() {
    let weighted = format!("{}#", scenario("load-balancing/weighted").display());
    let weight = "gateway.apis.round-robin-weighted.balance.weighted_random.weights.payg-1=1";
    let output = run(&["run", &weighted, "--driver", "virtual", "--set", weight]);
    assert_eq!(code(&output), Some(99));
    let text = stdout(&output);
    assert!(
        text.starts_with("FAIL  load-balancing/weighted\n"),
        "{text}"
    );
    assert!(
        text.contains("✗ W-1") && text.contains("payg-2:200 at"),
        "{text}"
    );
    assert!(text.ends_with("\n0 passed, 1 failed\n"), "{text}");
}

#[test]
fn a_run_leaves_its_report_its_evidence_and_junit() {
    let out = tempfile::tempdir().unwrap();
    let retry = scenario("manage-spikes-with-payg/retry");
    let arguments = [
        "run",
        retry.to_str().unwrap(),
        "--driver",
        "virtual",
        "--out",
        out.path().to_str().unwrap(),
    ];
    let output = run(&arguments);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let folder = out.path().join("manage-spikes-with-payg/retry");
    for file in [
        "report.json",
        "run.json",
        "observations.jsonl",
        "access-log.jsonl",
        "ledger-ptu-1.jsonl",
    ] {
        assert!(
            folder.join(file).metadata().unwrap().len() > 0,
            "{file} is empty"
        );
    }
    let junit = std::fs::read_to_string(out.path().join("junit.xml")).unwrap();
    assert!(
        junit.contains("SP1-4") && junit.contains("books.requests"),
        "{junit}"
    );

    let explained = run(&[
        "explain",
        folder.join("report.json").to_str().unwrap(),
        "SP1-4",
    ]);
    assert_eq!(code(&explained), Some(0), "{}", stderr(&explained));
    assert!(
        stdout(&explained).contains("ptu-1:429"),
        "{}",
        stdout(&explained)
    );
    let unknown = run(&["explain", folder.to_str().unwrap(), "SP9-9"]);
    assert_eq!(code(&unknown), Some(2));
}

#[test]
fn sockets_pass_with_a_proxy_variable_that_leads_nowhere() {
    let simple = scenario("load-balancing/simple");
    let mut command = program(&["run", simple.to_str().unwrap(), "--speed", "20"]);
    command.args(SHORT);
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        command.env(variable, "http://127.0.0.1:9");
    }
    let output = command.output().unwrap();
    assert_eq!(
        code(&output),
        Some(0),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
}

#[test]
fn open_phases_send_the_same_on_sockets_and_in_virtual_time() {
    // Only counts are compared: a busy machine may be too slow for a verdict at this speed.
    let untimed =
        ["BL-first", "BL-gap", "BL-whole"].map(|gate| format!("gates.{gate}=off: counts only"));
    let out = tempfile::tempdir().unwrap();
    let direct = scenario("baseline/direct");
    let report = |driver: &str| {
        let folder = out.path().join(driver);
        let mut command = program(&[
            "run",
            direct.to_str().unwrap(),
            "--driver",
            driver,
            "--speed",
            "20",
        ]);
        command.arg("--out").arg(&folder);
        for gate in &untimed {
            command.args(["--set", gate]);
        }
        let output = command.output().unwrap();
        assert!(
            matches!(code(&output), Some(0 | 98 | 99)),
            "{}{}",
            stdout(&output),
            stderr(&output)
        );
        let text = std::fs::read_to_string(folder.join("baseline/direct/report.json")).unwrap();
        serde_json::from_str::<loadtest::report::Report>(&text).unwrap()
    };
    let [sockets, virtually] = ["sockets", "virtual"].map(report);
    let limits = |report: &loadtest::report::Report| {
        let phase = report
            .phases
            .iter()
            .find(|phase| phase.name == "limits")
            .unwrap();
        let class = phase
            .classes
            .iter()
            .find(|class| class.class == "embeddings")
            .unwrap();
        (class.planned, class.sent)
    };
    assert_eq!(limits(&sockets), (Some(975), 975));
    assert_eq!(limits(&sockets), limits(&virtually));
}
