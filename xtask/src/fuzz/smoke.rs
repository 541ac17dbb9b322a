//! Every target for seconds, from its committed corpus alone: what the check runs.

use std::fs;
use std::panic::resume_unwind;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::session::{self, Statistics};
use super::targets;
use crate::workspace::Workspace;

/// How long the check runs each target.
const SMOKE: Duration = Duration::from_secs(10);

/// Targets that run at the same time: libFuzzer uses one core each, the smallest machine has two.
pub(super) const JOBS: usize = 2;

/// Builds every target and runs each one for seconds; returns how many there are.
pub(crate) fn smoke(workspace: &Workspace) -> Result<usize> {
    let names = targets(workspace)?;
    let locked = fs::read(workspace.root.join("fuzz/Cargo.lock"))?;
    session::build(workspace, None)?;
    let unchanged = fs::read(workspace.root.join("fuzz/Cargo.lock"))? == locked;
    ensure!(unchanged, "fuzz/Cargo.lock was out of date; commit it after `cargo xtask fuzz --lock`");
    let failed: Vec<&str> = thread::scope(|scope| {
        let worker = |first: usize| {
            let share = names.iter().skip(first).step_by(JOBS);
            scope.spawn(move || share.filter(|name| !smoke_one(workspace, name)).collect::<Vec<_>>())
        };
        let workers: Vec<_> = (0..JOBS).map(worker).collect();
        let failed =
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|p| resume_unwind(p)));
        failed.map(String::as_str).collect()
    });
    ensure!(failed.is_empty(), "targets failed: {}", failed.join(", "));
    Ok(names.len())
}

/// Runs one target for seconds, says what came of it, and returns whether all is well.
fn smoke_one(workspace: &Workspace, name: &str) -> bool {
    let outcome = execute(workspace, name);
    match &outcome {
        Ok(executed) => println!("{name}: {executed} inputs, nothing found"),
        Err(error) => println!("{name} FAILED: {error:#}"),
    }
    outcome.is_ok()
}

/// Returns how many inputs were tried.
fn execute(workspace: &Workspace, name: &str) -> Result<u64> {
    // From the committed seeds alone, whatever earlier runs found: the same start for everybody.
    let found = session::target_folder(workspace).join("smoke").join(name);
    if found.exists() {
        fs::remove_dir_all(&found)?;
    }
    let mut command = session::command(workspace, name, &found, SMOKE)?;
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}\n{log}", output.status);
    }
    Ok(Statistics::read(&log)?.executed)
}
