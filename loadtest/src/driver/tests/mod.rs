//! Whole runs in virtual time, to the microsecond.

mod agreement;
mod clients;
mod probers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use clock::{Clock, DEFAULT_ANCHOR, Moment};
use serde_json::json;

use super::support::{at, class, phase, plan, requests, run, slow_gateway, users};
use super::*;
use crate::observation::{Observation, Outcome, TransportError};
use crate::plan::{Class, Load, Plan, Prompt, Quantity, Ramp, TimedAction};
use crate::workload::{Rate, Spacing, Stretch, arrivals};

const QUARTER: Duration = Duration::from_millis(250);

/// Plays `plan` through a gateway that answers after `latency`.
async fn play(plan: Plan, latency: Duration) -> ClientEvidence {
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let gateway = slow_gateway(&clock, latency);
    virtual_time(run(plan, &clock, Endpoint::Service(gateway)))
        .await
        .unwrap()
}

fn seconds(moments: impl IntoIterator<Item = Moment>) -> Vec<f64> {
    moments.into_iter().map(Moment::as_secs_f64).collect()
}

fn planned(evidence: &ClientEvidence) -> Vec<f64> {
    seconds(evidence.observations.iter().map(|seen| seen.planned))
}

#[tokio::test(start_paused = true)]
async fn a_closed_user_waits_for_the_answer_and_thinks() {
    let plan = Plan {
        phases: vec![phase("only", 0.0, 5.0, users(1))],
        ..plan()
    };
    let evidence = play(plan, QUARTER).await;
    // A quarter of a second for the answer, one second of thought; none at the end itself.
    assert_eq!(planned(&evidence), [0.0, 1.25, 2.5, 3.75]);
    let last = evidence.observations.last().unwrap();
    assert_eq!((last.sent, last.ended), (at(3.75), at(4.0)));
    assert_eq!(last.request_id, "k3-3-0");
    assert_eq!(last.outcome, Outcome::Status(200));
    assert_eq!(
        (last.prompt_tokens, last.completion_tokens),
        (Some(27), Some(10))
    );
    assert_eq!(evidence.rig.sent_closed, 4);
}

#[tokio::test(start_paused = true)]
async fn a_paced_user_thinks_while_it_waits() {
    let paced = |phases| Plan {
        classes: vec![Class {
            is_paced: true,
            ..class("chat")
        }],
        phases,
        ..plan()
    };
    let one_phase = || paced(vec![phase("only", 0.0, 5.0, users(1))]);
    let quick = play(one_phase(), QUARTER).await;
    assert_eq!(planned(&quick), [0.0, 1.0, 2.0, 3.0, 4.0]);
    // An answer that outlasts the thought is followed at once, and nothing is made up for.
    let slow = play(one_phase(), 6 * QUARTER).await;
    assert_eq!(planned(&slow), [0.0, 1.5, 3.0, 4.5]);
    let with_a_break = paced(vec![
        phase("first", 0.0, 1.5, users(1)),
        phase("pause", 1.5, 5.25, Load::Idle),
        phase("second", 5.25, 7.0, users(1)),
    ]);
    let twice = play(with_a_break, QUARTER).await;
    assert_eq!(planned(&twice), [0.0, 1.0, 5.25, 6.25]);
}

