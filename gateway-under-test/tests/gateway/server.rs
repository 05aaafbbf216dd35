//! `aoai-gateway` as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use gateway_under_test::access_log::Entry;
use gateway_under_test::usage::UsageEvent;

fn gateway() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aoai-gateway"));
    command.env("NO_COLOR", "1");
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The transparent preset before a port where nobody listens, which is enough to be refused.
fn transparent() -> Command {
    let mut command = gateway();
    command.args(["--preset=request-forwarding/transparent", "--port=0"]);
    command.arg("--backend=payg-1=http://127.0.0.1:9");
    command
}

/// Starts `command` and returns the address it says it listens on.
fn start(mut command: Command) -> (Child, BufReader<ChildStdout>, String) {
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line
        .trim_end()
        .strip_prefix("listening on http://")
        .unwrap();
    (child, stdout, address.to_owned())
}

fn stop(child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
}

#[test]
fn presets_are_listed_and_shown() {
    let listed = gateway().args(["preset", "list"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().eq(gateway_under_test::preset::names()));
    let shown = gateway()
        .args(["preset", "show", "toolkit"])
        .output()
        .unwrap();
    let toolkit = gateway_under_test::preset::text("toolkit").unwrap();
    assert_eq!(shown.stdout, toolkit.as_bytes());
    let unknown = gateway().args(["preset", "show", "x"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = transparent()
        .arg(format!("--port={port}"))
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(2),
        "a flag given twice is wrong usage"
    );
    let output = gateway()
        .args(["--preset=request-forwarding/transparent"])
        .args([
            "--backend=payg-1=http://127.0.0.1:9",
            &format!("--port={port}"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output).replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(message, @"error: port PORT of 127.0.0.1 is taken; choose another with --port");
}

#[test]
fn a_wrong_file_is_refused_with_all_its_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("gateway.toml"),
        "seed = 1\nport = 4000\napis = 1\n",
    )
    .unwrap();
    let output = gateway()
        .current_dir(directory.path())
        .args(["--config", "gateway.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r"
    error: unknown key `port`, expected one of `seed`, `client_ip_header`, `products`, `subscriptions`, `backends`, `apis`, `helpers`, `probers`, `usage`
     --> gateway.toml:2:1
      |
    2 | port = 4000
      | ^^^^

    error: expected a table of named entries
     --> gateway.toml:3:8
      |
    3 | apis = 1
      |        ^
    ");
}

#[test]
fn a_sink_that_cannot_be_written_to_is_shown_where_it_is_configured() {
    let directory = tempfile::tempdir().unwrap();
    let text = "usage.sinks.bills.file = \"no/usage.jsonl\"\n\
                backends.b.url = \"http://127.0.0.1:1\"\n\
                apis.a = { prefix = \"/\", balance = { single = \"b\" } }\n\
                subscriptions.one.key = \"k\"\n";
    std::fs::write(directory.path().join("gateway.toml"), text).unwrap();
    let output = gateway()
        .current_dir(directory.path())
        .args(["--config", "gateway.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r#"
    error: the file cannot be written to: No such file or directory (os error 2)
     --> gateway.toml:1:26
      |
    1 | usage.sinks.bills.file = "no/usage.jsonl"
      |                          ^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_bill_is_drawn_up_from_the_events_on_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let prices = "currency = \"EUR\"\nmodels.m = { prompt_per_million = 0.1, completion_per_million = 0.3 }\n";
    std::fs::write(directory.path().join("prices.toml"), prices).unwrap();
    let mut command = gateway();
    command.current_dir(directory.path());
    command.args(["usage", "-", "--by", "subscription,model", "--per", "day"]);
    command.args(["--prices", "prices.toml"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let event = r#"{"event_id":"1","time":"2026-01-01T00:00:00Z","at":0,"subscription":"one","model":"m","prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"estimated":false,"status":200,"streamed":false,"aborted":false,"duration_ms":12,"attempts":1}"#;
    let mut stdin = child.stdin.take().unwrap();
    write!(stdin, "{event}\n{}", &event[..40]).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!(stderr(&output), @r"
    -: line 2: EOF while parsing a string, column 40
    -: 1 line is no usage event and is left out
    ");
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    day         subscription  model  requests  estimated  prompt tokens  completion tokens  total tokens  unpriced tokens   cost EUR
    2026-01-01  one           m             1          0              7                  3            10                0  0.0000016
    total                                   1          0              7                  3            10                0  0.0000016
    ");
}

#[test]
fn a_wrong_price_list_is_refused_where_it_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let prices = "currency = \"EUR\"\n[models]\nm = { prompt_per_million = nan }\n";
    std::fs::write(directory.path().join("prices.toml"), prices).unwrap();
    let output = gateway()
        .current_dir(directory.path())
        .args(["usage", "-", "--prices", "prices.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(stderr(&output), @r"
    error: missing key `completion_per_million`
     --> prices.toml:3:5
      |
    3 | m = { prompt_per_million = nan }
      |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: expected a price of a million tokens below a million, with up to nine digits after the point, such as `2.5`, found `nan`
     --> prices.toml:3:28
      |
    3 | m = { prompt_per_million = nan }
      |                            ^^^
    ");
}

#[test]
fn a_missing_file_is_named() {
    let output = gateway()
        .args(["--config", "absent.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(stderr(&output), @"error: cannot read `absent.toml`: No such file or directory (os error 2)");
}

#[test]
fn a_stopped_gateway_has_written_every_request() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.jsonl");
    let mut command = transparent();
    command.arg("--access-log").arg(&path);
    let (mut child, _stdout, address) = start(command);
    for _ in 0..20 {
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = "GET /forward/openai/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    stop(&child);
    assert!(child.wait().unwrap().success());
    let text = std::fs::read_to_string(path).unwrap();
    let read = |line| serde_json::from_str::<Entry>(line).unwrap().number;
    let mut numbers: Vec<u64> = text.lines().map(read).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..20));
}

#[test]
fn a_stopped_gateway_has_told_its_sinks() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "usage.sinks.bills = {{ file = \"usage.jsonl\", flush = \"1h\" }}\n\
         subscriptions.one.key = \"k\"\n\
         backends.b.url = \"http://{}\"\n\
         apis.a = {{ prefix = \"/\", balance = {{ single = \"b\" }} }}\n",
        backend.local_addr().unwrap()
    );
    std::fs::write(directory.path().join("gateway.toml"), text).unwrap();
    let mut command = gateway();
    command.current_dir(directory.path());
    command.args(["--config=gateway.toml", "--port=0"]);
    let (mut child, _stdout, address) = start(command);
    let mut caller = TcpStream::connect(&address).unwrap();
    let request = "GET /openai/x HTTP/1.1\r\nhost: x\r\napi-key: k\r\n\r\n";
    caller.write_all(request.as_bytes()).unwrap();
    let (mut upstream, _) = backend.accept().unwrap();
    assert!(upstream.read(&mut [0; 1024]).unwrap() > 0);
    stop(&child);
    let body = r#"{"usage":{"prompt_tokens":3}}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    upstream
        .write_all([&head, body].concat().as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success());
    let told = std::fs::read_to_string(directory.path().join("usage.jsonl")).unwrap();
    let event: UsageEvent = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (event.subscription.as_deref(), event.total_tokens),
        (Some("one"), 3)
    );
}

#[test]
fn a_request_under_way_is_answered_before_the_gateway_stops() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = gateway();
    command.args(["--preset=request-forwarding/transparent", "--port=0"]);
    command.arg(format!(
        "--backend=payg-1=http://{}",
        backend.local_addr().unwrap()
    ));
    let (mut child, _stdout, address) = start(command);
    let mut caller = TcpStream::connect(&address).unwrap();
    let request =
        "GET /forward/openai/x HTTP/1.1\r\nhost: x\r\napi-key: subscription-key-one\r\n\r\n";
    caller.write_all(request.as_bytes()).unwrap();
    let (mut upstream, _) = backend.accept().unwrap();
    assert!(upstream.read(&mut [0; 1024]).unwrap() > 0);
    stop(&child);
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        .unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    assert!(child.wait().unwrap().success());
}

/// Sends `request` to `address` and reads until the gateway closes.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_stream_under_way_ends_while_newcomers_are_sent_away() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = gateway();
    command.args(["--preset=request-forwarding/transparent", "--port=0"]);
    command.arg(format!(
        "--backend=payg-1=http://{}",
        backend.local_addr().unwrap()
    ));
    let (mut child, _stdout, address) = start(command);
    let request =
        "GET /forward/openai/x HTTP/1.1\r\nhost: x\r\napi-key: subscription-key-one\r\n\r\n";
    let mut caller = TcpStream::connect(&address).unwrap();
    caller.write_all(request.as_bytes()).unwrap();
    let (mut upstream, _) = backend.accept().unwrap();
    assert!(upstream.read(&mut [0; 1024]).unwrap() > 0);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 18\r\n\r\n";
    upstream.write_all(head.as_bytes()).unwrap();
    upstream.write_all(b"data: a\n\n").unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"data: a\n\n") {
        let mut byte = [0];
        caller.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }

    stop(&child);
    let health = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    while ask(&address, health).starts_with("HTTP/1.1 200 ") {}
    let newcomer = ask(&address, request);
    assert!(newcomer.starts_with("HTTP/1.1 503 "), "{newcomer}");
    assert!(newcomer.contains("connection: close\r\n"), "{newcomer}");

    upstream.write_all(b"data: b\n\n").unwrap();
    let mut rest = String::new();
    caller.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "data: b\n\n");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_policys_reason_phrase_is_on_the_wire() {
    let mut command = gateway();
    command.args(["--preset=prioritization/token-calculating", "--port=0"]);
    command.arg("--backend=ptu-1=http://127.0.0.1:9");
    let (mut child, _stdout, address) = start(command);
    let mut connection = TcpStream::connect(address).unwrap();
    let path = "/prioritization-token-calculating/openai/deployments/x/chat/completions";
    let head = "host: x\r\napi-key: subscription-key-one\r\nconnection: close\r\ncontent-length: 0";
    write!(connection, "POST {path} HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 404 Deployment not found\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nDeployment not found"), "{answer}");
    stop(&child);
    child.wait().unwrap();
}
