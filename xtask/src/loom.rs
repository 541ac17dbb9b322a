//! `cargo xtask loom`: every interleaving of what threads share, within bounds, on the true types.

use anyhow::{Result, ensure};

use crate::workspace::{Workspace, capture, succeed};

/// Crates with models, which stand beside the code under `#[cfg(all(test, loom))]`.
const PACKAGES: [&str; 3] = ["actor-proxy", "chunk-proto", "link"];

/// What the names of models begin with, wherever they stand.
const MODELS: &str = "interleaving_tests";

/// Preemptions in one execution. Each mistake known needs two; every further one multiplies the executions.
const MAX_PREEMPTIONS: &str = "3";

/// Everything is built once more for this, with another `cfg`: quickly, but for the library that tries what is to be tried.
const PROFILE: [&str; 3] = [
    r#"profile.dev.debug=false"#,
    r#"profile.dev.package."*".opt-level=0"#,
    r#"profile.dev.package.loom.opt-level=3"#,
];

/// Runs the models.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs them and says how many there are.
pub(crate) fn run(workspace: &Workspace, _: &Args) -> Result<()> {
    let count = check(workspace)?;
    println!("{count} models");
    Ok(())
}

/// Runs every model; returns how many there are.
pub(crate) fn check(workspace: &Workspace) -> Result<usize> {
    let command = |list: &[&str]| {
        let mut command = workspace.cargo(["test", "--locked", "--lib"]);
        for setting in PROFILE {
            command.args(["--config", setting]);
        }
        for package in PACKAGES {
            command.args(["--package", package]);
        }
        command.arg("--target-dir").arg(workspace.target.join("loom")).env("RUSTFLAGS", "--cfg loom");
        command.env("LOOM_MAX_PREEMPTIONS", MAX_PREEMPTIONS).args(["--", MODELS]).args(list);
        command
    };
    let listed = capture(&mut command(&["--list"]))?;
    let count = listed.lines().filter(|line| line.ends_with(": test")).count();
    ensure!(count >= PACKAGES.len(), "{count} models for {} crates", PACKAGES.len());
    succeed(&mut command(&[]))?;
    Ok(count)
}
