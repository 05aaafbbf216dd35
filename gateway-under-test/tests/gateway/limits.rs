//! Token limits, as callers meet them.

use std::time::Duration;

use clock::Moment;

use crate::support::{Answer, Reply, Rig, api_config};

/// An answer that took so many tokens.
fn took(total: u64) -> Reply {
    let usage = format!(
        r#"{{"usage":{{"prompt_tokens":9,"completion_tokens":{},"total_tokens":{total}}}}}"#,
        total - 9
    );
    Reply::Says(200, usage.leak())
}

/// The keys of an API with the token limit of the recorded run, in short.
const HUNDRED: &str = r#"
balance = { single = "payg-1" }
token_limit = { key = "subscription", tokens_per_minute = 100, tokens_consumed_header = "consumed-tokens", remaining_tokens_header = "remaining-tokens" }
"#;

/// Status, consumed and remaining tokens, as a header each.
fn told(answer: &Answer) -> (u16, &str, &str) {
    let status = answer.status.as_u16();
    (
        status,
        answer.header("consumed-tokens"),
        answer.header("remaining-tokens"),
    )
}

async fn chat_at(rig: &Rig, second: u64) -> Answer {
    rig.clock
        .sleep_until(Moment::ZERO + Duration::from_secs(second))
        .await;
    rig.chat("/api/openai/deployments/gpt/chat/completions")
        .await
}

// Source: LazaUK/AOAI-APIM-AIGateway, README, output of the token limit's run (read 2026-07).
#[tokio::test(start_paused = true)]
async fn the_recorded_run_comes_out_to_the_number() {
    let rig = Rig::new(api_config(HUNDRED), |request| {
        took(if request.at == Moment::ZERO { 59 } else { 55 })
    });
    assert_eq!(told(&chat_at(&rig, 0).await), (200, "59", "41"));
    assert_eq!(told(&chat_at(&rig, 16).await), (200, "55", "0"));
    for (second, wait) in [(31, "29"), (46, "14")] {
        let refused = chat_at(&rig, second).await;
        assert_eq!(told(&refused), (429, "", ""));
        assert_eq!(refused.header("retry-after"), wait);
        let message = format!("Token limit is exceeded. Try again in {wait} seconds.");
        let body = format!(r#"{{ "statusCode": 429, "message": "{message}" }}"#);
        assert_eq!(refused.text(), body);
    }
    assert_eq!(told(&chat_at(&rig, 62).await), (200, "55", "0"));
}
