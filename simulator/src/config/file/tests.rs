//! Wrong file in, exact message out.

use super::*;

#[track_caller]
fn mistakes(text: &str) -> String {
    let text = File::resolve("sim.toml", text).unwrap_err().to_string();
    let models = text
        .lines()
        .map(|line| redacted(line, "known models are ", "[MODELS]"))
        // Of a deployment; other lists are short.
        .map(|line| redacted(&line, "expected one of `like`", ", [KEYS]"));
    models.collect::<Vec<_>>().join("\n")
}

/// A line with the list that follows `start`, which grows, left out.
fn redacted(line: &str, start: &str, list: &str) -> String {
    match line.split_once(start) {
        Some((before, _)) => format!("{before}{start}{list}"),
        None => line.to_owned(),
    }
}

#[test]
fn a_file_of_two_simulators_is_resolved() {
    let text = r#"
        [simulators.ptu-1]
        listen = "127.0.0.1:8001"
        deployments = ["shared"]

        [simulators.payg-1]
        region = "West Europe"
        [simulators.payg-1.deployments.own]
        like = "shared"
        tokens_per_minute = 2_000

        [deployments.shared]
        model = "gpt-4o"
        limiter = "legacy"
        tokens_per_minute = 1_000
        latency = { time_to_first_token = { log_normal = { median = "500ms", sigma = 0.3 } }, per_token = "20ms" }
    "#;
    let configs = File::resolve("sim.toml", text).unwrap();
    let limits: Vec<_> = configs
        .iter()
        .flat_map(|(_, config)| {
            config
                .deployments
                .values()
                .map(|deployment| deployment.limiter.rate().unwrap().tokens_per_minute.get())
        })
        .collect();
    assert_eq!(limits, [1_000, 2_000]);
    let [(first, ptu), (second, payg)] = configs.as_slice() else {
        panic!("expected two simulators");
    };
    assert_eq!((first.as_str(), second.as_str()), ("ptu-1", "payg-1"));
    assert_eq!(ptu.listen.unwrap().port(), 8001);
    assert_eq!(payg.region, "West Europe");
}

#[test]
fn every_section_says_its_mistake() {
    insta::assert_snapshot!(mistakes(r#"
colour = "red"

[simulators.one]
listen = "localhost"

[simulators.two.deployments.a]
model = "gpt-9"

[simulators.two.deployments.b]
model = "gpt-4o"
tokens_per_minute = "many"

[deployments.c]
model = "gpt-4o"
latency = "10ms"
"#), @r#"
    sim.toml:2:1: expected `simulators` or `deployments`, found `colour`
      2 | colour = "red"
        | ^^^^^^
      help: a key belongs below a header such as [simulators.NAME]
    sim.toml:5:10: expected an address and port such as `127.0.0.1:8001`, found `localhost`
      5 | listen = "localhost"
        |          ^^^^^^^^^^^
    sim.toml:8:9: expected a known model, found `gpt-9`
      8 | model = "gpt-9"
        |         ^^^^^^^
      help: known models are [MODELS]
    sim.toml:12:21: invalid type: string "many", expected a nonzero u64
      12 | tokens_per_minute = "many"
         |                     ^^^^^^
    sim.toml:16:11: invalid type: string "10ms", expected a table such as { time_to_first_token = "500ms", per_token = "20ms" } or { per_request = "1s" }
      16 | latency = "10ms"
         |           ^^^^^^
    "#);
}

#[test]
fn a_name_with_a_dot_is_told_to_be_quoted() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one]
deployments = ["gpt-4.1-mini"]

[deployments.gpt-4.1-mini]
model = "gpt-4.1-mini"
"#), @r#"
    sim.toml:3:16: simulator `one` names an undefined deployment `gpt-4.1-mini`
      3 | deployments = ["gpt-4.1-mini"]
        |                ^^^^^^^^^^^^^^
      help: defined by [deployments.NAME] are `gpt-4`
    sim.toml:5:20: unknown field `1-mini`, expected one of `like`, [KEYS]
      5 | [deployments.gpt-4.1-mini]
        |                    ^^^^^^
      help: a name with a dot is quoted: [deployments."gpt-4.1-mini"]
    "#);
}

