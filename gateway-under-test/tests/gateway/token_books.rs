//! Laws of token limits that hold whatever backends do, callers do, and is reloaded meanwhile.

use std::io::ErrorKind;
use std::time::Duration;

use axum::body::Body;
use clock::Moment;
use futures::future::{join, join_all};
use gateway_under_test::access_log::Entry;
use gateway_under_test::{Gateway, GatewayConfig};
use http::Request;
use proptest::prelude::*;

use crate::support::{Reply, Rig, api_config, chat};

const MINUTE: Duration = Duration::from_mins(1);

/// What a request holds in which nothing is asked: three tokens of an empty chat, and fifty.
const LIMITS: [&str; 3] = [
    "tokens_per_minute = 1_000_000",
    "tokens_per_minute = 1_000_000, estimate_prompt_tokens = true",
    "tokens_per_minute = 1_000_000, reserves = { default_max_tokens = 50 }",
];

/// What is played.
#[derive(Clone, Debug)]
struct Play {
    /// Each attempt is answered by that of its number.
    replies: Vec<Reply>,
    /// When each request comes and how long its caller waits, in milliseconds, and who it is.
    callers: Vec<(u64, u64, bool)>,
    /// Seconds in which the configuration is loaded again.
    reloads: Vec<u64>,
}

const TOLD: &str = concat!(
    r#"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":50,"total_tokens":53}}"#,
    "\n\n"
);

const WORD: &str = concat!(
    r#"data: {"choices":[{"delta":{"content":" word"}}]}"#,
    "\n\n"
);

fn plays() -> impl Strategy<Value = Play> {
    let json = |text| Just(Reply::Says(200, text));
    let stream = |events| Just(Reply::Stream(Duration::from_secs(7), events));
    let reply = prop_oneof![
        2 => json(r#"{"usage":{"prompt_tokens":3,"completion_tokens":50,"total_tokens":53}}"#),
        1 => json(r#"{"usage":{"prompt_tokens":3,"completion_tokens":7,"total_tokens":10}}"#),
        1 => json(r#"{"choices":[{"message":{"content":"one two"}}],"usage":{"total_tokens":-1}}"#),
        2 => stream(&[WORD, WORD, WORD, TOLD]),
        2 => stream(&[WORD, WORD, WORD, WORD]),
        1 => Just(Reply::Late(Duration::from_secs(2), 200)),
        1 => Just(Reply::Cut(WORD)),
        1 => Just(Reply::Status(500)),
        1 => Just(Reply::Full(&[])),
        1 => Just(Reply::Fails(ErrorKind::ConnectionReset)),
        1 => Just(Reply::Silent),
    ];
    let caller = (0..90_000u64, 0..100_000u64, any::<bool>());
    (
        proptest::collection::vec(reply, 1..12),
        proptest::collection::vec(caller, 0..40),
        proptest::collection::vec(0..90u64, 0..4),
    )
        .prop_map(|(replies, callers, reloads)| Play {
            replies,
            callers,
            reloads,
        })
}

fn config(limit: &str) -> GatewayConfig {
    let mut config = api_config(&format!(
        "balance = {{ single = \"payg-1\" }}\n\
         retry = {{ on = [429], count = 1, interval = \"1s\" }}\n\
         token_limit = {{ key = \"subscription\", remaining_tokens_header = \"left\", {limit} }}"
    ));
    let mut two = config.subscriptions["one"].clone();
    two.key = "subscription-key-two".into();
    config.subscriptions.insert("two".to_owned(), two);
    config
}

fn request(is_of_two: bool) -> Request<Body> {
    let mut request = chat("/api/openai/deployments/gpt/chat/completions");
    if is_of_two {
        let key = "subscription-key-two".parse().unwrap();
        request.headers_mut().insert("api-key", key);
    }
    request
}

/// Plays it under `limit` and returns the gateway and what is left to both callers in the end, if
/// they are still let in.
async fn perform(play: &Play, limit: &str) -> (Gateway, Moment, [Option<u64>; 2]) {
    let replies = play.replies.clone();
    let made = std::sync::atomic::AtomicUsize::new(0);
    let rig = Rig::new(config(limit), move |request| {
        if request.headers.contains_key("x-last") {
            return Reply::Says(200, r#"{"usage":{"total_tokens":0,"prompt_tokens":0}}"#);
        }
        let number = made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        replies[number % replies.len()].clone()
    });
    let at = |millis| Moment::ZERO + Duration::from_millis(millis);
    let call = |&(begins, patience, is_of_two): &(u64, u64, bool)| {
        let rig = &rig;
        async move {
            rig.clock.sleep_until(at(begins)).await;
            let read = rig.read(request(is_of_two));
            rig.clock.timeout_at(at(begins + patience), read).await
        }
    };
    let reload = |&second: &u64| {
        let rig = &rig;
        async move {
            rig.clock.sleep_until(at(1_000 * second)).await;
            rig.gateway.reload(config(limit)).unwrap();
        }
    };
    let calls = join_all(play.callers.iter().map(call));
    join(calls, join_all(play.reloads.iter().map(reload))).await;
    let now = rig.clock.now();
    let left = [false, true].map(|is_of_two| {
        let mut last = request(is_of_two);
        last.headers_mut().insert("x-last", "1".parse().unwrap());
        rig.call(last)
    });
    let left = join_all(left).await;
    let left = [0, 1].map(|index| left[index].header("left").parse().ok());
    (rig.gateway, now, left)
}

fn performed(play: &Play, limit: &str) -> (Vec<Entry>, Moment, [Option<u64>; 2]) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let (gateway, now, left) = runtime.block_on(perform(play, limit));
    (gateway.access_log().entries(), now, left)
}

/// The tokens of the `subscription` whose requests ended in the minute before `now`.
fn used(log: &[Entry], subscription: &str, now: Moment) -> u64 {
    let recent = log.iter().filter(|entry| {
        let is_theirs = entry.subscription.as_deref() == Some(subscription);
        is_theirs
            && entry
                .ended
                .is_some_and(|ended| ended <= now && ended + MINUTE > now)
    });
    recent
        .filter_map(|entry| entry.usage)
        .map(|usage| usage.total_tokens)
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn each_key_is_charged_what_its_answers_took_and_holds_nothing_in_the_end(
        play in plays(),
        limit in 0..LIMITS.len(),
    ) {
        let (mut log, now, left) = performed(&play, LIMITS[limit]);
        log.truncate(play.callers.len());
        for (subscription, left) in ["one", "two"].into_iter().zip(left) {
            prop_assert_eq!(left, Some(1_000_000 - used(&log, subscription, now)));
        }
    }

    #[test]
    fn reservations_keep_every_minute_within_the_limit(play in plays()) {
        let limit = "tokens_per_minute = 120, reserves = { default_max_tokens = 50 }";
        let (log, ..) = performed(&play, limit);
        for entry in &log {
            for subscription in ["one", "two"] {
                prop_assert!(used(&log, subscription, entry.ended.unwrap()) <= 120);
            }
        }
    }
}
