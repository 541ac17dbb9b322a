//! `cargo xtask interop`: a client in another language, written from `docs/PROTOCOL.md`, speaks with a running node.
//!
//! Its packages are pinned with their hashes in `tests/interop/requirements.txt`; they come from the index that pip is
//! configured for, into an environment in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::deadline::run_to_end;
use crate::example;
use crate::workspace::{Workspace, shown, succeed};

/// Where the client and its tests are.
const FOLDER: &str = "tests/interop";

/// The node that the client speaks with, an example of the crate `node`.
const HOST: &str = "interop_host";

/// All tests together. Every wait inside has a deadline of its own.
const DEADLINE: Duration = Duration::from_secs(300);

/// What the interpreter exits with success for.
const NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 11))";

/// Nothing to choose: all tests run.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Builds the node and runs all tests of the client against it.
pub(crate) fn run(workspace: &Workspace, _args: &Args) -> Result<()> {
    check(workspace)
}

/// Fails if any test failed, and if the tests could not be run.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let python = environment(workspace)?;
    let built = example::build(workspace, &[HOST])?;
    let host = &built.first().with_context(|| format!("the example {HOST} was not built"))?.binary;
    let mut tests = workspace.command(python, ["-B"]);
    tests.arg(workspace.root.join(FOLDER).join("run.py")).env("CONCLAVE_INTEROP_HOST", host);
    eprintln!("$ {}", shown(&tests));
    // What it has started ends with it: a node ends when its standard input does.
    run_to_end(&mut tests, DEADLINE).context("the foreign client and the node do not agree: see above")
}

/// The interpreter of an environment with the pinned packages, made first if it is not there or not of this pinning.
fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let home = workspace.target.join("interop");
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let pinned = workspace.root.join(FOLDER).join("requirements.txt");
    let installed = home.join("requirements.txt");
    if python.exists() && same(&pinned, &installed)? {
        return Ok(python);
    }
    require_python(workspace)?;
    succeed(workspace.command("python3", ["-m", "venv", "--clear"]).arg(&home))?;
    let mut install = workspace.command(&python, ["-m", "pip", "install", "--quiet"]);
    install.args([
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--requirement",
    ]);
    succeed(install.arg(&pinned)).context(
        "the packages of the foreign client cannot be installed: is a Python package index configured, and in reach?",
    )?;
    // Last, so that an installation that was interrupted is begun anew.
    fs::copy(&pinned, &installed)?;
    Ok(python)
}

fn same(pinned: &Path, installed: &Path) -> Result<bool> {
    let wanted = fs::read(pinned).with_context(|| pinned.display().to_string())?;
    Ok(fs::read(installed).is_ok_and(|found| found == wanted))
}

/// Fails with what to do about it where there is no interpreter.
fn require_python(workspace: &Workspace) -> Result<()> {
    let mut probe = workspace.command("python3", ["-c", NEW_ENOUGH]);
    let found = probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    ensure!(
        found,
        "the foreign client needs Python 3.11 or later with its module `venv`, and there is no such `python3`; \
         install it from the system's packages"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_pinning_is_another_environment() {
        let folder = tempfile::tempdir().unwrap();
        let (pinned, installed) = (folder.path().join("pinned"), folder.path().join("installed"));
        assert!(same(&pinned, &installed).is_err());
        fs::write(&pinned, "a==1").unwrap();
        assert!(!same(&pinned, &installed).unwrap());
        fs::write(&installed, "a==2").unwrap();
        assert!(!same(&pinned, &installed).unwrap());
        fs::copy(&pinned, &installed).unwrap();
        assert!(same(&pinned, &installed).unwrap());
    }
}