#[test]
fn a_mistake_in_a_shared_deployment_is_told_where_it_stands_and_once() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one]
deployments = ["a"]
[simulators.two]
deployments = ["a"]
[deployments.a]
model = "gpt-4o"
limiter = "legacy"
"#), @"
    sim.toml:6:14: expected `tokens_per_minute` for limiter `legacy`
      6 | [deployments.a]
        |              ^
      help: tokens_per_minute = 100_000
    ");
}

#[test]
fn deployments_that_do_not_exist_are_named() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one]
deployments = ["b"]
[simulators.two.deployments.x]
like = "c"
[deployments.a]
model = "gpt-4o"
"#), @r#"
    sim.toml:3:16: simulator `one` names an undefined deployment `b`
      3 | deployments = ["b"]
        |                ^^^
      help: defined by [deployments.NAME] are `a`
    sim.toml:5:8: expected the name of a shared deployment, found `c`
      5 | like = "c"
        |        ^^^
      help: defined by [deployments.NAME] are `a`
    "#);
}

#[test]
fn what_is_like_itself_is_refused() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one]
deployments = ["a"]
[deployments.a]
like = "b"
[deployments.b]
like = "a"
"#), @r#"
    sim.toml:5:8: `b` is like itself through `a`
      5 | like = "b"
        |        ^^^
    "#);
}

#[test]
fn durations_and_distributions_say_how_they_are_written() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one.deployments.a]
model = "gpt-4o"
latency = { per_token = "10" }

[simulators.one.deployments.b]
model = "gpt-4o"
latency = { per_token = 10 }

[simulators.one.deployments.c]
model = "gpt-4o"
latency = { per_token = { normal = { mean = "10ms" } } }

[simulators.one.deployments.d]
model = "gpt-4o"
latency = { per_token = { gaussian = { mean = "10ms" } } }

[simulators.one.deployments.e]
model = "gpt-4o"
latency = { per_token = { uniform = { min = "2ms", max = "1ms" } } }

[simulators.one.deployments.f]
model = "gpt-4o"
latency = { per_token = "1ms", per_request = "1s" }

[simulators.one.deployments.g]
model = "gpt-4o"
latency = {}
"#), @r#"
    sim.toml:4:25: expected a duration with its unit, such as `500ms`, `1.5s` or `2m`, found `10`
      4 | latency = { per_token = "10" }
        |                         ^^^^
    sim.toml:8:25: invalid type: integer `10`, expected a duration such as "10ms" or a distribution such as { normal = { mean = "10ms", std_dev = "2ms" } }
      8 | latency = { per_token = 10 }
        |                         ^^
    sim.toml:12:36: missing field `std_dev`
      12 | latency = { per_token = { normal = { mean = "10ms" } } }
         |                                    ^^^^^^^^^^^^^^^^^
    sim.toml:16:25: unknown field `gaussian`, expected one of `normal`, `log_normal`, `uniform`, `exponential`, `gamma`, `percentiles`, `tail`
      16 | latency = { per_token = { gaussian = { mean = "10ms" } } }
         |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    sim.toml:20:25: expected `min` not above `max`, found `2ms` and `1ms`
      20 | latency = { per_token = { uniform = { min = "2ms", max = "1ms" } } }
         |                         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    sim.toml:24:46: expected either `per_request` or `per_token`, found both
      24 | latency = { per_token = "1ms", per_request = "1s" }
         |                                              ^^^^
      help: remove one of them; in a patch, set it to null
    sim.toml:28:1: expected `time_to_first_token`, `per_token`, `per_request` or `profile`, found none of them
      28 | latency = {}
         | ^^^^^^^
      help: { time_to_first_token = "500ms", per_token = "20ms" }
    "#);
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one.deployments.a]
model = "gpt-4o"
limiter = "none"
tokens_per_minute = 1_000

