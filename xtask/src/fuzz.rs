//! `cargo xtask fuzz`: runs one fuzz target for a while, or all of them by risk, and keeps their corpora small.
//!
//! The check runs every target for seconds.

mod campaign;
mod minimize;
mod session;
mod smoke;
mod weights;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::{Workspace, capture, succeed};
pub(crate) use smoke::smoke;

/// What to fuzz and for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target's name
    #[arg(required_unless_present_any = ["list", "lock", "all", "minimize"])]
    target: Option<String>,
    /// How long to run; with `--all`, the time of all targets together
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Run every target, two at a time, each for a share of the minutes by its risk
    #[arg(long, conflicts_with = "target")]
    all: bool,
    /// Put the best of what was found into the committed corpora, within their bounds
    #[arg(long, conflicts_with = "all")]
    minimize: bool,
    /// Run the targets as they were built last
    #[arg(long)]
    built: bool,
    /// List the targets
    #[arg(long)]
    list: bool,
    /// Make fuzz/Cargo.lock anew from the root's, so that both pin the same versions
    #[arg(long)]
    lock: bool,
    /// Arguments for libFuzzer, such as `-jobs=2`
    #[arg(last = true)]
    passed_on: Vec<String>,
}

/// Runs what was asked for, and keeps what it finds for the next run.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.lock {
        return lock(workspace);
    }
    let known = targets(workspace)?;
    if args.list {
        known.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let budget = Duration::from_secs(args.minutes.saturating_mul(60));
    if let Some(name) = &args.target {
        ensure!(known.contains(name), "no fuzz target `{name}`; `cargo xtask fuzz --list` names them");
    }
    if !args.built {
        session::build(workspace, args.target.as_deref())?;
    }
    if args.all {
        return campaign::run(workspace, &known, budget);
    }
    if args.minimize {
        let chosen: Vec<_> =
            known.into_iter().filter(|name| args.target.as_ref().is_none_or(|it| it == name)).collect();
        return minimize::run(workspace, &chosen);
    }
    let name = args.target.as_ref().context("which target?")?;
    let found = session::found_folder(workspace, name);
    succeed(session::command(workspace, name, &found, budget)?.args(&args.passed_on))
}

/// The root's pins are taken over; cargo drops what is not needed and adds what only the targets use.
fn lock(workspace: &Workspace) -> Result<()> {
    let own = workspace.root.join("fuzz/Cargo.lock");
    fs::copy(workspace.root.join("Cargo.lock"), &own)?;
    capture(&mut workspace.cargo([
        "metadata",
        "--format-version",
        "1",
        "--manifest-path",
        "fuzz/Cargo.toml",
    ]))?;
    println!("made {}", workspace.relative(&own).display());
    Ok(())
}

/// The names of the targets, sorted.
pub(crate) fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.root.join("fuzz/fuzz_targets")).context("fuzz/fuzz_targets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}
