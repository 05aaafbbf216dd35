//! Laws that hold whatever backends do, callers do, and is reloaded meanwhile.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use clock::Moment;
use futures::future::{join, join_all};
use gateway_under_test::GatewayConfig;
use gateway_under_test::access_log::{Attempt, Entry};
use proptest::prelude::*;

use crate::support::{Reply, Rig, chat, preset_config};

/// Policies to be played, and reloaded into one another, with the most attempts each may make.
const POLICIES: [(&str, usize); 9] = [
    ("manage-spikes-with-payg/retry", 4),
    ("manage-spikes-with-payg/breaker-with-retry", 4),
    ("labs/backend-pool-load-balancing", 3),
    ("labs/backend-pool-load-balancing-no-repick", 3),
    ("labs/advanced-load-balancing", 51),
    ("labs/advanced-load-balancing-fixed", 51),
    ("genai-gateway-apim/round-robin-fixed", 4),
    ("latency-routing/preferred-fixed", 4),
    ("labs/session-awareness", 1),
];

/// What is played.
#[derive(Clone, Debug)]
struct Play {
    /// Each request is answered by those of its number, attempt by attempt.
    replies: Vec<Reply>,
    /// When each request comes and how long its caller waits, in seconds.
    callers: Vec<(u64, u64)>,
    /// The policy at the beginning, and others with the second of their reload.
    policy: usize,
    reloads: Vec<(u64, usize)>,
}

fn plays() -> impl Strategy<Value = Play> {
    let reply = prop_oneof![
        2 => Just(Reply::Status(200)),
        1 => Just(Reply::Status(503)),
        2 => Just(Reply::Full(&[])),
        2 => Just(Reply::Full(&[("retry-after", "3")])),
        1 => Just(Reply::Full(&[("retry-after", "Thu, 01 Jan 2026 00:00:40 GMT")])),
        1 => Just(Reply::Fails(ErrorKind::ConnectionReset)),
        1 => Just(Reply::Silent),
        1 => Just(Reply::Late(Duration::from_secs(2), 429)),
        1 => Just(Reply::Stream(Duration::from_secs(1), &["a", "b", "c"])),
        1 => Just(Reply::Cut("a")),
    ];
    let policy = 0..POLICIES.len();
    (
        proptest::collection::vec(reply, 1..12),
        proptest::collection::vec((0..90u64, 0..200u64), 0..40),
        policy.clone(),
        proptest::collection::vec((0..90u64, policy), 0..4),
    )
        .prop_map(|(replies, callers, policy, reloads)| Play {
            replies,
            callers,
            policy,
            reloads,
        })
}

/// The policy of this number, at `/`.
fn config(policy: usize) -> GatewayConfig {
    let mut config = preset_config(POLICIES[policy].0);
    config
        .apis
        .values_mut()
        .for_each(|api| "/".clone_into(&mut api.prefix));
    config
}

/// Plays it; returns the log and how many requests backends received.
async fn perform(play: &Play) -> (Vec<Entry>, usize) {
    let replies = play.replies.clone();
    let asked = std::sync::Mutex::new(BTreeMap::<String, usize>::new());
    let rig = Rig::new(config(play.policy), move |request| {
        let id = request.headers["x-request-id"].to_str().unwrap();
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(id.to_owned()).or_default();
        *times += 1;
        let number: usize = id.parse().unwrap();
        replies[(number + *times) % replies.len()].clone()
    });
    let at = |second| Moment::ZERO + Duration::from_secs(second);
    let call = |(number, &(begins, patience)): (usize, &(u64, u64))| {
        let mut request = chat("/openai/x");
        let id = number.to_string().parse().unwrap();
        request.headers_mut().insert("x-request-id", id);
        let rig = &rig;
        async move {
            rig.clock.sleep_until(at(begins)).await;
            let leaves = at(begins + patience);
            // A body that was cut is read in vain.
            let read = async { rig.read(request).await };
            rig.clock.timeout_at(leaves, read).await
        }
    };
    let reload = |&(second, policy): &(u64, usize)| {
        let rig = &rig;
        async move {
            rig.clock.sleep_until(at(second)).await;
            rig.gateway.reload(config(policy)).unwrap();
        }
    };
    let calls = join_all(play.callers.iter().enumerate().map(call));
    join(calls, join_all(play.reloads.iter().map(reload))).await;
    (rig.log(), rig.received().len())
}

fn performed(play: &Play) -> (Vec<Entry>, usize) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(perform(play))
}

/// Whether no attempt on a backend starts while the breaker that `attempts` say has tripped is
/// open for at least `trip`.
fn leave_open_breakers_alone(attempts: &[&Attempt], trip: Duration) -> bool {
    let tripped = attempts.iter().filter(|attempt| attempt.tripped);
    tripped.into_iter().all(|opening| {
        let mut later = attempts.iter().filter(|a| a.backend == opening.backend);
        later.all(|a| a.started <= opening.ended || a.started >= opening.ended + trip)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_books_close_after_any_schedule_of_faults_and_reloads(play in plays()) {
        let (log, received) = performed(&play);
        prop_assert!(log.iter().map(|entry| entry.number).eq(0..play.callers.len() as u64));
        prop_assert!(log.iter().all(|entry| entry.ended >= Some(entry.arrived)));
        prop_assert!(log.iter().all(|entry| entry.aborted_by_client || entry.status > 0));
        let attempts: Vec<_> = log.iter().flat_map(|entry| &entry.attempts).collect();
        prop_assert_eq!(attempts.len(), received);
        prop_assert!(attempts.iter().all(|a| a.status.is_some() || a.error.is_some()));
    }

    #[test]
    fn attempts_stay_within_their_bounds_and_out_of_open_breakers(play in plays()) {
        let play = Play { reloads: Vec::new(), ..play };
        let (log, _) = performed(&play);
        let most = POLICIES[play.policy].1;
        prop_assert!(log.iter().all(|entry| entry.attempts.len() <= most));
        let attempts: Vec<_> = log.iter().flat_map(|entry| &entry.attempts).collect();
        // A minute, or where Retry-After is accepted the shortest that any reply asks for.
        let trip = if play.policy == 1 { 60 } else { 1 };
        prop_assert!(leave_open_breakers_alone(&attempts, Duration::from_secs(trip)));
    }

    #[test]
    fn reloading_the_same_sends_nothing_elsewhere(play in plays()) {
        // Of the pools, the one that gives no turns: those start anew.
        let policy = 1;
        let again = play.reloads.iter().map(|&(second, _)| (second, policy)).collect();
        let undisturbed = Play { policy, reloads: Vec::new(), ..play.clone() };
        let reloaded = Play { policy, reloads: again, ..play };
        let attempts = |play| performed(play).0.into_iter().map(|entry| entry.attempts);
        prop_assert!(attempts(&undisturbed).eq(attempts(&reloaded)));
    }
}
