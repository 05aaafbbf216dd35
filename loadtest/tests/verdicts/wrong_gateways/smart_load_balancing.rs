//! Balancing by Retry-After before wrong gateways.

use super::assert_fails;

const SMART: &str = "gateway.apis.smart-load-balancing";

fn balance(key: &str) -> String {
    format!("{SMART}.balance.by_retry_after.{key}")
}

#[test]
fn a_gateway_that_forgets_waits_calls_who_asked_to_be_left_alone() {
    let forgets = [
        (&*balance("max_wait"), "1s"),
        (&balance("default_wait"), "1s"),
    ];
    assert_fails("smart-load-balancing/priority", &forgets, ["SL-3"]);
    for written in ["", "#milliseconds", "#date"] {
        let name = format!("smart-load-balancing/waits{written}");
        assert_fails(&name, &forgets, ["SL-10", "SL-11"]);
    }
    // Without a Retry-After nothing was promised that could be broken: the silence tells.
    for written in ["#reset", "#untold"] {
        let name = format!("smart-load-balancing/waits{written}");
        assert_fails(&name, &forgets, ["SL-11"]);
    }
}

#[test]
fn a_gateway_without_priorities_uses_its_reserve() {
    assert_fails(
        "smart-load-balancing/priority",
        &[(&balance("members.openai3.priority"), "1")],
        ["SL-1", "SL-5", "SL-7"],
    );
}

#[test]
fn a_503_does_not_say_when_to_come_back() {
    assert_fails(
        "smart-load-balancing/priority",
        &[(&format!("{SMART}.exhausted"), "unavailable")],
        ["SL-4", "SL-6", "books.server_errors", "books.statuses"],
    );
}
