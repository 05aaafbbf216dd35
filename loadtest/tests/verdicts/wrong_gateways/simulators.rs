//! Wrong simulators: what the scenarios about the simulator itself notice.

use super::assert_fails;

#[test]
fn a_simulator_that_answers_too_late_or_too_early_is_noticed() {
    let latency = "simulators.sim.latency.chat_completions.per_token";
    for wrong in ["12ms", "8ms"] {
        assert_fails("simulator/added-latency", &[(latency, wrong)], ["MS-added"]);
    }
}

#[test]
fn a_simulator_that_limits_what_is_not_limited_is_noticed() {
    let limit = (
        "simulators.sim.deployments.gpt-35-turbo-no-limit",
        r#"{ model = "gpt-3.5-turbo", tokens_per_minute = 10_000 }"#,
    );
    let refused = ["MS-base-200", "books.statuses"];
    assert_fails("simulator/base-latency", &[limit], refused);
    let expected = ("books.statuses", "[200, 429]");
    assert_fails(
        "simulator/base-latency",
        &[limit, expected],
        ["MS-base-200"],
    );
    let now_and_then = (
        "simulators.sim.faults",
        r#"[{ when = { every = 100 }, play = { status = { code = 429, retry_after = "1s" } } }]"#,
    );
    assert_fails(
        "simulator/added-latency",
        &[now_and_then, expected],
        ["MS-added-200"],
    );
}

#[test]
fn a_limit_of_requests_is_neither_lower_nor_higher() {
    let limit = |key| format!("simulators.sim.deployments.gpt-35-turbo-100k-token.{key}");
    let requests = limit("requests_per_minute");
    for wrong in ["570", "630"] {
        let wrong = [(&*requests, wrong)];
        assert_fails("simulator/request-limit", &wrong, ["MS-requests"]);
    }
    let tokens = limit("tokens_per_minute");
    let tokens_bind = [(&*requests, "600"), (&*tokens, "5_950")];
    assert_fails(
        "simulator/request-limit",
        &tokens_bind,
        ["MS-requests-reason"],
    );
    let hardly_any = [(&*requests, "6_000"), (&*tokens, "1_000_000")];
    let gates = ["MS-requests", "limit_was_reached"];
    assert_fails("simulator/request-limit", &hardly_any, gates);
}

#[test]
fn a_limit_of_tokens_is_neither_lower_nor_higher() {
    let tokens = "simulators.sim.deployments.gpt-35-turbo-100k-token.tokens_per_minute";
    let name = "simulator/token-limit";
    assert_fails(name, &[(tokens, "103_000")], ["MS-tokens"]);
    assert_fails(name, &[(tokens, "90_000")], ["MS-tokens", "MS-tokens-used"]);
    let answers = "simulators.sim.deployments.gpt-35-turbo-100k-token.answer_tokens";
    let charges_what_it_does_not_say = [(answers, "150")];
    assert_fails(name, &charges_what_it_does_not_say, ["MS-tokens-used"]);
}

#[test]
fn a_simulator_without_its_load_is_noticed() {
    let latency = |key| format!("simulators.sim.deployments.gpt-4o.latency.{key}");
    let name = "simulator/load";
    let no_more_after_the_second = [
        (&*latency("load.factor"), "1.46"),
        (&*latency("load.power"), "0.5"),
    ];
    assert_fails(name, &no_more_after_the_second, ["LD-rises"]);
    let slow = [
        (&*latency("time_to_first_token"), "600ms"),
        (&*latency("per_token"), "120ms"),
    ];
    assert_fails(name, &slow, ["LD-light"]);
    let stays_slow = [(
        "simulators.sim.faults",
        r#"[{ when = { from = "70s" }, play = { delay = "3s" } }]"#,
    )];
    assert_fails(name, &stays_slow, ["LD-falls"]);
}

#[test]
fn another_number_of_slots_or_places_is_noticed() {
    let phi = |key| format!("simulators.edge.deployments.phi.{key}");
    let name = "simulator/one-slot";
    let two_slots = [(&*phi("concurrency.slots"), "2")];
    assert_fails(name, &two_slots, ["SL-turns"]);
    let five_places = [(&*phi("concurrency.queue"), "5")];
    assert_fails(name, &five_places, ["SL-waits"]);
    let another_status = [(&*phi("concurrency.status_when_full"), "503")];
    let full = ["SL-full", "books.server_errors", "books.statuses"];
    assert_fails(name, &another_status, full);
    let expected = ("books.statuses", "[200, 429, 503]");
    assert_fails(name, &[another_status[0], expected], ["SL-full"]);
    let slow = [(&*phi("latency.time_to_first_token"), "600ms")];
    assert_fails(name, &slow, ["SL-alone"]);
}