[simulators.one.deployments.b]
model = "gpt-4o"
tokens_per_minute = 0

[simulators.one.deployments.c]
model = "gpt-4o"
limiter = "strict"
"#), @r#"
    sim.toml:4:11: expected no limit beside limiter `none`
      4 | limiter = "none"
        |           ^^^^^^
      help: remove the limit, or write limiter = "legacy"
    sim.toml:9:21: invalid value: integer `0`, expected a nonzero u64
      9 | tokens_per_minute = 0
        |                     ^
    sim.toml:13:11: unknown variant `strict`, expected one of `legacy`, `modern`, `openai`, `provisioned`, `none`
      13 | limiter = "strict"
         |           ^^^^^^^^
    "#);
}

#[test]
fn what_another_limiter_goes_by_is_refused() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one.deployments.a]
model = "gpt-4o"
ptus = 50

[simulators.one.deployments.b]
model = "gpt-4o"
limiter = "provisioned"
ptus = 50
tokens_per_minute = 1_000

[simulators.one.deployments.c]
model = "gpt-4o"
limiter = "provisioned"

[simulators.one.deployments.d]
model = "text-embedding-ada-002"
limiter = "provisioned"
ptus = 50

[simulators.one.deployments.e]
model = "gpt-4o"
limiter = "modern"
requests_per_day = 10

[simulators.one.deployments.f]
model = "gpt-4o"
limiter = "provisioned"
ptus = 0
"#), @r#"
    sim.toml:4:8: expected no `ptus` beside limiter `none`
      4 | ptus = 50
        |        ^^
      help: `ptus` goes with limiter = "provisioned"
    sim.toml:10:21: expected no `tokens_per_minute` beside limiter `provisioned`
      10 | tokens_per_minute = 1_000
         |                     ^^^^^
      help: `tokens_per_minute` goes with limiter = "legacy" or "modern" or "openai"
    sim.toml:12:29: expected `ptus` for limiter `provisioned`
      12 | [simulators.one.deployments.c]
         |                             ^
      help: ptus = 50
    sim.toml:16:29: expected `throughput`: none is published for `text-embedding-ada-002`
      16 | [simulators.one.deployments.d]
         |                             ^
      help: throughput = { input_tokens_per_minute_per_ptu = 2_500, output_ratio = 4 }
    sim.toml:24:20: expected no `requests_per_day` beside limiter `modern`
      24 | requests_per_day = 10
         |                    ^^
      help: `requests_per_day` goes with limiter = "openai"
    sim.toml:29:8: invalid value: integer `0`, expected a nonzero u32
      29 | ptus = 0
         |        ^
    "#);
}

#[test]
fn spillover_goes_from_a_provisioned_to_a_standard_deployment() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one]
deployments = ["a", "b", "c", "d"]

[deployments.a]
model = "gpt-4o"
limiter = "provisioned"
ptus = 50
spillover = "z"

[deployments.b]
like = "a"
spillover = "b"

[deployments.c]
like = "a"
spillover = "a"

