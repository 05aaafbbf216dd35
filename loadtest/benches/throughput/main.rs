//! Requests per second, as ratios to yardsticks that are measured in the same run.
//!
//! A rate by itself says what machine it was measured on; a ratio says what ours costs. Each row
//! pits one of our parties against the barest thing that does the same job, in rounds that take
//! turns, so that a machine that slows down slows both. The median of the rounds' ratios counts.
//!
//! `cargo bench --package loadtest --bench throughput`, or `just bench`. It is no test: a target
//! stands beside each ratio and fails nothing.

mod chat;
mod contest;
mod load;
mod pool;
mod server;

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, Subcommand};

use self::contest::Contest;

/// Measures what simulator, gateway and load driver cost, against bare ones
#[derive(Debug, Parser)]
#[command(name = "throughput", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    pool: Option<Pool>,
    /// Only contests whose name holds this
    filter: Option<String>,
    /// Rounds of each contest
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds that each side plays in a round
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// Pools of users play in a process of their own, as they do in earnest.
#[derive(Debug, Subcommand)]
enum Pool {
    #[command(hide = true)]
    GooseAlone { target: SocketAddr, seconds: f64 },
    #[command(hide = true)]
    OurDriver { target: SocketAddr, seconds: f64 },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.pool {
        Some(Pool::GooseAlone { target, seconds }) => pool::goose_alone(target, seconds),
        Some(Pool::OurDriver { target, seconds }) => pool::our_driver(target, seconds),
        None => measure(&arguments),
    }
}

/// Plays the contests and prints a line for each as soon as it is over.
fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let for_one_side = Duration::from_secs_f64(arguments.seconds);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "median of {} rounds of {for_one_side:?} on each side\n\n{}",
        arguments.rounds,
        contest::HEADING
    )?;
    let filter = arguments.filter.as_deref().unwrap_or_default();
    for contest in contests().filter(|contest| contest.name.contains(filter)) {
        writeln!(out, "{}", contest.play(arguments.rounds, for_one_side)?)?;
    }
    Ok(())
}

/// The rows of the table, in order.
fn contests() -> impl Iterator<Item = Contest> {
    [
        Contest {
            name: "simulator, one prompt repeated",
            yardstick: "bare route",
            target: 0.5,
            start: chat::simulator_with_one_prompt,
        },
        Contest {
            name: "simulator, all prompts distinct",
            yardstick: "bare route",
            target: 0.35,
            start: chat::simulator_with_distinct_prompts,
        },
        Contest {
            name: "gateway before the simulator",
            yardstick: "simulator",
            target: 0.4,
            start: chat::gateway_before_simulator,
        },
        Contest {
            name: "gateway before a bare route",
            yardstick: "bare route",
            target: 0.4,
            start: chat::gateway_before_bare_route,
        },
        Contest {
            name: "our driver",
            yardstick: "goose alone",
            target: 0.7,
            start: pool::driver_and_goose,
        },
    ]
    .into_iter()
}
