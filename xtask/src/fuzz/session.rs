//! One run of one target: how it is built, started, and what it says of itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::tools::{CARGO_FUZZ, require_nightly};
use crate::workspace::{Workspace, capture, succeed};

/// An input that takes longer than this is a finding.
const INPUT_TIMEOUT: Duration = Duration::from_secs(10);

/// A target that needs more memory than this has found a way around some limit.
const MEMORY_MIB: u32 = 2048;

/// The command that fuzzes one built target. New inputs go to the folder `found`; the committed corpus is only read.
pub(super) fn command(workspace: &Workspace, name: &str, found: &Path, budget: Duration) -> Result<Command> {
    let seeds = corpus_folder(workspace, name);
    let has_seeds = fs::read_dir(&seeds).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(has_seeds, "no committed seeds in fuzz/corpus/{name}");
    let artifacts = target_folder(workspace).join("artifacts").join(name);
    fs::create_dir_all(found)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = workspace.command(binary(workspace, name)?, [found, &seeds]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={}", budget.as_secs()));
    command.arg(format!("-timeout={}", INPUT_TIMEOUT.as_secs()));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    command.arg("-print_final_stats=1");
    Ok(command)
}

/// Builds one target, or all of them, as cargo-fuzz does: optimized, with debug assertions and the address
/// sanitizer.
pub(super) fn build(workspace: &Workspace, target: Option<&str>) -> Result<()> {
    require_nightly(workspace)?;
    let mut command =
        workspace.nightly_cargo(["fuzz", "build", "--fuzz-dir", "fuzz", "--codegen-units", "16"]);
    command
        .args(["--target", &host(workspace)?])
        .arg("--target-dir")
        .arg(target_folder(workspace))
        .args(target);
    succeed(command.env("PATH", CARGO_FUZZ.search_path(workspace)?))
}

/// The built target.
pub(super) fn binary(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    Ok(target_folder(workspace).join(host(workspace)?).join("release").join(name))
}

/// Instrumented builds have a folder of their own, so that they never wait for another build.
pub(super) fn target_folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("fuzz")
}

/// Where the committed seeds of a target are.
pub(super) fn corpus_folder(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root.join("fuzz/corpus").join(name)
}

/// Where what earlier runs of a target found is kept.
pub(super) fn found_folder(workspace: &Workspace, name: &str) -> PathBuf {
    target_folder(workspace).join("found").join(name)
}

/// What libFuzzer says at the end about what it did.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statistics {
    /// Inputs that were executed.
    pub(super) executed: u64,
    /// Inputs that reached something new.
    pub(super) added: u64,
    /// Edges of the program that were reached.
    pub(super) edges: u64,
}

impl Statistics {
    /// Reads them from the log of a run with `-print_final_stats=1`.
    pub(super) fn read(log: &str) -> Result<Self> {
        let number = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|number| number.trim().parse::<u64>().ok())
        };
        let executed =
            number("stat::number_of_executed_units:").context("libFuzzer printed no statistics")?;
        ensure!(executed > 0, "nothing was executed");
        let added = number("stat::new_units_added:").unwrap_or(0);
        let reached = log.lines().rev().filter_map(|line| line.split_once(" cov: ")).next();
        let edges = reached.and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        Ok(Self { executed, added, edges: edges.unwrap_or(0) })
    }
}

/// The triple of this machine.
fn host(workspace: &Workspace) -> Result<String> {
    let version = capture(&mut workspace.command("rustc", ["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(Into::into).context("rustc does not name its host")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_and_a_run_that_did_nothing_is_none() {
        let log = "INFO: Seed\n#2\tINITED cov: 12 ft: 13 corp: 1/1b\n#90\tNEW    cov: 99 ft: 120 corp: 3/9b\n\
                   stat::number_of_executed_units: 1234\nstat::average_exec_per_sec:     5\n\
                   stat::new_units_added:          7\n";
        let expected = Statistics { executed: 1_234, added: 7, edges: 99 };
        assert_eq!(Statistics::read(log).unwrap(), expected);
        assert!(Statistics::read(&log.replace("1234", "0")).is_err());
        assert!(Statistics::read("").is_err());
    }
}
