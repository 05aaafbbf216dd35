//! Who is told of usage: files and addresses that take it, hang, are full or are gone.

use std::path::Path;
use std::time::Duration;

use clock::Moment;
use futures::FutureExt;
use gateway_under_test::config::{SinkConfig, UsageConfig};
use gateway_under_test::usage::UsageEvent;
use gateway_under_test::{Gateway, GatewayConfig};

use crate::support::{Received, Reply, Rig, api_config, chat};

const ANSWER: &str =
    r#"{"model":"m","usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

/// A gateway with one sink, which `keys` describe.
fn config(keys: &str) -> GatewayConfig {
    let mut config = api_config("balance = { single = \"payg-1\" }");
    let sink: SinkConfig = toml::from_str(keys).unwrap();
    config.usage = Some(UsageConfig {
        sinks: [("bills".to_owned(), sink)].into(),
        ..UsageConfig::default()
    });
    config
}

/// A gateway whose sink, at `http://sink`, replies as `decide` says.
fn posting(keys: &str, decide: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Rig {
    let config = config(&format!("url = \"http://sink/usage?v=1\"\n{keys}"));
    Rig::new(config, move |request| match request.backend.as_str() {
        "sink" => decide(request),
        _ => Reply::Says(200, ANSWER),
    })
}

/// A gateway whose sink is the file at `path`.
fn filing(path: &Path) -> Rig {
    let config = config(&format!("file = {:?}", path.display().to_string()));
    Rig::new(config, |_| Reply::Says(200, ANSWER))
}

impl Rig {
    async fn ask(&self, times: usize) {
        for _ in 0..times {
            self.chat("/api/x").await;
        }
    }

    /// When the sink was posted to, and how many lines each time.
    fn posts(&self) -> Vec<(Duration, usize)> {
        let posts = self.received().into_iter().filter(|r| r.backend == "sink");
        let lines = |body: &[u8]| std::str::from_utf8(body).unwrap().lines().count();
        posts
            .map(|post| (post.at.since(Moment::ZERO), lines(&post.body)))
            .collect()
    }

    /// Events written and dropped, as the metrics tell.
    fn counted(&self) -> (u64, u64) {
        let text = self.gateway.metrics_text();
        let of = |name: &str| {
            let name = format!("gateway_usage_events_{name}_total{{sink=\"bills\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&name));
            line.unwrap().parse().unwrap()
        };
        (of("written"), of("dropped"))
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_file_has_a_line_for_each_answer_when_the_gateway_has_drained() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("usage.jsonl");
    std::fs::write(&path, "what was there\n").unwrap();
    let rig = filing(&path);
    rig.ask(150).await;
    rig.gateway.drain().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let (first, events) = text.split_once('\n').unwrap();
    assert_eq!(first, "what was there");
    let events: Vec<UsageEvent> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events, rig.gateway.usage_events());
    assert_eq!((events.len(), rig.counted()), (150, (150, 0)));
}

#[tokio::test(start_paused = true)]
async fn an_address_is_posted_full_batches_at_once_and_the_rest_after_a_while() {
    let rig = posting("batch = 2\nflush = \"3s\"", |_| Reply::Status(204));
    rig.ask(5).await;
    rig.clock.sleep_until(Moment::ZERO + seconds(60)).await;
    let expected = [(seconds(0), 2), (seconds(0), 2), (seconds(3), 1)];
    assert_eq!(rig.posts(), expected);
    let received = rig.received();
    let post = received.iter().find(|r| r.backend == "sink").unwrap();
    assert_eq!(post.path_and_query, "/usage?v=1");
    assert_eq!(post.headers["content-type"], "application/x-ndjson");
    assert_eq!(rig.counted(), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_is_asked_again_until_it_takes_what_waits() {
    let rig = posting("timeout = \"2s\"", |post| {
        match post.at.since(Moment::ZERO) {
            at if at < Duration::from_millis(1_100) => Reply::Status(503),
            at if at < Duration::from_millis(1_200) => {
                Reply::Fails(std::io::ErrorKind::ConnectionRefused)
            }
            at if at < Duration::from_millis(1_400) => Reply::Silent,
            _ => Reply::Status(200),
        }
    });
    rig.ask(1).await;
    rig.clock.sleep_until(Moment::ZERO + seconds(60)).await;
    // After a second; 100 ms, 200 ms and 2 s of silence, 400 ms later each than the one before.
    let at: Vec<_> = rig.posts().iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(at, [1_000, 1_100, 1_300, 3_700]);
    assert_eq!(rig.counted(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_an_address_will_never_take_is_dropped_and_counted() {
    let rig = posting("batch = 1", |_| Reply::Status(400));
    rig.ask(3).await;
    rig.gateway.usage_written().await;
    assert_eq!(rig.counted(), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_costs_its_queue_and_nobodys_time() {
    let rig = posting("queue = 4\nbatch = 2\ntimeout = \"5s\"", |_| Reply::Silent);
    rig.ask(10).await;
    assert_eq!(rig.clock.now(), Moment::ZERO);
    assert_eq!(rig.counted(), (0, 6));
    assert_eq!(rig.gateway.usage_events().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_sinks_but_not_for_ever() {
    let slow = posting("", |_| Reply::Late(seconds(4), 200));
    slow.ask(2).await;
    slow.gateway.drain().await;
    assert_eq!(
        (slow.clock.now(), slow.counted()),
        (Moment::ZERO + seconds(4), (2, 0))
    );

    let gone = posting("", |_| Reply::Fails(std::io::ErrorKind::ConnectionRefused));
    gone.ask(2).await;
    let begun = gone.clock.now();
    gone.gateway.drain().await;
    assert_eq!(
        (gone.clock.now().since(begun), gone.counted()),
        (seconds(10), (0, 2))
    );
    assert_eq!(gone.gateway.drain().now_or_never(), Some(()));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_a_reload_takes_away_gets_what_came_before() {
    let rig = posting("", |_| Reply::Late(seconds(2), 200));
    rig.ask(3).await;
    rig.gateway
        .reload(api_config("balance = { single = \"payg-1\" }"))
        .unwrap();
    rig.ask(3).await;
    rig.gateway.drain().await;
    assert_eq!(rig.counted(), (3, 0));
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_full_disk_loses_events_but_not_the_count_of_them() {
    let rig = filing(Path::new("/dev/full"));
    rig.ask(3).await;
    rig.gateway.drain().await;
    assert_eq!(rig.counted(), (0, 3));
    assert_eq!(rig.chat("/api/x").await.header("x-gw-source"), "gateway");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_opened_is_a_mistake_of_the_configuration() {
    let wrong = config("file = \"/nowhere/usage.jsonl\"");
    let clock = clock::Clock::paused(clock::DEFAULT_ANCHOR);
    let router = axum::Router::new();
    let errors = Gateway::new(wrong.clone(), clock, router).unwrap_err();
    insta::assert_snapshot!(errors[0], @"usage.sinks.bills.file: the file cannot be written to: No such file or directory (os error 2)");

    let rig = Rig::healthy(api_config("balance = { single = \"payg-1\" }"));
    assert_eq!(rig.gateway.reload(wrong).unwrap_err(), errors);
    assert_eq!(rig.chat("/api/x").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_refused_or_failed_request_is_no_event() {
    let rig = Rig::new(config("url = \"http://sink\""), |_| Reply::Status(503));
    rig.chat("/api/x").await;
    rig.call(chat("/unknown")).await;
    rig.gateway.drain().await;
    assert_eq!((rig.gateway.usage_events(), rig.posts()), (vec![], vec![]));
}
