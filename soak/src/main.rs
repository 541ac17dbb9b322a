//! A node under churn: `cargo xtask soak` runs it.
//!
//! ```text
//!   conductor ──orders──> steady     lives the whole time, and is measured from outside
//!       │                   ▲  │
//!       │         relay ────┘  │     TCP that can be cut or stopped
//!       │           ▲          ▼
//!       └─orders──> peer, peer, …    come by ticket, leave in order, are revoked, are killed
//! ```
//! Everybody who lives starts operations with everybody else, and each must end in exactly one outcome in time. Now
//! and then all is quiet for a moment; what the steady node holds then must not grow.

mod activity;
mod actors;
mod child;
mod conductor;
mod ledger;
mod line;
mod measure;
mod peer;
mod person;
mod plan;
mod relay;
mod slope;
mod steady;
mod transfer;
mod verdict;

use std::alloc::System;
use std::process::ExitCode;
use std::time::Duration;

use cap::Cap;
use clap::{Parser, Subcommand};

use crate::plan::Plan;

/// Counts what is allocated: a heap that grows and one that is only fragmented look alike from outside.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Keeps a node under churn, and tells what that leaves behind.
#[derive(Parser)]
#[command(name = "soak")]
struct Cli {
    #[command(flatten)]
    args: Args,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What to run.
#[derive(clap::Args)]
struct Args {
    /// For how long it is judged, after a warm-up of fifteen minutes
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// For how long in all, where that is less than a minute: too short for the slope of memory to be judged
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    seconds: Option<u64>,
    /// What the order of events follows from
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Leaves the measured node's allocator as it comes: how much it keeps for later is measured as well
    #[arg(long)]
    default_allocator: bool,
    /// Ends with one line of JSON
    #[arg(long)]
    json: bool,
}

/// The processes that a run consists of. Nobody else starts them.
#[derive(Subcommand)]
enum Part {
    /// The node that is measured
    #[command(hide = true)]
    Steady(steady::Args),
    /// One of those who come and go
    #[command(hide = true)]
    Peer(peer::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every bound was kept.
fn run(cli: &Cli) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match &cli.part {
        Some(Part::Steady(args)) => runtime.block_on(steady::run(args, allocated_bytes)).map(|()| true),
        Some(Part::Peer(args)) => runtime.block_on(peer::run(args)).map(|()| true),
        None => {
            let seed = cli.args.seed.unwrap_or_else(rand::random);
            let mut plan = match cli.args.seconds {
                Some(seconds) => Plan::short(Duration::from_secs(seconds), seed),
                None => Plan::judged_for(Duration::from_secs(cli.args.minutes.saturating_mul(60)), seed),
            };
            plan.is_lean = !cli.args.default_allocator;
            let report = runtime.block_on(conductor::run(&plan))?;
            print!("{}", report.text());
            if cli.args.json {
                println!("{}", report.json());
            }
            Ok(report.broken().is_empty())
        }
    }
}

fn allocated_bytes() -> u64 {
    u64::try_from(ALLOCATOR.allocated()).unwrap_or(u64::MAX)
}
