//! Runs a scenario file through a GenAI gateway and judges the result.
//!
//! A scenario is a question: what traffic meets which backends, and what must hold then. This
//! crate reads the question, sets up the rig, drives the traffic, collects evidence from every
//! party and gives a verdict. It is *not* a benchmark of gateways: rates are those that show a
//! behaviour, and what is asserted is counts, orders and proportions before times.
//!
//! The thread from file to verdict, module by module:
//!
//! ```text
//! scenario   what was written: sections, variants, diagnostics with their places
//!    │
//!  plan      what will run: every name resolved, every arrival drawn
//!    │
//! topology   simulators and gateway: in process, on sockets, or somebody else's
//! workload   prompts, schedules, active users
//! client     one request: build, send, read the stream, observe
//! driver     the user loops, on sockets (goose) or in virtual time
//!    │
//! evidence   observations + gateway log + ledgers + rig health
//!    │
//!  gate      the language of what must hold
//!  judge     evidence → verdict: joins the records, closes the books, evaluates gates
//!    │
//! report     text, JSON, JUnit, live views
//!
//!   run      plays one plan (virtual, sockets) or many (a child process each)
//!   cli      the subcommands
//! ```
//!
//! Decisions are pure functions: reading gives a [`plan::Plan`], judging takes an
//! [`evidence::Evidence`], and both can be had from files, so a verdict can be computed again
//! and explained long after the run. Only `topology` knows simulator and gateway, only
//! `driver::attack` knows goose, only `cli` reads the environment.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use loadtest::driver::EventSink;
//! use loadtest::run::{Alterations, in_virtual_time};
//! use loadtest::scenario::{self, Options};
//! use loadtest::verdict::Outcome;
//!
//! let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/load-balancing/simple.toml");
//! let plan = Arc::new(scenario::load(&file, &Options::default())?.remove(0));
//! let conclusion = in_virtual_time(&plan, EventSink::none(), &Alterations::default())?;
//! assert_eq!(conclusion.report.verdict.outcome, Outcome::Pass); // four minutes, at once
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod cli;
pub mod client;
pub mod driver;
pub mod evidence;
pub mod gate;
pub mod judge;
pub mod observation;
pub mod plan;
pub mod progress;
pub mod report;
pub mod run;
pub mod scenario;
pub mod topology;
pub mod verdict;
pub mod workload;
