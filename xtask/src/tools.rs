//! The tools the checks need beyond the toolchain: pinned, built once into the target folder.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::{env, fs};

use anyhow::{Result, ensure};

use crate::workspace::{Workspace, succeed};

/// A program from the registry at one exact version.
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
    build: Build,
}

/// How a tool is compiled.
#[derive(Clone, Copy)]
enum Build {
    /// It runs for seconds and is compiled for minutes: unoptimized, it is ready much sooner. On the pinned toolchain.
    Quick,
    /// It searches for minutes. On the nightly toolchain, because it asks for a newer compiler than the pinned one.
    NightlyFast,
}

/// Checks dependencies: licences, duplicates, sources, advisories.
pub(crate) const CARGO_DENY: Tool = Tool { package: "cargo-deny", version: "0.20.2", build: Build::Quick };

/// Builds and runs fuzz targets.
pub(crate) const CARGO_FUZZ: Tool = Tool { package: "cargo-fuzz", version: "0.13.2", build: Build::Quick };

/// Changes code in many small ways, and runs the tests on each.
pub(crate) const CARGO_MUTANTS: Tool =
    Tool { package: "cargo-mutants", version: "27.1.0", build: Build::Quick };

/// Searches models of protocols for attacks. GPL-3: run as a program, linked with nothing.
pub(crate) const VERIFPAL: Tool = Tool { package: "verifpal", version: "1.6.7", build: Build::NightlyFast };

/// Settings that make any tool ready sooner.
const COMMON_SETTINGS: [&str; 4] = [
    "profile.release.lto=false",
    "profile.release.codegen-units=16",
    "profile.release.debug=false",
    "profile.release.strip=true",
];

impl Tool {
    /// The path of the tool's binary, installed first if this version is not there.
    pub(crate) fn ready(&self, workspace: &Workspace) -> Result<PathBuf> {
        let home = workspace.target.join("tools").join(format!("{}-{}", self.package, self.version));
        let binary = home.join("bin").join(self.package);
        if binary.exists() {
            return Ok(binary);
        }
        let build = home.join("build");
        let words = ["install", "--locked", "--no-track", self.package];
        let mut install = match self.build {
            Build::Quick => workspace.cargo(words),
            Build::NightlyFast => {
                // Its `rust-version` may be ahead of what a nightly calls itself.
                let mut install = workspace.nightly_cargo(words);
                install.arg("--ignore-rust-version");
                install
            }
        };
        install.args(["--version", self.version]);
        install.arg("--root").arg(&home).arg("--target-dir").arg(&build);
        let level = match self.build {
            Build::Quick => "profile.release.opt-level=0",
            Build::NightlyFast => "profile.release.opt-level=3",
        };
        for setting in COMMON_SETTINGS.into_iter().chain([level]) {
            install.args(["--config", setting]);
        }
        succeed(&mut install)?;
        ensure!(binary.exists(), "{} was installed without a binary of that name", self.package);
        fs::remove_dir_all(&build)?;
        Ok(binary)
    }

    /// `PATH` with the tool's folder in front, for cargo to find its subcommand.
    pub(crate) fn search_path(&self, workspace: &Workspace) -> Result<OsString> {
        let binary = self.ready(workspace)?;
        let folder = binary.parent().map(PathBuf::from);
        let known = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths(folder.into_iter().chain(env::split_paths(&known)))?)
    }
}

/// Fails with what to do about it where the nightly toolchain is missing.
pub(crate) fn require_nightly(workspace: &Workspace) -> Result<()> {
    let mut version = workspace.nightly_cargo(["--version"]);
    let found = version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    ensure!(
        found,
        "fuzz targets need a nightly compiler (libFuzzer's instrumentation is not stable) and the toolchain \
         `nightly` is not installed; install it with `rustup toolchain install nightly --profile minimal`"
    );
    Ok(())
}
