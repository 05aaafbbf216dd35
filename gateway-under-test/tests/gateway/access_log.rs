//! The books: what is written of a request, and that none is missing.

use std::time::Duration;

use clock::Moment;
use futures::future::join_all;
use gateway_under_test::access_log::Entry;
use http_body_util::BodyExt;

use crate::support::{Reply, Rig, chat, preset_config};

fn spilling() -> Rig {
    let config = preset_config("manage-spikes-with-payg/retry");
    Rig::new(config, |request| match request.backend.as_str() {
        "ptu-1" => Reply::Full(&[]),
        _ => Reply::Stream(
            Duration::from_millis(10),
            &["data: a\n\n", "data: [DONE]\n\n"],
        ),
    })
}

#[tokio::test(start_paused = true)]
async fn an_entry_tells_the_whole_story_of_a_request() {
    let rig = spilling();
    let path = "/retry-with-payg/openai/deployments/gpt/chat/completions?api-version=1";
    let mut request = chat(path);
    for (name, value) in [
        ("x-request-id", "run-0-0"),
        ("x-ms-client-request-id", "client-0"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    rig.call(request).await;
    let line = serde_json::to_string_pretty(&rig.log()[0]).unwrap();
    insta::assert_snapshot!(line, @r#"
    {
      "number": 0,
      "arrived": 0,
      "first_byte": 1010000,
      "ended": 1020000,
      "method": "POST",
      "path_and_query": "/retry-with-payg/openai/deployments/gpt/chat/completions?api-version=1",
      "api": "retry-with-payg",
      "subscription": "one",
      "client_ip": "127.0.0.1",
      "operation": "chat_completions",
      "deployment": "gpt",
      "request_id": "run-0-0",
      "client_request_id": "client-0",
      "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "status": 200,
      "backend": "payg-1",
      "refusal": null,
      "retry_after_ms": null,
      "attempts": [
        {
          "backend": "ptu-1",
          "started": 0,
          "ended": 0,
          "status": 429,
          "error": null
        },
        {
          "backend": "payg-1",
          "started": 1000000,
          "ended": 1000000,
          "status": 200,
          "error": null
        }
      ],
      "request_bytes": 15,
      "response_bytes": 23,
      "streamed": true,
      "aborted_by_client": false
    }
    "#);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_there_from_the_arrival_and_closed_with_the_body() {
    let rig = spilling();
    let response = rig.send(chat("/retry-with-payg/openai/x")).await;
    assert_eq!(rig.log()[0].ended, None);
    assert_eq!(rig.gateway.access_log().open_count(), 1);
    response.into_body().collect().await.unwrap();
    assert_eq!(rig.log()[0].ended, Some(Moment::from_micros(1_020_000)));
    assert_eq!(rig.gateway.access_log().open_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn entries_are_numbered_by_arrival_without_gaps_whatever_became_of_them() {
    let rig = spilling();
    let paths = [
        "/retry-with-payg/openai/x",
        "/nowhere",
        "//",
        "/retry-with-payg",
    ];
    join_all((0..100).map(|n| rig.chat(paths[n % 4]))).await;
    let log = rig.log();
    assert!(log.iter().map(|entry| entry.number).eq(0..100));
    assert!(log.is_sorted_by_key(|entry| entry.arrived));
    assert!(log.iter().all(|entry| entry.ended.is_some()));
    let late: Vec<_> = rig.gateway.access_log().since(98);
    assert_eq!(late, log[98..]);
}

#[tokio::test(start_paused = true)]
async fn attempts_in_the_log_are_those_the_backends_saw() {
    let rig = spilling();
    join_all((0..20).map(|_| rig.chat("/retry-with-payg/openai/x"))).await;
    let log = rig.log();
    let of = |entry: &Entry| {
        let attempts = entry.attempts.iter();
        attempts
            .map(|a| (a.started, a.backend.clone()))
            .collect::<Vec<_>>()
    };
    let mut booked: Vec<_> = log.iter().flat_map(of).collect();
    let seen = rig.received().into_iter().map(|r| (r.at, r.backend));
    let mut seen: Vec<_> = seen.collect();
    booked.sort();
    seen.sort();
    assert_eq!(booked, seen);
}

#[tokio::test(start_paused = true)]
async fn the_file_has_every_entry_once_as_a_line_that_reads_back() {
    let rig = spilling();
    let file = tempfile::NamedTempFile::new().unwrap();
    let log = rig.gateway.access_log();
    let writer = log.write_to(file.reopen().unwrap()).unwrap();
    assert!(log.write_to(std::io::sink()).is_none());
    join_all((0..50).map(|_| rig.chat("/retry-with-payg/openai/x"))).await;
    assert_eq!(writer.finish().unwrap(), 50);
    let text = std::fs::read_to_string(file.path()).unwrap();
    let read = |line| serde_json::from_str::<Entry>(line).unwrap();
    let mut lines: Vec<_> = text.lines().map(read).collect();
    lines.sort_by_key(|entry| entry.number);
    assert_eq!(lines, rig.log());
}
