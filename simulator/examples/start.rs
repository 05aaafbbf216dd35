//! Starts a simulator, calls it as any client would, and asks its ledger what really happened.

use std::error::Error;

use serde_json::Value;
use simulator::Simulator;

#[expect(clippy::print_stdout, reason = "an example shows what it saw")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", example().await?);
    Ok(())
}

pub(crate) async fn example() -> Result<String, Box<dyn Error>> {
    // On a free port, on a thread of its own, until it is dropped.
    let server = Simulator::start("[deployments.gpt-4o]\nmodel = \"gpt-4o\"")?;

    let path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21";
    let body = r#"{ "messages": [{ "role": "user", "content": "Say hello" }], "max_tokens": 5 }"#;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let request = client
        .post(server.url() + path)
        .header("api-key", server.key());
    let answer = request.body(body).send().await?;

    let status = answer.status();
    let answer: Value = serde_json::from_str(&answer.text().await?)?;
    let tokens = &answer["usage"]["completion_tokens"];

    let ledger = server.ledger();
    ledger.every_request_was_answered()?;
    ledger.nothing_was_refused()?;
    let entry = &ledger.entries()[0];
    let booked = (entry.prompt_tokens, entry.completion_tokens);
    Ok(format!(
        "{status}, {tokens} tokens; booked: {} + {} tokens\n",
        booked.0, booked.1
    ))
}
