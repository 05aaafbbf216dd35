//! `serve`: a scenario's simulators and gateway, up and left up, without traffic.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use clock::{Clock, Speed};

use super::inputs::{self, Changes, Input};
use super::terminal;
use crate::driver::{Endpoint, Endpoints};
use crate::plan::{Class, Operation, Plan, Target};
use crate::run::parent::StopSignal;
use crate::topology::{Ports, ServerRuntime, SocketRig};

/// Flags of `serve`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The scenario, or `FILE#variant`
    file: PathBuf,
    /// Port of the gateway; the simulators take the ports after it, by name
    #[arg(long, value_name = "PORT", default_value_t = 4000)]
    port_base: u16,
    #[command(flatten)]
    changes: Changes,
}

pub(super) fn execute(arguments: &Arguments) -> anyhow::Result<u8> {
    let input = match inputs::load(std::slice::from_ref(&arguments.file), &arguments.changes) {
        Ok(mut inputs) => inputs.playable.swap_remove(0),
        Err(unusable) => {
            terminal::tell(unusable);
            return Ok(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&input, Ports::From(arguments.port_base)))
}

async fn serve(input: &Input, ports: Ports) -> anyhow::Result<u8> {
    let servers = ServerRuntime::start()?;
    let clock = Clock::real(
        input.plan.speed,
        input.plan.starts_at.unwrap_or_else(clock::now_utc),
    );
    let rig = match SocketRig::start(&input.plan, &clock, &servers, ports).await {
        Ok(rig) => rig,
        Err(error) => {
            terminal::tell(format_args!("error: {error}"));
            return Ok(98);
        }
    };
    let mut stop = StopSignal::listen()?;
    terminal::print(&welcome(&input.plan, &rig));
    stop.heard().await;
    rig.stop().await;
    terminal::tell("stopped");
    Ok(0)
}

/// What somebody who wants to talk to the rig needs: urls, keys, one request, the SDKs' variables.
fn welcome(plan: &Plan, rig: &SocketRig) -> String {
    let Plan { name, speed, .. } = plan;
    let mut text = format!("{name} at speed {speed}\n");
    if *speed != Speed::REAL_TIME {
        text.push_str("SDKs keep their own time: for them, add --speed 1\n");
    }
    let endpoints = rig.endpoints();
    let files = rig.usage_files().into_iter();
    let files = files.map(|(name, file)| (format!("usage {name}"), file.display().to_string()));
    let parts: Vec<_> = parts(plan, &endpoints).into_iter().chain(files).collect();
    let names = parts.iter().map(|(name, _)| name.len());
    let width = names.max().unwrap_or(0);
    text.push('\n');
    for (name, value) in &parts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<width$}  {value}");
    }
    if let Some(class) = plan.classes.first() {
        text.push_str(&example(class, &endpoints));
    }
    text.push_str("\nCtrl-C stops it.\n");
    text
}

/// Everybody who listens, and every key, each with its name.
fn parts(plan: &Plan, endpoints: &Endpoints) -> Vec<(String, String)> {
    let simulators = endpoints.simulators.iter();
    let gateway = endpoints.gateway.iter().map(|gateway| ("gateway", gateway));
    let servers = gateway.chain(simulators.map(|(name, simulator)| (name.as_str(), simulator)));
    let servers = servers.map(|(name, server)| (name.to_owned(), url(server).to_owned()));
    let keys = plan.gateway.iter().flat_map(|gateway| {
        let names = gateway.subscriptions().into_iter();
        names.map(|name| {
            (
                format!("key {name}"),
                gateway.key(&name).unwrap_or_default(),
            )
        })
    });
    servers.chain(keys).collect()
}

fn example(class: &Class, endpoints: &Endpoints) -> String {
    let base = match &class.target {
        Target::Gateway { prefix } => endpoints
            .gateway
            .as_ref()
            .map(|gateway| format!("{}{prefix}", url(gateway))),
        Target::Simulator(name) => endpoints
            .simulators
            .get(name)
            .map(|simulator| url(simulator).to_owned()),
    };
    let base = base.unwrap_or_default();
    let key = class.credential.as_ref().map_or("", |credential| {
        credential.value.trim_start_matches("Bearer ")
    });
    let body = match class.operation {
        Operation::ChatCompletions => {
            r#"{"messages":[{"role":"user","content":"Hello"}],"max_tokens":10}"#
        }
        Operation::Completions => r#"{"prompt":"Once upon a time","max_tokens":10}"#,
        Operation::Embeddings | Operation::Helper => r#"{"input":"Hello"}"#,
    };
    format!(
        "\ncurl -s '{base}{path}' -H 'api-key: {key}' -H 'content-type: application/json' -d '{body}'\n\n\
         export AZURE_OPENAI_ENDPOINT={base}\n\
         export AZURE_OPENAI_API_KEY={key}\n\
         export AZURE_OPENAI_DEPLOYMENT={deployment}\n\
         export OPENAI_API_VERSION=2024-10-21\n",
        path = class.path_and_query(),
        deployment = class.deployment,
    )
}

fn url(endpoint: &Endpoint) -> &str {
    match endpoint {
        Endpoint::Url(url) => url,
        Endpoint::Service(_) => "",
    }
}
