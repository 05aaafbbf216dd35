//! A gateway under test on a paused clock, without sockets: minutes pass in no time, every
//! duration is exact, and the ledgers say whether it behaved.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use clock::Clock;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use simulator::Simulator;
use tokio::time::Instant;
use tower::ServiceExt;

#[expect(clippy::print_stdout, reason = "an example shows what it saw")]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", example().await?);
    Ok(())
}

pub(crate) async fn example() -> Result<String, Box<dyn Error>> {
    // In step with tokio, whose time the gateway keeps.
    let clock = Clock::paused_with_tokio(clock::DEFAULT_ANCHOR);
    let small = "[deployments.chat]\nmodel = \"gpt-4o\"\ntokens_per_minute = 20\nrequests_per_minute = 600\nlatency = { per_request = \"2s\" }";
    let large = "[deployments.chat]\nmodel = \"gpt-4o\"\nlatency = { per_request = \"3s\" }";
    let small = Simulator::new("small", small.parse()?, clock.clone());
    let large = Simulator::new("large", large.parse()?, clock.clone());
    let mut gateway = Gateway {
        first: small.router(),
        second: large.router(),
        leave_alone_until: now(),
    };

    let mut seen = String::new();
    for _ in 0..6 {
        let asked = clock.now();
        let status = gateway.ask().await?;
        let took = clock.now().since(asked);
        writeln!(seen, "at {asked}: {status} after {took:?}")?;
        sleep(Duration::from_secs(12)).await;
    }

    for simulator in [&small, &large] {
        let ledger = simulator.ledger();
        ledger.every_request_was_answered()?;
        ledger.nobody_retried_early()?;
        let refused = ledger
            .entries()
            .iter()
            .filter(|entry| entry.refusal.is_some())
            .count();
        let asked = ledger.entries().len();
        writeln!(
            seen,
            "{}: asked {asked} times, refused {refused}",
            simulator.name()
        )?;
    }
    small.ledger().charged_at_most(40)?;
    large.ledger().nothing_was_refused()?;
    Ok(seen)
}

/// The gateway under test: asks the second backend while the first one wants to be left alone.
struct Gateway {
    first: Router,
    second: Router,
    leave_alone_until: Instant,
}

impl Gateway {
    async fn ask(&mut self) -> Result<StatusCode, Box<dyn Error>> {
        if now() >= self.leave_alone_until {
            let answer = send(&self.first).await?;
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(answer.status());
            }
            let seconds = answer.headers()["retry-after"].to_str()?.parse()?;
            self.leave_alone_until = now() + Duration::from_secs(seconds);
        }
        Ok(send(&self.second).await?.status())
    }
}

/// Sends a chat and takes the answer to its end.
async fn send(backend: &Router) -> Result<Response<()>, Box<dyn Error>> {
    let path = "/openai/deployments/chat/chat/completions?api-version=2024-10-21";
    let body = r#"{ "messages": [{ "role": "user", "content": "Say hello" }], "max_tokens": 10 }"#;
    let request = Request::post(path)
        .header("api-key", "any")
        .body(Body::from(body))?;
    let (head, body) = backend.clone().oneshot(request).await?.into_parts();
    body.collect().await?;
    Ok(Response::from_parts(head, ()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the gateway is somebody else's: it keeps its own time"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the gateway is somebody else's: it keeps its own time"
)]
async fn sleep(wait: Duration) {
    tokio::time::sleep(wait).await;
}
