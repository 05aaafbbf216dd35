//! One wrong file after another, and what its author is told.

use super::*;

/// What the gateway says to `text`, in the order of its lines.
fn mistakes(text: &str) -> String {
    let diagnostics = match GatewayConfig::parse("gateway.toml", text) {
        Ok(config) => GatewayConfig::locate("gateway.toml", text, &config.validate()),
        Err(diagnostics) => diagnostics,
    };
    let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    shown.join("\n")
}

/// A file that is right, for a test to add what is wrong.
const RIGHT: &str = r#"subscriptions.one = { key = "k" }
backends.payg-1 = { url = "http://payg-1" }
apis.a = { prefix = "/a", balance = { single = "payg-1" } }
"#;

/// The same of `text` in a file that is right.
pub(super) fn beside_what_is_right(text: &str) -> String {
    mistakes(&format!("{RIGHT}{text}"))
}

#[test]
fn a_right_file_has_no_mistakes() {
    assert_eq!(mistakes(RIGHT), "");
}

#[test]
fn mistakes_of_syntax_are_shown_all_at_once() {
    insta::assert_snapshot!(mistakes("seed = \n[apis.a\nprefix = \"/a\"\n"), @r"
    error: string values must be quoted, expected literal string
     --> gateway.toml:1:8
      |
    1 | seed =
      |        ^

    error: unclosed table, expected `]`
     --> gateway.toml:2:8
      |
    2 | [apis.a
      |        ^
    ");
}

#[test]
fn mistakes_of_type_are_shown_all_at_once() {
    let text = r#"
seed = "many"
[subscriptions]
one = "subscription-key-one"
[backends.payg-1]
url = 8001
[apis.a]
prefix = "/a"
balance = { single = "payg-1" }
forward_timeout = "120"
[apis.b]
prefix = "/b"
balance = { single = "payg-1" }
retry = { on = [200], count = 3, interval = "1s" }
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    error: invalid type: string "many", expected a whole number
     --> gateway.toml:2:8
      |
    2 | seed = "many"
      |        ^^^^^^

    error: invalid type: string "subscription-key-one", expected a table with a `key`
     --> gateway.toml:4:7
      |
    4 | one = "subscription-key-one"
      |       ^^^^^^^^^^^^^^^^^^^^^^

    error: invalid type: integer `8001`, expected a string
     --> gateway.toml:6:7
      |
    6 | url = 8001
      |       ^^^^

    error: expected a duration with its unit, such as `500ms`, `1.5s` or `2m`, found `120`
      --> gateway.toml:10:19
       |
    10 | forward_timeout = "120"
       |                   ^^^^^

    error: invalid value: integer `200`, expected an error status from 400 to 599, a range such as "500-599", "transport" or "exhausted"
      --> gateway.toml:14:17
       |
    14 | retry = { on = [200], count = 3, interval = "1s" }
       |                 ^^^
    "#);
}

#[test]
fn policies_of_the_wrong_type_are_shown_all_at_once() {
    let text = r#"
[apis.c]
prefix = "/c"
balance = "payg-1"
[apis.d]
prefix = "/d"
balance = { weighted_random = { weights = { payg-1 = -1 } } }
[apis.e]
prefix = "/e"
max_replay_bytes = 0
balance = { single = "payg-1" }
[apis.f]
prefix = "/f"
"#;
    insta::assert_snapshot!(mistakes(text), @r#"
    error: unknown choice `payg-1`, expected one of `single`, `round_robin`, `weighted_random`, `smooth_weighted`, `pool`, `by_retry_after`, `preferred`, `by_model`
     --> gateway.toml:4:11
      |
    4 | balance = "payg-1"
      |           ^^^^^^^^

    error: invalid value: integer `-1`, expected a whole number
     --> gateway.toml:7:54
      |
    7 | balance = { weighted_random = { weights = { payg-1 = -1 } } }
      |                                                      ^^

    error: invalid value: integer `0`, expected a whole number above 0
      --> gateway.toml:10:20
       |
    10 | max_replay_bytes = 0
       |                    ^

    error: missing key `balance`
      --> gateway.toml:12:1
       |
    12 | [apis.f]
       | ^^^^^^^^
    "#);
}

#[test]
fn unknown_keys_are_answered_with_the_known_ones() {
    let text = r#"
colour = "red"
[backends.payg-2]
uri = "http://payg-2"
[apis.b]
prefix = "/b"
balance = { round_robbin = { backends = ["payg-1"] } }
[apis.c]
prefix = "/c"
balance = { single = "payg-1" }
retries = 3
"#;
    insta::assert_snapshot!(beside_what_is_right(text), @r#"
    error: unknown key `colour`, expected one of `seed`, `client_ip_header`, `products`, `subscriptions`, `backends`, `apis`, `helpers`, `probers`, `usage`
     --> gateway.toml:5:1
      |
    5 | colour = "red"
      | ^^^^^^

    error: unknown key `uri`, expected one of `url`, `api_key`, `region`, `apim_backend`, `identity`, `breaker`
     --> gateway.toml:7:1
      |
    7 | uri = "http://payg-2"
      | ^^^

    error: unknown choice `round_robbin`, expected one of `single`, `round_robin`, `weighted_random`, `smooth_weighted`, `pool`, `by_retry_after`, `preferred`, `by_model`
      --> gateway.toml:10:13
       |
    10 | balance = { round_robbin = { backends = ["payg-1"] } }
       |             ^^^^^^^^^^^^

    error: unknown key `retries`, expected one of `prefix`, `balance`, `exhausted`, `ignores_breakers`, `tokenizer`, `limit_concurrency`, `rate_limit`, `quota`, `token_limit`, `adaptive`, `prioritize`, `retry`, `forward_timeout`, `silence_timeout`, `max_replay_bytes`, `sets_x_apim_backend`, `fail_on_error_status_code`
      --> gateway.toml:14:1
       |
    14 | retries = 3
       | ^^^^^^^
    "#);
}

#[test]
fn what_does_not_fit_together_is_shown_where_it_is_written() {
    let text = r#"
[backends.ptu-1]
region = "northeurope"
[apis.b]
prefix = "a"
balance = { round_robin = { backends = ["payg-1", "payg-3"], first = "ptu-1" } }
[apis.b.retry]
on = [429]
count = 51
interval = "20s"
delta = "2s"
max_interval = "10s"
to = "payg-4"
"#;
    insta::assert_snapshot!(beside_what_is_right(text), @r#"
    error: backend `ptu-1` has no url
     --> gateway.toml:5:11
      |
    5 | [backends.ptu-1]
      |           ^^^^^
    help: give its address: `--backend ptu-1=http://127.0.0.1:8001`, or `url` in the file

    error: expected a prefix of its own, found that of `a`
     --> gateway.toml:8:10
      |
    8 | prefix = "a"
      |          ^^^

    error: expected a path that begins with `/`, found `a`
     --> gateway.toml:8:10
      |
    8 | prefix = "a"
      |          ^^^
    help: write it as `/b`

    error: unknown backend `payg-3`
     --> gateway.toml:9:40
      |
    9 | balance = { round_robin = { backends = ["payg-1", "payg-3"], first = "ptu-1" } }
      |                                        ^^^^^^^^^^^^^^^^^^^^
    help: the backends are `payg-1`, `ptu-1`

    error: expected one of its own `backends`, found `ptu-1`
     --> gateway.toml:9:70
      |
    9 | balance = { round_robin = { backends = ["payg-1", "payg-3"], first = "ptu-1" } }
      |                                                                      ^^^^^^^

    error: expected 1 to 50 retries, found `51`
      --> gateway.toml:12:9
       |
    12 | count = 51
       |         ^^

    error: expected at least `interval`, `20s`, found `10s`
      --> gateway.toml:15:16
       |
    15 | max_interval = "10s"
       |                ^^^^^

    error: unknown backend `payg-4`
      --> gateway.toml:16:6
       |
    16 | to = "payg-4"
       |      ^^^^^^^^
    help: the backends are `payg-1`, `ptu-1`
    "#);
}

#[test]
fn breakers_and_pools_without_sense_are_shown_where_they_are_written() {
    let text = r#"
[backends.payg-2]
url = "http://payg-2"
breaker = { on = ["exhausted"], count = 0, interval = "10s", trip = "0s" }
[apis.b]
prefix = "/b"
exhausted = "first-backend"
balance.pool.members = { payg-1 = { weight = 0 }, payg-3 = {} }
retry = { on = [429], count = 1, interval = "0s", repick = true, to = "payg-1" }
"#;
    insta::assert_snapshot!(beside_what_is_right(text), @r#"
    error: expected failures of the backend, found `exhausted`, the gateway's own
     --> gateway.toml:7:18
      |
    7 | breaker = { on = ["exhausted"], count = 0, interval = "10s", trip = "0s" }
      |                  ^^^^^^^^^^^^^

    error: expected at least 1 failure, found `0`
     --> gateway.toml:7:41
      |
    7 | breaker = { on = ["exhausted"], count = 0, interval = "10s", trip = "0s" }
      |                                         ^

    error: expected a time above 0, found `0s`
     --> gateway.toml:7:69
      |
    7 | breaker = { on = ["exhausted"], count = 0, interval = "10s", trip = "0s" }
      |                                                                     ^^^^

    error: expected `balance.by_retry_after` beside `first-backend`
      --> gateway.toml:10:13
       |
    10 | exhausted = "first-backend"
       |             ^^^^^^^^^^^^^^^
    help: write `unavailable` or `too-many-requests`

    error: unknown backend `payg-3`
      --> gateway.toml:11:51
       |
    11 | balance.pool.members = { payg-1 = { weight = 0 }, payg-3 = {} }
       |                                                   ^^^^^^
    help: the backends are `payg-1`, `payg-2`

    error: expected no `to` beside it, which names the backend
      --> gateway.toml:12:60
       |
    12 | retry = { on = [429], count = 1, interval = "0s", repick = true, to = "payg-1" }
       |                                                            ^^^^
    "#);
}

#[test]
fn waits_without_sense_are_shown_where_they_are_written() {
    let text = r#"
[apis.c]
prefix = "/c"
balance.by_retry_after = { members = {}, on = [], default_wait = "0s" }
retry = { on = [429], count = 1, interval = "0s" }
[apis.d]
prefix = "/d"
balance.by_retry_after = { members = { payg-1 = {} }, on = ["exhausted"], max_wait = "0s" }
"#;
    insta::assert_snapshot!(beside_what_is_right(text), @r#"
    error: expected at least one member with a weight above 0
     --> gateway.toml:7:28
      |
    7 | balance.by_retry_after = { members = {}, on = [], default_wait = "0s" }
      |                            ^^^^^^^
    help: name the members: `{ ptu-1 = {}, payg-1 = { priority = 2 } }`

    error: expected at least one kind of failure, such as `429`
     --> gateway.toml:7:47
      |
    7 | balance.by_retry_after = { members = {}, on = [], default_wait = "0s" }
      |                                               ^^

    error: expected a time above 0, found `0s`
     --> gateway.toml:7:66
      |
    7 | balance.by_retry_after = { members = {}, on = [], default_wait = "0s" }
      |                                                                  ^^^^

    error: expected none beside `balance.by_retry_after`, which tries its members
     --> gateway.toml:8:1
      |
    8 | retry = { on = [429], count = 1, interval = "0s" }
      | ^^^^^

    error: expected failures of the backend, found `exhausted`, the gateway's own
      --> gateway.toml:11:60
       |
    11 | balance.by_retry_after = { members = { payg-1 = {} }, on = ["exhausted"], max_wait = "0s" }
       |                                                            ^^^^^^^^^^^^^

    error: expected a time above 0, found `0s`
      --> gateway.toml:11:86
       |
    11 | balance.by_retry_after = { members = { payg-1 = {} }, on = ["exhausted"], max_wait = "0s" }
       |                                                                                      ^^^^
    "#);
}

#[test]
fn breakers_and_pools_of_the_wrong_type_are_shown_all_at_once() {
    let text = r#"
[backends.payg-2]
breaker = { on = [429], count = 3, interval = "10s" }
[backends.payg-3]
breaker = { on = ["500-400"], count = 3, interval = "10s", trip = "1m" }
[backends.payg-4]
breaker = { on = [429], count = 3, interval = "10s", trip = "1m", recovery = "half-open" }
[apis.b]
prefix = "/b"
balance.pool = ["payg-1"]
[apis.c]
prefix = "/c"
balance.pool.members = { payg-1 = 1 }
[apis.d]
prefix = "/d"
exhausted = "503"
balance = { single = "payg-1" }
[apis.e]
prefix = "/e"
balance.pool = { members = {}, pick = "least" }
"#;
    insta::assert_snapshot!(beside_what_is_right(text), @r#"
    error: missing key `trip`
     --> gateway.toml:6:11
      |
    6 | breaker = { on = [429], count = 3, interval = "10s" }
      |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    error: invalid value: string "500-400", expected an error status from 400 to 599, a range such as "500-599", "transport" or "exhausted"
     --> gateway.toml:8:19
      |
    8 | breaker = { on = ["500-400"], count = 3, interval = "10s", trip = "1m" }
      |                   ^^^^^^^^^

    error: unknown choice `half-open`, expected `reset` or `probe`
      --> gateway.toml:10:78
       |
    10 | breaker = { on = [429], count = 3, interval = "10s", trip = "1m", recovery = "half-open" }
       |                                                                              ^^^^^^^^^^^

    error: invalid type: string "payg-1", expected a table
      --> gateway.toml:13:17
       |
    13 | balance.pool = ["payg-1"]
       |                 ^^^^^^^^

    error: invalid type: integer `1`, expected a table such as `{ priority = 1 }`
      --> gateway.toml:16:35
       |
    16 | balance.pool.members = { payg-1 = 1 }
       |                                   ^

    error: unknown choice `503`, expected one of `unavailable`, `too-many-requests`, `first-backend`
      --> gateway.toml:19:13
       |
    19 | exhausted = "503"
       |             ^^^^^

    error: unknown choice `least`, expected `smooth` or `random`
      --> gateway.toml:23:39
       |
    23 | balance.pool = { members = {}, pick = "least" }
       |                                       ^^^^^^^
    "#);
}

#[test]
fn values_without_sense_are_shown_where_they_are_written() {
    let text = r#"
[apis.c]
prefix = "/a/"
balance.smooth_weighted.weights = { payg-1 = 0 }
forward_timeout = "0s"
"#;
    insta::assert_snapshot!(beside_what_is_right(text), @r#"
    error: expected a prefix of its own, found that of `a`
     --> gateway.toml:6:10
      |
    6 | prefix = "/a/"
      |          ^^^^^

    error: expected at least one weight above 0
     --> gateway.toml:7:25
      |
    7 | balance.smooth_weighted.weights = { payg-1 = 0 }
      |                         ^^^^^^^
    help: name the backends with their weights: `{ payg-1 = 2, payg-2 = 1 }`

    error: expected a time above 0, found `0s`
     --> gateway.toml:8:19
      |
    8 | forward_timeout = "0s"
      |                   ^^^^
    "#);
}

#[test]
fn an_empty_file_is_told_what_a_gateway_needs() {
    insta::assert_snapshot!(mistakes(""), @r"
    error: expected at least one subscription
      --> gateway.toml
    help: add `[subscriptions.one]` with its `key`

    error: expected at least one API
      --> gateway.toml
    help: add `[apis.NAME]` with its `prefix` and `balance`
    ");
}

#[test]
fn a_faulty_backend_is_no_unknown_one() {
    let text = r#"
[subscriptions.one]
key = "k"
[backends.payg-1]
[apis.a]
prefix = "/a"
balance = { single = "payg-1" }
"#;
    insta::assert_snapshot!(mistakes(text), @r"
    error: backend `payg-1` has no url
     --> gateway.toml:4:11
      |
    4 | [backends.payg-1]
      |           ^^^^^^
    help: give its address: `--backend payg-1=http://127.0.0.1:8001`, or `url` in the file
    ");
}

#[test]
fn what_is_written_is_read_back() {
    let text = crate::preset::text("toolkit").unwrap();
    let config = GatewayConfig::parse("toolkit.toml", text).unwrap();
    let written = toml::to_string(&config).unwrap();
    assert_eq!(GatewayConfig::parse("again.toml", &written), Ok(config));
}

#[test]
fn the_schema_knows_every_key_of_the_presets() {
    let schema = schemars::schema_for!(GatewayConfig).to_value().to_string();
    for key in [
        "round_robin",
        "weighted_random",
        "smooth_weighted",
        "single",
        "max_interval",
        "forward_timeout",
        "sets_x_apim_backend",
        "fail_on_error_status_code",
        "apim_backend",
        "breaker",
        "accept_retry_after",
        "pool",
        "by_retry_after",
        "repick",
    ] {
        assert!(schema.contains(&format!("\"{key}\"")), "{key}");
    }
}
