//! `cargo xtask soak`: a node under churn, by the program of the package `soak`.

use anyhow::Result;

use crate::workspace::{Workspace, succeed};

/// How long, and from what.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For how long it is judged, after a warm-up of fifteen minutes
    #[arg(long, value_name = "N", default_value_t = 10)]
    minutes: u64,
    /// What the order of events follows from: another one each time, if none is given
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Leaves the measured node's allocator as it comes: how much it keeps for later is measured as well
    #[arg(long)]
    default_allocator: bool,
    /// Ends with one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs it in the release profile, which is what is measured; fails when a bound was broken.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let mut command = workspace.cargo(["run", "--release", "--locked", "--package", "soak", "--"]);
    command.args(["--minutes", &args.minutes.to_string()]);
    if let Some(seed) = args.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if args.default_allocator {
        command.arg("--default-allocator");
    }
    if args.json {
        command.arg("--json");
    }
    succeed(&mut command)
}