#[tokio::test(start_paused = true)]
async fn users_of_a_ramp_join_one_by_one_and_leave_together() {
    let ramp = Ramp {
        from: 0,
        to: 4,
        over: Duration::from_secs(4),
    };
    let plan = Plan {
        phases: vec![
            phase("up", 0.0, 5.0, Load::Closed(vec![ramp])),
            phase("pause", 5.0, 9.0, Load::Idle),
        ],
        ..plan()
    };
    let evidence = play(plan, QUARTER).await;
    let first_of = |worker| {
        let of_worker = |seen: &&Observation| seen.worker == worker;
        evidence
            .observations
            .iter()
            .find(of_worker)
            .unwrap()
            .planned
    };
    assert_eq!(seconds([0, 1, 2, 3].map(first_of)), [0.0, 1.0, 2.0, 3.0]);
    assert!(
        evidence
            .observations
            .iter()
            .all(|seen| seen.planned < at(5.0))
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_belongs_to_the_phase_that_planned_it_and_drains() {
    let plan = Plan {
        phases: vec![
            phase("first", 0.0, 2.0, users(1)),
            phase("second", 2.0, 4.0, users(1)),
        ],
        ..plan()
    };
    let evidence = play(plan, Duration::from_millis(2_500)).await;
    let seen: Vec<_> = evidence
        .observations
        .iter()
        .map(|seen| (&*seen.phase, seen.planned, seen.ended))
        .collect();
    assert_eq!(
        seen,
        [("first", at(0.0), at(2.5)), ("second", at(3.5), at(6.0)),]
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_who_neither_waits_nor_thinks_still_comes_to_an_end() {
    let plan = Plan {
        classes: vec![Class {
            think_time_s: Quantity::Constant(0.0),
            ..class("chat")
        }],
        phases: vec![phase("only", 0.0, 0.001, users(1))],
        ..plan()
    };
    assert_eq!(play(plan, Duration::ZERO).await.observations.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn an_open_phase_sends_at_its_moments_whatever_the_answers_do() {
    let plan = Plan {
        phases: vec![phase(
            "only",
            0.0,
            2.0,
            requests(10, &[0.0, 0.5, 0.5, 1.75]),
        )],
        ..plan()
    };
    let evidence = play(plan, Duration::from_secs(3)).await;
    assert_eq!(planned(&evidence), [0.0, 0.5, 0.5, 1.75]);
    assert!(
        evidence
            .observations
            .iter()
            .all(|seen| seen.sent == seen.planned)
    );
    assert_eq!(evidence.observations[3].ended, at(4.75));
    assert_eq!((evidence.rig.planned_open, evidence.rig.sent_open), (4, 4));
    assert_eq!(evidence.rig.lag_max, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn requests_queue_when_all_workers_are_busy_and_the_lag_is_told() {
    let plan = Plan {
        phases: vec![phase("only", 0.0, 2.0, requests(1, &[0.0, 0.5, 1.0]))],
        ..plan()
    };
    let evidence = play(plan, Duration::from_secs(1)).await;
    let sent = seconds(evidence.observations.iter().map(|seen| seen.sent));
    assert_eq!(planned(&evidence), [0.0, 0.5, 1.0]);
    assert_eq!(sent, [0.0, 1.0, 2.0]);
    // To the three digits of the histogram.
    assert_eq!(evidence.rig.lag_p50.as_millis(), 500);
    assert_eq!(evidence.rig.lag_max.as_millis(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn sizes_of_a_class_go_on_from_phase_to_phase() {
    let plan = Plan {
        classes: vec![Class {
            max_tokens: Some(Quantity::Sequence(vec![1.0, 22.0, 333.0])),
            marks_prompts: false,
            ..class("chat")
        }],
        phases: vec![
            phase("open", 0.0, 1.0, requests(5, &[0.0, 0.5])),
            phase("closed", 1.0, 3.0, users(1)),
        ],
        ..plan()
    };
    let evidence = play(plan, QUARTER).await;
    let hashes: Vec<_> = evidence
        .observations
        .iter()
        .map(|seen| &seen.request_hash)
        .collect();
    // Two open requests have the first two sizes, two closed ones the third and the first again.
    assert_eq!(hashes.len(), 4);
    assert_eq!(hashes[0], hashes[3]);
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[2] != hashes[0]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_times_out_and_is_counted() {
    let plan = Plan {
        classes: vec![Class {
            timeout: Duration::from_secs(2),
            ..class("chat")
        }],
        phases: vec![phase("only", 0.0, 1.0, users(1))],
        ..plan()
    };
    let evidence = play(plan, Duration::from_mins(1)).await;
    let [seen] = &*evidence.observations else {
        panic!("expected one observation, found {evidence:?}");
    };
    assert_eq!(
        seen.outcome,
        Outcome::TransportError(TransportError::TimedOut)
    );
    assert_eq!(seen.ended, at(2.0));
    assert!(seen.aborted);
}

#[tokio::test(start_paused = true)]
async fn cancelling_stops_new_requests_and_abandons_the_others_after_a_grace() {
    let plan = Plan {
        phases: vec![
            phase("first", 0.0, 100.0, requests(10, &[0.0, 1.0, 2.9, 3.5])),
            phase("second", 100.0, 200.0, users(3)),
        ],
        ..plan()
    };
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let gateway = slow_gateway(&clock, Duration::from_millis(2_500));
    let run = run(plan, &clock, Endpoint::Service(gateway));
    let cancel = run.cancel.clone();
    let (evidence, ()) = futures::join!(virtual_time(run), async {
        clock.sleep_until(at(3.0)).await;
        cancel.cancel();
    });
    let evidence = evidence.unwrap();
    // The second ends within the grace of one second, the third does not, the fourth never starts.
    let ends = seconds(evidence.observations.iter().map(|seen| seen.ended));
    assert_eq!(ends, [2.5, 3.5, 4.0]);
    let aborted: Vec<_> = evidence
        .observations
        .iter()
        .map(|seen| seen.aborted)
        .collect();
    assert_eq!(aborted, [false, false, true]);
    assert!(evidence.rig.cancelled);
    assert_eq!((evidence.rig.planned_open, evidence.rig.sent_open), (4, 3));
    let [first] = &*evidence.timeline else {
        panic!("only the first phase ran");
    };
    assert_eq!((first.start, first.end), (at(0.0), at(4.0)));
}

/// Takes 100 ms for every action and notes when it began.
struct Slow {
    clock: Clock,
    began: Mutex<Vec<(String, Moment)>>,
}

#[async_trait]
impl Act for Slow {
    async fn act(&self, action: &TimedAction) -> Result<(), String> {
        let now = self.clock.now();
        self.began.lock().unwrap().push((action.name.clone(), now));
        self.clock
            .sleep_until(now + Duration::from_millis(100))
            .await;
        match action.name.as_str() {
            "broken" => Err("no such deployment".to_owned()),
            _ => Ok(()),
        }
    }
}

fn action(name: &str, seconds: f64) -> TimedAction {
    TimedAction {
        at: at(seconds),
        phase: Arc::from("only"),
        name: name.to_owned(),
        simulators: Vec::new(),
        gateway: None,
        drains: false,
        prober: None,
    }
}

#[tokio::test(start_paused = true)]
async fn actions_at_a_phases_start_are_finished_before_its_first_request() {
    let plan = Plan {
        phases: vec![
            phase("closed", 0.0, 1.0, users(1)),
            phase("open", 1.0, 3.0, requests(2, &[1.0, 2.0])),
        ],
        actions: vec![
            action("first", 0.0),
            action("second", 1.0),
            action("broken", 1.5),
        ],
        ..plan()
    };
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let actor = Arc::new(Slow {
        clock: clock.clone(),
        began: Mutex::new(Vec::new()),
    });
    let gateway = Endpoint::Service(slow_gateway(&clock, QUARTER));
    let run = Run {
        actor: actor.clone(),
        ..run(plan, &clock, gateway)
    };
    let evidence = virtual_time(run).await.unwrap();
    let sent = seconds(evidence.observations.iter().map(|seen| seen.sent));
    assert_eq!(sent, [0.1, 1.1, 2.0]);
    // The closed user was let in late; the open schedule was planned for the phase's start.
    assert_eq!(planned(&evidence), [0.1, 1.0, 2.0]);
    let began = seconds(actor.began.lock().unwrap().iter().map(|(_, at)| *at));
    assert_eq!(began, [0.0, 1.0, 1.5]);
    assert_eq!(
        evidence.rig.faults,
        ["The action `broken` failed: no such deployment."]
    );
}

/// Panics at any action.
struct Broken;

#[async_trait]
impl Act for Broken {
    async fn act(&self, _: &TimedAction) -> Result<(), String> {
        panic!("an actor with a bug")
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_breaks_down_ends_the_run_and_is_told() {
    let plan = Plan {
        phases: vec![phase("only", 0.0, 10.0, users(1))],
        actions: vec![action("first", 0.0)],
        ..plan()
    };
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let gateway = Endpoint::Service(slow_gateway(&clock, QUARTER));
    let run = Run {
        actor: Arc::new(Broken),
        ..run(plan, &clock, gateway)
    };
    let evidence = virtual_time(run).await.unwrap();
    assert_eq!(
        evidence.rig.faults,
        ["The task that plays phases and actions broke down."]
    );
    assert!(evidence.observations.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_plan_counts_from_the_moment_at_which_everybody_is_ready() {
    let clock = Clock::paused(DEFAULT_ANCHOR);
    clock.sleep_until(at(7.0)).await;
    let plan = Plan {
        phases: vec![phase("only", 0.0, 2.0, requests(2, &[0.0, 1.0]))],
        ..plan()
    };
    let gateway = slow_gateway(&clock, QUARTER);
    let evidence = virtual_time(run(plan, &clock, Endpoint::Service(gateway)))
        .await
        .unwrap();
    assert_eq!(planned(&evidence), [7.0, 8.0]);
    let window = &evidence.timeline[0];
    assert_eq!((window.start, window.end), (at(7.0), at(9.0)));
}

#[tokio::test(start_paused = true)]
async fn the_news_tell_every_second_who_answered_what() {
    let plan = Plan {
        phases: vec![phase("only", 0.0, 2.0, requests(2, &[0.0, 0.9, 1.0, 1.9]))],
        ..plan()
    };
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = told.clone();
    let gateway = Endpoint::Service(slow_gateway(&clock, QUARTER));
    let run = Run {
        events: EventSink::new(move |event| {
            hear.lock()
                .unwrap()
                .push(serde_json::to_value(event).unwrap());
        }),
        ..run(plan, &clock, gateway)
    };
    virtual_time(run).await.unwrap();
    let second = |at: u64, answers: serde_json::Value, in_flight: u64, latency: Option<u64>| json!({"second": {"at": at, "answers": answers, "in_flight": in_flight, "latency_p50": latency}});
    assert_eq!(
        *told.lock().unwrap(),
        [
            json!({"started": {"name": "test/plan", "about": "Does it run?", "end": 2_000_000, "speed": null, "backends": []}}),
            json!({"phase": {"name": "only", "at": 0, "say": null}}),
            second(1_000_000, json!({"gateway": {"200": 1}}), 1, Some(250_000)),
            second(2_000_000, json!({"gateway": {"200": 2}}), 1, Some(250_000)),
            second(2_150_000, json!({"gateway": {"200": 1}}), 0, Some(250_000)),
            json!({"finished": {"at": 2_150_000, "requests": 4}}),
        ]
    );
}

/// A plan with every kind of draw.
fn varied() -> Plan {
    let arrivals = arrivals(
        42,
        Stretch {
            phase: 1,
            start: at(20.0),
            length: Duration::from_secs(10),
        },
        Spacing::Poisson,
        &[Rate {
            class: 0,
            name: "chat",
            from: 5.0,
            to: 15.0,
        }],
    );
    Plan {
        classes: vec![Class {
            think_time_s: Quantity::Exponential { mean: 0.3 },
            prompt: Prompt::Tokens(Quantity::Uniform {
                min: 1.0,
                max: 200.0,
            }),
            ..class("chat")
        }],
        phases: vec![
            phase("closed", 0.0, 20.0, users(12)),
            phase(
                "open",
                20.0,
                30.0,
                Load::Open {
                    arrivals: arrivals.into(),
                    workers: 4,
                },
            ),
        ],
        ..plan()
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_with_one_seed_leave_the_same_bytes() {
    let bytes = |evidence: ClientEvidence| serde_json::to_string(&evidence.observations).unwrap();
    let first = bytes(play(varied(), Duration::from_millis(170)).await);
    let second = bytes(play(varied(), Duration::from_millis(170)).await);
    assert!(first.len() > 100_000);
    assert!(first == second, "the runs differ");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_the_topology_does_not_offer_is_an_error() {
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let elsewhere = Endpoint::Url("http://127.0.0.1:1".to_owned());
    let error = virtual_time(run(plan(), &clock, elsewhere))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "class `chat` calls the gateway, which this topology does not offer"
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_pauses_only_ends_with_its_last() {
    let clock = Clock::paused(DEFAULT_ANCHOR);
    let plan = Plan {
        phases: vec![phase("pause", 0.0, 60.0, Load::Idle)],
        ..plan()
    };
    let run = run(plan, &clock, Endpoint::Service(Router::new()));
    assert!(virtual_time(run).await.unwrap().observations.is_empty());
    assert_eq!(clock.now(), at(60.0));
}