[deployments.d]
model = "gpt-4o"
tokens_per_minute = 1_000
"#), @r#"
    sim.toml:9:13: simulator `one` has no deployment `z`
      9 | spillover = "z"
        |             ^^^
    sim.toml:13:13: expected a standard deployment, found `b`, which is provisioned
      13 | spillover = "b"
         |             ^^^
    sim.toml:17:13: expected a standard deployment, found `a`, which is provisioned
      17 | spillover = "a"
         |             ^^^
    "#);
    insta::assert_snapshot!(mistakes(r#"
[simulators.one.deployments.a]
model = "gpt-4o"
tokens_per_minute = 1_000
spillover = "a"
"#), @r#"
    sim.toml:5:13: expected no `spillover` beside limiter `legacy`
      5 | spillover = "a"
        |             ^^^
      help: `spillover` goes with limiter = "provisioned"
    "#);
}

#[test]
fn a_simulator_without_deployments_is_refused() {
    insta::assert_snapshot!(mistakes("[simulators.one]\nregion = \"East US\"\n"), @r#"
    sim.toml:1:13: expected at least one deployment in simulator `one`
      1 | [simulators.one]
        |             ^^^
      help: deployments = { gpt-4o = { model = "gpt-4o" } }, or allow_undefined_deployments = true
    "#);
    insta::assert_snapshot!(mistakes(""), @"
    sim.toml:1:1: expected at least one simulator
      1 | 
        | ^
      help: [simulators.my-resource]
    ");
}

#[test]
fn broken_toml_is_pointed_at() {
    insta::assert_snapshot!(mistakes("[simulators.one\nregion = \"East US\"\n"), @"
    sim.toml:1:16: unclosed table, expected `]`
      1 | [simulators.one
        |                ^
    ");
}

#[test]
fn what_a_fault_cannot_mean_is_told() {
    insta::assert_snapshot!(mistakes(r#"
[simulators.one]
allow_undefined_deployments = true
faults = [
  { when = { probability = 1.5, attempts = [] }, play = "silence" },
  { when = { from = "5s", until = "2s", flap = { down = "1s", up = "0s" } }, play = { delay = "1s" } },
  { when = { first = 3, header = { "x fault" = "a\nb" } }, play = "refused" },
  { play = { status = { code = 99, headers = { "ä" = "1" }, retry_after_style = "ms" } } },
]
"#), @r#"
    sim.toml:5:28: expected a probability above 0 and at most 1, found `1.5`
      5 |   { when = { probability = 1.5, attempts = [] }, play = "silence" },
        |                            ^^^
    sim.toml:5:44: expected at least one attempt, found none
      5 |   { when = { probability = 1.5, attempts = [] }, play = "silence" },
        |                                            ^^
      help: attempts = [0], the first at this simulator
    sim.toml:6:35: expected `until` after `from`, found `2s` and `5s`
      6 |   { when = { from = "5s", until = "2s", flap = { down = "1s", up = "0s" } }, play = { delay = "1s" } },
        |                                   ^^^^
    sim.toml:6:41: expected `down` and `up` above zero
      6 |   { when = { from = "5s", until = "2s", flap = { down = "1s", up = "0s" } }, play = { delay = "1s" } },
        |                                         ^^^^
      help: { down = "5s", up = "5s" }
    sim.toml:7:22: `first` cannot be known of a connection that is refused
      7 |   { when = { first = 3, header = { "x fault" = "a\nb" } }, play = "refused" },
        |                      ^
      help: use `from`, `until` or `flap`, or play "reset", which knows its request
    sim.toml:7:25: `header` cannot be known of a connection that is refused
      7 |   { when = { first = 3, header = { "x fault" = "a\nb" } }, play = "refused" },
        |                         ^^^^^^
      help: use `from`, `until` or `flap`, or play "reset", which knows its request
    sim.toml:7:48: expected the name of a header, found `x fault`
      7 |   { when = { first = 3, header = { "x fault" = "a\nb" } }, play = "refused" },
        |                                                ^^^^^^
    sim.toml:7:48: expected the value of a header, found `a\nb`
      7 |   { when = { first = 3, header = { "x fault" = "a\nb" } }, play = "refused" },
        |                                                ^^^^^^
    sim.toml:8:32: expected a status from 200 to 599, found `99`
      8 |   { play = { status = { code = 99, headers = { "ä" = "1" }, retry_after_style = "ms" } } },
        |                                ^^
    sim.toml:8:54: expected the name of a header, found `ä`
      8 |   { play = { status = { code = 99, headers = { "ä" = "1" }, retry_after_style = "ms" } } },
        |                                                      ^^^
    sim.toml:8:81: expected `retry_after` beside `retry_after_style`
      8 |   { play = { status = { code = 99, headers = { "ä" = "1" }, retry_after_style = "ms" } } },
        |                                                                                 ^^^^
      help: retry_after = "7s"
    "#);
}

#[test]
fn what_is_no_fault_is_told_with_what_one_is() {
    insta::assert_snapshot!(mistakes(r#"
[deployments.chat]
model = "gpt-4o"

[simulators.one]
deployments = ["chat"]
identity = { token_lifetime = "10ms" }
faults = [{ when = { deployment = "chap" }, play = { cut = { after_tokens = 5 } } }]

[simulators.two]
deployments = ["chat"]
faults = [{ when = { first = 0 }, play = "reset" }]

[simulators.three]
deployments = ["chat"]
faults = [{ play = "explode" }]

[simulators.four]
deployments = ["chat"]
faults = [{ play = { cut = "5" } }]

[simulators.five.deployments.chat]
like = "chat"
rate_limit_headers = ["retry-after", "retry-after-date"]
"#), @r#"
    sim.toml:7:31: expected a token to live for a second or longer, found `10ms`
      7 | identity = { token_lifetime = "10ms" }
        |                               ^^^^^^
    sim.toml:8:35: simulator `one` has no deployment `chap`
      8 | faults = [{ when = { deployment = "chap" }, play = { cut = { after_tokens = 5 } } }]
        |                                   ^^^^^^
    sim.toml:12:30: invalid value: integer `0`, expected a nonzero u64
      12 | faults = [{ when = { first = 0 }, play = "reset" }]
         |                              ^
    sim.toml:16:20: unknown variant `explode`, expected one of `status`, `delay`, `silence`, `refused`, `reset`, `cut`, `stall`, `slow_headers`, `truncated`, `malformed`, `error`, `duplicate`, `no_usage`, `no_done`, `content_type`, `slow_body`
      16 | faults = [{ play = "explode" }]
         |                    ^^^^^^^^^
    sim.toml:20:28: invalid type: string "5", expected a table such as { after_tokens = 5 }
      20 | faults = [{ play = { cut = "5" } }]
         |                            ^^^
    sim.toml:24:22: expected either `retry-after` or `retry-after-date`, found both: they are one header
      24 | rate_limit_headers = ["retry-after", "retry-after-date"]
         |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_fault_for_connections_may_come_and_go_by_time() {
    let text = r#"
        [simulators.one]
        allow_undefined_deployments = true
        stopped = true
        faults = [
          { when = { from = "1s", until = "60s", flap = { down = "5s", up = "5s" } }, play = "refused" },
          { when = { deployment = "any" }, play = { stall = { after_tokens = 5 } } },
        ]
    "#;
    let (_, config) = File::resolve("sim.toml", text).unwrap().remove(0);
    assert!(config.stopped);
    assert_eq!(config.faults.len(), 2);
}

#[test]
fn a_simulator_by_itself_is_read_like_one_of_a_file() {
    let config: SimulatorConfig = "deployments.a.model = \"gpt-4o\"".parse().unwrap();
    assert_eq!(config.deployments["a"].model.name, "gpt-4o");
    let wrong = "seed = -1\n[deployments.a]\nmodel = \"gpt-9\"\ncolour = 1\n";
    let error = wrong.parse::<SimulatorConfig>().unwrap_err().to_string();
    let places: Vec<_> = error
        .lines()
        .filter(|line| line.starts_with("simulator:"))
        .collect();
    let starts: Vec<_> = places.iter().map(|place| &place[..14]).collect();
    assert_eq!(
        starts,
        ["simulator:1:8:", "simulator:3:9:", "simulator:4:1:"]
    );
}
