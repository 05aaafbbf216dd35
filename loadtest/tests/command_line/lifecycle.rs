//! Ports, signals and gateways that are not there.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;

use crate::support::{code, program, run, scenario, stderr};

#[test]
fn a_taken_port_is_said_before_any_traffic() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let simple = scenario("load-balancing/simple");
    let listen = format!("simulators.payg-1.listen=\"{address}\"");
    let output = run(&[
        "run",
        simple.to_str().unwrap(),
        "--speed",
        "20",
        "--set",
        &listen,
    ]);
    assert_eq!(code(&output), Some(98));
    let expected = format!("the address {address} for the simulator payg-1 is in use");
    assert!(stderr(&output).contains(&expected), "{}", stderr(&output));
}

#[test]
fn serve_says_which_port_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let simple = scenario("load-balancing/simple");
    let output = run(&[
        "serve",
        simple.to_str().unwrap(),
        "--port-base",
        &port.to_string(),
    ]);
    assert_eq!(code(&output), Some(98));
    assert!(stderr(&output).contains("is in use"), "{}", stderr(&output));
}

#[test]
fn a_cancelled_run_keeps_its_partial_evidence() {
    let out = tempfile::tempdir().unwrap();
    let simple = scenario("load-balancing/simple");
    let mut child = program(&[
        "run",
        simple.to_str().unwrap(),
        "--speed",
        "1",
        "--out",
        out.path().to_str().unwrap(),
    ])
    .stdout(Stdio::null())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // The first line is written when the rig is up and the first phase starts.
    lines.next().unwrap().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(105));
    let folder = out.path().join("load-balancing/simple");
    let report = std::fs::read_to_string(folder.join("report.json")).unwrap();
    assert!(report.contains("\"cancelled\""), "{report}");
    assert!(folder.join("observations.jsonl").is_file());
}

#[test]
fn serve_prints_how_to_reach_it_and_stops_on_a_signal() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let simple = scenario("load-balancing/simple");
    let mut child = program(&[
        "serve",
        simple.to_str().unwrap(),
        "--port-base",
        &free.to_string(),
    ])
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("Ctrl-C") {
        assert!(
            stdout.read_line(&mut text).unwrap() > 0,
            "it ended early: {text}"
        );
    }
    assert!(
        text.contains(&format!(
            "export AZURE_OPENAI_ENDPOINT=http://127.0.0.1:{free}/round-robin-simple"
        )),
        "{text}"
    );
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
}

#[test]
fn a_gateway_that_never_gets_ready_is_an_invalid_rig() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("broken.toml");
    std::fs::write(&profile, "command = [\"false\"]\n").unwrap();
    let simple = scenario("load-balancing/simple");
    let output = run(&[
        "run",
        simple.to_str().unwrap(),
        "--gateway",
        profile.to_str().unwrap(),
    ]);
    assert_eq!(code(&output), Some(98));
    assert!(
        stderr(&output).contains("the gateway's command ended with"),
        "{}",
        stderr(&output)
    );
}
