//! Whole experiments with clients that do more than wait for their answer: the books close.

use std::sync::Arc;

use loadtest::driver::EventSink;
use loadtest::evidence::Source;
use loadtest::run::{Alterations, Conclusion, in_virtual_time};
use loadtest::scenario::{self, Options};
use loadtest::topology::LedgerEntry;
use loadtest::verdict::Outcome;

use super::support::failures;

/// Two backends behind the gateway, to which tests add the rest.
const RIG: &str = r#"
format = 1
about  = "Does it close its books?"

[simulators]
payg-1 = { deployments = ["chat"] }
payg-2 = { deployments = ["chat"] }

[deployments.chat]
model               = "gpt-3.5-turbo"
tokens_per_minute   = 100_000
requests_per_minute = LIMIT
latency             = { per_token = "100ms" }

[gateway]
preset = "PRESET"

[clients.user]
operation  = "chat_completions"
deployment = "chat"
max_tokens = 20
"#;

/// Plays the rig with `more`, which is expected to be a valid scenario with it.
fn play(more: &str) -> Conclusion {
    play_with("load-balancing/simple", 6_000, more)
}

/// The same behind another preset, with so many requests a minute that each backend serves, a
/// sixth of them in any ten seconds.
fn play_with(preset: &str, requests_per_minute: u32, more: &str) -> Conclusion {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("clients.toml");
    let rig = RIG
        .replace("PRESET", preset)
        .replace("LIMIT", &requests_per_minute.to_string());
    std::fs::write(&file, rig + more).expect("a temporary file");
    let plan = match scenario::load(&file, &Options::default()) {
        Ok(mut plans) => Arc::new(plans.remove(0)),
        Err(errors) => panic!("{errors}"),
    };
    in_virtual_time(&plan, EventSink::none(), &Alterations::default()).expect("it can be played")
}

fn passes(conclusion: &Conclusion) {
    let verdict = &conclusion.report.verdict;
    assert_eq!(failures(verdict), [].into(), "{:#?}", verdict.invalid);
    assert_eq!(verdict.outcome, Outcome::Pass, "{:#?}", verdict.invalid);
}

fn ledgers(conclusion: &Conclusion) -> Vec<&LedgerEntry> {
    let ledgers = conclusion.evidence.ledgers.values();
    ledgers.filter_map(Source::given).flatten().collect()
}

#[test]
fn a_hang_up_reaches_the_ledger_with_the_tokens_that_were_taken() {
    let conclusion = play(
        r#"
        stream = true
        hangs_up_after_tokens = 5
        [phases]
        play = [{ name = "notebook", iterations = 4, gap = "100ms", users = { user = 1 } }]
        [gates]
        all_left = "requests{aborted=true, status=200} == 4 and attempts{aborted=true} == 4"
        "#,
    );
    passes(&conclusion);
    for entry in ledgers(&conclusion) {
        assert!(entry.aborted_by_client);
        assert_eq!(entry.completion_tokens, 20);
        assert!(
            (5..20).contains(&entry.tokens_yielded),
            "{}",
            entry.tokens_yielded
        );
    }
}

#[test]
fn who_hangs_up_before_the_answer_begins_leaves_an_entry_too() {
    let conclusion = play(
        r#"
        hangs_up_after = "0.5s"
        [phases]
        play = [{ name = "notebook", iterations = 4, users = { user = 1 } }]
        [gates]
        all_left = "requests{aborted=true} == 4 and attempts{aborted=true} == 4"
        "#,
    );
    passes(&conclusion);
}

#[test]
fn retries_of_a_client_are_attempts_of_its_request() {
    let conclusion = play_with(
        "load-balancing/simple",
        30,
        r#"
        retries = "retry-after"
        max_retries = 10
        think_time = "1s"
        [phases]
        play = [
          { name = "full", requests_per_second = { user = 3 }, run_for = "5s" },
          { name = "rest", run_for = "60s" },
        ]
        [books]
        statuses = [200, 429]
        [gates]
        served  = "requests{status=200} == 15"
        refused = "client_attempts{status=429} == client_attempts - 15 and client_attempts > 15"
        "#,
    );
    passes(&conclusion);
    assert_eq!(conclusion.evidence.rig.sent_open, 15);
}

#[test]
fn a_drained_gateway_refuses_newcomers_and_finishes_what_it_has() {
    let conclusion = play(
        r#"
        [actions.leave]
        drain = true
        [phases]
        play = [{ name = "steady", requests_per_second = { user = 1 }, run_for = "4s", do = { "2.5s" = "leave" } }]
        [books]
        statuses = [200, 503]
        opt_out  = { server_errors = "a gateway that drains answers 503" }
        [gates]
        drained = "requests{status=200} == 3 and refusals{by=gateway, reason=draining} == 1"
        "#,
    );
    passes(&conclusion);
}

#[test]
fn an_action_exchanges_one_balance_policy_for_another() {
    let conclusion = play(
        r#"
        [actions.swap.gateway.apis.round-robin-simple]
        balance.single = "payg-2"
        [phases]
        play = [{ name = "steady", requests_per_second = { user = 1 }, run_for = "9s", do = { "4.5s" = "swap" } }]
        [gates]
        order = "order of backend in requests is (payg-2 payg-1)* payg-2{4,5}"
        "#,
    );
    passes(&conclusion);
}

#[test]
fn a_prober_turns_the_gateway_to_the_faster_backend() {
    let conclusion = play_with(
        "latency-routing/preferred-fixed",
        6_000,
        r#"
        think_time = "1s"
        [probers.outside]
        operation  = "completions"
        deployment = "chat"
        backends   = ["payg-1", "payg-2"]
        names      = { payg-1 = "payg-backend-1", payg-2 = "payg-backend-2" }
        [actions.slow.simulators]
        payg-1.deployments.chat.latency.per_token = "200ms"
        [phases]
        play = [
          { name = "before", run_for = "10s", users = { user = 2 }, do = { "0s" = "outside", "5s" = "slow" } },
          { name = "after",  run_for = "10s", users = { user = 2 }, do = { "0s" = "outside" } },
        ]
        [gates]
        before = "requests{class=user, phase=before, backend=payg-2} == 0"
        after  = "requests{class=user, phase=after, backend=payg-1} == 0"
        told   = "requests{class=outside, operation=helper, status=200} == 2"
        probed = "requests{class=outside, operation=completions, backend=payg-1} == 2"
        "#,
    );
    passes(&conclusion);
}

#[test]
fn users_with_cookies_stay_with_their_backend() {
    let conclusion = play(
        r#"
        think_time = "1s"
        keeps_cookies = true
        watches_headers = ["set-cookie"]
        [gateway.apis.round-robin-simple.balance.pool]
        members  = { payg-1 = {}, payg-2 = {} }
        affinity = { cookie = "APIM-Backend-Affinity" }
        [phases]
        play = [{ name = "steady", run_for = "30s", users = { user = 3 } }]
        [gates]
        stays = "moved_requests == 0"
        both  = "requests{backend=payg-1} >= 1 and requests{backend=payg-2} >= 1"
        "#,
    );
    passes(&conclusion);
}
