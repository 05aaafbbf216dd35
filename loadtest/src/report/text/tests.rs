use std::collections::BTreeMap;

use clock::{Span, Timestamp};

use super::super::fixture::{Rig, failing, finished, millis, passed, secs, spike, told};
use super::super::{Finished, Invocation, RunFacts};
use super::*;
use crate::evidence::{RigHealth, Source};
use crate::verdict::State;

fn drawn(rig: &Rig) -> String {
    render(&rig.report(), &Style::plain(80))
}

/// A short run without a phase of its own to look at.
fn short() -> Rig {
    let mut rig = Rig::new("load-balancing/simple").phase("steady", 20, [2, 0]);
    for second in 0..20 {
        let backend = if second % 2 == 0 { "ptu-1" } else { "payg-1" };
        rig.request(&told(secs(second), millis(300), &[(backend, 200)]));
    }
    rig.plan.about = "Two backends take turns.".to_owned();
    rig.verdict.gates = vec![passed("RR-1"), passed("RR-2"), passed("RR-3")];
    rig.verdict.books = vec![passed("books.requests"), passed("books.tokens")];
    rig
}

#[test]
fn a_passing_run_is_one_line_of_verdict_and_its_numbers() {
    insta::assert_snapshot!(drawn(&spike()), @r"
    PASS  manage-spikes-with-payg/retry
      1 140 requests · 1 140 × 200 · 4 min in virtual time · seed 42
      A spike fills the PTU; what it refuses goes to PAYG, and no client sees an
      error.

      3 gates passed · 1 observed
      books closed: 1 140 requests = 1 140 log entries
                    1 320 attempts = 1 320 ledger entries

                          ─── answers to clients ───   ───── at the backend ──────
      phase     backend   requests    share  per min   attempts  2xx  429  retries
      base      ptu-1          480  100.0 %      240        480  480    –        –
      spike     payg-1         180   42.9 %      180        180  180    –      180
                ptu-1          240   57.1 %      240        420  240  180        –
      recovery  ptu-1          240  100.0 %      240        240  240    –        –

                          ─── latency of 2xx ───   ───── tokens ─────
      phase     backend      p50     p95     p99   prompt  completion
      base      ptu-1     500 ms  500 ms  500 ms   14 400       4 800
      spike     payg-1    1.02 s  1.02 s  1.02 s    5 400       1 800
                ptu-1     500 ms  500 ms  500 ms    7 200       2 400
      recovery  ptu-1     500 ms  500 ms  500 ms    7 200       2 400

                        ─ answers to clients ─   ─── latency of 2xx ───
      phase     class   requests  2xx  per min      p50     p95     p99
      base      chat         480  480      240   500 ms  500 ms  500 ms
      spike     chat         240  240      240   500 ms  500 ms  500 ms
                batch        180  180      180   1.02 s  1.02 s  1.02 s
      recovery  chat         240  240      240   500 ms  500 ms  500 ms

      answers per second, full height 4
      payg-1                                ▅▆▆▆▆▆▆▆▆▆▆▆▆▆▆▂
      ptu-1   ████████████████████████████████████████████████████████████
              └base─────────────────────────┴spike─────────┴recovery─────┘
              0 s                           2 min          3 min     4 min

      tokens: 34 200 prompt + 11 400 completion (clients = ledgers)
      joined: 1 140 by x-request-id; unjoined: nothing
    ");
}

#[test]
fn a_failing_run_starts_with_what_failed_and_who_shows_it() {
    insta::assert_snapshot!(drawn(&failing()), @r"
    FAIL  manage-spikes-with-payg/retry
      1 of 3 gates failed, 1 never exercised, books do not close · 1 142 requests
      1 140 × 200, 1 × 429, 1 without an answer · 4 min in virtual time · seed 42
      A spike fills the PTU; what it refuses goes to PAYG, and no client sees an
      error.

      ✗ SP1-2
        random share of requests{phase=spike, backend=payg-1} among {status=200} in
        28 %..32 %
        observed 42.9 % · declared 28 %..32 % · 420 samples
        Wilson interval at 1e-6: 31.6 %..54.9 %
          request 962: spike, batch, planned 180.250 s, 429 after 1.020 s
            ptu-1:429 at 180.251 s, payg-1:429 at 181.260 s

      ✗ must_observe.ptu_was_full was never exercised
        requests{status=429} >= 1
        observed 0 requests · declared >= 1 · 180 samples

      ✗ books.transport
        every request ends with an answer
        observed 1 request without an answer · declared 0 · 1 142 samples
          request 1141: spike, batch, planned 180.250 s, 429 after 1.020 s
            ptu-1:429 at 180.251 s, payg-1:429 at 181.260 s

      2 of 3 gates passed · 0 of 1 observed
      books open: 1 142 requests = 1 142 log entries
                  1 323 attempts = 1 323 ledger entries

                          ─── answers to clients ───   ───── at the backend ──────
      phase     backend   requests    share  per min   attempts  2xx  429  retries
      base      ptu-1          480  100.0 %      240        480  480    –        –
      spike     payg-1         180   42.9 %      180        180  180    –      180
                ptu-1          240   57.1 %      240        420  240  180        –
      recovery  payg-1           1    0.4 %        1          1    0    1        1
                ptu-1          240   99.2 %      240        242  241    1        –
                nobody           1    0.4 %        1          –    –    –        –

                          ─── latency of 2xx ───   ───── tokens ─────
      phase     backend      p50     p95     p99   prompt  completion
      base      ptu-1     500 ms  500 ms  500 ms   14 400       4 800
      spike     payg-1    1.02 s  1.02 s  1.02 s    5 400       1 800
                ptu-1     500 ms  500 ms  500 ms    7 200       2 400
      recovery  payg-1         –       –       –        –           –
                ptu-1     500 ms  500 ms  500 ms    7 200       2 400
                nobody         –       –       –        –           –

                        ─────── answers to clients ───────   ─── latency of 2xx ───
      phase     class   requests  2xx  429  other  per min      p50     p95     p99
      base      chat         480  480    –      –      240   500 ms  500 ms  500 ms
      spike     chat         240  240    –      –      240   500 ms  500 ms  500 ms
                batch        180  180    –      –      180   1.02 s  1.02 s  1.02 s
      recovery  chat         242  240    1      1      242   500 ms  500 ms  500 ms

      answers per second, full height 4
      payg-1                                 ▅▆▆▆▆▆▆▆▆▆▆▆▆▆▆▂
      ptu-1    ████████████████████████████████████████████████████████████
      nobody                                                                 ▁
      all 429                                               ▁
               └base─────────────────────────┴spike─────────┴recovery─────┘
               0 s                           2 min          3 min     4 min

      tokens: 34 200 prompt + 11 400 completion (clients = ledgers)
      joined: 1 142 by x-request-id; unjoined: nothing
    ");
}

#[test]
fn an_invalid_run_says_first_why_it_cannot_be_believed() {
    let mut rig = short();
    rig.verdict.outcome = Outcome::Invalid;
    rig.verdict.invalid = vec![
        "Open requests were sent up to 912 ms late (p99 80 ms); at most 20 ms can be judged."
            .to_owned(),
    ];
    rig.facts.driver = Driver::Sockets;
    rig.facts.invalid_before = vec!["The simulator `ptu-1` was not ready within 10 s.".to_owned()];
    insta::assert_snapshot!(drawn(&rig), @r"
    INVALID  load-balancing/simple
      20 requests · 20 × 200 · 20 s at speed 20 · seed 42
      gateway manage-spikes-with-payg/retry
      Two backends take turns.

      ! Open requests were sent up to 912 ms late (p99 80 ms); at most 20 ms can be
        judged.
      ! repeated alone, because the first run was invalid: The simulator `ptu-1` was
        not ready within 10 s.

      on evidence that cannot be believed · 3 gates passed
      books closed: 20 requests = 20 log entries = 20 ledger entries

                        ── answers to clients ───   ─ at the backend ─
      phase   backend   requests   share  per min        attempts  2xx
      steady  payg-1          10  50.0 %       30              10   10
              ptu-1           10  50.0 %       30              10   10

                        ─── latency of 2xx ───   ───── tokens ─────
      phase   backend      p50     p95     p99   prompt  completion
      steady  payg-1    300 ms  300 ms  300 ms      300         100
              ptu-1     300 ms  300 ms  300 ms      300         100

      answers per second, full height 1
      payg-1     ███   ███   ███   ███   ███   ███   ███   ███   ███   ███
      ptu-1   ███   ███   ███   ███   ███   ███   ███   ███   ███   ███
              └steady────────────────────────────────────────────────────┘
              0 s                                                     20 s

      tokens: 600 prompt + 200 completion (clients = ledgers)
      joined: 20 by x-request-id; unjoined: nothing
    ");
}

#[test]
fn what_was_not_judged_is_listed_and_not_counted_as_passed() {
    let mut rig = short();
    rig.evidence.gateway = Source::Missing("the gateway gives no access log".to_owned());
    rig.plan.gateway.as_mut().unwrap().name = "nginx".to_owned();
    rig.verdict.gates[1].state = State::NotJudged("the gateway gives no access log".to_owned());
    rig.verdict.gates[2].state = State::Off("weights are not configurable there".to_owned());
    rig.facts.driver = Driver::Sockets;
    rig.facts.closed_shortfall = Some(0.021);
    rig.plan.overrides = vec![("clients.chat.think_time".to_owned(), "2s".to_owned())];
    insta::assert_snapshot!(drawn(&rig), @r"
    PASS  load-balancing/simple
      20 requests · 20 × 200 · 20 s at speed 20 · seed 42 · gateway nginx
      Two backends take turns.

      ! overridden: --set clients.chat.think_time=2s

      ? RR-2  not judged: the gateway gives no access log
      – RR-3  off: weights are not configurable there

      1 of 2 gates passed · books closed: 20 requests = 20 ledger entries

                        ── answers to clients ───   ─ at the backend ─
      phase   backend   requests   share  per min        attempts  2xx
      steady  payg-1          10  50.0 %       30              10   10
              ptu-1           10  50.0 %       30              10   10

                        ─── latency of 2xx ───   ───── tokens ─────
      phase   backend      p50     p95     p99   prompt  completion
      steady  payg-1    300 ms  300 ms  300 ms      300         100
              ptu-1     300 ms  300 ms  300 ms      300         100

      answers per second, full height 1
      payg-1     ███   ███   ███   ███   ███   ███   ███   ███   ███   ███
      ptu-1   ███   ███   ███   ███   ███   ███   ███   ███   ███   ███
              └steady────────────────────────────────────────────────────┘
              0 s                                                     20 s

      tokens: 600 prompt + 200 completion (clients = ledgers)
      joined: 20 by x-request-id; unjoined: nothing
      closed phases sent 2.1 % fewer requests than the virtual dry run
    ");
}

#[test]
fn streams_add_their_columns_and_only_they_do() {
    let mut rig = short();
    rig.gaps("steady", "ptu-1", 20_000, 90);
    for observation in &mut rig.evidence.observations {
        observation.first_token_at = Some(observation.planned + millis(120));
    }
    let lines = traffic::by_backend(&rig.report(), &Style::plain(140));
    let drawn = Style::plain(140).finish(&lines.join("\n"));
    insta::assert_snapshot!(drawn, @r"
                      ── answers to clients ───   ─ at the backend ─   ─── latency of 2xx ───   ─ first token ─   ─ token gap ─
    phase   backend   requests   share  per min        attempts  2xx      p50     p95     p99       p50     p99      p50    p99
    steady  payg-1          10  50.0 %       30              10   10   300 ms  300 ms  300 ms    120 ms  120 ms        –      –
            ptu-1           10  50.0 %       30              10   10   300 ms  300 ms  300 ms    120 ms  120 ms    20 ms  20 ms

                      ───── tokens ─────
    phase   backend   prompt  completion
    steady  payg-1       300         100
            ptu-1        300         100
    ");
}

#[test]
fn a_dull_terminal_gets_ascii_and_no_escapes() {
    let dull = Style {
        unicode: false,
        ..Style::plain(72)
    };
    let drawn = render(&failing().report(), &dull);
    assert!(drawn.is_ascii(), "{drawn}");
}

#[test]
fn no_line_is_wider_than_asked_or_ends_in_spaces() {
    for columns in [40, 60, 80, 140] {
        let drawn = render(&failing().report(), &Style::plain(columns));
        for line in drawn.lines() {
            assert_eq!(line, line.trim_end());
            // Two key columns and the widest group need 56 columns; numbers are never clipped.
            assert!(line.chars().count() <= columns.max(56), "{columns}: {line}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let report = failing().report();
    let coloured = render(
        &report,
        &Style {
            colour: true,
            ..Style::plain(80)
        },
    );
    assert!(coloured.starts_with("\u{1b}[1;31mFAIL\u{1b}[0m"));
    assert_eq!(
        without_escapes(&coloured),
        render(&report, &Style::plain(80))
    );
}

fn without_escapes(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        plain + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

#[test]
fn the_closing_note_tells_how_late_and_how_long() {
    let mut report = short().report();
    report.driver = Driver::Sockets;
    let rig = RigHealth {
        planned_open: 5_000,
        sent_open: 5_000,
        lag_p50: std::time::Duration::from_micros(400),
        lag_p99: millis(3),
        timer_p99: Some(millis(1)),
        ..RigHealth::default()
    };
    let invocation = Invocation {
        started_at: Timestamp::UNIX_EPOCH,
        host: "here".to_owned(),
        jobs: 1,
        command_line: Vec::new(),
        versions: BTreeMap::new(),
    };
    let facts = RunFacts::new(invocation, millis(1_240), &rig);
    assert_eq!(facts.wall, Span::new(millis(1_240)));
    insta::assert_snapshot!(closing(&report, &facts, &Style::plain(80)), @r"
    planned 5 000, sent 5 000 · lag p50 400 µs, p99 3 ms
    20 s simulated took 1.2 s · timers late by p99 1 ms
    ");
}

#[test]
fn a_run_that_was_cancelled_before_its_first_request_has_nothing_to_draw() {
    let mut rig = Rig::new("baseline/direct").phase("steady", 20, [2, 0]);
    rig.plan.gateway = None;
    rig.verdict.outcome = Outcome::Cancelled;
    insta::assert_snapshot!(drawn(&rig), @r"
    CANCELLED  baseline/direct
      0 requests · 20 s in virtual time · seed 42 · no gateway
      A spike fills the PTU; what it refuses goes to PAYG, and no client sees an
      error.

      on partial evidence · 0 gates passed · books not judged
    ");
}

#[test]
fn a_run_of_many_ends_with_how_many_passed_and_failed() {
    let runs = [
        finished(&short(), millis(90)),
        finished(&failing(), millis(1_440)),
    ];
    insta::assert_snapshot!(summary(&runs, millis(1_500), &Style::plain(80)), @r"
          scenario                        gates  requests   simulated   took
    PASS  load-balancing/simple               3        20        20 s  0.1 s
    FAIL  manage-spikes-with-payg/retry     2/3     1 142       4 min  1.4 s
          failed: SP1-2, ptu_was_full, books.transport

    2 scenarios · 5 of 6 gates passed · 1 162 requests · 4 min 20 s simulated in 1.5 s
    1 passed, 1 failed
    ");
}

#[test]
fn runs_without_a_verdict_count_as_failed_and_are_told_apart() {
    let mut invalid = short();
    invalid.verdict.outcome = Outcome::Invalid;
    invalid.verdict.invalid = vec!["No gate was judged.".to_owned()];
    let mut repeat = short();
    repeat.facts.invalid_before = vec!["The machine was busy.".to_owned()];
    let lost = Finished {
        name: "baseline/direct".to_owned(),
        report: Err("the child process died by signal 9".to_owned()),
        wall: millis(12),
    };
    let runs = [
        finished(&short(), millis(90)),
        finished(&invalid, millis(80)),
        finished(&repeat, millis(70)),
        lost,
    ];
    insta::assert_snapshot!(summary(&runs, millis(1_500), &Style::plain(80)), @r"
             scenario                gates  requests   simulated   took
    PASS     load-balancing/simple       3        20        20 s  0.1 s
    INVALID  load-balancing/simple       3        20        20 s  0.1 s
          No gate was judged.
    PASS     load-balancing/simple       3        20        20 s  0.1 s
          repeated alone: The machine was busy.
    ERROR    baseline/direct             –         –           –    0 s
          the child process died by signal 9

    4 scenarios · 9 of 9 gates passed · 60 requests · 1 min simulated in 1.5 s
    counted as failed: 1 invalid, 1 without a report
    2 passed, 2 failed
    ");
}

#[test]
fn what_was_not_played_counts_neither_way() {
    let mut skipped = short();
    skipped.verdict.outcome = Outcome::Skipped;
    skipped.verdict.invalid = vec!["the gateway theirs is not ours".to_owned()];
    let runs = [
        finished(&short(), millis(90)),
        finished(&skipped, millis(0)),
    ];
    insta::assert_snapshot!(summary(&runs, millis(1_500), &Style::plain(80)), @r"
             scenario                gates  requests   simulated   took
    PASS     load-balancing/simple       3        20        20 s  0.1 s
    SKIPPED  load-balancing/simple       –         –           –    0 s
          the gateway theirs is not ours

    1 scenario · 3 of 3 gates passed · 20 requests · 20 s simulated in 1.5 s
    not counted: 1 skipped
    1 passed, 0 failed
    ");
}

#[test]
fn equal_runs_give_equal_bytes_and_read_back_unchanged() {
    let (one, other) = (failing().report(), failing().report());
    let bytes = serde_json::to_string(&one).unwrap();
    assert_eq!(bytes, serde_json::to_string(&other).unwrap());
    assert_eq!(serde_json::from_str::<Report>(&bytes).unwrap(), one);
}
