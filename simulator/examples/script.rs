//! Scripts faults and limits, and watches a client retry.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use simulator::{Filter, Server, Simulator};

#[expect(clippy::print_stdout, reason = "an example shows what it saw")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", example().await?);
    Ok(())
}

pub(crate) async fn example() -> Result<String, Box<dyn Error>> {
    let mut seen = String::new();
    let server = Simulator::start("[deployments.gpt-4o]\nmodel = \"gpt-4o\"")?;

    // The next two requests are turned away, for 50 ms each.
    server.set(
        r#"
        [[faults]]
        when = { first = 2 }
        play = { status = { code = 429, retry_after = "50ms", retry_after_style = "ms" } }
        "#,
    )?;
    writeln!(seen, "a busy moment: {:?}", ask(&server, "first").await?)?;

    // From now on the deployment takes 10 tokens per minute, and each request costs 8.
    server.set("deployments.gpt-4o = { limiter = \"legacy\", tokens_per_minute = 10, rate_limit_headers = [\"retry-after-ms\"] }")?;
    writeln!(
        seen,
        "within the limit: {:?}",
        ask(&server, "second").await?
    )?;
    writeln!(seen, "beyond the limit: {:?}", ask(&server, "third").await?)?;

    let ledger = server.ledger();
    ledger.nobody_retried_early()?;
    ledger.at_most_attempts(3)?;
    let refused = Filter {
        refusal: Some("any".to_owned()),
        ..Filter::default()
    };
    for entry in ledger.select(refused) {
        let id = entry.request_id.unwrap_or_default();
        let reason = entry.refusal.unwrap_or_default();
        writeln!(seen, "refused: {id}, for {reason}")?;
    }
    Ok(seen)
}

/// The client under test: waits as it is told, unless that is longer than a second. Returns the
/// statuses of its attempts.
async fn ask(server: &Server, id: &str) -> Result<Vec<u16>, Box<dyn Error>> {
    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
    let body = r#"{ "messages": [{ "role": "user", "content": "Say hello" }], "max_tokens": 8 }"#;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut statuses = Vec::new();
    loop {
        let request = client
            .post(server.url() + path)
            .header("api-key", server.key());
        let answer = request.header("x-request-id", id).body(body).send().await?;
        statuses.push(answer.status().as_u16());
        let Some(wait) = answer.headers().get("retry-after-ms") else {
            return Ok(statuses);
        };
        let wait = Duration::from_millis(wait.to_str()?.parse()?);
        if wait > Duration::from_secs(1) {
            return Ok(statuses);
        }
        sleep(wait).await;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the client is somebody else's: it keeps its own time"
)]
async fn sleep(wait: Duration) {
    tokio::time::sleep(wait).await;
}
