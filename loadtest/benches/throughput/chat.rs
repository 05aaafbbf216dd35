//! Small chats: simulator and gateway against a route that answers the same bytes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use clock::Clock;
use gateway_under_test::config::Secret;
use gateway_under_test::{Gateway, GatewayConfig, preset, upstream};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use loadtest::workload;
use serde_json::Value;
use simulator::Simulator;
use simulator::config::SimulatorSection;

use super::contest::{Side, Sides};
use super::load::{Answer, Load};
use super::server::Server;

/// Where a small chat is asked for.
pub(crate) const PATH: &str = "/openai/deployments/chat/chat/completions?api-version=2024-10-21";

/// Tokens of a chat with one message, of which seven are around the message's words.
const PROMPT_TOKENS: u32 = 30;

/// Words of the message.
const WORDS: u32 = PROMPT_TOKENS - 7;

/// A simulator that waits for nothing; the limiter works, and has room for everything.
const SIMULATOR: &str = r#"
[deployments.chat]
model               = "gpt-4o"
limiter             = "legacy"
tokens_per_minute   = 1_000_000_000_000
requests_per_minute = 1_000_000_000_000
latency             = { per_request = "0ms" }
"#;

/// The same chat each time, as a cache would like it.
pub(crate) fn one_prompt(_: u64) -> Bytes {
    body(None)
}

/// A chat that was never asked before.
fn distinct_prompts(number: u64) -> Bytes {
    body(Some(&workload::mark(number)))
}

fn body(mark: Option<&str>) -> Bytes {
    let mut body = r#"{"messages":[{"role":"user","content":""#.to_owned();
    workload::push_tokens(&mut body, WORDS, mark);
    body.push_str(r#""}],"max_tokens":10}"#);
    Bytes::from(body)
}

pub(crate) fn simulator_with_one_prompt() -> anyhow::Result<Sides> {
    simulator_against_bare_route(one_prompt)
}

pub(crate) fn simulator_with_distinct_prompts() -> anyhow::Result<Sides> {
    simulator_against_bare_route(distinct_prompts)
}

pub(crate) fn gateway_before_simulator() -> anyhow::Result<Sides> {
    let (simulator, server) = simulator()?;
    let gateway = gateway(server.address)?;
    Ok(Sides {
        ours: side(load(&gateway, "/forward", one_prompt), gateway, || ()),
        yardstick: side(load(&server, "", one_prompt), server, move || {
            forget(&simulator);
        }),
    })
}

pub(crate) fn gateway_before_bare_route() -> anyhow::Result<Sides> {
    let server = bare_route()?;
    let gateway = gateway(server.address)?;
    Ok(Sides {
        ours: side(load(&gateway, "/forward", one_prompt), gateway, || ()),
        yardstick: side(load(&server, "", one_prompt), server, || ()),
    })
}

fn simulator_against_bare_route(body: fn(u64) -> Bytes) -> anyhow::Result<Sides> {
    let (simulator, server) = simulator()?;
    let bare = bare_route()?;
    Ok(Sides {
        ours: side(load(&server, "", body), server, move || forget(&simulator)),
        yardstick: side(load(&bare, "", body), bare, || ()),
    })
}

/// A side that keeps its server, and has something done after each of its rounds.
fn side(load: Load, server: Server, afterwards: impl Fn() + 'static) -> Side {
    Box::new(move |length| {
        // Moved in here, the server lives as long as the side.
        let _ = &server;
        let rate = load.rate(length);
        afterwards();
        rate
    })
}

fn load(server: &Server, prefix: &str, body: fn(u64) -> Bytes) -> Load {
    Load {
        target: server.address,
        path: format!("{prefix}{PATH}"),
        body,
        sent: Rc::new(Cell::new(0)),
    }
}

/// Empties the ledger: what it holds after minutes of load is memory, not work.
fn forget(simulator: &Simulator) {
    simulator.control().reset();
}

fn simulator() -> anyhow::Result<(Simulator, Server)> {
    let section: SimulatorSection = toml::from_str(SIMULATOR)?;
    let config = section
        .resolve("payg-1", &BTreeMap::new())
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let simulator = Simulator::new("payg-1", config, Clock::system());
    let router = simulator.router();
    Ok((simulator, Server::start(move || Ok(router))?))
}

fn gateway(backend: SocketAddr) -> anyhow::Result<Server> {
    Server::start(move || {
        let table = preset::table("request-forwarding/transparent").context("no such preset")?;
        let mut config: GatewayConfig = table.try_into()?;
        for backend_config in config.backends.values_mut() {
            backend_config.url = Some(format!("http://{backend}"));
            backend_config.api_key = Some(Secret::from("backend-key"));
        }
        let gateway = Gateway::new(config, Clock::system(), upstream::http())
            .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        Ok(gateway.router())
    })
}

/// A route that reads a request and answers what the simulator answered to one like it.
pub(crate) fn bare_router() -> anyhow::Result<Router> {
    let (_, server) = simulator()?;
    let Answer { mut headers, body } = load(&server, "", one_prompt).probe()?;
    let answer: Value = serde_json::from_slice(&body)?;
    let tokens = &answer["usage"];
    ensure!(
        tokens["prompt_tokens"] == PROMPT_TOKENS && tokens["completion_tokens"] == 10,
        "the chat is not as small as it should be: {tokens}"
    );
    // The server writes these itself.
    for header in [CONTENT_LENGTH, DATE, TRANSFER_ENCODING] {
        headers.remove(header);
    }
    let answer = Arc::new((headers, body));
    let path = PATH.split_once('?').map_or(PATH, |(path, _)| path);
    let route = post(async move |_request: Bytes| -> (HeaderMap, Bytes) { (*answer).clone() });
    Ok(Router::new().route(path, route))
}

fn bare_route() -> anyhow::Result<Server> {
    let router = bare_router()?;
    Server::start(move || Ok(router))
}
