//! `cargo xtask miri`: the tests of the crates without C code in an interpreter that knows undefined behaviour: what the
//! libraries beneath them do with raw memory, driven as we drive them.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::workspace::{Workspace, shown};

/// Crates all of whose code Miri can interpret. The others encrypt, in C and assembly.
const PACKAGES: [&str; 2] = ["selfsync-codec", "chunk-proto"];

/// Cases of each property test that names no number of its own: interpreting is hundreds of times slower than running.
const PROPTEST_CASES: &str = "1";

/// Test vectors are read from files, and the number of cases from the environment.
const FLAGS: &str = "-Zmiri-disable-isolation";

/// Tests that are not even compiled for it.
const LEFT_OUT: &str = "chunk-proto's tests/memory.rs and tests/bombs.rs, which count what the allocator gives: here \
                        it is Miri's";

/// Runs the tests under Miri.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs them, or says what to install.
pub(crate) fn run(workspace: &Workspace, _: &Args) -> Result<()> {
    println!("{}", check(workspace)?);
    Ok(())
}

/// Runs them; says how many tests passed, or that none were run and why: Miri comes with few nightly compilers.
fn check(workspace: &Workspace) -> Result<String> {
    let mut version = workspace.nightly_cargo(["miri", "--version"]);
    let found = version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success());
    if !found {
        return Ok(
            "NOT run: the toolchain `nightly` has no Miri; install it with `rustup component add miri \
                   rust-src --toolchain nightly`"
                .to_owned(),
        );
    }
    let (mut passed, mut ignored) = (0, 0);
    for package in PACKAGES {
        let mut command = workspace.nightly_cargo([
            "miri",
            "test",
            "--locked",
            "--lib",
            "--tests",
            "--all-features",
            "--package",
        ]);
        command.arg(package).env("MIRIFLAGS", FLAGS).env("PROPTEST_CASES", PROPTEST_CASES);
        let (more, left_out) = count(&output(&mut command)?)?;
        passed += more;
        ignored += left_out;
    }
    ensure!(passed > 0, "no test was run");
    Ok(format!("{passed} tests, {ignored} left out; not compiled: {LEFT_OUT}"))
}

/// Runs a command whose progress is shown, and returns what it printed.
fn output(command: &mut Command) -> Result<String> {
    eprintln!("$ {}", shown(command));
    let output = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    ensure!(output.status.success(), "`{}`: {}", shown(command), output.status);
    Ok(text)
}

/// How many tests passed and how many were ignored, summed up over test binaries.
fn count(output: &str) -> Result<(u32, u32)> {
    let mut sums = (0, 0);
    for line in output.lines().filter_map(|line| line.strip_prefix("test result: ok. ")) {
        let number = |what: &str| -> Result<u32> {
            let part =
                line.split("; ").find_map(|part| part.strip_suffix(what)).context("a strange summary")?;
            Ok(part.trim().parse()?)
        };
        sums = (sums.0 + number("passed")?, sums.1 + number("ignored")?);
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_summed_up() {
        let line =
            "test result: ok. 7 passed; 0 failed; 2 ignored; 0 measured; 1 filtered out; finished in 1.00s";
        assert_eq!(count(&format!("running\n{line}\n\n{line}\n")).unwrap(), (14, 4));
        assert_eq!(count("nothing").unwrap(), (0, 0));
        assert!(count("test result: ok. strange").is_err());
    }
}
