//! `cargo xtask sim`: whole nodes in a simulated world, one run for each seed; the check runs five hundred.

use std::process::Command;

use anyhow::Result;

use crate::workspace::{Workspace, succeed};

/// How many seeds the check runs.
const CHECK_SEEDS: u64 = 500;

/// Runs at the same time: each is one thread, and the smallest machine has two cores.
const JOBS: u64 = 2;

/// Which seeds to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 100)]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "K", default_value_t = 0)]
    from: u64,
    /// Only this one
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print everything that happens
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Print how often what happened in all runs
    #[arg(long)]
    counts: bool,
}

/// Builds the simulation and runs the seeds.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut command = built(workspace)?;
    match args.seed {
        Some(seed) => command.args(["--seed", &seed.to_string()]),
        None => command.args(["--seeds", &args.seeds.to_string(), "--from", &args.from.to_string()]),
    };
    command.args(args.trace.then_some("--trace"));
    command.args(args.counts.then_some("--counts"));
    succeed(&mut command)
}

/// Runs as many as the check does, and says only what failed. Returns how many there were.
pub(crate) fn check(workspace: &Workspace) -> Result<u64> {
    let mut command = built(workspace)?;
    command.args(["--seeds", &CHECK_SEEDS.to_string(), "--quiet"]);
    succeed(&mut command)?;
    Ok(CHECK_SEEDS)
}

fn built(workspace: &Workspace) -> Result<Command> {
    succeed(&mut workspace.cargo(["build", "--locked", "--package", "sim"]))?;
    let command =
        workspace.command(workspace.target.join("debug").join("sim"), ["--jobs", &JOBS.to_string()]);
    Ok(command)
}
