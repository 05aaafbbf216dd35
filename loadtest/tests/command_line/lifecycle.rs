//! Ports, signals and gateways that are not there.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::support::{code, program, run, scenario, stderr, stdout};

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

/// A scenario that is being served.
struct Served {
    child: Child,
    port: u16,
    stdout: BufReader<ChildStdout>,
    welcome: String,
}

/// The first of five free ports, each time others: below 32768, from where on the system takes
/// ports for connections, and apart from those of another process that runs these tests.
fn free_ports() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    let apart = u16::try_from(std::process::id() % 1_000).expect("below 1000") * 10;
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let first = 20_000 + apart + 5 * ASKED.fetch_add(1, Ordering::Relaxed);
        if (first..first + 5).all(is_free) {
            return first;
        }
    }
}

impl Served {
    /// Serves `scenario` from a free port on and waits until it is up.
    fn start(scenario: &Path) -> Self {
        let port = free_ports();
        let base = port.to_string();
        let mut child = program(&[
            "serve",
            scenario.to_str().expect("a path in UTF-8"),
            "--port-base",
            &base,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut welcome = String::new();
        while !welcome.contains("Ctrl-C") {
            let read = stdout.read_line(&mut welcome).expect("text");
            assert!(read > 0, "it ended early: {welcome}");
        }
        Self {
            child,
            port,
            stdout,
            welcome,
        }
    }

    /// Stops it; gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        // What it says last must find a reader.
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        self.child.wait().expect("it ends").code()
    }
}

#[test]
fn serve_prints_how_to_reach_it_and_stops_on_a_signal() {
    let served = Served::start(&scenario("load-balancing/simple"));
    let endpoint = format!(
        "export AZURE_OPENAI_ENDPOINT=http://127.0.0.1:{}/round-robin-simple",
        served.port
    );
    assert!(served.welcome.contains(&endpoint), "{}", served.welcome);
    assert_eq!(served.stop(), Some(0));
}

/// Twenty seconds through the gateway, one of real time.
const TURNS: &str = r#"
format = 1
about  = "Does it answer?"
source = "ours"
speed  = 20
[simulators]
payg-1.deployments.d.model = "gpt-4o"
payg-2.deployments.d.model = "gpt-4o"
[gateway]
preset = "load-balancing/simple"
[clients.user]
operation  = "chat_completions"
deployment = "d"
prompt     = "Hello"
max_tokens = 5
think_time = "1s"
[phases]
play = [{ name = "steady", run_for = "20s", users = { user = 2 } }]
[gates]
T-1 = "requests{status=200} >= 10"
"#;

#[test]
fn what_another_gateway_cannot_play_is_skipped_and_told_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    let turns = file("some/turns.toml", TURNS);
    let drains = format!("{TURNS}[actions.leave]\ndrain = true\n");
    let leaving = file("some/leaving.toml", &drains);
    file("none/leaving.toml", &drains);
    let served = Served::start(&turns);
    let [gateway, one, two] = [0, 1, 2].map(|n| format!("http://127.0.0.1:{}", served.port + n));
    let profile = format!(
        "url = {gateway:?}\nprefix = \"as-preset\"\nclock = \"ours\"\n\
         [backends]\npayg-1.url = {one:?}\npayg-2.url = {two:?}\n"
    );
    let profile = file("theirs.toml", &profile);
    let out = folder.path().join("out");
    let play = |what: &Path| {
        let mut command = program(&["run", what.to_str().unwrap()]);
        let command = command.arg("--gateway").arg(&profile);
        command.arg("--out").arg(&out).output().unwrap()
    };
    let reason = "the gateway theirs is not ours: no action changes it while it runs";

    let some = play(&folder.path().join("some"));
    let text = stdout(&some);
    assert_eq!(code(&some), Some(0), "{text}{}", stderr(&some));
    assert!(
        text.contains("SKIPPED  some/leaving") && text.contains(reason),
        "{text}"
    );
    assert!(
        text.ends_with("\nnot counted: 1 skipped\n1 passed, 0 failed\n"),
        "{text}"
    );
    let report = std::fs::read_to_string(out.join("some/leaving/report.json")).unwrap();
    let verdict = &serde_json::from_str::<serde_json::Value>(&report).unwrap()["verdict"];
    assert_eq!(verdict["outcome"], "skipped");
    assert_eq!(verdict["invalid"][0], reason);
    assert_eq!(verdict["gates"][0]["state"]["not_judged"], reason);
    let junit = std::fs::read_to_string(out.join("junit.xml")).unwrap();
    assert!(
        junit.contains(&format!("<skipped message=\"{reason}\"/>")),
        "{junit}"
    );

    let folder_of = out.join("some/leaving");
    let explained = run(&["explain", folder_of.to_str().unwrap(), "T-1"]);
    assert_eq!(code(&explained), Some(0), "{}", stderr(&explained));
    assert_eq!(stdout(&explained), format!("skipped: {reason}\n"));

    // Nothing was judged.
    assert_eq!(code(&play(&folder.path().join("none"))), Some(98));
    // What is asked for by name and cannot be had is an error.
    let named = play(&leaving);
    assert_eq!(code(&named), Some(2));
    assert!(stderr(&named).contains(reason), "{}", stderr(&named));
    assert_eq!(served.stop(), Some(0));
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
