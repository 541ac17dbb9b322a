//! `cargo xtask bench`: the benchmarks of the package `benches`, and with `--peers` those beside other systems.

use anyhow::Result;

use crate::workspace::{Workspace, succeed};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only benchmarks whose name contains this
    filter: Option<String>,
    /// Only this file of `benches/benches`
    #[arg(long, value_name = "FILE")]
    bench: Option<String>,
    /// Conclave beside other systems: the workspace `benches/peers`, which takes minutes to compile
    #[arg(long, conflicts_with_all = ["filter", "bench"])]
    peers: bool,
    /// Arguments for the benchmarks themselves, such as `--quick` or `--save-baseline NAME`
    #[arg(last = true)]
    passed_on: Vec<String>,
}

/// Runs the chosen benchmarks in the release profile.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.peers {
        return peers(workspace, &args.passed_on);
    }
    let mut command = workspace.cargo(["bench", "--package", "benches"]);
    match &args.bench {
        Some(file) => command.args(["--bench", file]),
        None => command.arg("--benches"),
    };
    command.arg("--").args(&args.filter).args(&args.passed_on);
    succeed(&mut command)
}

/// Runs the comparison. Its workspace has dependencies of its own, and shares only the target folder with ours.
fn peers(workspace: &Workspace, passed_on: &[String]) -> Result<()> {
    let manifest = ["--locked", "--manifest-path", "benches/peers/Cargo.toml"];
    let mut command = workspace.cargo(["run", "--release"]);
    command.args(manifest).arg("--target-dir").arg(&workspace.target).arg("--").args(passed_on);
    succeed(&mut command)
}
