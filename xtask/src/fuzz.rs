//! `cargo xtask fuzz`: runs one fuzz target for a while; the check runs all of them for seconds.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::tools::{CARGO_FUZZ, require_nightly};
use crate::workspace::{Workspace, capture, succeed};

/// How long the check runs each target.
const SMOKE: Duration = Duration::from_secs(10);

/// Targets that the check runs at the same time: libFuzzer uses one core each, the smallest machine has two.
const SMOKE_JOBS: usize = 2;

/// An input that takes longer than this is a finding.
const INPUT_TIMEOUT: Duration = Duration::from_secs(10);

/// A target that needs more memory than this has found a way around some limit.
const MEMORY_MIB: u32 = 2048;

/// What to fuzz and for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target's name
    #[arg(required_unless_present_any = ["list", "lock"])]
    target: Option<String>,
    /// How long to run
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
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

/// Runs one target and keeps what it finds for the next run.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.lock {
        return lock(workspace);
    }
    let known = targets(workspace)?;
    let Some(name) = args.target.as_ref().filter(|_| !args.list) else {
        known.iter().for_each(|name| println!("{name}"));
        return Ok(());
    };
    ensure!(known.contains(name), "no fuzz target `{name}`; `cargo xtask fuzz --list` names them");
    build(workspace, Some(name))?;
    let budget = Duration::from_secs(args.minutes.saturating_mul(60));
    let found = fuzz_target_folder(workspace).join("found").join(name);
    succeed(session(workspace, name, &found, budget)?.args(&args.passed_on))
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

/// Builds every target and runs each one for seconds; returns how many there are.
pub(crate) fn smoke(workspace: &Workspace) -> Result<usize> {
    let names = targets(workspace)?;
    let locked = fs::read(workspace.root.join("fuzz/Cargo.lock"))?;
    build(workspace, None)?;
    let unchanged = fs::read(workspace.root.join("fuzz/Cargo.lock"))? == locked;
    ensure!(unchanged, "fuzz/Cargo.lock was out of date; commit it after `cargo xtask fuzz --lock`");
    let failed: Vec<&str> = thread::scope(|scope| {
        let worker = |first: usize| {
            let share = names.iter().skip(first).step_by(SMOKE_JOBS);
            scope.spawn(move || share.filter(|name| !smoke_one(workspace, name)).collect::<Vec<_>>())
        };
        let workers: Vec<_> = (0..SMOKE_JOBS).map(worker).collect();
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
    let found = fuzz_target_folder(workspace).join("smoke").join(name);
    if found.exists() {
        fs::remove_dir_all(&found)?;
    }
    let output =
        session(workspace, name, &found, SMOKE)?.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}\n{log}", output.status);
    }
    let executed = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let executed: u64 = executed.context("libFuzzer printed no statistics")?.trim().parse()?;
    ensure!(executed > 0, "nothing was executed");
    Ok(executed)
}

/// The command that fuzzes one built target. New inputs go to the folder `found`; the committed corpus is only read.
fn session(workspace: &Workspace, name: &str, found: &Path, budget: Duration) -> Result<Command> {
    let seeds = workspace.root.join("fuzz/corpus").join(name);
    let has_seeds = fs::read_dir(&seeds).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(has_seeds, "no committed seeds in fuzz/corpus/{name}");
    let home = fuzz_target_folder(workspace);
    let artifacts = home.join("artifacts").join(name);
    fs::create_dir_all(found)?;
    fs::create_dir_all(&artifacts)?;
    let binary = home.join(host(workspace)?).join("release").join(name);
    let mut command = workspace.command(binary, [found, &seeds]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={}", budget.as_secs()));
    command.arg(format!("-timeout={}", INPUT_TIMEOUT.as_secs()));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    command.arg("-print_final_stats=1");
    Ok(command)
}

/// Builds one target, or all of them, as cargo-fuzz does: optimized, with debug assertions and the address
/// sanitizer.
fn build(workspace: &Workspace, target: Option<&str>) -> Result<()> {
    require_nightly(workspace)?;
    let mut command =
        workspace.nightly_cargo(["fuzz", "build", "--fuzz-dir", "fuzz", "--codegen-units", "16"]);
    command
        .args(["--target", &host(workspace)?])
        .arg("--target-dir")
        .arg(fuzz_target_folder(workspace))
        .args(target);
    succeed(command.env("PATH", CARGO_FUZZ.search_path(workspace)?))
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

/// Instrumented builds have a folder of their own, so that they never wait for another build.
fn fuzz_target_folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

/// The triple of this machine.
fn host(workspace: &Workspace) -> Result<String> {
    let version = capture(&mut workspace.command("rustc", ["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(Into::into).context("rustc does not name its host")
}
