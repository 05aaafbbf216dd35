//! How late the tokens of many streams come over sockets, and whether that grows.
//!
//! Token *i* of a stream has an absolute deadline: the arrival that the ledger has, the time to
//! the first token and *i* gaps. The client reads the simulator's own clock, so that nothing is
//! between deadline and observation but timer, socket and scheduler. Streams start spread over a
//! gap, as they would by themselves, and not all at the same instant.
//!
//! Two things are printed: how late tokens are, in percentiles, which depends on the machine;
//! and drift, the time from a stream's first token to its last against what it should be, which
//! must not. With chained sleeps instead of deadlines it was 1.12.
//!
//! `cargo bench --package aoai-simulator --bench pacing`, or `just pacing`. It is no test.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use clock::{Clock, Moment};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use simulator::config::SimulatorSection;
use simulator::{Simulator, serve};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

/// Measures how late the tokens of many streams come
#[derive(Clone, Copy, Debug, Parser)]
struct Arguments {
    /// Streams at once
    #[arg(long, default_value_t = 200)]
    streams: u32,
    /// Tokens of each stream, 2 or more
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(2..))]
    tokens: u32,
    /// Milliseconds between tokens
    #[arg(long, default_value_t = 20)]
    gap_ms: u32,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// To the first token of each stream; all of them are under way by then.
const FIRST: Duration = Duration::from_millis(500);

/// What a client saw of a stream: its name, and when each token came.
type Stream = (String, Vec<Moment>);

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let clock = Clock::system();
    let simulator = simulator(arguments, clock.clone())?;
    // A thread each: client and server would wait for each other on one.
    let server = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let listener = server.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    server.spawn(serve(listener, simulator.clone(), std::future::pending()));
    let client = Builder::new_current_thread().enable_all().build()?;
    let streams = client.block_on(play(arguments, address, clock))?;
    report(arguments, &simulator, &streams)
}

fn simulator(arguments: Arguments, clock: Clock) -> anyhow::Result<Simulator> {
    let section: SimulatorSection = toml::from_str(&format!(
        r#"
        [deployments.chat]
        model = "gpt-4o"
        latency = {{ time_to_first_token = "{}ms", per_token = "{}ms" }}
        "#,
        FIRST.as_millis(),
        arguments.gap_ms
    ))?;
    let config = section
        .resolve("payg-1", &BTreeMap::new())
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    Ok(Simulator::new("payg-1", config, clock))
}

/// Reads all streams at once.
async fn play(
    arguments: Arguments,
    address: SocketAddr,
    clock: Clock,
) -> anyhow::Result<Vec<Stream>> {
    let gap = Duration::from_millis(arguments.gap_ms.into());
    let first = clock.now();
    let readers = (0..arguments.streams).map(|number| {
        let clock = clock.clone();
        let start = first + gap * number / arguments.streams;
        tokio::spawn(async move {
            clock.sleep_until(start).await;
            read(number, arguments.tokens, address, &clock).await
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut streams = Vec::new();
    for reader in readers {
        streams.push(reader.await??);
    }
    Ok(streams)
}

async fn read(
    number: u32,
    tokens: u32,
    address: SocketAddr,
    clock: &Clock,
) -> anyhow::Result<Stream> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let name = format!("stream-{number}");
    let body = json!({
        "messages": [{ "role": "user", "content": "hi" }], "max_tokens": tokens, "stream": true,
    });
    let request = Request::post("/openai/deployments/chat/chat/completions?api-version=2024-10-21")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("api-key", "any")
        .header("x-request-id", &name)
        .body(Full::new(bytes::Bytes::from(body.to_string())))?;
    let mut body = sender.send_request(request).await?.into_body();
    let mut came = Vec::new();
    let mut unread = Vec::new();
    while let Some(frame) = body.frame().await {
        let now = clock.now();
        unread.extend_from_slice(frame?.data_ref().context("a trailer")?);
        // A busy client's frames end anywhere, in the middle of an event, too.
        while let Some(end) = unread.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<_> = unread.drain(..end + 2).collect();
            came.extend(is_token(&event).then_some(now));
        }
    }
    let found = came.len();
    ensure!(
        found == tokens as usize,
        "{name} had {found} of {tokens} tokens"
    );
    Ok((name, came))
}

/// Whether an event brings a token, and not a role, an end or a filter's result.
fn is_token(event: &[u8]) -> bool {
    let data = event.strip_prefix(b"data: ").unwrap_or_default();
    let chunk: Value = serde_json::from_slice(data).unwrap_or_default();
    let content = &chunk["choices"][0]["delta"]["content"];
    content.as_str().is_some_and(|content| !content.is_empty())
}

/// Compares what came with what was due.
fn report(arguments: Arguments, simulator: &Simulator, streams: &[Stream]) -> anyhow::Result<()> {
    let gap = Duration::from_millis(arguments.gap_ms.into());
    let entries = simulator.ledger().entries();
    let mut late = Vec::new();
    let mut drift = Vec::new();
    for (name, came) in streams {
        let entry = entries
            .iter()
            .find(|entry| entry.request_id.as_ref() == Some(name));
        let arrived = entry.context("a stream that is not in the ledger")?.arrived;
        for (number, came) in (0..).zip(came) {
            let due = arrived + FIRST + gap * number;
            late.push(came.since(due).as_secs_f64() * 1e3);
        }
        let whole = came[came.len() - 1].since(came[0]);
        drift.push(whole.as_secs_f64() / (gap * (arguments.tokens - 1)).as_secs_f64());
    }
    late.sort_by(f64::total_cmp);
    drift.sort_by(f64::total_cmp);
    let Arguments {
        streams,
        tokens,
        gap_ms,
        ..
    } = arguments;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{streams} streams of {tokens} tokens, {gap_ms} ms apart\n"
    )?;
    writeln!(
        out,
        "tokens after their deadlines, ms     p50      p90      p99    p99.9      max"
    )?;
    let lateness = [0.5, 0.9, 0.99, 0.999, 1.0].map(|share| quantile(&late, share));
    let [p50, p90, p99, p99_9, max] = lateness;
    writeln!(
        out,
        "                                {p50:>8.2} {p90:>8.2} {p99:>8.2} {p99_9:>8.2} {max:>8.2}\n"
    )?;
    let [least, median, most] = [0.0, 0.5, 1.0].map(|share| quantile(&drift, share));
    writeln!(
        out,
        "first to last token, against its due  {median:.5}  from {least:.5} to {most:.5}"
    )?;
    Ok(())
}

/// The smallest value that `share` of them do not exceed.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index into a list in memory"
    )]
    let index = (share * (sorted.len() - 1) as f64).ceil() as usize;
    sorted[index]
}
