//! `cargo xtask bench`: the benchmarks of the package `benches`.

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
    /// Arguments for the benchmarks themselves, such as `--quick` or `--save-baseline NAME`
    #[arg(last = true)]
    passed_on: Vec<String>,
}

/// Runs the chosen benchmarks in the release profile.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut command = workspace.cargo(["bench", "--package", "benches"]);
    match &args.bench {
        Some(file) => command.args(["--bench", file]),
        None => command.arg("--benches"),
    };
    command.arg("--").args(&args.filter).args(&args.passed_on);
    succeed(&mut command)
}
